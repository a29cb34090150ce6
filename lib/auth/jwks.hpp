#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/public_key.hpp"

namespace hookswitch {

/// A key that verifies tokens. `kid` as in RFC 7515 §4.1.4; empty: tokens of any `kid` may be its.
struct TokenKey {
  std::string kid;
  PublicKey key;
};

/// What a JWK Set holds for us, and what it holds for others.
struct KeySet {
  std::vector<TokenKey> keys;
  std::size_t other_kind = 0;  ///< another `kty`, curve or `alg`
  std::size_t other_use = 0;   ///< not for verifying, by `use` or `key_ops`
};

/// Reads a JWK Set (RFC 7517 §5). Keys of other kinds and uses are left out and counted. Beyond the
/// RFC, which lets those be ignored too, a key that is ours but broken or weak is an error: it is
/// better seen at start than missed at three in the morning. So is a private key, and a set of
/// which nothing is left. Errors: bad_request, with the place of the key in the set and without its
/// content; those of json::parse.
Result<KeySet> read_jwks(std::string_view text);

}  // namespace hookswitch
