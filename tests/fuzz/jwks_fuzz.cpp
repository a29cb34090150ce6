#include <cstdint>
#include <string_view>

#include "auth/jwks.hpp"
#include "base/assert.hpp"

/// A file of keys, once as a JWK Set and once as PEM. Whatever is taken is one of our kinds and
/// verifies no signature that nobody made.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto check = [](const PublicKey& key) {
    HS_ASSERT(key.fingerprint().size() == 32);
    HS_ASSERT(!key.verify("text", ""));
    for (const std::size_t length : {1U, 64U, 256U})
      HS_ASSERT(!key.verify("text", std::string(length, '\x5a')));
  };
  if (const auto set = read_jwks(text)) {
    HS_ASSERT(!set->keys.empty() && set->keys.size() <= kKeysMax);
    for (const auto& [kid, key] : set->keys) check(key);
  }
  if (const auto keys = PublicKey::from_pem(text)) {
    HS_ASSERT(!keys->empty() && keys->size() <= kKeysMax);
    for (const auto& key : *keys) check(key);
  }
  return 0;
}
