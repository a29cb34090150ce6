#include <gtest/gtest.h>

#include "unit/calls/call_bench.hpp"

namespace hookswitch::calls_test {
namespace {

class SingleCall : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(bench.problems(), ""); }
  Bench bench;
};

TEST_F(SingleCall, InboundIsStartedRungAnsweredAndEnded) {
  bench.feed({jane(FactType::started, 0), jane(FactType::ringing, 100).to_ext("101"),
              jane(FactType::answered, 4100).agent("101"), jane(FactType::ended, 64100)});
  EXPECT_EQ(bench.story(), "started, ringing 101, answered 101, ended=answered");
  const Call call = bench.call();
  EXPECT_EQ(call.direction, Direction::inbound);
  EXPECT_EQ(call.answered_by, AnsweredBy::user);
  EXPECT_EQ(call.customer.number, kJane);
  EXPECT_EQ(bench.leg("101").user, "alice");
  EXPECT_EQ(bench.table.live_count(), 0u);
}

TEST_F(SingleCall, CarriesRingTalkAndHoldTimes) {
  bench.feed({jane(FactType::ringing, 1000).to_ext("101"),
              jane(FactType::answered, 5000).agent("101"), jane(FactType::held, 15000).agent("101"),
              jane(FactType::resumed, 18000).agent("101"), jane(FactType::ended, 65000)});
  const Call call = bench.call();
  EXPECT_EQ(call.ring, milliseconds{4000});
  EXPECT_EQ(call.hold, milliseconds{3000});
  EXPECT_EQ(call.talk, milliseconds{57000});  // a minute without the hold
}

TEST_F(SingleCall, HoldThatLastsUntilTheEndIsCounted) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::answered, 1000).agent("101"),
              jane(FactType::held, 2000).agent("101"), jane(FactType::ended, 12000)});
  EXPECT_EQ(bench.call().hold, milliseconds{10000});
  EXPECT_EQ(bench.call().talk, milliseconds{1000});
}

TEST_F(SingleCall, UnansweredRingIsNoAnswerAndItsRingTimeIsKept) {
  bench.feed({jane(FactType::started, 0), jane(FactType::ringing, 1000).to_ext("101"),
              jane(FactType::ended, 21000)});
  EXPECT_EQ(bench.story(), "started, ringing 101, ended=no_answer");
  EXPECT_EQ(bench.call().ring, milliseconds{20000});
  EXPECT_EQ(bench.call().talk, milliseconds{0});
  EXPECT_FALSE(bench.call().answered_at);
}

TEST_F(SingleCall, EndSaysWhyByWordStatusOrCause) {
  const auto end = [](const Fact& fact) {
    Bench one;
    one.feed({jane(FactType::ringing, 0).to_ext("101"), fact});
    EXPECT_EQ(one.problems(), "");
    return one.call().disposition;
  };
  EXPECT_EQ(end(jane(FactType::ended, 9).why(Disposition::busy)), Disposition::busy);
  EXPECT_EQ(end(jane(FactType::ended, 9).status(486)), Disposition::busy);
  EXPECT_EQ(end(jane(FactType::ended, 9).status(600)), Disposition::busy);
  EXPECT_EQ(end(jane(FactType::ended, 9).cause(17)), Disposition::busy);
  EXPECT_EQ(end(jane(FactType::ended, 9).why(Disposition::rejected)), Disposition::rejected);
  EXPECT_EQ(end(jane(FactType::ended, 9).status(603)), Disposition::rejected);
  EXPECT_EQ(end(jane(FactType::ended, 9).cause(21)), Disposition::rejected);
  EXPECT_EQ(end(jane(FactType::ended, 9).why(Disposition::cancelled)), Disposition::cancelled);
  EXPECT_EQ(end(jane(FactType::ended, 9).status(487)), Disposition::cancelled);
  EXPECT_EQ(end(jane(FactType::ended, 9).status(480)), Disposition::no_answer);
  EXPECT_EQ(end(jane(FactType::ended, 9).status(503)), Disposition::failed);
  EXPECT_EQ(end(jane(FactType::ended, 9).cause(16)), Disposition::no_answer);
  EXPECT_EQ(end(jane(FactType::ended, 9).why(Disposition::unknown).status(486)), Disposition::busy);
}

