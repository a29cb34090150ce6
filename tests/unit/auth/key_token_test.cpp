#include <gtest/gtest.h>

#include "auth/token.hpp"
#include "base/hash.hpp"
#include "support/signer.hpp"

namespace hookswitch {
namespace {

using testing_support::Signer;

const Time kNow = from_unix_ms(1'795'186'801'000);
const std::string kClaims =
    R"("sub":"alice","org":"acme","scope":"events:own commands","exp":1795190000})";
const std::string kPlain = "{" + kClaims;

TokenKey key_of(const Signer& signer, std::string kid = "") {
  return {std::move(kid), (*PublicKey::from_pem(signer.public_pem()))[0]};
}

TokenRules rules_of(std::vector<TokenKey> keys) { return {{}, std::move(keys), {}, {}}; }

/// The code of the refusal; nullopt: the token is good.
std::optional<Errc> refusal(const TokenRules& rules, std::string_view token, Time now = kNow) {
  const auto grant = TokenVerifier{rules}.verify(token, now);
  if (grant) return std::nullopt;
  return grant.error().code;
}

class EveryKind : public testing::TestWithParam<int> {
 protected:
  static Signer make() {
    if (GetParam() == 0) return Signer::rsa();
    return GetParam() == 1 ? Signer::ec() : Signer::ed25519();
  }
  const Signer signer = make();
  const TokenRules rules = rules_of({key_of(signer)});
};
INSTANTIATE_TEST_SUITE_P(KeyToken, EveryKind, testing::Values(0, 1, 2));

TEST_P(EveryKind, OfKeyIsVerifiedWithAllItsClaims) {
  const auto grant = TokenVerifier{rules}.verify(signer.token(kPlain), kNow);
  ASSERT_TRUE(grant) << grant.error().detail;
  EXPECT_EQ(grant->org, "acme");
  EXPECT_EQ(grant->user, "alice");
  EXPECT_TRUE(grant->allows(Scope::commands));
  EXPECT_EQ(grant->expires, from_unix_ms(1'795'190'000'000));
}

TEST_P(EveryKind, OfAnotherKeyIsRefused) {
  EXPECT_EQ(refusal(rules, make().token(kPlain)), Errc::auth_invalid);
  EXPECT_EQ(refusal(rules_of({}), signer.token(kPlain)), Errc::auth_invalid);
}

TEST_P(EveryKind, EveryChangedCharacterIsRefused) {
  const std::string good = signer.token(kPlain);
  ASSERT_EQ(refusal(rules, good), std::nullopt);
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1 << at % 7);
    ASSERT_EQ(refusal(rules, bad), Errc::auth_invalid) << at;
    ASSERT_EQ(refusal(rules, std::string{good}.erase(at, 1)), Errc::auth_invalid) << at;
  }
  for (const char* more : {"=", "==", "A", "\n", " ", "."})
    EXPECT_EQ(refusal(rules, good + more), Errc::auth_invalid) << more;
}

TEST_P(EveryKind, HeaderThatNamesAnotherAlgorithmIsRefused) {
  for (const char* alg : {"none", "HS256", "RS256", "ES256", "EdDSA", "RS512", "PS256", "ES384",
                          "ES256K", "Ed448", "rs256", ""})
    if (alg != signer.alg()) {
      EXPECT_EQ(refusal(rules, signer.token_of(R"({"alg":")" + std::string{alg} + "\"}", kPlain)),
                Errc::auth_invalid)
          << alg;
    }
  for (const char* header :
       {"{}", "[]", R"({"alg":null})", R"({"alg":["RS256","ES256","EdDSA"]})", R"({"typ":"JWT"})"})
    EXPECT_EQ(refusal(rules, signer.token_of(header, kPlain)), Errc::auth_invalid) << header;
}

TEST_P(EveryKind, PublicKeyIsNeverASecret) {  // RFC 8725 §2.1
  const std::string text = to_base64url(R"({"alg":"HS256"})") + "." + to_base64url(kPlain);
  const std::string pem = signer.public_pem();
  for (const auto& secret : {pem, pem.substr(0, pem.size() - 1), std::string{}, signer.jwk(),
                             rules.keys[0].key.fingerprint()})
    EXPECT_EQ(refusal(rules, text + "." + to_base64url(hmac(HashKind::sha256, secret, text))),
              Errc::auth_invalid);
}

