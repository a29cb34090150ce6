#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/grant.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace hookswitch {

/// JWT with HS256 and nothing else: `alg` is pinned (RFC 8725 §3.1), base64url must be canonical,
/// unknown `crit` refuses. Claims: `sub` = user, `org`, `exp` (seconds), `scope`; `nbf` is
/// honoured. `now` is passed in.
class TokenVerifier {
 public:
  /// Several secrets may live at once (rotation); the first signs.
  explicit TokenVerifier(std::vector<Secret> secrets) : secrets_(std::move(secrets)) {}

  /// Errors: auth_missing (empty token), auth_invalid, auth_expired.
  Result<Grant> verify(std::string_view token, Time now) const;

  /// A signed token for `grant`; `grant.expires` must be set. At least one secret must be there.
  std::string sign(const Grant& grant, Time now) const;

 private:
  std::vector<Secret> secrets_;
};

}  // namespace hookswitch
