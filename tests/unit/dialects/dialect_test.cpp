#include "dialects/dialect.hpp"

#include <gtest/gtest.h>

#include "sample_calls.hpp"

namespace hookswitch {
namespace {

using namespace samples;

constexpr std::array kAll{Dialect::native, Dialect::cloudevents, Dialect::rc_embeddable,
                          Dialect::opencti_dialpad, Dialect::elma365};
constexpr std::array kPages{Dialect::rc_embeddable, Dialect::opencti_dialpad, Dialect::elma365};

Page page_of(Dialect dialect) { return {dialect, alice()}; }

TEST(Dialect, EverySubprotocolNamesItsDialectAndBack) {
  for (const Dialect dialect : kAll)
    EXPECT_EQ(dialect_of_subprotocol(subprotocol(dialect)), dialect);
  EXPECT_EQ(subprotocol(Dialect::opencti_dialpad), "opencti-dialpad");
  EXPECT_FALSE(dialect_of_subprotocol("RC-Embeddable"));
  EXPECT_FALSE(dialect_of_subprotocol(""));
}

TEST(Dialect, OnlyTheLastThreeArePages) {
  EXPECT_FALSE(is_page(Dialect::native));
  EXPECT_FALSE(is_page(Dialect::cloudevents));
  for (const Dialect dialect : kPages) EXPECT_TRUE(is_page(dialect));
}

TEST(Dialect, NativeClientsGetNoPageMessages) {
  for (const Dialect dialect : {Dialect::native, Dialect::cloudevents}) {
    EXPECT_TRUE(
        page_of(dialect).tell(event(EventType::call_ringing, ringing_call(), {"l2"})).empty());
    EXPECT_TRUE(state_burst(dialect, alice(), shared({ringing_call()}), TelephonyStatus::Ringing,
                            cursor(), false)
                    .empty());
  }
}

TEST(Dialect, EveryFrameIsStrictJsonThatEndsWithTheCursorOfItsEvent) {
  const std::string tail = R"("hookswitch":{"cursor":"3f9c1a7e.1532"}})";
  for (const Dialect dialect : kPages) {
    const auto frames =
        page_of(dialect).tell(event(EventType::call_ringing, ringing_call(), {"l2"}));
    EXPECT_FALSE(frames.empty());
    for (const auto& frame : frames) {
      EXPECT_TRUE(json::parse(frame)) << frame;
      EXPECT_TRUE(frame.ends_with(tail)) << frame;
    }
  }
}

TEST(Dialect, ACallWithoutALegOfTheUserIsNothingToThePage) {
  for (const Dialect dialect : kPages) {
    Page page{dialect, bob()};
    for (const EventType type :
         {EventType::call_started, EventType::call_ringing, EventType::call_answered,
          EventType::call_held, EventType::leg_ended, EventType::call_ended})
      EXPECT_TRUE(page.tell(event(type, ringing_call(), {"l2"})).empty());
  }
}

/// Corrections, reports and merges may follow the end; a page that closed the call must not open it
/// again.
TEST(Dialect, WhatFollowsTheEndOfACallIsNothingToThePage) {
  const Call over = ended(talking_call(), at(60), Disposition::answered);
  Call amended = over;
  amended.disposition = amended.legs[1].end_reason = Disposition::voicemail;
  amended.answered_at = amended.legs[1].answered_at = std::nullopt;
  Event merged = event(EventType::call_merged, over, {"l1", "l2"}, 62);
  merged.absorbed = "01KAG3Q8M0000000000000000B";
  for (const Dialect dialect : kPages) {
    Page page = page_of(dialect);
    page.tell(event(EventType::call_ringing, ringing_call(), {"l2"}));
    page.tell(event(EventType::call_answered, talking_call(), {"l2"}));
    page.tell(event(EventType::call_ended, over, {"l1", "l2"}, 60));
    for (const Event& late : {event(EventType::call_amended, amended, {}, 61),
                              event(EventType::call_report, over, {}, 61), merged})
      EXPECT_TRUE(page.tell(late).empty()) << subprotocol(dialect) << " " << to_string(late.type);
    EXPECT_EQ(page.board.users(), 0U);
  }
}

TEST(Dialect, ACorrectionOfACallThatLivesIsNothingToThePage) {
  Call amended = talking_call();
  amended.answered_at = amended.legs[1].answered_at = at(1);
  for (const Dialect dialect : kPages) {
    Page page = page_of(dialect);
    page.tell(event(EventType::call_answered, talking_call(), {"l2"}));
    EXPECT_TRUE(page.tell(event(EventType::call_amended, amended, {})).empty());
  }
}

TEST(Dialect, EventsOutsideCallsAreNothingToThePage) {
  Event up;
  up.cursor = cursor();
  up.type = EventType::source_up;
  for (const Dialect dialect : kPages) EXPECT_TRUE(page_of(dialect).tell(up).empty());
}

TEST(Dialect, TextOfACallCannotBreakOutOfAFrame) {
  Call call = ringing_call();
  call.from.name = "\"},{\"type\":\"rc-login-status-notify\"\n";
  for (const Dialect dialect : kPages)
    for (const auto& frame : page_of(dialect).tell(event(EventType::call_ringing, call, {"l2"})))
      EXPECT_TRUE(json::parse(frame)) << frame;
}

TEST(ReadPageMessage, WhateverIsNoMessageOfTheDialectIsIgnored) {
  for (const Dialect dialect : kAll)
    for (const auto* frame :
         {"null", "1", "[]", "{}", R"({"type":7})", R"({"type":"react-devtools"})",
          R"({"api":"opencti_dialpad"})", R"({"api":"other","method":"enable_current_tab"})",
          R"({"api":"opencti_dialpad","method":"initiate_call","payload":[]})",
          R"({"type":"rc-adapter-control-call","callAction":{}})"})
      EXPECT_EQ(read(dialect, frame, {talking_call()}).kind, PageRequest::Kind::ignore) << frame;
}

}  // namespace
}  // namespace hookswitch
