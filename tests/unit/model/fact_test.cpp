#include "model/fact.hpp"

#include <gtest/gtest.h>

#include "support/random_model.hpp"

namespace hookswitch {
namespace {

Result<Fact> read(std::string_view text) {
  const auto document = json::parse(text);
  EXPECT_TRUE(document) << text;
  if (!document) return document.error();
  return fact_from_json(*document);
}

std::string written(const Fact& fact) {
  json::Writer out;
  write_json(out, fact);
  return out.str();
}

/// The detail of the refusal; empty: it was accepted.
std::string refusal(std::string_view text) {
  const auto fact = read(text);
  if (fact) return {};
  EXPECT_EQ(fact.error().code, Errc::bad_request) << text;
  return fact.error().detail;
}

constexpr const char* kWhole =
    R"({"type":"ringing","ids":{"call":["8a2f","9b"],"leg":"8a2f-2","sip":["a84b4c76e66710@gw"],"session":"s-1","parent":"p-1",)"
    R"("replaces":["b95c5d87@gw"]},)"
    R"("direction":"inbound","from":{"number":"+12025550143","presented":"12025550143","name":"Jane Doe"},)"
    R"("to":{"ext":"101","aor":"sip:101@example.com"},"did":"+12025550100",)"
    R"("agent":{"ext":"101","id":"u-17","name":"Alice","email":"alice@example.com"},)"
    R"("customer":{"number":"+12025550143","name":"Jane Doe"},"queue":{"name":"Sales"},"seq":3,"at":"2026-11-20T15:00:01.000Z",)"
    R"("duration_ms":1500,"disposition":"answered","cause":16,"sip_status":200,"reason":"why","headers":{"X-Subject":"Order #42"},)"
    R"("variables":{"order-id":"42"},"custom_data":"c","recording":{"id":"r1","url":"https://pbx.example.com/r1"},)"
    R"("transfer":{"kind":"attended","to":{"ext":"102"},"other":{"call":["8a30"]}},"conference":{"id":"c-17"},"state_report":true})";

TEST(Fact, EveryMemberIsReadAndWrittenBackToTheByte) {
  const auto fact = read(kWhole);
  ASSERT_TRUE(fact) << fact.error().detail;
  EXPECT_EQ(fact->type, FactType::ringing);
  EXPECT_EQ(fact->ids.call, (std::vector<Text>{"8a2f", "9b"}));
  EXPECT_EQ(fact->agent.email, "alice@example.com");
  EXPECT_EQ(fact->duration, milliseconds{1500});
  EXPECT_EQ(fact->ids.replaces, std::vector<Text>{"b95c5d87@gw"});
  EXPECT_EQ(fact->conference, "c-17");
  EXPECT_EQ(fact->transfer.other_calls, std::vector<Text>{"8a30"});
  EXPECT_EQ(written(*fact), kWhole);
}

TEST(Fact, OnlyTheTypeIsNeeded) {
  const auto fact = read(R"({"type":"updated"})");
  ASSERT_TRUE(fact);
  EXPECT_EQ(*fact, Fact{});
  EXPECT_EQ(written(*fact), R"({"type":"updated"})");
  EXPECT_NE(refusal("{}"), "");
  EXPECT_NE(refusal(R"({"type":null})"), "");
}

TEST(Fact, OriginIsNeverReadFromOutside) {
  const auto fact = read(
      R"({"type":"ringing","org":"other","source":"other","received":"2026-11-20T15:00:01.000Z"})");
  ASSERT_TRUE(fact);
  EXPECT_EQ(fact->org, "");
  EXPECT_EQ(fact->source, "");
  EXPECT_EQ(fact->received, Time{});
}

TEST(Fact, UnknownMembersAreIgnoredAndNullMeansNotTold) {
  const auto fact = read(
      R"({"type":"ringing","new":[1],"from":null,"to":{"ext":null,"new":5},"seq":null,"headers":null,"ids":null})");
  ASSERT_TRUE(fact) << fact.error().detail;
  Fact want;
  want.type = FactType::ringing;
  EXPECT_EQ(*fact, want);
}

TEST(Fact, WrongTypesAreRefusedWithTheMembersName) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"("type":[])", "type"},
      {R"("type":"rings")", "type"},
      {R"("type":"Ringing")", "type"},
      {R"("ids":"8a2f")", "ids"},
      {R"("ids":{"call":{}})", "call"},
      {R"("ids":{"call":[{}]})", "call"},
      {R"("ids":{"leg":[]})", "leg"},
      {R"("ids":{"sip":true})", "sip"},
      {R"("direction":"sideways")", "direction"},
      {R"("direction":{})", "direction"},
      {R"("from":"+12025550143")", "from"},
      {R"("from":{"number":{}})", "number"},
      {R"("to":[])", "to"},
      {R"("did":{})", "did"},
      {R"("agent":"101")", "agent"},
      {R"("agent":{"email":false})", "email"},
      {R"("customer":1)", "customer"},
      {R"("queue":"Sales")", "queue"},
      {R"("queue":{"name":[]})", "name"},
      {R"("seq":"3")", "seq"},
      {R"("seq":1.5)", "seq"},
      {R"("at":5)", "at"},
      {R"("at":"yesterday")", "at"},
      {R"("duration_ms":"5")", "duration_ms"},
      {R"("disposition":"gone")", "disposition"},
      {R"("cause":"16")", "cause"},
      {R"("sip_status":"200")", "sip_status"},
      {R"("reason":{})", "reason"},
      {R"("headers":[])", "headers"},
      {R"("headers":{"X":{}})", "X"},
      {R"("variables":"a=b")", "variables"},
      {R"("custom_data":{})", "custom_data"},
      {R"("recording":"r1")", "recording"},
      {R"("recording":{"url":true})", "url"},
      {R"("transfer":"blind")", "transfer"},
      {R"("transfer":{"kind":"warm"})", "kind"},
      {R"("transfer":{"to":"102"})", "to"},
      {R"("transfer":{"other":"8a30"})", "other"},
      {R"("ids":{"replaces":5.5})", "replaces"},
      {R"("conference":"c-17")", "conference"},
      {R"("conference":{"id":{}})", "id"},
      {R"("state_report":1)", "state_report"},
      {R"("state_report":"true")", "state_report"}};
  for (const auto& [member, name] : wrong) {
    const bool is_type = std::string_view{member}.starts_with("\"type\"");
    const std::string detail =
        refusal(is_type ? "{" + std::string{member} + "}"
                        : "{\"type\":\"ringing\"," + std::string{member} + "}");
    EXPECT_NE(detail.find(name), std::string::npos) << member << " gave: " << detail;
  }
}

