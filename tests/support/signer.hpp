#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace hookswitch::testing_support {

/// Who signs tokens with a key pair of the test's own.
class Signer {
 public:
  static Signer rsa(unsigned bits = 2048) { return {EVP_RSA_gen(bits), "RS256"}; }
  static Signer ec(const char* curve = "P-256") { return {EVP_EC_gen(curve), "ES256"}; }
  static Signer ed25519() { return {EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), "EdDSA"}; }

  const std::string& alg() const { return alg_; }
  EVP_PKEY* key() const { return key_.get(); }
  std::string public_pem() const {
    return written([&](BIO* out) { PEM_write_bio_PUBKEY(out, key()); });
  }
  std::string private_pem() const {
    return written([&](BIO* out) {
      PEM_write_bio_PrivateKey(out, key(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  /// The public key as a JWK; `more` is put in front: `"kid":"a",`.
  std::string jwk(const std::string& more = "") const {
    if (alg_ == "RS256")
      return "{" + more + R"("kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N, 0) + R"(","e":")" +
             number(OSSL_PKEY_PARAM_RSA_E, 0) + "\"}";
    if (alg_ == "ES256")
      return "{" + more + R"("kty":"EC","crv":"P-256","x":")" +
             number(OSSL_PKEY_PARAM_EC_PUB_X, 32) + R"(","y":")" +
             number(OSSL_PKEY_PARAM_EC_PUB_Y, 32) + "\"}";
    unsigned char raw[32];
    std::size_t size = sizeof raw;
    EVP_PKEY_get_raw_public_key(key(), raw, &size);
    return "{" + more + R"("kty":"OKP","crv":"Ed25519","x":")" +
           to_base64url({reinterpret_cast<const char*>(raw), size}) + "\"}";
  }
  /// A compact JWS; `more` is put into the header: `,"kid":"a"`.
  std::string token(std::string_view claims, const std::string& more = "") const {
    return token_of(R"({"alg":")" + alg_ + "\"" + more + "}", claims);
  }
  /// The same with any header.
  std::string token_of(std::string_view header, std::string_view claims) const {
    const std::string text = to_base64url(header) + "." + to_base64url(claims);
    const std::string made = signature(text);
    return text + "." + to_base64url(alg_ == "ES256" ? raw(made) : made);
  }
  /// As OpenSSL gives it: of an EC key DER.
  std::string signature(std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free};
    EVP_DigestSignInit(context.get(), nullptr, alg_ == "EdDSA" ? nullptr : EVP_sha256(), nullptr,
                       key());
    std::string out(1024, '\0');
    std::size_t size = out.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    out.resize(size);
    return out;
  }

 private:
  Signer(EVP_PKEY* key, std::string alg) : key_(key, &EVP_PKEY_free), alg_(std::move(alg)) {}

  template <class Write>
  static std::string written(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), &BIO_free};
    write(out.get());
    char* text = nullptr;
    const long length = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(length)};
  }
  /// Big-endian base64url; of `size` bytes if that is not 0.
  std::string number(const char* name, int size) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key(), name, &value);
    std::string out(static_cast<std::size_t>(size == 0 ? BN_num_bytes(value) : size), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    BN_free(value);
    return to_base64url(out);
  }
  /// DER as r || s.
  static std::string raw(const std::string& der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    std::string out(64, '\0');
    auto* bytes = reinterpret_cast<unsigned char*>(out.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), bytes, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), bytes + 32, 32);
    ECDSA_SIG_free(pair);
    return out;
  }

  std::shared_ptr<EVP_PKEY> key_;
  std::string alg_;
};

}  // namespace hookswitch::testing_support
