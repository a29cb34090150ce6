#include "dialects/presence.hpp"

#include <gtest/gtest.h>

#include "sample_calls.hpp"

namespace hookswitch {
namespace {

using namespace samples;

Event other_call(EventType type, Call call, std::vector<Text> changed) {
  call.id = "01KAG3Q8M0000000000000000B";
  return event(type, std::move(call), std::move(changed));
}

TEST(PresenceBoard, TellsBeforeAndAfterOfAUserWhoseStatusChanges) {
  PresenceBoard board;
  const auto changes = board.apply(event(EventType::call_ringing, ringing_call(), {"l2"}));
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].user, "alice");
  EXPECT_EQ(changes[0].before, TelephonyStatus::NoCall);
  EXPECT_EQ(changes[0].after, TelephonyStatus::Ringing);
  EXPECT_TRUE(board.apply(event(EventType::call_updated, ringing_call(), {})).empty());
}

TEST(PresenceBoard, TheBusiestCallOfAUserCounts) {
  PresenceBoard board;
  Call held = talking_call();
  held.legs[1].state = LegState::held;
  board.apply(event(EventType::call_held, held, {"l2"}));
  EXPECT_EQ(board.status("acme", "alice"), TelephonyStatus::OnHold);
  board.apply(other_call(EventType::call_ringing, ringing_call(), {"l2"}));
  EXPECT_EQ(board.status("acme", "alice"), TelephonyStatus::Ringing);
  board.apply(other_call(EventType::call_answered, talking_call(), {"l2"}));
  EXPECT_EQ(board.status("acme", "alice"), TelephonyStatus::CallConnected);
  board.apply(other_call(EventType::call_ended,
                         ended(talking_call(), at(60), Disposition::answered), {"l1", "l2"}));
  EXPECT_EQ(board.status("acme", "alice"), TelephonyStatus::OnHold);
}

TEST(PresenceBoard, ACallerRingsUntilTheFarSideAnswers) {
  PresenceBoard board;
  board.apply(event(EventType::call_started, internal_call(), {"l1", "l2"}));
  EXPECT_EQ(board.status("acme", "alice"), TelephonyStatus::Ringing);
  EXPECT_EQ(
      board.apply(event(EventType::call_answered, answered(internal_call(), 1, at(5)), {"l2"}))
          .size(),
      2U);
  EXPECT_EQ(board.status("acme", "alice"), TelephonyStatus::CallConnected);
  EXPECT_EQ(board.status("acme", "bob"), TelephonyStatus::CallConnected);
}

TEST(PresenceBoard, ForgetsEndedCallsAndTheirUsers) {
  PresenceBoard board;
  board.apply(event(EventType::call_ringing, ringing_call(), {"l2"}));
  const Call over = ended(ringing_call(), at(20), Disposition::no_answer);
  board.apply(event(EventType::call_ended, over, {"l1", "l2"}));
  EXPECT_TRUE(board.apply(event(EventType::call_report, over, {})).empty());
  EXPECT_EQ(board.calls(), 0U);
  EXPECT_EQ(board.users(), 0U);
}

TEST(PresenceBoard, WhoLostARingIsFreeWithTheEventThatSaysSo) {
  PresenceBoard board;
  Call group = ringing_call();
  group.legs.push_back(leg("l3", LegRole::callee, bob(), LegState::early));
  group.legs[2].ringing_at = at(2);
  board.seed(shared({group}));
  const Call taken =
      with_leg_ended(answered(group, 1, at(7)), 2, at(7), Disposition::answered_elsewhere);
  EXPECT_EQ(board.apply(event(EventType::call_answered, taken, {"l2", "l1"})).size(),
            1U);  // Alice alone
  const auto changes = board.apply(event(EventType::leg_ended, taken, {"l3"}));
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].user, "bob");
  EXPECT_EQ(changes[0].after, TelephonyStatus::NoCall);
}

TEST(PresenceBoard, AnAbsorbedCallIsForgottenUnderItsOldId) {
  PresenceBoard board;
  board.apply(other_call(EventType::call_answered, talking_call(), {"l2"}));
  Event merged = event(EventType::call_merged, talking_call(), {});
  merged.absorbed = "01KAG3Q8M0000000000000000B";
  EXPECT_TRUE(board.apply(merged).empty());  // out of one and into the other: nothing to tell
  EXPECT_EQ(board.calls(), 1U);
  EXPECT_EQ(board.status("acme", "alice"), TelephonyStatus::CallConnected);
}

TEST(PresenceBoard, ACallThatIsOverStaysAwayWhateverIsSaidOfItLater) {
  PresenceBoard board;
  const Call over = ended(talking_call(), at(60), Disposition::answered);
  board.apply(event(EventType::call_answered, talking_call(), {"l2"}));
  board.apply(event(EventType::call_ended, over, {"l1", "l2"}));
  for (const EventType type :
       {EventType::call_amended, EventType::call_report, EventType::call_merged}) {
    EXPECT_TRUE(board.apply(event(type, over, {"l1", "l2"})).empty()) << to_string(type);
    EXPECT_EQ(board.calls(), 0U);
  }
}

TEST(PresenceBoard, UsersOfTheSameNameInTwoOrganisationsAreTwo) {
  PresenceBoard board;
  board.apply(event(EventType::call_ringing, ringing_call(), {"l2"}));
  EXPECT_EQ(board.status("other", "alice"), TelephonyStatus::NoCall);
}

TEST(PresenceBoard, ASeededCallIsTheBeforeOfItsNextEvent) {
  PresenceBoard board;
  board.seed(shared({ringing_call()}));
  const auto changes = board.apply(event(EventType::call_answered, talking_call(), {"l2"}));
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].before, TelephonyStatus::Ringing);
}

}  // namespace
}  // namespace hookswitch
