#include "base/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.hpp"

namespace hookswitch {
namespace {

const EVP_MD* algorithm(HashKind kind) {
  return kind == HashKind::sha1 ? EVP_sha1() : EVP_sha256();
}

}  // namespace

std::string digest(HashKind kind, std::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HS_ASSERT(EVP_Digest(data.data(), data.size(), out, &size, algorithm(kind), nullptr) == 1);
  return {reinterpret_cast<const char*>(out), size};
}

std::string hmac(HashKind kind, std::string_view key, std::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HS_ASSERT(HMAC(algorithm(kind), key.data(), static_cast<int>(key.size()),
                 reinterpret_cast<const unsigned char*>(data.data()), data.size(), out,
                 &size) != nullptr);
  return {reinterpret_cast<const char*>(out), size};
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace hookswitch
