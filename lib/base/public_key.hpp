#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

struct evp_pkey_st;

namespace hookswitch {

/// What a key may verify, by the names of RFC 7518 §3.1 and RFC 8037 §3.1. A key verifies one of
/// them and no other (RFC 8725 §3.1).
enum class KeyAlgorithm : std::uint8_t { RS256, ES256, EdDSA };

/// The algorithm that `alg` names; `Ed25519` (RFC 9864) is EdDSA, of which we know no other curve.
/// nullopt: not one that a public key verifies, so also for `none` and `HS256`.
std::optional<KeyAlgorithm> key_algorithm(std::string_view alg);

/// The public half of a signer's key: RSA of 2048 to 8192 bits, P-256 or Ed25519. Copies share the
/// key. verify() may be called by any thread.
class PublicKey {
 public:
  /// Every `PUBLIC KEY` block (SubjectPublicKeyInfo, RFC 7468 §13) of a PEM file, at most kKeysMax.
  /// Errors: bad_request with what is wrong, for private keys, certificates, weak or unknown keys,
  /// or none.
  static Result<std::vector<PublicKey>> from_pem(std::string_view pem);
  /// RFC 7518 §6.3.1: big-endian modulus and exponent. Error: bad_request.
  static Result<PublicKey> rsa(std::string_view n, std::string_view e);
  /// RFC 7518 §6.2.1: a point of P-256, 32 bytes each. Error: bad_request.
  static Result<PublicKey> p256(std::string_view x, std::string_view y);
  /// RFC 8037 §2: 32 bytes. Error: bad_request.
  static Result<PublicKey> ed25519(std::string_view x);

  KeyAlgorithm algorithm() const { return algorithm_; }
  /// Tells this key from every other: a hash of its SubjectPublicKeyInfo. No secret.
  const std::string& fingerprint() const { return fingerprint_; }

  /// True if `signature` is this key's of `text`, in the form of a JWS: of ES256 the raw 64 bytes
  /// r || s (RFC 7518 §3.4), never DER.
  bool verify(std::string_view text, std::string_view signature) const;

 private:
  PublicKey() = default;
  /// Checks kind and strength. Takes a reference of its own to `key`.
  static Result<PublicKey> accept(const std::shared_ptr<evp_pkey_st>& key);

  std::shared_ptr<evp_pkey_st> key_;
  KeyAlgorithm algorithm_ = KeyAlgorithm::RS256;
  std::string fingerprint_;
};

inline constexpr std::size_t kKeysMax = 32;  // of one file; identity providers publish two to six
inline constexpr std::size_t kKeyFileBytesMax = 256 * 1024;  // certificates in a JWKS make it long

}  // namespace hookswitch
