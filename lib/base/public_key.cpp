#include "base/public_key.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <limits>

#include "base/hash.hpp"

namespace hookswitch {
namespace {

constexpr int kRsaBitsMin = 2048;  // RFC 7518 §3.3
constexpr int kRsaBitsMax = 8192;  // verifying costs with the square of it; nobody signs with more
constexpr std::size_t kCoordinateBytes = 32;

template <class T, void (*free)(T*)>
struct Freed {
  void operator()(T* it) const { free(it); }
};
template <class T, void (*free)(T*)>
using Owned = std::unique_ptr<T, Freed<T, free>>;
using Number = Owned<BIGNUM, BN_free>;

Error refuse(std::string why) { return Error{Errc::bad_request, std::move(why)}; }

/// What fails here must not be found by a TLS connection of the same thread.
struct CleanErrors {
  ~CleanErrors() { ERR_clear_error(); }
};

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number number(std::string_view big_endian) {
  return Number{BN_bin2bn(bytes(big_endian), static_cast<int>(big_endian.size()), nullptr)};
}

std::shared_ptr<EVP_PKEY> made_of(const char* type, OSSL_PARAM_BLD* parts) {
  const Owned<OSSL_PARAM, OSSL_PARAM_free> params{OSSL_PARAM_BLD_to_param(parts)};
  const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context{
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return {key, EVP_PKEY_free};
}

/// r || s as the DER that OpenSSL verifies; empty for another length.
std::string der_of(std::string_view raw) {
  if (raw.size() != 2 * kCoordinateBytes) return {};
  const Owned<ECDSA_SIG, ECDSA_SIG_free> pair{ECDSA_SIG_new()};
  Number r = number(raw.substr(0, kCoordinateBytes)), s = number(raw.substr(kCoordinateBytes));
  if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();  // set0 took both
  (void)s.release();
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &out);
  if (size <= 0) return {};
  std::string der{reinterpret_cast<const char*>(out), static_cast<std::size_t>(size)};
  OPENSSL_free(out);
  return der;
}

/// Why a block of this name is no key to verify with, and how to mend that.
std::string why_not(std::string_view name) {
  if (name.find("PRIVATE KEY") != std::string_view::npos)
    return "holds a private key, which must stay with who signs; write its public half with: "
           "openssl pkey -in FILE -pubout";
  if (name == "CERTIFICATE")
    return "holds a certificate; write its key with: openssl x509 -in FILE -noout -pubkey";
  if (name == "RSA PUBLIC KEY")
    return "holds a key in the old form of RSA; write it anew with: openssl rsa -RSAPublicKey_in "
           "-in FILE -pubout";
  return "holds a block that is no PUBLIC KEY";
}

}  // namespace

std::optional<KeyAlgorithm> key_algorithm(std::string_view alg) {
  if (alg == "RS256") return KeyAlgorithm::RS256;
  if (alg == "ES256") return KeyAlgorithm::ES256;
  if (alg == "EdDSA" || alg == "Ed25519") return KeyAlgorithm::EdDSA;
  return std::nullopt;
}

Result<PublicKey> PublicKey::accept(const std::shared_ptr<EVP_PKEY>& key) {
  PublicKey out;
  out.key_ = key;
  const int bits = EVP_PKEY_get_bits(key.get());
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    out.algorithm_ = KeyAlgorithm::RS256;
    if (bits < kRsaBitsMin)
      return refuse(fmt::format("RSA of {} bits is too weak; at least {} (RFC 7518 §3.3)", bits,
                                kRsaBitsMin));
    if (bits > kRsaBitsMax)
      return refuse(fmt::format("RSA of {} bits is too large; at most {}", bits, kRsaBitsMax));
    BIGNUM* read = nullptr;
    if (EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_E, &read) != 1)
      return refuse("is no usable key");
    const Number exponent{read};
    // With 1 everybody's text would be its own signature.
    if (BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) == 1 ||
        BN_num_bits(exponent.get()) > 64)
      return refuse("the exponent of the RSA key is not a usable one");
  } else if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
    out.algorithm_ = KeyAlgorithm::ES256;
    char group[64];
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(key.get(), group, sizeof group, &length) != 1 ||
        std::string_view(group, length) != SN_X9_62_prime256v1)
      return refuse("is a key of another curve than P-256, which ES256 wants");
  } else if (EVP_PKEY_is_a(key.get(), "ED25519") == 1) {
    out.algorithm_ = KeyAlgorithm::EdDSA;
  } else {
    return refuse("is neither RSA, P-256 nor Ed25519");
  }
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  if (size <= 0) return refuse("is no usable key");
  out.fingerprint_ = digest(HashKind::sha256,
                            {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return out;
}

Result<std::vector<PublicKey>> PublicKey::from_pem(std::string_view pem) {
  const CleanErrors clean;
  if (pem.size() > kKeyFileBytesMax) return refuse("is too long");
  const Owned<BIO, BIO_free_all> in{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  std::vector<PublicKey> out;
  for (;;) {
    char *name = nullptr, *header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(in.get(), &name, &header, &data, &size) != 1) {
      const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      ERR_clear_error();
      if (!ended) return refuse("holds a broken PEM block");
      break;
    }
    const std::string kind{name};
    const unsigned char* at = data;
    const std::shared_ptr<EVP_PKEY> key{
        kind == PEM_STRING_PUBLIC ? d2i_PUBKEY(nullptr, &at, size) : nullptr, EVP_PKEY_free};
    const bool whole = at == data + size;
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(size));
    if (kind != PEM_STRING_PUBLIC) return refuse(why_not(kind));
    if (!key || !whole) return refuse("holds a PUBLIC KEY that is not understood");
    auto one = accept(key);
    if (!one) return one.error();
    if (out.size() == kKeysMax) return refuse(fmt::format("holds more than {} keys", kKeysMax));
    out.push_back(std::move(*one));
  }
  if (out.empty()) return refuse("holds no PUBLIC KEY in PEM");
  return out;
}