TEST_F(SingleCall, WordsOfLegsNeverBecomeADisposition) {
  for (const auto word : {Disposition::answered_elsewhere, Disposition::redirected,
                          Disposition::replaced, Disposition::reconciled}) {
    Bench one;
    one.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::ended, 9).why(word)});
    EXPECT_EQ(one.problems(), "");
    EXPECT_EQ(one.call().state, CallState::ended);
  }
}

TEST_F(SingleCall, VoicemailIsNoAnswerOfAPerson) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::voicemail, 20000),
              jane(FactType::ended, 40000)});
  EXPECT_EQ(bench.story(), "started, ringing 101, ended=voicemail");
  EXPECT_EQ(bench.call().answered_by, AnsweredBy::voicemail);
}

TEST_F(SingleCall, InboundPickedUpByNobodyOfOursIsNotAnswered) {
  bench.feed({jane(FactType::started, 0), jane(FactType::answered, 500),
              jane(FactType::ringing, 9000).to_ext("101")});
  EXPECT_EQ(bench.story(), "started, ringing 101");
  EXPECT_FALSE(bench.call().answered_at);
}

TEST_F(SingleCall, FirstFactMayBeAnyStep) {
  bench.feed({jane(FactType::answered, 0).agent("101")});
  EXPECT_EQ(bench.story(), "started, answered 101");
  EXPECT_EQ(bench.call().state, CallState::connected);
}

TEST_F(SingleCall, EndAloneStartsAndEndsACall) {
  bench.feed({jane(FactType::ended, 0).why(Disposition::busy)});
  EXPECT_EQ(bench.story(), "started, ended=busy");
}

TEST_F(SingleCall, RecordingDtmfOrUpdateOfAnUnknownCallStartsNothing) {
  bench.feed({jane(FactType::recording, 0), jane(FactType::dtmf, 1), jane(FactType::updated, 2)});
  EXPECT_EQ(bench.story(true), "");
  EXPECT_EQ(bench.table.facts_ignored(), 3u);
}

TEST_F(SingleCall, FactsThatAreOfNoCallAreIgnored) {
  bench.feed({jane(FactType::presence, 0), jane(FactType::message, 1),
              jane(FactType::registration, 2), jane(FactType::conference, 3)});
  EXPECT_EQ(bench.table.size(), 0u);
  EXPECT_EQ(bench.table.facts_ignored(), 4u);
}

TEST_F(SingleCall, FactThatNamesNobodyAndNoIdIsIgnored) {
  bench.feed({Say{FactType::ringing, 0}});
  EXPECT_EQ(bench.table.size(), 0u);
  EXPECT_EQ(bench.table.facts_ignored(), 1u);
}

TEST_F(SingleCall, RepeatedFactsTellNothingNew) {
  for (int times = 0; times < 3; ++times)
    bench.feed(
        {jane(FactType::started, 0).told(), jane(FactType::ringing, 100).told().to_ext("101")});
  for (int times = 0; times < 3; ++times)
    bench.feed(jane(FactType::answered, 200).told().agent("101"));
  for (int times = 0; times < 3; ++times) bench.feed(jane(FactType::ended, 900).told());
  EXPECT_EQ(bench.story(true), "started, ringing 101, answered 101, ended=answered");
}

TEST_F(SingleCall, RingingAfterTheAnswerDoesNotMoveTheLegBack) {
  bench.feed({jane(FactType::answered, 100).agent("101"),
              jane(FactType::ringing, 200).told(50).to_ext("101")});
  EXPECT_EQ(bench.leg("101").state, LegState::confirmed);
  EXPECT_EQ(bench.leg("101").ringing_at, at_ms(50));
  EXPECT_EQ(bench.story(), "started, answered 101, amended") << "it began earlier than was told";
}

TEST_F(SingleCall, NothingLeavesEnded) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::ended, 100)});
  const Call before = bench.call();
  bench.feed({jane(FactType::ringing, 5200).to_ext("101"),
              jane(FactType::answered, 5300).agent("101"), jane(FactType::held, 5400).agent("101"),
              jane(FactType::ended, 5500)});
  EXPECT_EQ(bench.call().disposition, before.disposition);
  EXPECT_EQ(bench.call().legs, before.legs);
  EXPECT_EQ(bench.story(true), "started, ringing 101, ended=no_answer");
}

