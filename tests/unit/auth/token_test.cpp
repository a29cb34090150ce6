#include "auth/token.hpp"

#include <gtest/gtest.h>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

const std::string kKey = "0123456789abcdef0123456789abcdef";
const Time kNow = from_unix_ms(1'795'186'801'000);
const std::string kHeader = R"({"alg":"HS256","typ":"JWT"})";
const std::string kClaims =
    R"({"sub":"alice","org":"acme","scope":"events:own commands","exp":1795190000})";

TokenVerifier verifier(std::vector<std::string> keys = {kKey}) {
  std::vector<Secret> secrets;
  for (auto& key : keys) secrets.emplace_back(std::move(key));
  return TokenVerifier{std::move(secrets)};
}

std::string token(std::string_view header, std::string_view claims, const std::string& key = kKey) {
  const std::string text = to_base64url(header) + "." + to_base64url(claims);
  return text + "." + to_base64url(hmac(HashKind::sha256, key, text));
}

/// The code of the refusal; nullopt: the token is good.
std::optional<Errc> refusal(std::string_view text, Time now = kNow) {
  const auto grant = verifier().verify(text, now);
  if (grant) return std::nullopt;
  return grant.error().code;
}

std::optional<Errc> claims_refusal(std::string_view claims) {
  return refusal(token(kHeader, claims));
}

Grant alice() {
  Grant out;
  out.org = "acme";
  out.user = "alice";
  out.add(Scope::events_own);
  out.expires = kNow + std::chrono::hours{1};
  return out;
}

TEST(Token, SignedOneIsVerifiedWithAllItsClaims) {
  const auto grant = verifier().verify(verifier().sign(alice(), kNow), kNow);
  ASSERT_TRUE(grant) << grant.error().detail;
  EXPECT_EQ(grant->org, "acme");
  EXPECT_EQ(grant->user, "alice");
  EXPECT_EQ(grant->scopes, alice().scopes);
  EXPECT_EQ(grant->expires, alice().expires);
}

TEST(Token, OfAnotherMakerIsRead) {
  const auto grant = verifier().verify(token(kHeader, kClaims), kNow);
  ASSERT_TRUE(grant) << grant.error().detail;
  EXPECT_TRUE(grant->allows(Scope::commands));
  EXPECT_EQ(grant->expires, from_unix_ms(1'795'190'000'000));
}

TEST(Token, EmptyIsMissingNotInvalid) { EXPECT_EQ(refusal(""), Errc::auth_missing); }

TEST(Token, EveryChangedCharacterIsRefused) {
  const std::string good = verifier().sign(alice(), kNow);
  ASSERT_EQ(refusal(good), std::nullopt);
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1 << bit);
      ASSERT_EQ(refusal(bad), Errc::auth_invalid) << "character " << at << " bit " << bit;
    }
    std::string shorter = good;
    ASSERT_EQ(refusal(shorter.erase(at, 1)), Errc::auth_invalid) << at;
  }
}

TEST(Token, EveryOtherLastCharacterOfTheSignatureIsRefused) {  // spare bits must be zero
  const std::string good = token(kHeader, kClaims);
  for (const char c :
       std::string_view{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"}) {
    std::string other = good;
    other.back() = c;
    EXPECT_EQ(refusal(other).has_value(), other != good) << c;
  }
}

TEST(Token, OtherAlgorithmsAreRefusedEvenWhenSignedWithTheKey) {
  for (const char* header :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"RS256"})", R"({"alg":"HS384"})",
        R"({"alg":"HS512"})", R"({"alg":"hs256"})", R"({"alg":""})", R"({"alg":null})",
        R"({"alg":["HS256"]})", R"({})", R"([])", R"("HS256")", R"({"typ":"JWT"})",
        R"({"alg":"HS256","alg":"none"})", R"({"alg":"ES256"})", R"({"alg":"EdDSA"})"})
    EXPECT_EQ(refusal(token(header, kClaims)), Errc::auth_invalid) << header;
}

TEST(Token, UnsignedIsRefused) {
  const std::string text = to_base64url(R"({"alg":"none"})") + "." + to_base64url(kClaims);
  EXPECT_EQ(refusal(text + "."), Errc::auth_invalid);
  EXPECT_EQ(refusal(text), Errc::auth_invalid);
  EXPECT_EQ(refusal(to_base64url(kHeader) + "." + to_base64url(kClaims) + "."), Errc::auth_invalid);
}

TEST(Token, CriticalExtensionsAreRefused) {  // RFC 7515 §4.1.11
  for (const char* header : {R"({"alg":"HS256","crit":["b64"],"b64":false})",
                             R"({"alg":"HS256","crit":[]})", R"({"alg":"HS256","crit":null})"})
    EXPECT_EQ(refusal(token(header, kClaims)), Errc::auth_invalid) << header;
}

TEST(Token, KeysInTheHeaderAreNotUsed) {
  const std::string other(32, 'k');
  const std::string header = R"({"alg":"HS256","jwk":{"kty":"oct","k":")" + to_base64url(other) +
                             R"("},"kid":"../../dev/null"})";
  EXPECT_EQ(refusal(token(header, kClaims, other)), Errc::auth_invalid);
  EXPECT_EQ(refusal(token(header, kClaims)), std::nullopt);
}