Result<PublicKey> PublicKey::rsa(std::string_view n, std::string_view e) {
  const CleanErrors clean;
  // The modulus is looked at once it is one; longer texts are not even made a number.
  if (n.empty() || e.empty() || n.size() > kRsaBitsMax / 8 + 1 || e.size() > 16)
    return refuse("n or e of the RSA key is empty or too long");
  const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> parts{OSSL_PARAM_BLD_new()};
  const Number modulus = number(n), exponent = number(e);
  if (!parts || !modulus || !exponent || BN_is_zero(modulus.get()) == 1 ||
      OSSL_PARAM_BLD_push_BN(parts.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(parts.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
    return refuse("is no usable RSA key");
  const auto key = made_of("RSA", parts.get());
  if (!key) return refuse("is no usable RSA key");
  return accept(key);
}

Result<PublicKey> PublicKey::p256(std::string_view x, std::string_view y) {
  const CleanErrors clean;
  if (x.size() != kCoordinateBytes || y.size() != kCoordinateBytes)
    return refuse("x and y of a P-256 key are 32 bytes each");
  const std::string point = fmt::format("\x04{}{}", x, y);  // SEC 1 §2.3.3, uncompressed
  const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> parts{OSSL_PARAM_BLD_new()};
  if (!parts ||
      OSSL_PARAM_BLD_push_utf8_string(parts.get(), OSSL_PKEY_PARAM_GROUP_NAME, SN_X9_62_prime256v1,
                                      0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(parts.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1)
    return refuse("is no usable P-256 key");
  const auto key = made_of("EC", parts.get());  // refuses what is not on the curve
  if (!key) return refuse("is no point of P-256");
  return accept(key);
}

Result<PublicKey> PublicKey::ed25519(std::string_view x) {
  const CleanErrors clean;
  if (x.size() != kCoordinateBytes) return refuse("x of an Ed25519 key is 32 bytes");
  const std::shared_ptr<EVP_PKEY> key{
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(x), x.size()), EVP_PKEY_free};
  if (!key) return refuse("is no usable Ed25519 key");
  return accept(key);
}

bool PublicKey::verify(std::string_view text, std::string_view signature) const {
  const CleanErrors clean;
  const std::string der = algorithm_ == KeyAlgorithm::ES256 ? der_of(signature) : std::string{};
  if (algorithm_ == KeyAlgorithm::ES256) signature = der;
  if (signature.empty()) return false;
  const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
  const EVP_MD* hash = algorithm_ == KeyAlgorithm::EdDSA ? nullptr : EVP_sha256();
  return context && EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text),
                          text.size()) == 1;
}

}  // namespace hookswitch
