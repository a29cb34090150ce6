#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/grant.hpp"
#include "auth/jwks.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace hookswitch {

/// A token is tried with at most so many keys of its algorithm: each costs 0.1 ms, before anyone is
/// known. So who publishes more must name them by `kid`.
inline constexpr std::size_t kKeysTriedMax = 4;

/// What is taken as proof. Any of these may be empty.
struct TokenRules {
  std::vector<Secret> secrets;  ///< HS256; several while one is replaced, the first signs
  std::vector<TokenKey> keys;   ///< RS256, ES256, EdDSA
  /// Tokens of keys, whose signer also signs for others, must have this `iss` and this among their
  /// `aud`. Empty `issuer`: any; empty `audience`: only tokens without `aud`, for one that names
  /// its audience is not for us (RFC 7519 §4.1.3). A secret is shared with us alone, so tokens
  /// signed with one need neither.
  std::string issuer, audience;
};

/// JWT (RFC 7519). `alg` is pinned: a secret verifies HS256 alone, and each key its one algorithm
/// (RFC 8725 §3.1), so a public key is never a secret and `none` is nothing. base64url must be
/// canonical, unknown `crit` refuses. `kid` selects among the keys; keys without one may be of any.
/// Claims: `sub` = user, `org`, `exp` (seconds), `scope`; `nbf` is honoured. In the `scope` of a
/// token of a key, words that are not ours are passed over: its signer writes them for others.
/// `now` is passed in. Thread-safe.
class TokenVerifier {
 public:
  explicit TokenVerifier(TokenRules rules) : rules_(std::move(rules)) {}
  explicit TokenVerifier(std::vector<Secret> secrets)
      : TokenVerifier(TokenRules{std::move(secrets), {}, {}, {}}) {}

  /// Errors: auth_missing (empty token), auth_invalid, auth_expired.
  Result<Grant> verify(std::string_view token, Time now) const;

  /// A signed token (HS256) for `grant`; `grant.expires` must be set. At least one secret must be
  /// there.
  std::string sign(const Grant& grant, Time now) const;

 private:
  TokenRules rules_;
};

}  // namespace hookswitch
