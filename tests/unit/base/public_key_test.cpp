#include "base/public_key.hpp"

#include <gtest/gtest.h>

#include "support/signer.hpp"

namespace hookswitch {
namespace {

using testing_support::Signer;

// RFC 7515 appendix A.2 and A.3: key, text and signature as they stand there. So in RFC 8037
// appendix A.4.
const std::string kPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";
const std::string kRsaModulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4"
    "QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdb"
    "BYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-D"
    "WNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const std::string kRsaSignature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5ju"
    "jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07"
    "Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipU"
    "TI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const std::string kEcX = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const std::string kEcY = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const std::string kEcSignature =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const std::string kEdX = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const std::string kEdText = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const std::string kEdSignature =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

std::string decoded(const std::string& text) { return from_base64url(text).value_or(""); }

/// True for the signature, and for none that differs from it in a bit or in length.
void expect_verifies(const Result<PublicKey>& key, const std::string& text,
                     const std::string& signature) {
  ASSERT_TRUE(key) << key.error().detail;
  EXPECT_TRUE(key->verify(text, signature));
  EXPECT_FALSE(key->verify(text + "x", signature));
  EXPECT_FALSE(key->verify(text, ""));
  EXPECT_FALSE(key->verify(text, signature + '\0'));
  EXPECT_FALSE(key->verify(text, '\0' + signature));
  EXPECT_FALSE(key->verify(text, signature.substr(1)));
  for (std::size_t bit = 0; bit < signature.size() * 8; bit += 7) {
    std::string other = signature;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
    ASSERT_FALSE(key->verify(text, other)) << bit;
  }
}

TEST(PublicKey, VerifiesTheRs256OfRfc7515) {
  expect_verifies(PublicKey::rsa(decoded(kRsaModulus), decoded("AQAB")),
                  "eyJhbGciOiJSUzI1NiJ9." + kPayload, decoded(kRsaSignature));
}

TEST(PublicKey, VerifiesTheEs256OfRfc7515) {
  expect_verifies(PublicKey::p256(decoded(kEcX), decoded(kEcY)), "eyJhbGciOiJFUzI1NiJ9." + kPayload,
                  decoded(kEcSignature));
}

TEST(PublicKey, VerifiesTheEdDsaOfRfc8037) {
  expect_verifies(PublicKey::ed25519(decoded(kEdX)), kEdText, decoded(kEdSignature));
}

TEST(PublicKey, Es256IsRawAndNeverDer) {
  const Signer signer = Signer::ec();
  const auto keys = PublicKey::from_pem(signer.public_pem());
  ASSERT_TRUE(keys);
  EXPECT_FALSE((*keys)[0].verify("text", signer.signature("text")));
  EXPECT_FALSE((*keys)[0].verify("text", std::string(64, '\0')));
  EXPECT_FALSE((*keys)[0].verify("text", std::string(64, '\xff')));
}

TEST(PublicKey, OfAPemFileKnowsItsOneAlgorithm) {
  for (const auto& [signer, algorithm] : {std::pair{Signer::rsa(), KeyAlgorithm::RS256},
                                          {Signer::ec(), KeyAlgorithm::ES256},
                                          {Signer::ed25519(), KeyAlgorithm::EdDSA}}) {
    const auto keys = PublicKey::from_pem(signer.public_pem());
    ASSERT_TRUE(keys) << signer.alg() << ": " << keys.error().detail;
    ASSERT_EQ(keys->size(), 1U);
    EXPECT_EQ((*keys)[0].algorithm(), algorithm);
  }
}

TEST(PublicKey, SeveralBlocksAreSeveralKeys) {
  const Signer a = Signer::ec(), b = Signer::ed25519();
  const auto keys = PublicKey::from_pem("a note\n" + a.public_pem() + "\n" + b.public_pem());
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_NE((*keys)[0].fingerprint(), (*keys)[1].fingerprint());
  std::string many;
  for (std::size_t i = 0; i <= kKeysMax; ++i) many += b.public_pem();
  EXPECT_FALSE(PublicKey::from_pem(many));
}

/// What from_pem() has against it; empty: nothing.
std::string against(const std::string& pem) {
  const auto keys = PublicKey::from_pem(pem);
  return keys ? "" : keys.error().detail;
}

TEST(PublicKey, WeakAndForeignKeysAreRefusedWithTheReason) {
  EXPECT_NE(against(Signer::rsa(1024).public_pem()).find("RSA of 1024 bits is too weak"),
            std::string::npos);
  EXPECT_NE(against(Signer::rsa(2047).public_pem()).find("too weak"), std::string::npos);
  EXPECT_EQ(against(Signer::rsa(2048).public_pem()), "");
  for (const char* curve : {"P-384", "P-521", "secp256k1"})
    EXPECT_NE(against(Signer::ec(curve).public_pem()).find("another curve"), std::string::npos)
        << curve;
}

TEST(PublicKey, PrivateKeysAndCertificatesAreRefusedWithTheCommandThatHelps) {
  EXPECT_NE(against(Signer::ec().private_pem()).find("openssl pkey -in FILE -pubout"),
            std::string::npos);
  EXPECT_NE(against("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
                .find("openssl x509"),
            std::string::npos);
  EXPECT_NE(against("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n")
                .find("openssl rsa"),
            std::string::npos);
}

TEST(PublicKey, WhatIsNoPemIsRefused) {
  const std::string pem = Signer::ec().public_pem();
  for (const auto& text :
       {std::string{}, std::string{"no key"}, std::string("\0\0\0", 3), pem.substr(0, 60),
        std::string{"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
        pem + "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        std::string(kKeyFileBytesMax + 1, ' ')})
    EXPECT_FALSE(PublicKey::from_pem(text)) << text.substr(0, 200);
}

TEST(PublicKey, RsaWithAnExponentThatProvesNothingIsRefused) {
  const std::string n = decoded(kRsaModulus);
  for (const auto& e : {std::string{"\x01"}, std::string{"\x02"}, std::string(1, '\0'),
                        std::string{}, std::string(9, '\x01'), std::string(17, '\x01')})
    EXPECT_FALSE(PublicKey::rsa(n, e)) << to_hex(e);
  EXPECT_TRUE(PublicKey::rsa(n, "\x03"));
  EXPECT_FALSE(PublicKey::rsa("", "\x03"));
  EXPECT_FALSE(PublicKey::rsa(std::string(1025, '\xff'), "\x03"));
  EXPECT_FALSE(PublicKey::rsa(std::string(256, '\0'), "\x03"));
}

TEST(PublicKey, PointThatIsNotOnTheCurveIsRefused) {
  std::string y = decoded(kEcY);
  y.back() = static_cast<char>(y.back() ^ 1);
  EXPECT_FALSE(PublicKey::p256(decoded(kEcX), y));
  EXPECT_FALSE(PublicKey::p256(decoded(kEcX), decoded(kEcY) + "x"));
  EXPECT_FALSE(PublicKey::p256(std::string(32, '\0'), std::string(32, '\0')));
  EXPECT_FALSE(PublicKey::ed25519(decoded(kEdX).substr(1)));
}

}  // namespace
}  // namespace hookswitch
