#include "model/event.hpp"

#include <gtest/gtest.h>

#include "support/random_model.hpp"

namespace hookswitch {
namespace {

std::shared_ptr<const Call> two_legs() {
  auto call = std::make_shared<Call>();
  call->id = "01KAG3";
  call->org = "acme";
  call->legs.resize(2);
  call->legs[0].id = "l1";
  call->legs[1].id = "l2";
  call->legs[1].user = "alice";
  call->legs[1].ext = "101";
  return call;
}

Event answered() {
  Event event;
  event.cursor = {"3f9c1a7e", 1532};
  event.type = EventType::call_answered;
  event.org = "acme";
  event.time = from_unix_ms(1'795'186'809'120);
  event.call = two_legs();
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
    const Event event = random.event();
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
    Call call = *event.call;
    for (std::size_t i = 0; i < kHeadersPerCallMax; ++i)
      call.headers["h" + std::to_string(i)] = std::string(kTextBytesMax, character);
    call.variables = call.headers;
    event.call = std::make_shared<const Call>(std::move(call));
    const auto again = decode_event(encode(event), event.audience);
    ASSERT_TRUE(again) << outcome(again.error().code).name << " for character "
                       << static_cast<int>(character);
    EXPECT_EQ(*again, event);
  }
}

/// `data` of the event, as it is sent.
std::string data_of(const Event& event) {
  const std::string text = encode(event);
  const auto parsed = json::parse(text);
  if (!parsed) return "(no JSON)";
  const json::Value* data = json::find(*parsed, "data");
  if (data == nullptr) return "(no data)";
  json::Writer out;
  out.begin_object();
  for (const auto& member : data->GetObject())
    if (json::text(member.name) != "call" && json::text(member.name) != "leg")
      out.key(json::text(member.name)).value(member.value);
  out.end_object();
  return out.str();
}

void expect_round_trip(const Event& event) {
  const auto again = decode_event(encode(event), event.audience);
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(*again, event);
  EXPECT_EQ(encode(*again), encode(event));
}

TEST(Event, ATransferSaysWhoHandsOnToWhom) {
  Event event = answered();
  event.type = EventType::call_transferred;
  event.transfer = TransferTold{"blind", "l2", {}};
  event.transfer->to.ext = "102";
  EXPECT_EQ(
      data_of(event),
      R"({"transfer":{"kind":"blind","from":{"leg":"l2","user":"alice","ext":"101"},"to":{"ext":"102"}}})");
  expect_round_trip(event);
}

TEST(Event, ATransferOfWhichNothingIsKnownIsStillOne) {
  Event event = answered();
  event.type = EventType::call_transfer_failed;
  event.transfer.emplace();
  EXPECT_EQ(data_of(event), R"({"transfer":{}})");
  expect_round_trip(event);
}

TEST(Event, AnAmendmentTellsOldAndNewNullWhereThereWasNone) {
  Event event = answered();
  event.type = EventType::call_amended;
  event.amended = {{"disposition", "\"no_answer\"", "\"answered\""},
                   {"legs.l2.answered_at", "null", "\"2026-11-20T15:00:09.120Z\""}};
  EXPECT_EQ(data_of(event),
            R"({"amended":[{"field":"disposition","old":"no_answer","new":"answered"},)"
            R"({"field":"legs.l2.answered_at","old":null,"new":"2026-11-20T15:00:09.120Z"}]})");
  expect_round_trip(event);
}

TEST(Event, WithAHalfAmendmentOrAWrongTransferIsRefused) {
  Event event = answered();
  event.amended = {{"disposition", "null", "null"}};
  event.transfer = TransferTold{"blind", "l2", {}};
  const std::string good = encode(event);
  ASSERT_TRUE(decode_event(good, {}));
  for (const auto& [from, to] :
       {std::pair{R"("old":null)", R"("odd":null)"}, std::pair{R"("new":null)", R"("now":null)"},
        std::pair{R"("field":"disposition")", R"("field":5)"},
        std::pair{R"("kind":"blind")", R"("kind":{})"}}) {
    std::string text = good;
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    EXPECT_FALSE(decode_event(text.replace(at, std::string_view{from}.size(), to), {})) << to;
  }
}

TEST(Event, IsEqualByTheValueOfItsCallNotByItsPlace) {
  Event one = answered(), other = answered();
  ASSERT_NE(one.call, other.call);
  EXPECT_EQ(one, other);
  other.call = nullptr;
  EXPECT_NE(one, other);
  one.call = nullptr;
  EXPECT_EQ(one, other);
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
