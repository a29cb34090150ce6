#include "base/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <memory>

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

bool is_ed25519_by(std::string_view public_key, std::string_view data, std::string_view signature) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  if (public_key.size() != 32 || signature.size() != 64) return false;
  // A refusal must not stay in the thread's list of errors: the next TLS call would take it for its
  // own.
  ERR_set_mark();
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(public_key), public_key.size()),
      &EVP_PKEY_free};
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free};
  const bool good =
      key && context &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(data),
                       data.size()) == 1;
  ERR_pop_to_mark();
  return good;
}

std::string md5(std::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  // A system that forbids it has none.
  if (EVP_Digest(data.data(), data.size(), out, &size, EVP_md5(), nullptr) != 1) return {};
  return {reinterpret_cast<const char*>(out), size};
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace hookswitch