TEST_F(SingleCall, AnswerThatComesAfterTheEndIsSaidAsACorrection) {
  bench.feed({jane(FactType::ringing, 0).told().to_ext("101"), jane(FactType::ended, 9000).told()});
  const auto events = bench.feed(jane(FactType::answered, 9100).told(3000).agent("101"));
  EXPECT_EQ(bench.story(), "started, ringing 101, ended=no_answer, amended");
  EXPECT_EQ(bench.call().state, CallState::ended);
  EXPECT_EQ(bench.call().disposition, Disposition::answered);
  ASSERT_EQ(events.size(), 1u);
  const auto& said = events[0].amended;
  const auto at = std::find_if(said.begin(), said.end(),
                               [](const auto& one) { return one.field == "disposition"; });
  ASSERT_NE(at, said.end());
  EXPECT_EQ(at->was, "\"no_answer\"");
  EXPECT_EQ(at->is, "\"answered\"");
}

TEST_F(SingleCall, FirstExplicitReasonWinsOverWhatWasInferredAndOverLaterOnes) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::ended, 100),
              jane(FactType::ended, 200).why(Disposition::busy)});
  EXPECT_EQ(bench.call().disposition, Disposition::busy);
  bench.feed(jane(FactType::ended, 300).why(Disposition::rejected));
  EXPECT_EQ(bench.call().disposition, Disposition::busy);
}

TEST_F(SingleCall, NewsOfTheCallIsAnUpdate) {
  bench.feed(jane(FactType::ringing, 0).to_ext("101"));
  Fact news = jane(FactType::updated, 10);
  news.headers["X-Subject"] = "Order 42";
  news.custom_data = "{}";
  const auto events = bench.feed(news);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, EventType::call_updated);
  EXPECT_EQ(events[0].audience, std::vector<Text>{"alice"});
  EXPECT_EQ(bench.call().headers.at("X-Subject"), "Order 42");
  EXPECT_TRUE(bench.feed(news).empty());
}

TEST_F(SingleCall, ReportEndsALiveCallAndIsToldAfterIt) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::answered, 1000).agent("101"),
              jane(FactType::report, 31000).told().why(Disposition::answered).took(30000)});
  EXPECT_EQ(bench.story(), "started, ringing 101, answered 101, ended=answered, report");
  EXPECT_EQ(bench.call().talk, milliseconds{30000});
}

TEST_F(SingleCall, RecordingOfAnEndedCallIsAReportAndOnlyOnce) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::ended, 1000)});
  Fact recording = jane(FactType::recording, 2000);
  recording.recording = {"r1", "https://pbx.example.com/r1"};
  bench.feed({recording, recording});
  EXPECT_EQ(bench.story(), "started, ringing 101, ended=no_answer, report");
  EXPECT_EQ(bench.call().recordings.size(), 1u);
  EXPECT_EQ(bench.events.back().audience, std::vector<Text>{"alice"});
}

TEST_F(SingleCall, RecordingOfALiveCallIsAnUpdate) {
  bench.feed(jane(FactType::answered, 0).agent("101"));
  Fact recording = jane(FactType::recording, 2000);
  recording.recording = {"r1", ""};
  EXPECT_EQ(Bench::text_of(bench.feed(recording), true), "updated");
}

TEST_F(SingleCall, ChangedNamesEveryLegThatMovedInTheStep) {
  bench.feed(jane(FactType::ringing, 0).to_ext("101"));
  EXPECT_EQ(bench.feed(jane(FactType::answered, 10).agent("101")).at(0).changed,
            (std::vector<Text>{"l2", "l1"}));
  EXPECT_EQ(bench.feed(jane(FactType::ended, 20)).at(0).changed.size(), 2u);
}

TEST_F(SingleCall, NextCallHasAnotherIdThatSortsLater) {
  bench.feed({jane(FactType::started, 0), jane(FactType::started, 1).id("c2")});
  Fact other = Say{FactType::started, 2}.id("c3").from(kJane);
  bench.feed(other);
  const auto live = bench.table.live("acme");
  ASSERT_EQ(live.size(), 2u);  // c1 and c2 were named together
  EXPECT_LT(live[0]->id, live[1]->id);
}

TEST_F(SingleCall, AgentIsFoundByIdAndByEmailToo) {
  Fact by_email = jane(FactType::answered, 0);
  by_email.agent.email = "Bob@Example.com";
  bench.feed(by_email);
  EXPECT_EQ(bench.leg("102").user, "bob");
  Bench other;
  Fact by_id = jane(FactType::answered, 0);
  by_id.agent.id = "carol";
  other.feed(by_id);
  EXPECT_EQ(other.leg("103").user, "carol");
  EXPECT_EQ(other.problems(), "");
}

// --- outbound
// ---------------------------------------------------------------------------------------------------------------