TEST(Fact, IsAnObject) {
  for (const char* text : {"[]", "5", "\"ringing\"", "null", "true"})
    EXPECT_NE(refusal(text), "") << text;
}

TEST(Fact, IdsMayBeNumbersAndListsMayBeOneText) {
  const auto fact = read(
      R"({"type":"ringing","ids":{"call":1234567890123,"leg":7,"sip":"a@b"},"from":{"ext":101}})");
  ASSERT_TRUE(fact) << fact.error().detail;
  EXPECT_EQ(fact->ids.call, std::vector<Text>{"1234567890123"});
  EXPECT_EQ(fact->ids.leg, "7");
  EXPECT_EQ(fact->ids.sip, std::vector<Text>{"a@b"});
  EXPECT_EQ(fact->from.ext, "101");
}

TEST(Fact, TextsAreTakenUpToTheLimitAndRefusedBeyond) {
  const auto with = [](const char* before, std::size_t size, const char* after) {
    return std::string{R"({"type":"ringing",)"} + before + std::string(size, 'x') + after + "}";
  };
  const std::pair<const char*, const char*> names[] = {{R"("from":{"name":")", "\"}"},
                                                       {R"("reason":")", "\""},
                                                       {R"("custom_data":")", "\""},
                                                       {R"("headers":{"X":")", "\"}"},
                                                       {R"("variables":{"v":")", "\"}"}};
  for (const auto& [before, after] : names) {
    EXPECT_EQ(refusal(with(before, kTextBytesMax, after)), "") << before;
    EXPECT_NE(refusal(with(before, kTextBytesMax + 1, after)), "") << before;
  }
  const std::pair<const char*, const char*> ids[] = {
      {R"("ids":{"call":[")", "\"]}"},     {R"("ids":{"leg":")", "\"}"},
      {R"("ids":{"sip":[")", "\"]}"},      {R"("ids":{"session":")", "\"}"},
      {R"("ids":{"replaces":[")", "\"]}"}, {R"("conference":{"id":")", "\"}"},
      {R"("ids":{"parent":")", "\"}"},     {R"("from":{"number":")", "\"}"},
      {R"("from":{"aor":")", "\"}"},       {R"("did":")", "\""},
      {R"("agent":{"id":")", "\"}"},       {R"("transfer":{"other":{"call":[")", "\"]}}"},
      {R"("headers":{")", "\":\"v\"}"}};
  for (const auto& [before, after] : ids) {
    EXPECT_EQ(refusal(with(before, kIdBytesMax, after)), "") << before;
    EXPECT_NE(refusal(with(before, kIdBytesMax + 1, after)), "") << before;
  }
}

