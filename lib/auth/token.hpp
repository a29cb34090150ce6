#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "auth/grant.hpp"
#include "auth/jwks.hpp"
#include "auth/static_token.hpp"
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
  std::vector<StaticToken> statics;
};

/// A static token, or a JWT (RFC 7519) of which the rest is said. `alg` is pinned: a secret
/// verifies HS256 alone, and each key its one algorithm (RFC 8725 §3.1), so a public key is never a
/// secret and `none` is nothing. base64url must be canonical, unknown `crit` refuses. `kid` selects
/// among the keys; keys without one may be of any. Claims: `sub` = user, `org`, `exp` (seconds),
/// `scope`; `nbf` is honoured. In the `scope` of a token of a key, words that are not ours are
/// passed over: its signer writes them for others. `now` is passed in. Thread-safe.
class TokenVerifier {
 public:
  explicit TokenVerifier(TokenRules rules);
  explicit TokenVerifier(std::vector<Secret> secrets)
      : TokenVerifier(TokenRules{std::move(secrets), {}, {}, {}, {}}) {}

  /// Errors: auth_missing (empty token), auth_invalid, auth_expired.
  Result<Grant> verify(std::string_view token, Time now) const;

  /// True while what vouched for `grant` (of verify(), by these or other rules) is still here: the
  /// secret; the key under the same `issuer` and `audience`; the static token with the same rights.
  bool stands(const Grant& grant) const { return credentials_.contains(grant.credential); }

  /// A signed token (HS256) for `grant`; `grant.expires` must be set. At least one secret must be
  /// there.
  std::string sign(const Grant& grant, Time now) const;

 private:
  std::string credential_of(const Secret& secret) const;
  std::string credential_of(const PublicKey& key) const;

  TokenRules rules_;
  StaticTokens statics_;
  std::unordered_set<std::string> credentials_;
};

}  // namespace hookswitch
