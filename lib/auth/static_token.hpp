#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/grant.hpp"
#include "base/error.hpp"
#include "base/time.hpp"

namespace hookswitch {

/// A token that stands in the configuration, by its hash.
struct StaticToken {
  std::string org, user, name;
  std::string hash;  ///< SHA-256 of the token, 32 raw bytes
  std::uint8_t scopes = 0;
  std::optional<Time> expires;

  /// For Grant::credential: other rights, or another end, are another credential.
  std::string credential() const;
};

inline constexpr std::size_t kStaticTokenBytes = 32;

/// The token of so many random bytes, which must be the operating system's: `hs_` and their
/// base64url. To be shown once and kept nowhere.
std::string static_token_of(std::string_view random);

/// What of a token is kept. A plain SHA-256 is enough, and right: a slow, salted hash makes
/// guessing dear where people choose what is hashed. Here 256 bits are random, so there is nothing
/// to guess, whatever a guess costs; and a slow hash would let anybody who sends tokens keep our
/// threads busy.
std::string hash_of_static_token(std::string_view token);

/// Static tokens, found by their hash.
class StaticTokens {
 public:
  StaticTokens() = default;
  explicit StaticTokens(const std::vector<StaticToken>& tokens);

  /// True for what could be a static token: no JWT has this form.
  static bool looks_like_one(std::string_view token);
  /// Takes nothing but tokens of the form of static_token_of(), so that nobody comes by
  /// with a word of his own, hashed. How long it takes says nothing about the tokens there are: the
  /// place is found by a hash that who asks cannot choose, and hashes are compared in constant
  /// time. Errors: auth_invalid, auth_expired.
  Result<Grant> verify(std::string_view token, Time now) const;

 private:
  std::unordered_multimap<std::uint64_t, StaticToken> by_hash_;  ///< its first 8 bytes
};

}  // namespace hookswitch
