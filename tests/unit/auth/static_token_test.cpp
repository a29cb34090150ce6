#include "auth/static_token.hpp"

#include <gtest/gtest.h>

#include "auth/token.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

const Time kNow = from_unix_ms(1'795'186'801'000);
const std::string kToken = static_token_of("0123456789abcdefghijklmnopqrstuv");

StaticToken entry(const std::string& token = kToken) {
  return {"acme",      "alice", "desk", hash_of_static_token(token), *parse_scopes("events:own"),
          std::nullopt};
}

std::optional<Errc> refusal(const std::vector<StaticToken>& entries, std::string_view token,
                            Time now = kNow) {
  TokenRules rules;
  rules.statics = entries;
  const auto grant = TokenVerifier{rules}.verify(token, now);
  if (grant) return std::nullopt;
  return grant.error().code;
}

TEST(StaticToken, GivesWhatTheConfigurationSays) {
  TokenRules rules;
  rules.statics = {entry(), entry(static_token_of(std::string(32, 'x')))};
  const auto grant = TokenVerifier{rules}.verify(kToken, kNow);
  ASSERT_TRUE(grant) << grant.error().detail;
  EXPECT_EQ(grant->org, "acme");
  EXPECT_EQ(grant->user, "alice");
  EXPECT_EQ(grant->scopes, *parse_scopes("events:own"));
  EXPECT_EQ(grant->expires, std::nullopt);
}

TEST(StaticToken, OneThatIsNotThereIsRefused) {
  EXPECT_EQ(refusal({}, kToken), Errc::auth_invalid);
  EXPECT_EQ(refusal({entry(static_token_of(std::string(32, 'x')))}, kToken), Errc::auth_invalid);
  EXPECT_EQ(refusal({entry()}, ""), Errc::auth_missing);
}

TEST(StaticToken, EveryChangedCharacterIsRefused) {
  ASSERT_EQ(refusal({entry()}, kToken), std::nullopt);
  for (std::size_t at = 0; at < kToken.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = kToken;
      other[at] = static_cast<char>(other[at] ^ 1 << bit);
      ASSERT_EQ(refusal({entry()}, other), Errc::auth_invalid) << at << " " << bit;
    }
}

TEST(StaticToken, HashThatBeginsTheSameIsNoMatch) {
  StaticToken twin = entry();
  twin.hash.back() = static_cast<char>(twin.hash.back() ^ 1);
  EXPECT_EQ(refusal({twin}, kToken), Errc::auth_invalid);
  EXPECT_EQ(refusal({twin, entry()}, kToken), std::nullopt);
}

TEST(StaticToken, HashItselfIsNoToken) {
  EXPECT_EQ(refusal({entry()}, entry().hash), Errc::auth_invalid);
  EXPECT_EQ(refusal({entry()}, to_hex(entry().hash)), Errc::auth_invalid);
}

TEST(StaticToken,
     WordOfOnesOwnIsRefusedThoughItsHashIsThere) {  // only random ones may be hashed fast
  for (const char* word : {"password", "hs_password", "hs_", "hs_MDEyMzQ1Njc4OWFiY2RlZg"})
    EXPECT_EQ(refusal({entry(word)}, word), Errc::auth_invalid) << word;
}

TEST(StaticToken, ExpiresToTheMillisecond) {
  StaticToken one = entry();
  one.expires = kNow;
  EXPECT_EQ(refusal({one}, kToken, kNow - milliseconds{1}), std::nullopt);
  EXPECT_EQ(refusal({one}, kToken, kNow), Errc::auth_expired);
}

TEST(StaticToken, StandsWhileItsRightsAreTheSame) {
  const auto stands = [](const StaticToken& before, const StaticToken& after) {
    TokenRules then, now;
    then.statics = {before};
    now.statics = {after};
    const auto grant = TokenVerifier{then}.verify(kToken, kNow);
    return grant && TokenVerifier{now}.stands(*grant);
  };
  StaticToken other = entry();
  other.name = "table";
  EXPECT_TRUE(stands(entry(), other)) << "a name is nothing";
  for (const auto change :
       {+[](StaticToken& one) { one.org = "globex"; }, +[](StaticToken& one) { one.user = "bob"; },
        +[](StaticToken& one) { one.scopes = *parse_scopes("events:org"); },
        +[](StaticToken& one) { one.expires = kNow; },
        +[](StaticToken& one) { one.hash[31] = 'x'; }}) {
    other = entry();
    change(other);
    EXPECT_FALSE(stands(entry(), other));
  }
}

TEST(StaticToken, EachIsAnother) {
  EXPECT_EQ(kToken.size(), 46U);
  EXPECT_NE(static_token_of(std::string(32, 'a')), static_token_of(std::string(32, 'b')));
}

}  // namespace
}  // namespace hookswitch