TEST(Fact, MapsAreBounded) {
  std::string map;
  for (std::size_t i = 0; i < kHeadersPerCallMax; ++i)
    map += (i == 0 ? "\"h" : ",\"h") + std::to_string(i) + "\":\"v\"";
  EXPECT_EQ(refusal(R"({"type":"ringing","headers":{)" + map + "}}"), "");
  EXPECT_NE(refusal(R"({"type":"ringing","headers":{)" + map + ",\"one\":\"more\"}}"), "");
  EXPECT_NE(refusal(R"({"type":"ringing","headers":{"":"v"}})"), "");
}

TEST(Fact, RefusalsDoNotRepeatValues) {
  EXPECT_EQ(refusal(R"({"type":"tops3cret"})").find("s3cret"), std::string::npos);
  EXPECT_EQ(refusal(R"({"type":"ringing","at":"tops3cret"})").find("s3cret"), std::string::npos);
}

TEST(Facts, ComeAsOneObjectOrAnArrayUpToTheLimit) {
  const auto count = [](std::size_t n) {
    std::string list = "[";
    for (std::size_t i = 0; i < n; ++i)
      list += i == 0 ? R"({"type":"ringing"})" : R"(,{"type":"ringing"})";
    return list + "]";
  };
  EXPECT_EQ(facts_from_json(*json::parse(R"({"type":"ringing"})"))->size(), 1U);
  EXPECT_EQ(facts_from_json(*json::parse("[]"))->size(), 0U);
  EXPECT_EQ(facts_from_json(*json::parse(count(kFactsPerRequestMax)))->size(), kFactsPerRequestMax);
  const auto many = facts_from_json(*json::parse(count(kFactsPerRequestMax + 1)));
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, Errc::too_many_fields);
  EXPECT_FALSE(facts_from_json(*json::parse(R"([{"type":"ringing"},5])")));
}

TEST(Fact, TransferWithoutAKindRoundTripsToo) {
  const auto fact =
      read(R"({"type":"transferred","transfer":{"to":{"ext":"102"},"other":{"call":["8a30"]}}})");
  ASSERT_TRUE(fact);
  const auto again = read(written(*fact));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *fact);
}

TEST(Fact, RandomFactsRoundTrip) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  testing_support::RandomModel random{seed};
  for (int i = 0; i < 2000; ++i) {
    const Fact fact = random.fact();
    const std::string text = written(fact);
    const auto again = read(text);
    ASSERT_TRUE(again) << again.error().detail << "\n" << text;
    ASSERT_EQ(*again, fact) << text;
    ASSERT_EQ(written(*again), text);
  }
}

TEST(Fact, HappenedWhenTheSourceSaysElseWhenWeHeard) {
  Fact fact;
  fact.received = from_unix_ms(5000);
  EXPECT_EQ(fact.occurred(), from_unix_ms(5000));
  fact.at = from_unix_ms(4000);
  EXPECT_EQ(fact.occurred(), from_unix_ms(4000));
}

}  // namespace
}  // namespace hookswitch
