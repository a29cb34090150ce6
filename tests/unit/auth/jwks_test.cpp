#include "auth/jwks.hpp"

#include <gtest/gtest.h>

#include "support/signer.hpp"

namespace hookswitch {
namespace {

using testing_support::Signer;

std::string set_of(std::initializer_list<std::string> keys) {
  std::string out;
  for (const auto& key : keys) out += (out.empty() ? "" : ",") + key;
  return "{\"keys\":[" + out + "]}";
}

/// What read_jwks() has against it; empty: nothing.
std::string against(const std::string& text) {
  const auto set = read_jwks(text);
  return set ? "" : set.error().detail + " ";
}

class Jwks : public testing::Test {
 protected:
  const Signer rsa = Signer::rsa(), ec = Signer::ec(), ed = Signer::ed25519();
};

TEST_F(Jwks, KeysOfAllOurKindsAreTakenWithTheirNames) {
  const auto set = read_jwks(set_of(
      {rsa.jwk(R"("kid":"r","use":"sig","alg":"RS256","x5c":["AAAA"],)"), ec.jwk(R"("kid":"e",)"),
       ed.jwk(R"("alg":"EdDSA","key_ops":["verify"],)"), ed.jwk(R"("kid":"n","alg":"Ed25519",)")}));
  ASSERT_TRUE(set) << set.error().detail;
  ASSERT_EQ(set->keys.size(), 4U);
  EXPECT_EQ(set->keys[0].kid, "r");
  EXPECT_EQ(set->keys[0].key.algorithm(), KeyAlgorithm::RS256);
  EXPECT_EQ(set->keys[1].key.algorithm(), KeyAlgorithm::ES256);
  EXPECT_EQ(set->keys[2].kid, "");
  EXPECT_EQ(set->keys[3].key.algorithm(), KeyAlgorithm::EdDSA);
  EXPECT_EQ(set->other_kind + set->other_use, 0U);
}

TEST_F(Jwks, KeyIsTheSameInPem) {
  for (const auto& signer : {rsa, ec, ed}) {
    const auto pem = PublicKey::from_pem(signer.public_pem());
    const auto set = read_jwks(set_of({signer.jwk()}));
    ASSERT_TRUE(pem && set) << signer.alg();
    EXPECT_EQ((*pem)[0].fingerprint(), set->keys[0].key.fingerprint()) << signer.alg();
  }
}

TEST_F(Jwks, KeysOfOtherKindsAndUsesAreLeftOutAndCounted) {
  const auto set = read_jwks(set_of(
      {ec.jwk(), R"({"kty":"oct","k":"AAAA"})", R"({"kty":"EC","crv":"P-384","x":"A","y":"A"})",
       R"({"kty":"OKP","crv":"X25519","x":"A"})", R"({"kty":"of the future"})",
       rsa.jwk(R"("alg":"PS256",)"), rsa.jwk(R"("alg":"RS512",)"), rsa.jwk(R"("use":"enc",)"),
       ec.jwk(R"("key_ops":["sign","deriveKey"],)")}));
  ASSERT_TRUE(set) << set.error().detail;
  EXPECT_EQ(set->keys.size(), 1U);
  EXPECT_EQ(set->other_kind, 6U);
  EXPECT_EQ(set->other_use, 2U);
}

TEST_F(Jwks, AlgorithmOfAnotherKindIsNeverTaken) {  // RFC 8725 §3.1
  for (const char* alg : {"HS256", "none", "ES256", "EdDSA", "rs256"})
    EXPECT_NE(against(set_of({rsa.jwk(R"("alg":")" + std::string{alg} + "\",")})), "") << alg;
}

TEST_F(Jwks, SetWithoutAKeyForUsIsRefused) {
  EXPECT_NE(against(set_of({})).find("holds no key"), std::string::npos);
  EXPECT_NE(against(set_of({R"({"kty":"oct","k":"AAAA"})"})).find("holds no key"),
            std::string::npos);
}

TEST_F(Jwks, BrokenKeyIsNamedByItsPlaceAndNotRepeated) {
  for (const std::string& broken :
       {std::string{R"({"kty":"RSA","n":"s3cret","e":"AQAB"})"},
        std::string{R"({"kty":"RSA","e":"AQAB"})"}, Signer::rsa(1024).jwk(),
        std::string{R"({"kty":"EC","crv":"P-256","x":"s3cret","y":"s3cret"})"},
        std::string{R"({"kty":"OKP","crv":"Ed25519","x":"s3cret"})"},
        std::string{R"({"kty":"OKP","crv":"Ed25519","x":["s3cret"]})"}, rsa.jwk(R"("d":"s3cret",)"),
        rsa.jwk(R"("kid":5,)"), rsa.jwk(R"("kid":")" + std::string(257, 'k') + "\","),
        rsa.jwk(R"("use":5,)"), rsa.jwk(R"("alg":[],)"), rsa.jwk(R"("key_ops":"verify",)"),
        std::string{R"({"kid":"s3cret"})"}, std::string{"\"s3cret\""}, std::string{"null"}}) {
    const std::string why = against(set_of({ec.jwk(), broken}));
    EXPECT_TRUE(why.starts_with("key 2 of 2: ")) << broken << " gave " << why;
    EXPECT_EQ(why.find("s3cret"), std::string::npos) << why;
  }
}

TEST_F(Jwks, NumbersAreCanonicalBase64Url) {
  std::string padded = ed.jwk();
  padded.insert(padded.size() - 2, "=");
  EXPECT_NE(against(set_of({padded})), "");
}

TEST_F(Jwks, WhatIsNoSetIsRefused) {
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":null})", "null", "{",
                           R"({"keys":[],"keys":[]})"})
    EXPECT_NE(against(text), "") << text;
  EXPECT_NE(against(ec.jwk()), "") << "a key alone is no set";
  EXPECT_NE(against(set_of({ec.jwk()}) + std::string(kKeyFileBytesMax, ' ')), "");
  std::string many;
  for (std::size_t i = 0; i < kKeysMax; ++i) many += "," + ed.jwk();
  EXPECT_EQ(against("{\"keys\":[" + many.substr(1) + "]}"), "");
  EXPECT_NE(against("{\"keys\":[" + ed.jwk() + many + "]}").find("more than 32"),
            std::string::npos);
}

}  // namespace
}  // namespace hookswitch
