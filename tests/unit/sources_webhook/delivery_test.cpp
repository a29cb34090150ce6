#include "sources/webhook/delivery.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

DialectProgramPtr program(const std::string& auth) {
  auto compiled =
      compile_dialect(R"({"dialect":"d","decode":["json"],"auth":[)" + auth +
                          R"(],"rules":[{"emit":{"type":"ringing","ids":{"call":"/body/id"}}}]})",
                      "d.json");
  const auto* good = std::get_if<DialectProgramPtr>(&compiled);
  return good == nullptr ? nullptr : *good;
}

HookRequest request(const std::string& body = R"({"id":"1"})") {
  HookRequest out;
  out.method = "POST";
  out.headers = {{"x-time", "1"}, {"x-signature", "ab"}, {"user-agent", "a"}};
  out.body = body;
  return out;
}

constexpr const char* kTimed =
    R"({"scheme":"hmac","hash":"sha256","secret":"S","encode":"hex","header":"x-signature",
        "signed":["/header/x-time",".","$raw"],"timestamp":{"$int":"/header/x-time"},"tolerance":300})";
constexpr const char* kUntimed =
    R"({"scheme":"hmac","hash":"sha256","secret":"S","encode":"hex","header":"x-signature","signed":["$raw"]})";

TEST(DeliveryRules, NameSignedHeadersButNotTheProofItself) {
  const auto rules = delivery_rules(*program(kTimed));
  EXPECT_EQ(rules.signed_headers, std::vector<std::string>{"x-time"});
  EXPECT_TRUE(delivery_rules(*program(kUntimed)).signed_headers.empty());
}

TEST(DeliveryKey, IsOfWhatCountsAndNotOfWhatAReplayMayChange) {
  const auto rules = delivery_rules(*program(kTimed));
  const auto key = delivery_key(rules, request(), "");
  EXPECT_EQ(key.size(), 16u);
  HookRequest other = request();
  other.headers[2].second = "b";
  other.headers.emplace_back("x-more", "1");
  EXPECT_EQ(delivery_key(rules, other, ""), key);
  for (const auto change : {0, 1, 2, 3, 4}) {
    other = request();
    if (change == 0) other.headers[0].second = "2";
    if (change == 1) other.body += " ";
    if (change == 2) other.rest = "x";
    if (change == 3) other.query = "x";
    if (change == 4) other.method = "PUT";
    EXPECT_NE(delivery_key(rules, other, ""), key) << change;
  }
}

TEST(DeliveryKey, TellsPartsApart) {
  HookRequest a = request("b"), b = request("");
  a.query = "a";
  b.query = "ab";
  EXPECT_NE(delivery_key({}, a, ""), delivery_key({}, b, ""));
}

TEST(DeliveryKey, OfAVendorsIdIsTheSameWhateverElseChanged) {
  EXPECT_EQ(delivery_key({}, request("a"), "e1"), delivery_key({}, request("b"), "e1"));
  EXPECT_NE(delivery_key({}, request("a"), "e1"), delivery_key({}, request("a"), "e2"));
}

TEST(Repeat, IsSureByAnIdASignedTimeOrFactsThatTellTimeOrOrder) {
  HookOutcome outcome;
  outcome.facts.resize(2);
  EXPECT_FALSE(is_repeat_for_sure(outcome));
  outcome.replay_time = std::chrono::seconds{600};
  EXPECT_TRUE(is_repeat_for_sure(outcome));
  outcome.replay_time = {};
  outcome.facts[1].seq = 3;
  EXPECT_TRUE(is_repeat_for_sure(outcome));
  outcome.facts[1].seq.reset();
  outcome.facts[0].at = now();
  EXPECT_TRUE(is_repeat_for_sure(outcome));
  outcome.repeats_are_news = true;
  EXPECT_FALSE(is_repeat_for_sure(outcome)) << "the dialect knows better";
  outcome.facts[0].at.reset();
  outcome.delivery_id = "e1";
  EXPECT_TRUE(is_repeat_for_sure(outcome));
}

}  // namespace
}  // namespace hookswitch