Say out(FactType type, std::int64_t ms) {
  return Say{type, ms}.id("o1").outbound().from_ext("101").to(kJane);
}

TEST_F(SingleCall, OutboundIsAnsweredOnTheLegOfTheFarEnd) {
  bench.feed({out(FactType::started, 0), out(FactType::ringing, 1000),
              out(FactType::answered, 4000).agent("101"), out(FactType::ended, 9000)});
  EXPECT_EQ(bench.story(), std::string{"started, answered "} + kJane + ", ended=answered");
  EXPECT_EQ(bench.call("o1").customer.number, kJane);
  EXPECT_EQ(bench.leg("101", "o1").role, LegRole::caller);
  EXPECT_EQ(bench.leg("101", "o1").user, "alice");
  EXPECT_EQ(bench.leg(kJane, "o1").role, LegRole::callee);
}

TEST_F(SingleCall, OutboundStartsOnceHoweverOftenItIsTold) {
  bench.feed({out(FactType::started, 0), out(FactType::dialing, 10), out(FactType::dialing, 20),
              out(FactType::started, 30)});
  EXPECT_EQ(bench.story(), "started");
  EXPECT_EQ(bench.table.live_count(), 1u);
}

TEST_F(SingleCall, OutboundAnswerIsSeenByTheCaller) {
  bench.feed(out(FactType::started, 0));
  const auto events = bench.feed(out(FactType::answered, 4000).agent("101"));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, EventType::call_answered);
  EXPECT_EQ(events[0].audience, std::vector<Text>{"alice"});
  EXPECT_EQ(events[0].changed.size(), 2u) << "both legs are confirmed in this step";
}

TEST_F(SingleCall, OutboundBusyIsBusy) {
  bench.feed({out(FactType::started, 0), out(FactType::ended, 900).status(486)});
  EXPECT_EQ(bench.story(), "started, ended=busy");
}

// --- ring groups
// ------------------------------------------------------------------------------------------------------------

TEST_F(SingleCall, RingGroupIsOneCallAndTheOthersEndInTheStepOfTheAnswer) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::ringing, 1).to_ext("102"),
              jane(FactType::ringing, 2).to_ext("103")});
  EXPECT_EQ(bench.story(), "started, ringing 101, ringing 102, ringing 103");
  const auto events = bench.feed(jane(FactType::answered, 5000).agent("102"));
  EXPECT_EQ(Bench::text_of(events),
            "answered 102, leg.ended 101=answered_elsewhere, leg.ended 103=answered_elsewhere");
  EXPECT_EQ(events[0].audience, std::vector<Text>{"bob"});
  EXPECT_EQ(events[1].audience, (std::vector<Text>{"alice", "bob"}));
  bench.feed(jane(FactType::ended, 9000));
  EXPECT_EQ(bench.events.back().audience, std::vector<Text>{"bob"});
}

TEST_F(SingleCall, LosersEndThatIsToldAgainIsNoNews) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::ringing, 1).to_ext("102"),
              jane(FactType::answered, 5000).agent("102")});
  EXPECT_TRUE(
      bench.feed(jane(FactType::ended, 5001).agent("101").why(Disposition::answered_elsewhere))
          .empty());
  EXPECT_EQ(bench.call().state, CallState::connected);
}

TEST_F(SingleCall, OneBranchThatEndsDoesNotEndTheCallWhileASiblingLives) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::ringing, 1).to_ext("102"),
              jane(FactType::ended, 900).agent("101").status(486)});
  EXPECT_EQ(bench.story(), "started, ringing 101, ringing 102, leg.ended 101=busy");
  bench.feed({jane(FactType::answered, 2000).agent("102"), jane(FactType::ended, 3000)});
  EXPECT_EQ(bench.call().disposition, Disposition::answered);
}

TEST_F(SingleCall, TwoDevicesOfOneLineAreTwoLegsAndOneAnswerEndsTheOther) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101").leg("d1"),
              jane(FactType::ringing, 1).to_ext("101").leg("d2"),
              jane(FactType::answered, 2).agent("101").leg("d2")});
  EXPECT_EQ(bench.story(),
            "started, ringing 101, ringing 101, answered 101, leg.ended 101=answered_elsewhere");
  EXPECT_EQ(bench.call().legs.at(1).state, LegState::terminated);
  EXPECT_EQ(bench.call().legs.at(2).state, LegState::confirmed);
}

