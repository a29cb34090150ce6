#include <gtest/gtest.h>

#include "dialects/dialect.hpp"
#include "sample_calls.hpp"

namespace hookswitch {
namespace {

using namespace samples;
using Kind = PageRequest::Kind;

Page page_of(PageUser user) { return {Dialect::opencti_dialpad, std::move(user)}; }

/// "on", "off" of the frames so far.
void collect(std::vector<std::string>& states, const std::vector<std::string>& frames) {
  for (const auto& frame : frames) states.push_back(Frame{frame}.text("payload/state"));
}

PageRequest dialpad(std::string_view method, std::string_view payload) {
  return read(Dialect::opencti_dialpad, R"({"api":"opencti_dialpad","version":"1.0","method":")" +
                                            std::string{method} + R"(","payload":)" +
                                            std::string{payload} + "}");
}

TEST(OpenctiDialpad, AnAnsweredCallIsOnAndOffOnce) {
  Page page = page_of(alice());
  std::vector<std::string> states;
  const Call over = ended(talking_call(), at(60), Disposition::answered);
  collect(states, page.tell(event(EventType::call_started, ringing_call(), {"l1", "l2"})));
  collect(states, page.tell(event(EventType::call_ringing, ringing_call(), {"l2"})));
  collect(states, page.tell(event(EventType::call_answered, talking_call(), {"l2"})));
  collect(states, page.tell(event(EventType::call_ended, over, {"l1", "l2"})));
  collect(states, page.tell(event(EventType::call_report, over, {})));
  EXPECT_EQ(states, (std::vector<std::string>{"on", "off"}));
}

TEST(OpenctiDialpad, AMissedCallIsOnAndOffOnceWithTheSameId) {
  Page page = page_of(alice());
  const auto on = page.tell(event(EventType::call_ringing, ringing_call(), {"l2"}));
  const Call over = ended(ringing_call(), at(30), Disposition::no_answer);
  const auto off = page.tell(event(EventType::call_ended, over, {"l1", "l2"}));
  ASSERT_EQ(on.size(), 1U);
  ASSERT_EQ(off.size(), 1U);
  EXPECT_EQ(Frame{off[0]}.text("payload/state"), "off");
  EXPECT_EQ(Frame{on[0]}.number("payload/id"), Frame{off[0]}.number("payload/id"));
}

TEST(OpenctiDialpad, TheOtherOfARingGroupIsOffWhenAColleagueAnswers) {
  Page page = page_of(bob());
  Call ringing = ringing_call();
  ringing.legs.push_back(leg("l3", LegRole::callee, bob(), LegState::early));
  ringing.legs[2].ringing_at = at(2);
  const Call taken =
      with_leg_ended(answered(ringing, 1, at(7)), 2, at(7), Disposition::answered_elsewhere);
  const Call over = ended(taken, at(60), Disposition::answered);
  std::vector<std::string> states;
  collect(states, page.tell(event(EventType::call_ringing, ringing, {"l3"})));
  collect(states, page.tell(event(EventType::call_answered, taken, {"l2", "l3"})));
  collect(states, page.tell(event(EventType::leg_ended, taken, {"l3", "l2"})));
  collect(states, page.tell(event(EventType::call_ended, over, {"l1", "l2"})));
  EXPECT_EQ(states, (std::vector<std::string>{"on", "off"}));
}

TEST(OpenctiDialpad, TwoTelephonesOfOneUserAreOneRing) {
  Page page = page_of(alice());
  Call ringing = ringing_call();
  ringing.legs.push_back(leg("l3", LegRole::callee, alice(), LegState::early));
  ringing.legs[2].ringing_at = at(3);
  const Call taken =
      with_leg_ended(answered(ringing, 2, at(7)), 1, at(7), Disposition::answered_elsewhere);
  std::vector<std::string> states;
  collect(states, page.tell(event(EventType::call_ringing, ringing, {"l2"})));
  collect(states, page.tell(event(EventType::call_ringing, ringing, {"l3"})));
  collect(states, page.tell(event(EventType::call_answered, taken, {"l3", "l2"})));
  collect(states, page.tell(event(EventType::leg_ended, taken, {"l2", "l3"})));
  EXPECT_EQ(states, (std::vector<std::string>{"on", "off"}));
}

TEST(OpenctiDialpad, AnOutboundCallIsNothingOnThisChannel) {
  Page page = page_of(alice());
  EXPECT_TRUE(page.tell(event(EventType::call_started, dialing_call(), {"l1", "l2"})).empty());
  EXPECT_TRUE(page.tell(event(EventType::call_answered, answered(dialing_call(), 1, at(9)), {"l2"}))
                  .empty());
}

TEST(OpenctiDialpad, AnAnswerThatNeverRangIsNoOff) {
  Call call = talking_call();
  call.legs[1].ringing_at.reset();
  EXPECT_TRUE(page_of(alice()).tell(event(EventType::call_answered, call, {"l2"})).empty());
}

