#include <gtest/gtest.h>

#include "dialects/dialect.hpp"
#include "sample_calls.hpp"

namespace hookswitch {
namespace {

using namespace samples;

Page page_of(PageUser user) { return {Dialect::elma365, std::move(user)}; }

TEST(Elma365Page, InboundPutsTheClientFirstAndTheInternalNumberSecond) {
  Call call = ringing_call();
  call.from.ext = "77";
  const Frame frame{page_of(alice()).tell(event(EventType::call_ringing, call, {"l2"})).at(0)};
  EXPECT_EQ(frame.text("event/direction"), "in");
  EXPECT_EQ(frame.text("event/srcPhone"), "+12025550143");
  EXPECT_EQ(frame.text("event/srcPhoneExt"), "77");
  EXPECT_EQ(frame.text("event/dstPhone"), "101");
  EXPECT_FALSE(frame.has("event/dstPhoneExt"));
}

TEST(Elma365Page, OutboundPutsTheInternalNumberFirstAndTheClientSecond) {
  Call call = dialing_call();
  call.to.ext = "77";
  const Frame frame{
      page_of(alice()).tell(event(EventType::call_started, call, {"l1", "l2"})).at(0)};
  EXPECT_EQ(frame.text("event/event"), "notify_out_start");
  EXPECT_EQ(frame.text("event/direction"), "out");
  EXPECT_EQ(frame.text("event/srcPhone"), "101");
  EXPECT_EQ(frame.text("event/dstPhone"), "+12025550143");
  EXPECT_EQ(frame.text("event/dstPhoneExt"), "77");
  EXPECT_FALSE(frame.has("event/srcPhoneExt"));
}

TEST(Elma365Page, AnInternalCallIsInternalToBoth) {
  const auto hers =
      page_of(alice()).tell(event(EventType::call_started, internal_call(), {"l1", "l2"}));
  const auto his = page_of(bob()).tell(event(EventType::call_ringing, internal_call(), {"l2"}));
  for (const Frame& frame : {Frame{hers.at(0)}, Frame{his.at(0)}}) {
    EXPECT_EQ(frame.text("event/direction"), "internal");
    EXPECT_EQ(frame.text("event/event"), "notify_internal");
    EXPECT_EQ(frame.text("event/srcPhone"), "101");
    EXPECT_EQ(frame.text("event/dstPhone"), "102");
  }
}

TEST(Elma365Page, EveryEventOfACallCarriesTheSameCallIdAndItsDisposition) {
  Page page = page_of(alice());
  const Call over = ended(talking_call(), at(60), Disposition::answered);
  std::vector<std::string> told;
  for (const auto& what : {event(EventType::call_ringing, ringing_call(), {"l2"}),
                           event(EventType::call_answered, talking_call(), {"l2"}),
                           event(EventType::call_ended, over, {"l1", "l2"})}) {
    const Frame frame{page.tell(what).at(0)};
    EXPECT_EQ(frame.text("event/callId"), over.id);
    told.push_back(frame.text("event/event") + " " + frame.text("event/disposition"));
  }
  EXPECT_EQ(told, (std::vector<std::string>{"notify_start unknown", "notify_answer answered",
                                            "notify_end answered"}));
}

TEST(Elma365Page, AMissedCallEndsWithItsReason) {
  const Call over = ended(ringing_call(), at(30), Disposition::no_answer);
  const Frame frame{page_of(alice()).tell(event(EventType::call_ended, over, {"l1", "l2"})).at(0)};
  EXPECT_EQ(frame.text("event/disposition"), "no_answer");
}

TEST(Elma365Page, ARecordingIsStoredOnceTheCallIsOverWithBothNamesOfTheLink) {
  Call over = ended(talking_call(), at(67), Disposition::answered);
  over.recordings.push_back({"r1", "https://example.com/rec.mp3"});
  over.talk = milliseconds{33'900};
  const Frame frame{page_of(alice()).tell(event(EventType::call_report, over, {})).at(0)};
  EXPECT_EQ(frame.number("callRecord/duration"), 33);  // seconds
  EXPECT_EQ(frame.text("callRecord/call/link"), "https://example.com/rec.mp3");
  EXPECT_EQ(frame.text("callRecord/call/callLink"), "https://example.com/rec.mp3");
}

TEST(Elma365Page, AUserWhoDidNotTalkGetsNoRecording) {
  Call over = ringing_call();
  over.legs.push_back(leg("l3", LegRole::callee, bob(), LegState::early));
  over.legs[2].ringing_at = at(2);
  over = ended(answered(over, 1, at(7)), at(67), Disposition::answered);
  over.recordings.push_back({"r1", "https://example.com/rec.mp3"});
  EXPECT_TRUE(page_of(bob()).tell(event(EventType::call_report, over, {})).empty());
}

TEST(Elma365Page, OnlyAFreshPageHearsOfACallThatRingsAlready) {
  const auto burst = [](bool resumed) {
    return types(state_burst(Dialect::elma365, alice(), shared({ringing_call()}),
                             TelephonyStatus::Ringing, cursor(), resumed));
  };
  EXPECT_EQ(burst(false), std::vector<std::string>{"event"});
  EXPECT_TRUE(burst(true).empty());
}

}  // namespace
}  // namespace hookswitch
