#include "model/call.hpp"

#include <gtest/gtest.h>

#include "support/random_model.hpp"

namespace hookswitch {
namespace {

std::string written(const Call& call) {
  json::Writer out;
  write_json(out, call);
  return out.str();
}

Leg named_leg(std::size_t number) {
  Leg out;
  out.id = "l" + std::to_string(number);
  return out;
}

Result<Call> read(const std::string& text) {
  const auto document = json::parse(text, {.bytes_max = 16 * 1024 * 1024});
  if (!document) return document.error();
  return call_from_json(*document);
}

TEST(Call, AbsentMembersAreNullAsTheModelShows) {
  Call call;
  call.id = "01KAG3";
  call.org = "acme";
  EXPECT_EQ(
      written(call),
      R"({"id":"01KAG3","org":"acme","state":"dialing","direction":"unknown","from":{},"to":{},"did":null,"customer":null,)"
      R"("queue":null,"legs":[],"started_at":"1970-01-01T00:00:00.000Z","answered_at":null,"answered_by":null,"ended_at":null,)"
      R"("disposition":null,"ids":[],"headers":{},"variables":{},"custom_data":null,"recordings":[],"links":[],"provenance":{}})");
}

TEST(Call, LegIsWrittenShort) {
  Leg leg;
  leg.id = "l2";
  leg.user = "alice";
  leg.ext = "101";
  leg.state = LegState::confirmed;
  json::Writer out;
  write_json(out, leg);
  EXPECT_EQ(out.view(),
            R"({"id":"l2","role":"callee","user":"alice","ext":"101","state":"confirmed"})");
}

TEST(Call, LegIsFoundByItsId) {
  Call call;
  call.legs = {named_leg(1), named_leg(2)};
  EXPECT_EQ(call.find_leg("l2"), &call.legs[1]);
  EXPECT_EQ(call.find_leg("l3"), nullptr);
  EXPECT_EQ(call.find_leg(""), nullptr);
}

TEST(Call, RandomCallsRoundTripToTheByte) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  testing_support::RandomModel random{seed};
  for (int i = 0; i < 2000; ++i) {
    const Call call = random.call();
    const std::string text = written(call);
    const auto again = read(text);
    ASSERT_TRUE(again) << again.error().detail << "\n" << text;
    ASSERT_EQ(*again, call) << text;
    ASSERT_EQ(written(*again), text);
  }
}

TEST(Call, WhereItWaitsAndWhatConferenceItIsInRoundTrip) {
  Call call;
  call.parked = "701";
  call.conference = "c-17";
  const std::string text = written(call);
  EXPECT_NE(text.find(R"("parked":{"place":"701"})"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("conference":{"id":"c-17"})"), std::string::npos) << text;
  const auto again = read(text);
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(*again, call);
}

TEST(Call, ProvenanceComesBackSortedByField) {
  Call call;
  call.provenance = {{"from", "hq"}, {"state", "crm-hook"}, {"to", "hq"}};
  const auto again = read(written(call));
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(again->provenance, call.provenance);
}

TEST(Call, AsWideAsTheLimitsAllowRoundTrips) {
  Call call;
  call.id = "01KAG3";
  call.org = "acme";
  for (std::size_t i = 0; i < kLegsPerCallMax; ++i) call.legs.push_back(named_leg(i + 1));
  for (std::size_t i = 0; i < kKeysPerCallMax; ++i)
    call.ids.push_back({KeyKind::sip_call_id, "hq", std::string(kIdBytesMax, 'x')});
  for (std::size_t i = 0; i < kHeadersPerCallMax; ++i)
    call.headers["h" + std::to_string(i)] = std::string(kTextBytesMax, 'x');
  call.variables = call.headers;
  call.recordings.assign(kRecordingsPerCallMax, Recording{"r", std::string(kTextBytesMax, 'u')});
  const auto again = read(written(call));
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(*again, call);
}

TEST(Call, WhatIsNoCallIsRefused) {
  for (
      const char* text :
      {"{}", "[]", "5", R"({"state":"dialing","direction":"unknown"})",
       R"({"state":"gone","direction":"unknown","started_at":"2026-11-20T15:00:01.000Z"})",
       R"({"state":"dialing","direction":"unknown","started_at":"2026-11-20T15:00:01.000Z","legs":{}})",
       R"({"state":"dialing","direction":"unknown","started_at":"2026-11-20T15:00:01.000Z","legs":[5]})",
       R"({"state":"dialing","direction":"unknown","started_at":"2026-11-20T15:00:01.000Z","ids":[{"kind":"x"}]})"}) {
    const auto call = read(text);
    ASSERT_FALSE(call) << text;
    EXPECT_EQ(call.error().code, Errc::bad_request);
  }
}

}  // namespace
}  // namespace hookswitch
