#include "model/event.hpp"

#include <gtest/gtest.h>

#include "support/random_model.hpp"

namespace hookswitch {
namespace {

Event answered() {
  Event event;
  event.cursor = {"3f9c1a7e", 1532};
  event.type = EventType::call_answered;
  event.org = "acme";
  event.time = from_unix_ms(1'795'186'809'120);
  event.call.emplace();
  event.call->id = "01KAG3";
  event.call->org = "acme";
  event.call->legs.resize(2);
  event.call->legs[0].id = "l1";
  event.call->legs[1].id = "l2";
  event.leg = "l2";
  event.audience = {"alice"};
  return event;
}

TEST(Event, IsACloudEventWithTheWholeCallAndTheLeg) {
  const auto parsed = json::parse(encode(answered()));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(json::find_string(*parsed, "specversion"), "1.0");
  EXPECT_EQ(json::find_string(*parsed, "id"), "3f9c1a7e.1532");
  EXPECT_EQ(json::find_string(*parsed, "cursor"), "3f9c1a7e.1532");
  EXPECT_EQ(json::find_string(*parsed, "source"), "/orgs/acme");
  EXPECT_EQ(json::find_string(*parsed, "type"), "call.answered");
  EXPECT_EQ(json::find_string(*parsed, "subject"), "01KAG3");
  EXPECT_EQ(json::find_string(*parsed, "time"), "2026-11-20T15:00:09.120Z");
  EXPECT_EQ(json::find_string(*parsed, "datacontenttype"), "application/json");
  const json::Value* data = json::find(*parsed, "data");
  ASSERT_NE(data, nullptr);
  EXPECT_NE(json::find(*data, "call"), nullptr);
  ASSERT_NE(json::find(*data, "leg"), nullptr);
  EXPECT_EQ(json::find_string(*json::find(*data, "leg"), "id"), "l2");
}

TEST(Event, TellsNobodyWhoElseMaySeeIt) {
  Event event = answered();
  event.audience = {"carol-of-the-board"};
  EXPECT_EQ(encode(event).find("carol"), std::string::npos);
}

TEST(Event, RandomEventsRoundTripToTheByte) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  testing_support::RandomModel random{seed};
  for (int i = 0; i < 2000; ++i) {
    Event event = random.event();
    if (event.call) event.call->customer.ext = event.call->customer.aor = "";
    const std::string text = encode(event);
    const auto again = decode_event(text, event.audience);
    ASSERT_TRUE(again) << again.error().detail << "\n" << text;
    ASSERT_EQ(*again, event) << text;
    ASSERT_EQ(encode(*again), text);
  }
}

/// What the limits of facts let into a call must come back out of the journal.
TEST(Event, OfACallAsWideAsTheLimitsAllowIsDecoded) {
  for (const char character : {'x', '\x01'}) {  // the second takes six bytes in JSON
    Event event = answered();
    for (std::size_t i = 0; i < kHeadersPerCallMax; ++i)
      event.call->headers["h" + std::to_string(i)] = std::string(kTextBytesMax, character);
    event.call->variables = event.call->headers;
    const auto again = decode_event(encode(event), event.audience);
    ASSERT_TRUE(again) << outcome(again.error().code).name << " for character "
                       << static_cast<int>(character);
    EXPECT_EQ(*again, event);
  }
}

TEST(Event, WhatIsNoEventIsRefused) {
  const std::string good = encode(answered());
  ASSERT_TRUE(decode_event(good, {}));
  for (const char* text : {"", "{", "[]", "{}", "5"}) EXPECT_FALSE(decode_event(text, {})) << text;
  const auto without = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  EXPECT_FALSE(decode_event(without("\"type\":\"call.answered\"", "\"type\":\"call.bitten\""), {}));
  EXPECT_FALSE(
      decode_event(without("\"cursor\":\"3f9c1a7e.1532\"", "\"cursor\":\"3f9c1a7e\""), {}));
  EXPECT_FALSE(decode_event(without("\"source\":\"/orgs/acme\"", "\"source\":\"acme\""), {}));
  EXPECT_FALSE(
      decode_event(without("\"time\":\"2026-11-20T15:00:09.120Z\"", "\"time\":\"noon\""), {}));
  EXPECT_FALSE(decode_event(without("\"data\":{", "\"dada\":{"), {}));
}

TEST(Cursor, IsEpochAndOffset) {
  EXPECT_EQ(parse_cursor("3f9c1a7e.1532"), (Cursor{"3f9c1a7e", 1532}));
  EXPECT_EQ(parse_cursor("e.0"), (Cursor{"e", 0}));
  EXPECT_EQ((Cursor{"3f9c1a7e", 1532}).str(), "3f9c1a7e.1532");
  EXPECT_EQ(parse_cursor("e.9223372036854775807"), (Cursor{"e", INT64_MAX}));
}

TEST(Cursor, AnythingElseIsRefused) {
  for (const char* text :
       {"", ".", "e", "e.", ".5", "e.-1", "e.+1", "e.1x", "e. 1", "e.1.2", "e.0x1",
        "e.18446744073709551616", "e.1 ", "0123456789012345678901234567890123.1",
        "e.9223372036854775808", "e.1\n"})
    EXPECT_EQ(parse_cursor(text), std::nullopt) << text;
}

}  // namespace
}  // namespace hookswitch