TEST_P(EveryKind, CriticalExtensionsAreRefused) {
  EXPECT_EQ(refusal(rules, signer.token(kPlain, R"(,"crit":["b64"],"b64":false)")),
            Errc::auth_invalid);
}

TEST_P(EveryKind, KeysInTheHeaderAreNotUsed) {
  const Signer stranger = make();
  EXPECT_EQ(refusal(rules, stranger.token(kPlain, ",\"jwk\":" + stranger.jwk())),
            Errc::auth_invalid);
  EXPECT_EQ(refusal(rules, signer.token(kPlain, ",\"jwk\":" + stranger.jwk())), std::nullopt);
}

TEST_P(EveryKind, ExpiresToTheSecond) {
  const std::string text = signer.token(kPlain);
  EXPECT_EQ(refusal(rules, text, from_unix_ms(1'795'189'999'999)), std::nullopt);
  EXPECT_EQ(refusal(rules, text, from_unix_ms(1'795'190'000'000)), Errc::auth_expired);
}

TEST_P(EveryKind, StandsWhileItsKeyDoes) {
  const auto grant = TokenVerifier{rules}.verify(signer.token(kPlain), kNow);
  ASSERT_TRUE(grant);
  EXPECT_TRUE(TokenVerifier{rules_of({key_of(make()), key_of(signer, "renamed")})}.stands(*grant));
  EXPECT_FALSE(TokenVerifier{rules_of({key_of(make())})}.stands(*grant));
  TokenRules stricter = rules;
  stricter.audience = "hookswitch";
  EXPECT_FALSE(TokenVerifier{stricter}.stands(*grant)) << "it might not be let in any more";
  EXPECT_FALSE(TokenVerifier{rules}.stands(Grant{})) << "nothing vouched for that";
}

TEST_P(EveryKind, WorksBesideASecret) {
  TokenRules both = rules;
  both.secrets.emplace_back("0123456789abcdef0123456789abcdef");
  EXPECT_EQ(refusal(both, signer.token(kPlain)), std::nullopt);
  Grant grant{"acme", "alice", *parse_scopes("events:own"), kNow + std::chrono::hours{1}};
  EXPECT_EQ(refusal(both, TokenVerifier{both}.sign(grant, kNow)), std::nullopt);
  EXPECT_EQ(refusal(rules, TokenVerifier{both}.sign(grant, kNow)), Errc::auth_invalid);
}