TEST(OpenctiDialpad, IdsHaveTheTypesThatClientsCheck) {
  const Frame frame{
      page_of(alice()).tell(event(EventType::call_ringing, ringing_call(), {"l2"})).at(0)};
  EXPECT_EQ(frame.text("version"), "1.0");
  EXPECT_TRUE(frame["payload/contact/id"].IsString());
  for (const auto* member : {"payload/id", "payload/target/id"}) {
    EXPECT_GE(frame.number(member), 1) << member;
    EXPECT_LE(frame.number(member), 9007199254740991) << member;
  }
}

TEST(OpenctiDialpad, AnAnonymousCallerHasNoContactAndNoNumber) {
  Call call = ringing_call();
  call.from = {};
  const Frame frame{page_of(alice()).tell(event(EventType::call_ringing, call, {"l2"})).at(0)};
  EXPECT_FALSE(frame.has("payload/contact"));
  EXPECT_FALSE(frame.has("payload/external_number"));
  EXPECT_EQ(frame.text("payload/internal_number"), "+12025550110");
}

TEST(OpenctiDialpad, AuthenticationComesFirstAndTheUserIdIsStable) {
  const auto frames = state_burst(Dialect::opencti_dialpad, alice(), shared({ringing_call()}),
                                  TelephonyStatus::Ringing, cursor(), false);
  EXPECT_EQ(types(frames), (std::vector<std::string>{"user_authentication", "call_ringing"}));
  EXPECT_EQ(Frame{frames[0]}.number("payload/user_id"), 4138651838425457);  // clients store it
  const auto resumed = state_burst(Dialect::opencti_dialpad, alice(), shared({ringing_call()}),
                                   TelephonyStatus::Ringing, cursor(), true);
  EXPECT_EQ(types(resumed), std::vector<std::string>{"user_authentication"});
}

TEST(OpenctiDialpad, TheSameUserNameInAnotherOrganisationHasAnotherId) {
  PageUser other = alice();
  other.org = "other";
  const auto id = [](const PageUser& user) {
    const auto frames =
        state_burst(Dialect::opencti_dialpad, user, {}, TelephonyStatus::NoCall, cursor(), false);
    return Frame{frames.at(0)}.number("payload/user_id");
  };
  EXPECT_NE(id(alice()), id(other));
}

TEST(OpenctiDialpadRequests, ACallEnablesTheTabUnlessToldNot) {
  const auto call = dialpad("initiate_call", R"({"phone_number":"+12025550143"})");
  EXPECT_EQ(call.command, "initiate_call");
  EXPECT_EQ(call.params_json, R"({"phone_number":"+12025550143","enable_current_tab":true})");
  EXPECT_EQ(
      dialpad("initiate_call", R"({"phone_number":"+12025550143","enable_current_tab":false})")
          .params_json,
      R"({"phone_number":"+12025550143","enable_current_tab":false})");
}

TEST(OpenctiDialpadRequests, AnIdentityIsWholeAndWinsOverTheCallerId) {
  EXPECT_EQ(
      dialpad("initiate_call", R"({"phone_number":"+12025550143","identity_type":"CallCenter",)"
                               R"("identity_id":1234567,"outbound_caller_id":"+12025550110"})")
          .params_json,
      R"({"phone_number":"+12025550143","enable_current_tab":true,"identity_type":"CallCenter",)"
      R"("identity_id":1234567})");
  for (const auto* half : {R"("identity_id":1)", R"("identity_type":"Office")",
                           R"("identity_id":1,"identity_type":"callcenter")"})
    EXPECT_EQ(
        dialpad("initiate_call", std::string{R"({"phone_number":"+12025550143",)"} + half + "}")
            .kind,
        Kind::ignore);
}

TEST(OpenctiDialpadRequests, CustomDataAbove2000CharactersIsRefusedNotCut) {
  const auto with = [](const std::string& data) {
    return dialpad("initiate_call",
                   R"({"phone_number":"+12025550143","custom_data":")" + data + R"("})");
  };
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "\xC3\xBC";  // characters, not bytes
  EXPECT_EQ(with(text).kind, Kind::command);
  EXPECT_NE(with(text).params_json.find(text), std::string::npos);
  const auto refused = with(text + "x");
  EXPECT_EQ(refused.kind, Kind::ignore);
  EXPECT_TRUE(refused.replies.empty());
}

TEST(OpenctiDialpadRequests, TabAndHangUpNeedNoPayload) {
  const auto ask = [](const char* method) {
    return read(
        Dialect::opencti_dialpad,
        std::string{R"({"api":"opencti_dialpad","version":"1.0","method":")"} + method + R"("})");
  };
  EXPECT_EQ(ask("enable_current_tab").command, "enable_current_tab");
  for (const auto* method : {"hang_up_all_calls", "end_all_calls"}) {
    EXPECT_EQ(ask(method).command, "hang_up");
    EXPECT_EQ(ask(method).params_json, R"({"all":true})");
  }
}

}  // namespace
}  // namespace hookswitch