TEST(Token, OfAnotherKeyIsRefused) {
  EXPECT_EQ(refusal(token(kHeader, kClaims, "another key of thirty-two bytes!")),
            Errc::auth_invalid);
  EXPECT_EQ(refusal(token(kHeader, kClaims, "")), Errc::auth_invalid);
  EXPECT_FALSE(verifier({}).verify(token(kHeader, kClaims, ""), kNow));
}

TEST(Token, BothKeysOfARotationVerifyAndTheFirstSigns) {
  const std::string next = "fedcba9876543210fedcba9876543210";
  const TokenVerifier both = verifier({next, kKey});
  EXPECT_TRUE(both.verify(token(kHeader, kClaims, kKey), kNow));
  EXPECT_TRUE(both.verify(token(kHeader, kClaims, next), kNow));
  const std::string fresh = both.sign(alice(), kNow);
  EXPECT_TRUE(verifier({next}).verify(fresh, kNow));
  EXPECT_FALSE(verifier({kKey}).verify(fresh, kNow));
}

TEST(Token, ExpiresToTheSecond) {
  const std::string text = token(kHeader, kClaims);
  EXPECT_EQ(refusal(text, from_unix_ms(1'795'189'999'999)), std::nullopt);
  EXPECT_EQ(refusal(text, from_unix_ms(1'795'190'000'000)), Errc::auth_expired);
}

TEST(Token, ExpiredOneOfAnotherKeyIsInvalidNotExpired) {
  EXPECT_EQ(refusal(token(kHeader, kClaims, "x"), from_unix_ms(4'000'000'000'000)),
            Errc::auth_invalid);
}

TEST(Token, WithoutAGoodEndIsRefused) {
  for (const char* exp : {"", R"(,"exp":"1795190000")", R"(,"exp":null)", R"(,"exp":-1)",
                          R"(,"exp":1e30)", R"(,"exp":true)", R"(,"exp":[1795190000])",
                          R"(,"exp":9223372036854775807)", R"(,"exp":18446744073709551615)"})
    EXPECT_EQ(claims_refusal(std::string{R"({"sub":"alice","org":"acme","scope":"events:own")"} +
                             exp + "}"),
              Errc::auth_invalid)
        << exp;
}

TEST(Token, IsNotUsedBeforeItsTime) {
  const auto with = [](const char* nbf) {
    return claims_refusal(
        std::string{R"({"sub":"alice","org":"acme","scope":"events:own","exp":1795190000,"nbf":)"} +
        nbf + "}");
  };
  EXPECT_EQ(with("1795186801"), std::nullopt);
  EXPECT_EQ(with("1795186802"), Errc::auth_invalid);
  EXPECT_EQ(with("\"1\""), Errc::auth_invalid);
  EXPECT_EQ(with("-1"), Errc::auth_invalid);
}

TEST(Token, ClaimsOfTheWrongShapeAreRefused) {
  for (const char* claims :
       {R"([])", R"("x")", R"({})", R"({"sub":"alice","scope":"events:own","exp":1795190000})",
        R"({"sub":"alice","org":"","scope":"events:own","exp":1795190000})",
        R"({"sub":"alice","org":["acme"],"scope":"events:own","exp":1795190000})",
        R"({"sub":"alice","org":"acme","exp":1795190000})",
        R"({"sub":"alice","org":"acme","scope":["events:own"],"exp":1795190000})",
        R"({"sub":"alice","org":"acme","scope":"events:own root","exp":1795190000})",
        R"({"org":"acme","scope":"events:own","exp":1795190000})",
        R"({"sub":"","org":"acme","scope":"events:own","exp":1795190000})",
        R"({"sub":5,"org":"acme","scope":"events:own","exp":1795190000})",
        R"({"sub":"alice","org":"acme","org":"globex","scope":"events:own","exp":1795190000})",
        "{\"sub\":\"al\xffice\",\"org\":\"acme\",\"scope\":\"events:own\",\"exp\":1795190000}"})
    EXPECT_EQ(claims_refusal(claims), Errc::auth_invalid) << claims;
}

TEST(Token, OrganisationOfTheGrantIsTheTokens) {
  const auto grant = verifier().verify(
      token(kHeader, R"({"sub":"alice","org":"globex","scope":"events:org","exp":1795190000})"),
      kNow);
  ASSERT_TRUE(grant);
  EXPECT_FALSE(may_see(*grant, "acme", std::vector<Text>{"alice"}));
}

TEST(Token, WhatIsNoTokenIsRefused) {
  for (const char* text : {".", "..", "...", "a", "a.b", "a.b.c", "a.b.c.d", "....", "Bearer x",
                           "\xff.\xff.\xff", "e30.e30.e30", "e30=.e30=.e30=", " "})
    EXPECT_EQ(refusal(text), Errc::auth_invalid) << text;
  EXPECT_EQ(refusal(std::string(100'000, 'a')), Errc::auth_invalid);
  EXPECT_EQ(refusal(token(kHeader, kClaims) + "\n"), Errc::auth_invalid);
  EXPECT_EQ(refusal(token(kHeader, kClaims) + ".x"), Errc::auth_invalid);
}

TEST(Token, RefusalsDoNotRepeatTheToken) {
  const auto grant = verifier().verify(token(kHeader, R"({"sub":"tops3cret"})"), kNow);
  ASSERT_FALSE(grant);
  EXPECT_EQ(grant.error().detail.find("s3cret"), std::string::npos);
}

}  // namespace
}  // namespace hookswitch