TEST(KeyToken, EveryOtherLastCharacterOfAnEs256SignatureIsRefused) {  // spare bits must be zero
  const Signer signer = Signer::ec();
  const std::string good = signer.token(kPlain);
  for (const char c :
       std::string_view{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"}) {
    std::string other = good;
    other.back() = c;
    EXPECT_EQ(refusal(rules_of({key_of(signer)}), other).has_value(), other != good) << c;
  }
}

TEST(KeyToken, FullySpecifiedNameOfEdDsaIsTheSame) {  // RFC 9864 §2.2
  const Signer signer = Signer::ed25519();
  EXPECT_EQ(refusal(rules_of({key_of(signer)}), signer.token_of(R"({"alg":"Ed25519"})", kPlain)),
            std::nullopt);
}

class ByKid : public testing::Test {
 protected:
  const Signer a = Signer::ed25519(), b = Signer::ed25519(), nameless = Signer::ed25519();
  TokenRules rules = rules_of({key_of(a, "a"), key_of(b, "b"), key_of(nameless)});
};

TEST_F(ByKid, OnlyTheKeyOfThatNameIsTried) {
  EXPECT_EQ(refusal(rules, a.token(kPlain, R"(,"kid":"a")")), std::nullopt);
  EXPECT_EQ(refusal(rules, b.token(kPlain, R"(,"kid":"b")")), std::nullopt);
  EXPECT_EQ(refusal(rules, a.token(kPlain, R"(,"kid":"b")")), Errc::auth_invalid);
  EXPECT_EQ(refusal(rules, a.token(kPlain, R"(,"kid":"c")")), Errc::auth_invalid);
}

TEST_F(ByKid, KeyWithoutANameMayBeOfAny) {
  EXPECT_EQ(refusal(rules, nameless.token(kPlain, R"(,"kid":"a")")), std::nullopt);
  EXPECT_EQ(refusal(rules, nameless.token(kPlain, R"(,"kid":"c")")), std::nullopt);
}

TEST_F(ByKid, TokenWithoutANameMayBeOfAFewKeys) {
  EXPECT_EQ(refusal(rules, b.token(kPlain)), std::nullopt);
  for (const char* kid : {"c", "d"}) rules.keys.push_back(key_of(Signer::ed25519(), kid));
  const Signer last = Signer::ed25519();
  rules.keys.push_back(key_of(last, "e"));
  EXPECT_EQ(refusal(rules, last.token(kPlain)), Errc::auth_invalid) << "the fifth is not tried";
  EXPECT_EQ(refusal(rules, last.token(kPlain, R"(,"kid":"e")")), std::nullopt);
}

TEST_F(ByKid, NameOfTheWrongShapeIsRefused) {
  for (const char* kid : {"5", "null", "[\"a\"]", "{}"})
    EXPECT_EQ(refusal(rules, a.token(kPlain, ",\"kid\":" + std::string{kid})), Errc::auth_invalid)
        << kid;
}

class ForWhom : public testing::Test {
 protected:
  std::optional<Errc> with(const std::string& claims) const {
    return refusal(rules, signer.token("{" + claims + kClaims));
  }
  const Signer signer = Signer::ed25519();
  TokenRules rules = rules_of({key_of(signer)});
};

TEST_F(ForWhom, IssuerMustBeTheOneThatIsConfigured) {
  EXPECT_EQ(with(R"("iss":"https://any.example",)"), std::nullopt);
  rules.issuer = "https://id.example.com";
  EXPECT_EQ(with(R"("iss":"https://id.example.com",)"), std::nullopt);
  for (const char* iss : {"", R"("iss":"https://id.example.com/",)", R"("iss":"",)",
                          R"("iss":null,)", R"("iss":["https://id.example.com"],)"})
    EXPECT_EQ(with(iss), Errc::auth_invalid) << iss;
}

TEST_F(ForWhom, AudienceMustBeAmongThoseOfTheToken) {
  rules.audience = "hookswitch";
  for (const char* aud :
       {R"("aud":"hookswitch",)", R"("aud":["crm","hookswitch"],)", R"("aud":["hookswitch"],)"})
    EXPECT_EQ(with(aud), std::nullopt) << aud;
  for (const char* aud :
       {"", R"("aud":"crm",)", R"("aud":["crm"],)", R"("aud":[],)", R"("aud":null,)",
        R"("aud":"hookswitch ",)", R"("aud":[["hookswitch"]],)", R"("aud":{"hookswitch":1},)"})
    EXPECT_EQ(with(aud), Errc::auth_invalid) << aud;
}

TEST_F(ForWhom, TokenForAnotherIsRefusedWhoeverWeAre) {  // RFC 7519 §4.1.3
  EXPECT_EQ(with(""), std::nullopt);
  for (const char* aud : {R"("aud":"crm",)", R"("aud":"",)", R"("aud":[],)"})
    EXPECT_EQ(with(aud), Errc::auth_invalid) << aud;
}

TEST_F(ForWhom, TokensOfASecretAreHeldToNeither) {
  rules.secrets.emplace_back("0123456789abcdef0123456789abcdef");
  rules.issuer = "https://id.example.com";
  rules.audience = "hookswitch";
  Grant grant{"acme", "alice", *parse_scopes("events:own"), kNow + std::chrono::hours{1}};
  EXPECT_EQ(refusal(rules, TokenVerifier{rules}.sign(grant, kNow)), std::nullopt);
}

TEST_F(ForWhom, WordsOfScopeForOthersGiveNothing) {
  const auto grant = TokenVerifier{rules}.verify(
      signer.token(
          R"({"sub":"alice","org":"acme","scope":"openid email events:own root","exp":1795190000})"),
      kNow);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->scopes, *parse_scopes("events:own"));
}

}  // namespace
}  // namespace hookswitch
