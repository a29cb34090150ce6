#include <gtest/gtest.h>

#include "base/text.hpp"
#include "dialects/dialect.hpp"
#include "sample_calls.hpp"

namespace hookswitch {
namespace {

using namespace samples;
using Types = std::vector<std::string>;

Page page_of(PageUser user) { return {Dialect::rc_embeddable, std::move(user)}; }

Call held_call() {
  Call call = talking_call();
  call.legs[1].state = LegState::held;
  return call;
}

/// Jane rings at Alice (l2) and Bob (l3).
Call group_call() {
  Call call = ringing_call();
  call.legs.push_back(leg("l3", LegRole::callee, bob(), LegState::early));
  call.legs[2].ringing_at = at(2);
  return call;
}

/// Jane rings at Alice's two telephones (l2, l3).
Call two_telephones() {
  Call call = ringing_call();
  call.legs.push_back(leg("l3", LegRole::callee, alice(), LegState::early));
  call.legs[2].ringing_at = at(2);
  return call;
}

TEST(RcEmbeddable, AnInboundCallIsRingStartHoldResumeEnd) {
  Page page = page_of(alice());
  EXPECT_EQ(call_types(page.tell(event(EventType::call_started, ringing_call(), {"l1", "l2"}))),
            Types{});
  EXPECT_EQ(call_types(page.tell(event(EventType::call_ringing, ringing_call(), {"l2"}))),
            Types{"rc-call-ring-notify"});
  EXPECT_EQ(call_types(page.tell(event(EventType::call_answered, talking_call(), {"l2"}))),
            Types{"rc-call-start-notify"});
  EXPECT_EQ(call_types(page.tell(event(EventType::call_held, held_call(), {"l2"}))),
            Types{"rc-call-hold-notify"});
  EXPECT_EQ(call_types(page.tell(event(EventType::call_resumed, talking_call(), {"l2"}))),
            Types{"rc-call-resume-notify"});
  const Call over = ended(talking_call(), at(60), Disposition::answered);
  EXPECT_EQ(call_types(page.tell(event(EventType::call_ended, over, {"l1", "l2"}))),
            Types{"rc-call-end-notify"});
}

TEST(RcEmbeddable, AnOutboundCallIsInitStartEndAndNothingForRinging) {
  Page page = page_of(alice());
  Call ringing = dialing_call();
  ringing.legs[1].state = LegState::early;
  const Call talking = answered(dialing_call(), 1, at(8));
  EXPECT_EQ(call_types(page.tell(event(EventType::call_started, dialing_call(), {"l1", "l2"}))),
            Types{"rc-call-init-notify"});
  EXPECT_EQ(call_types(page.tell(event(EventType::call_ringing, ringing, {"l2"}))), Types{});
  EXPECT_EQ(call_types(page.tell(event(EventType::call_answered, talking, {"l2"}))),
            Types{"rc-call-start-notify"});
  const Call over = ended(talking, at(60), Disposition::answered);
  EXPECT_EQ(call_types(page.tell(event(EventType::call_ended, over, {"l1", "l2"}))),
            Types{"rc-call-end-notify"});
}

TEST(RcEmbeddable, AnInternalCallIsOutboundToOneAndInboundToTheOther) {
  const auto init =
      page_of(alice()).tell(event(EventType::call_started, internal_call(), {"l1", "l2"}));
  const auto ring = page_of(bob()).tell(event(EventType::call_ringing, internal_call(), {"l2"}));
  const Frame hers = frame_of(init, "rc-call-init-notify");
  const Frame his = frame_of(ring, "rc-call-ring-notify");
  EXPECT_EQ(hers.text("call/direction"), "Outbound");
  EXPECT_EQ(his.text("call/direction"), "Inbound");
  for (const Frame* frame : {&hers, &his}) {
    EXPECT_EQ(frame->text("call/from"), "101");
    EXPECT_EQ(frame->text("call/to"), "102");
  }
  EXPECT_NE(hers.text("call/id"), his.text("call/id"));
}

TEST(RcEmbeddable, TheAnswerStartsTheCallForBothColleagues) {
  const Event what = event(EventType::call_answered, answered(internal_call(), 1, at(5)), {"l2"});
  for (const auto& user : {alice(), bob()}) {
    Page page = page_of(user);
    page.board.seed(shared({internal_call()}));
    EXPECT_EQ(call_types(page.tell(what)), Types{"rc-call-start-notify"}) << user.id;
  }
}

TEST(RcEmbeddable, CallFramesComeFirstThenActiveCallThenSessionThenPresence) {
  Page page = page_of(alice());
  EXPECT_EQ(types(page.tell(event(EventType::call_ringing, ringing_call(), {"l2"}))),
            (Types{"rc-call-ring-notify", "rc-active-call-notify", "rc-telephony-session-notify",
                   "rc-adapter-syncPresence"}));
}

TEST(RcEmbeddable, StartTimeIsTheAnswerAsANumberAboveZero) {
  const auto frames =
      page_of(alice()).tell(event(EventType::call_answered, talking_call(), {"l2"}));
  const Frame start = frame_of(frames, "rc-call-start-notify");
  EXPECT_EQ(start.number("call/startTime"), to_unix_ms(at(7)));
  EXPECT_EQ(start.text("call/callStatus"), "webphone-session-connected");
}

TEST(RcEmbeddable, AStartIsValidEvenWhenTheSourceTellsNoTimes) {
  Call call = talking_call();
  call.answered_at.reset();
  call.legs[1].answered_at.reset();
  call.legs[1].ringing_at.reset();
  call.legs[1].muted = true;
  call.started_at = Time{};
  const Event late = event(EventType::call_answered, call, {"l2"}, 12);
  const Frame start = frame_of(page_of(alice()).tell(late), "rc-call-start-notify");
  EXPECT_EQ(start.number("call/startTime"), to_unix_ms(at(12)));
  EXPECT_EQ(start.text("call/callStatus"),
            "webphone-session-connected");  // onMute here hangs the page
  EXPECT_GT(start.number("call/creationTime"), 0);
}

TEST(RcEmbeddable, AMutedCallStartsAsConnectedAndMuteSaysBothWays) {
  Page page = page_of(alice());
  page.board.seed(shared({talking_call()}));
  Call muted = talking_call();
  muted.legs[1].muted = true;
  const Frame on =
      frame_of(page.tell(event(EventType::call_muted, muted, {"l2"})), "rc-call-mute-notify");
  EXPECT_EQ(on.text("call/callStatus"), "webphone-session-onMute");
  EXPECT_TRUE(on["call/isOnMute"].IsTrue());
  const auto frames = page.tell(event(EventType::call_unmuted, held_call(), {"l2"}));
  const Frame off = frame_of(frames, "rc-call-mute-notify");
  EXPECT_EQ(off.text("call/callStatus"), "webphone-session-connected");  // although held
  EXPECT_TRUE(off["call/isOnMute"].IsFalse());
}

TEST(RcEmbeddable, MutingIsNoChangeOfAnActiveCall) {
  Page page = page_of(alice());
  page.board.seed(shared({talking_call()}));
  Call muted = talking_call();
  muted.legs[1].muted = true;
  EXPECT_EQ(types(page.tell(event(EventType::call_muted, muted, {"l2"}))),
            (Types{"rc-call-mute-notify", "rc-telephony-session-notify"}));
}

TEST(RcEmbeddable, TheEndCarriesAnEndTimeAndTheStatusBefore) {
  Page page = page_of(alice());
  page.board.seed(shared({held_call()}));
  const Call over = ended(held_call(), at(60), Disposition::answered);
  const Frame end =
      frame_of(page.tell(event(EventType::call_ended, over, {"l1", "l2"})), "rc-call-end-notify");
  EXPECT_EQ(end.number("call/endTime"), to_unix_ms(at(60)));
  EXPECT_EQ(end.text("call/callStatus"), "webphone-session-onHold");
}

TEST(RcEmbeddable, AnUnansweredCallEndsWithoutAStart) {
  Page page = page_of(alice());
  page.board.seed(shared({ringing_call()}));
  const Call over = ended(ringing_call(), at(30), Disposition::no_answer);
  const auto frames = page.tell(event(EventType::call_ended, over, {"l1", "l2"}));
  EXPECT_EQ(call_types(frames), Types{"rc-call-end-notify"});
  const Frame end = frame_of(frames, "rc-call-end-notify");
  EXPECT_TRUE(end["call/startTime"].IsNull());
  EXPECT_EQ(end.text("call/callStatus"), "webphone-session-connecting");
  const Frame session = frame_of(frames, "rc-telephony-session-notify");
  EXPECT_TRUE(session["telephonySession/parties"][1]["missedCall"].GetBool());
}

TEST(RcEmbeddable, OfARingGroupTheOtherEndsOnceAndNotAgainWithTheCall) {
  Page page = page_of(bob());
  page.board.seed(shared({group_call()}));
  Call taken =
      with_leg_ended(answered(group_call(), 1, at(7)), 2, at(7), Disposition::answered_elsewhere);
  EXPECT_EQ(call_types(page.tell(event(EventType::call_answered, taken, {"l2", "l3"}))), Types{});
  EXPECT_EQ(call_types(page.tell(event(EventType::leg_ended, taken, {"l3", "l2"}))),
            Types{"rc-call-end-notify"});
  const Call over = ended(taken, at(60), Disposition::answered);
  EXPECT_TRUE(page.tell(event(EventType::call_ended, over, {"l1", "l2"})).empty());
}

TEST(RcEmbeddable, AnAnswerOfAColleagueIsNoStartForTheOther) {
  Page page = page_of(bob());
  page.board.seed(shared({group_call()}));
  EXPECT_EQ(call_types(page.tell(
                event(EventType::call_answered, answered(group_call(), 1, at(7)), {"l2"}))),
            Types{});
}

TEST(RcEmbeddable, TwoTelephonesOfOneUserRingOnceAndEndOnce) {
  Page page = page_of(alice());
  EXPECT_EQ(call_types(page.tell(event(EventType::call_ringing, two_telephones(), {"l2"}))),
            Types{"rc-call-ring-notify"});
  EXPECT_EQ(call_types(page.tell(event(EventType::call_ringing, two_telephones(), {"l3"}))),
            Types{});
  // Bob takes the call: the fold ends both telephones first, then tells of each.
  Call taken = two_telephones();
  taken.legs.push_back(leg("l4", LegRole::callee, bob(), LegState::early));
  taken = with_leg_ended(answered(taken, 3, at(9)), 1, at(9), Disposition::answered_elsewhere);
  taken = with_leg_ended(taken, 2, at(9), Disposition::answered_elsewhere);
  EXPECT_EQ(call_types(page.tell(event(EventType::call_answered, taken, {"l4", "l1"}))), Types{});
  EXPECT_EQ(call_types(page.tell(event(EventType::leg_ended, taken, {"l2"}))), Types{});
  EXPECT_EQ(call_types(page.tell(event(EventType::leg_ended, taken, {"l3"}))),
            Types{"rc-call-end-notify"});
}

TEST(RcEmbeddable, TheTelephoneThatRangFirstNamesTheSessionWhateverItsLeg) {
  Page page = page_of(alice());
  Call first = two_telephones();
  first.legs[1].state = LegState::proceeding;
  first.legs[1].ringing_at.reset();
  const auto ring = page.tell(event(EventType::call_ringing, first, {"l3"}));
  Call both = two_telephones();
  both.legs[1].ringing_at = at(4);
  EXPECT_EQ(call_types(page.tell(event(EventType::call_ringing, both, {"l2"}))), Types{});
  const auto start = page.tell(event(EventType::call_answered, answered(both, 1, at(7)), {"l2"}));
  EXPECT_EQ(frame_of(ring, "rc-call-ring-notify").text("call/id"), both.id + "-l3");
  EXPECT_EQ(frame_of(start, "rc-call-start-notify").text("call/id"), both.id + "-l3");
}

TEST(RcEmbeddable, TwoTelephonesThatStopOneAfterTheOtherEndWithTheLast) {
  Page page = page_of(alice());
  page.board.seed(shared({two_telephones()}));
  const Call one = with_leg_ended(two_telephones(), 2, at(9), Disposition::no_answer);
  EXPECT_EQ(call_types(page.tell(event(EventType::leg_ended, one, {"l3"}))), Types{});
  const Call both =
      with_leg_ended(one, 1, at(9), Disposition::no_answer);  // within one second, in any order
  EXPECT_EQ(call_types(page.tell(event(EventType::leg_ended, both, {"l2"}))),
            Types{"rc-call-end-notify"});
}

TEST(RcEmbeddable, WhoeverHoldsOrMutesHasAStartTimeEvenIfTheAnswerWasLost) {
  Page page = page_of(alice());
  Call held = dialing_call();
  held.legs[0].state = LegState::held;
  page.board.seed(shared({held}));
  const Frame hold =
      frame_of(page.tell(event(EventType::call_held, held, {"l1"})), "rc-call-hold-notify");
  EXPECT_GT(hold.number("call/startTime"), 0);
  held.legs[0].state = LegState::confirmed;
  const Frame resume =
      frame_of(page.tell(event(EventType::call_resumed, held, {"l1"})), "rc-call-resume-notify");
  EXPECT_GT(resume.number("call/startTime"), 0);  // a connected session without one hangs the page
}

TEST(RcEmbeddable, TheSecondTelephoneOfAUserWhoAnsweredEndsSilently) {
  Page page = page_of(alice());
  page.board.seed(shared({two_telephones()}));
  const Call taken = with_leg_ended(answered(two_telephones(), 2, at(7)), 1, at(7),
                                    Disposition::answered_elsewhere);
  const auto frames = page.tell(event(EventType::call_answered, taken, {"l3", "l2"}));
  EXPECT_EQ(call_types(frames), Types{"rc-call-start-notify"});
  EXPECT_EQ(frame_of(frames, "rc-call-start-notify").text("call/id"),
            taken.id + "-l2");  // the id of the ring
  EXPECT_EQ(call_types(page.tell(event(EventType::leg_ended, taken, {"l2"}))), Types{});
}

TEST(RcEmbeddable, AUserWhoIsCalledAgainLaterHasANewSession) {
  Page page = page_of(alice());
  Call again = with_leg_ended(ringing_call(), 1, at(20), Disposition::no_answer);
  again.legs.push_back(leg("l3", LegRole::callee, alice(), LegState::early));
  again.legs[2].ringing_at = at(30);
  const auto frames = page.tell(event(EventType::call_ringing, again, {"l3"}));
  EXPECT_EQ(frame_of(frames, "rc-call-ring-notify").text("call/id"), again.id + "-l3");
  const Call over = ended(again, at(40), Disposition::no_answer);
  EXPECT_EQ(call_types(page.tell(event(EventType::call_ended, over, {"l1", "l3"}))),
            Types{"rc-call-end-notify"});
}

TEST(RcEmbeddable, ATransferTargetThatAnswersStartsNothingForTheCaller) {
  Page page = page_of(alice());
  Call call = answered(internal_call(), 1, at(5));
  page.board.seed(shared({call}));
  Leg target = leg("l3", LegRole::callee, bob(), LegState::confirmed);
  target.user = "carol";
  target.answered_at = at(40);
  call.legs.push_back(target);
  EXPECT_EQ(call_types(page.tell(event(EventType::call_answered, call, {"l3"}))), Types{});
}

TEST(RcEmbeddable, AnAnnouncementThatPicksUpDoesNotSpoilTheStart) {
  Page page = page_of(alice());
  Call call = internal_call();
  Leg ivr = outside_leg("l3", LegRole::callee, "", LegState::confirmed);
  ivr.answered_at = at(2);
  call.legs.insert(call.legs.begin() + 1, ivr);
  page.board.seed(shared({call}));
  EXPECT_EQ(
      call_types(page.tell(event(EventType::call_answered, answered(call, 2, at(9)), {"l2"}))),
      Types{"rc-call-start-notify"});
}

TEST(RcEmbeddable, ACallerWhoBecomesKnownLateStillGetsAnInit) {
  Page page = page_of(alice());
  Call unknown = dialing_call();
  unknown.legs[0].user.clear();
  EXPECT_TRUE(page.tell(event(EventType::call_started, unknown, {"l1", "l2"})).empty());
  EXPECT_EQ(call_types(page.tell(event(EventType::call_updated, dialing_call(), {"l1"}))),
            Types{"rc-call-init-notify"});
}

TEST(RcEmbeddable, SidesAreTextInCallFramesAndObjectsInActiveCalls) {
  const auto frames = page_of(alice()).tell(event(EventType::call_ringing, ringing_call(), {"l2"}));
  EXPECT_EQ(frame_of(frames, "rc-call-ring-notify").text("call/from"), "+12025550143");
  const Frame active = frame_of(frames, "rc-active-call-notify");
  EXPECT_EQ(active.text("call/from/phoneNumber"), "+12025550143");
  EXPECT_EQ(active.text("call/fromName"), "Jane Doe");  // absent would be shown as "undefined"
  EXPECT_FALSE(active.has("call/id"));
  EXPECT_FALSE(active.has("call/sipData"));
}

TEST(RcEmbeddable, TheThreeFamiliesNameTheCallByTheSameIds) {
  const auto frames = page_of(alice()).tell(event(EventType::call_ringing, ringing_call(), {"l2"}));
  const Frame ring = frame_of(frames, "rc-call-ring-notify");
  const Frame active = frame_of(frames, "rc-active-call-notify");
  const Frame session = frame_of(frames, "rc-telephony-session-notify");
  EXPECT_EQ(ring.text("call/partyData/sessionId"), active.text("call/telephonySessionId"));
  EXPECT_EQ(ring.text("call/partyData/sessionId"), session.text("telephonySession/id"));
  EXPECT_EQ(ring.text("call/partyData/partyId"), active.text("call/partyId"));
  EXPECT_EQ(active.text("call/partyId"), json::text(session["telephonySession/parties"][1]["id"]));
  EXPECT_EQ(active.text("call/sessionId"), session.text("telephonySession/sessionId"));
  EXPECT_FALSE(session.has("telephonySession/telephonySessionId"));
}

TEST(RcEmbeddable, TheNumericSessionIdIsStableAndFitsADouble) {
  const auto frames = page_of(alice()).tell(event(EventType::call_ringing, ringing_call(), {"l2"}));
  // A changed value here breaks every call log of every CRM.
  EXPECT_EQ(frame_of(frames, "rc-active-call-notify").text("call/sessionId"), "1004661489154005");
  for (int i = 0; i < 200; ++i) {
    Call call = ringing_call();
    call.id = call.id + std::to_string(i);
    const auto told = page_of(alice()).tell(event(EventType::call_ringing, call, {"l2"}));
    const auto number =
        parse_int(frame_of(told, "rc-active-call-notify").text("call/sessionId")).value_or(0);
    EXPECT_GE(number, 1);
    EXPECT_LE(number, 9007199254740991);
  }
}

TEST(RcEmbeddable, AnEndedActiveCallIsFinal) {
  Page page = page_of(alice());
  page.board.seed(shared({talking_call()}));
  const Call over = ended(talking_call(), at(60), Disposition::answered);
  const Frame active = frame_of(page.tell(event(EventType::call_ended, over, {"l1", "l2"})),
                                "rc-active-call-notify");
  EXPECT_EQ(active.text("call/telephonyStatus"), "NoCall");
  EXPECT_EQ(active.text("call/terminationType"), "final");
}

TEST(RcEmbeddable, AnonymousCallersAndQueuesAreToldTheVendorsWay) {
  Call call = ringing_call();
  call.from = {};
  call.customer = {};
  call.queue = "Sales";
  const Frame ring = frame_of(page_of(alice()).tell(event(EventType::call_ringing, call, {"l2"})),
                              "rc-call-ring-notify");
  EXPECT_EQ(ring.text("call/from"), "anonymous");
  EXPECT_EQ(ring.text("call/callQueueName"), "Sales - ");
}

TEST(RcEmbeddable, PresenceIsSentOnlyWhenItChanges) {
  Page page = page_of(alice());
  page.board.seed(shared({talking_call()}));
  Call second = ringing_call();
  second.id = second.id + "2";
  const auto frames = page.tell(event(EventType::call_ringing, second, {"l2"}));
  EXPECT_EQ(frame_of(frames, "rc-adapter-syncPresence").document.IsNull(), true);
  EXPECT_EQ(call_types(frames), Types{"rc-call-ring-notify"});
}

std::vector<std::string> burst(const std::vector<Call>& live, TelephonyStatus status,
                               bool resumed = false) {
  return state_burst(Dialect::rc_embeddable, alice(), shared(live), status, cursor(), resumed);
}

TEST(RcEmbeddableBurst, BeginsWithTheCompleteAdapterState) {
  const auto frames = burst({}, TelephonyStatus::NoCall);
  EXPECT_EQ(types(frames),
            (Types{"rc-adapter-pushAdapterState", "rc-login-status-notify",
                   "rc-login-status-notify", "rc-region-settings-notify",
                   "rc-calling-settings-notify", "rc-webphone-connection-status-notify",
                   "rc-dialer-status-notify", "rc-adapter-syncPresence"}));
  const Frame first{frames[0]};
  for (const auto* member :
       {"size/width", "size/height", "position/translateX", "position/minTranslateY"})
    EXPECT_TRUE(first[member].IsNumber()) << member;
}

TEST(RcEmbeddableBurst, LogsInAfterAFirstFalse) {
  const auto frames = burst({}, TelephonyStatus::NoCall);
  EXPECT_TRUE(Frame{frames[1]}["loggedIn"].IsFalse());
  EXPECT_EQ(Frame{frames[1]}["features"].MemberCount(), 0U);
  EXPECT_TRUE(Frame{frames[2]}["loggedIn"].IsTrue());
  EXPECT_EQ(Frame{frames[2]}.text("loginNumber"), "+12025550110*101");
}

TEST(RcEmbeddableBurst, AUserWithoutExtensionHasALoginNumberThatEndsInAStar) {
  PageUser user = alice();
  user.ext.clear();
  user.country.clear();
  const auto frames =
      state_burst(Dialect::rc_embeddable, user, {}, TelephonyStatus::NoCall, cursor(), false);
  EXPECT_EQ(Frame{frames[2]}.text("loginNumber"), "+12025550110*");
  EXPECT_TRUE(
      frame_of(frames, "rc-region-settings-notify").document.IsNull());  // no country, no region
}

TEST(RcEmbeddableBurst, AFreshPageHearsOfTheCallsThatAreThere) {
  EXPECT_EQ(call_types(burst({ringing_call()}, TelephonyStatus::Ringing)),
            Types{"rc-call-ring-notify"});
  const auto frames = burst({talking_call()}, TelephonyStatus::CallConnected);
  EXPECT_EQ(call_types(frames), Types{});
  EXPECT_EQ(frame_of(frames, "rc-active-call-notify").text("call/telephonyStatus"),
            "CallConnected");
  EXPECT_EQ(types(frames).back(), "rc-telephony-session-notify");
}

TEST(RcEmbeddableBurst, AResumedPageHearsNoRingNoActiveCallAndNoLogout) {
  const auto frames = burst({ringing_call(), talking_call()}, TelephonyStatus::CallConnected, true);
  EXPECT_EQ(types(frames).front(), "rc-adapter-pushAdapterState");
  EXPECT_EQ(types(frames).back(), "rc-adapter-syncPresence");
  EXPECT_TRUE(frame_of(frames, "rc-login-status-notify")["loggedIn"].IsTrue());
}

}  // namespace
}  // namespace hookswitch