TEST_F(SingleCall, DeclineOfOneIsALegsEndAndOfTheLastEndsTheCallSoon) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::ringing, 1).to_ext("102"),
              jane(FactType::declined, 500).agent("101")});
  EXPECT_EQ(bench.story(), "started, ringing 101, ringing 102, leg.ended 101=rejected");
  bench.feed(jane(FactType::declined, 600).agent("102"));
  EXPECT_EQ(bench.call().state, CallState::dialing);
  bench.tick(1100);
  EXPECT_EQ(bench.call().disposition, Disposition::rejected);
}

TEST_F(SingleCall, LateRingOfACallThatIsAnsweredNeverReachesThePerson) {
  bench.feed({jane(FactType::ringing, 0).told().to_ext("101"),
              jane(FactType::answered, 1000).told().agent("101"),
              jane(FactType::ringing, 1100).told(10).to_ext("102")});
  EXPECT_EQ(bench.story(), "started, ringing 101, answered 101");
  EXPECT_EQ(bench.leg("102").end_reason, Disposition::answered_elsewhere);
}

// --- hold
// -------------------------------------------------------------------------------------------------------------------

TEST_F(SingleCall, HoldAndResumeAreToldOnceEach) {
  bench.feed({jane(FactType::answered, 0).agent("101"), jane(FactType::held, 10).agent("101"),
              jane(FactType::held, 11).agent("101")});
  EXPECT_EQ(bench.call().state, CallState::held);
  bench.feed({jane(FactType::resumed, 20).agent("101"), jane(FactType::resumed, 21).agent("101")});
  EXPECT_EQ(bench.call().state, CallState::connected);
  EXPECT_EQ(bench.story(), "started, answered 101, held 101, resumed 101");
}

TEST_F(SingleCall, AnsweredWhileHeldIsAResume) {
  bench.feed({jane(FactType::answered, 0).agent("101"), jane(FactType::held, 10).agent("101"),
              jane(FactType::answered, 20).agent("101")});
  EXPECT_EQ(bench.story(), "started, answered 101, held 101, resumed 101");
}

TEST_F(SingleCall, AnsweredWhileAnsweredIsNothing) {
  bench.feed({jane(FactType::answered, 0).agent("101"), jane(FactType::answered, 20).agent("101")});
  EXPECT_EQ(bench.story(true), "started, answered 101");
}

TEST_F(SingleCall, OlderHoldThatComesAfterTheResumeIsOldNews) {
  bench.feed({jane(FactType::answered, 0).told().agent("101"),
              jane(FactType::held, 10).told().agent("101"),
              jane(FactType::resumed, 20).told().agent("101"),
              jane(FactType::held, 30).told(15).agent("101")});
  EXPECT_EQ(bench.call().state, CallState::connected);
}

TEST_F(SingleCall, ResumeThatOvertookItsHoldWins) {
  bench.feed({jane(FactType::answered, 0).told().agent("101"),
              jane(FactType::resumed, 21).told(20).agent("101"),
              jane(FactType::held, 22).told(10).agent("101")});
  EXPECT_EQ(bench.call().state, CallState::connected);
  EXPECT_EQ(bench.leg("101").state, LegState::confirmed);
}

TEST_F(SingleCall, OlderAnswerThatComesAfterTheHoldDoesNotResume) {
  bench.feed({jane(FactType::held, 30).told(20).agent("101"),
              jane(FactType::answered, 31).told(10).agent("101")});
  EXPECT_EQ(bench.call().state, CallState::held);
}

TEST_F(SingleCall, WhoHoldsHasAnswered) {
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::held, 10).agent("101")});
  EXPECT_EQ(bench.story(), "started, ringing 101, answered 101, held 101");
}

TEST_F(SingleCall, HoldWithoutANameIsOfTheOnlyPersonWhoTalks) {
  bench.feed({jane(FactType::answered, 0).agent("101"), jane(FactType::held, 10),
              jane(FactType::resumed, 20)});
  EXPECT_EQ(bench.story(), "started, answered 101, held 101, resumed 101");
}

TEST_F(SingleCall, MuteAndUnmuteAreToldOnceEach) {
  bench.feed({jane(FactType::answered, 0).agent("101"), jane(FactType::muted, 10).agent("101"),
              jane(FactType::muted, 11).agent("101"), jane(FactType::unmuted, 20).agent("101")});
  EXPECT_EQ(bench.story(), "started, answered 101, muted 101, unmuted 101");
}

}  // namespace
}  // namespace hookswitch::calls_test
