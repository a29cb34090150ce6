// Rules of the fold and of the table that the stories of the other files do not force.
#include <gtest/gtest.h>

#include "call_bench.hpp"

namespace hookswitch {
namespace {

using namespace calls_test;

Say session(Say said, std::string uuid) {
  said.fact.ids.session = std::move(uuid);
  return said;
}
Say header(Say said, std::string value) {
  said.fact.headers["x-call-key"] = std::move(value);
  return said;
}
constexpr const char* kOneUuid = "11111111111111111111111111111111";
constexpr const char* kOtherUuid = "22222222222222222222222222222222";

// --- hold ---------------------------------------------------------------------------------------

TEST(HoldRules, ResumeWithoutAHoldDoesNotSwallowTheNextHold) {
  Bench bench;
  bench.feed({jane(FactType::answered, 0).agent("101"), jane(FactType::resumed, 1000).agent("101"),
              jane(FactType::held, 2000).agent("101")});
  EXPECT_EQ(bench.story(), "started, answered 101, held 101");
}

TEST(HoldRules, HoldsOfOneMomentCountInTheOrderInWhichTheyCame) {
  Bench bench;
  bench.feed({jane(FactType::answered, 0).agent("101"), jane(FactType::held, 10).agent("101"),
              jane(FactType::resumed, 10).agent("101"), jane(FactType::held, 10).agent("101")});
  EXPECT_EQ(bench.story(), "started, answered 101, held 101, resumed 101, held 101");
  EXPECT_EQ(bench.call().state, CallState::held);
}

TEST(HoldRules, HoldAfterAResumeThatNamesNobodyIsNews) {
  Bench bench;
  bench.feed({jane(FactType::answered, 0).agent("101"), jane(FactType::held, 10).agent("101"),
              jane(FactType::resumed, 20), jane(FactType::held, 30).agent("101")});
  EXPECT_EQ(bench.story(), "started, answered 101, held 101, resumed 101, held 101");
}

TEST(HoldRules, HoldThatTwoSourcesTellOfLastsFromTheFirstOfThem) {
  Bench bench;
  const auto other = [](FactType type, std::int64_t ms) {
    return Say{type, ms}.source("other").sip("x@y").agent("101");
  };
  bench.feed({jane(FactType::answered, 0).sip("x@y").agent("101"),
              jane(FactType::held, 1000).agent("101"), other(FactType::held, 3000),
              jane(FactType::resumed, 5000).agent("101"), other(FactType::resumed, 5500),
              jane(FactType::ended, 9000)});
  EXPECT_EQ(bench.story(), "started, answered 101, held 101, resumed 101, ended=answered");
  EXPECT_EQ(bench.call().hold, milliseconds{4000});
}

// Yeastar: a caller is named as such while it talks, and only by its line while it holds.
TEST(HoldRules, ResumeThatIsToldByTheSameWordsAsTheAnswerIsNews) {
  Bench bench;
  const auto talks = [](std::int64_t ms) {
    return Say{FactType::answered, ms}.id("c1").leg("L1").outbound().from_ext("101").to(kJane);
  };
  bench.feed({talks(0), Say{FactType::held, 1000}.id("c1").leg("L1").outbound().agent("101"),
              talks(2000), talks(3000)});
  EXPECT_EQ(bench.story(), std::string{"started, answered "} + kJane + ", held 101, resumed 101");
}

// --- who, and which leg -------------------------------------------------------------------------

TEST(LegRules, AgentOfAnOutboundCallIsWhoCallsThoughNobodyIsNamedAsCaller) {
  Bench bench;
  bench.feed(Say{FactType::started, 0}.id("c1").outbound().to(kJane).agent("101"));
  EXPECT_EQ(bench.leg("101").role, LegRole::caller);
  bench.feed(Say{FactType::answered, 1000}.id("c1").outbound().to(kJane).agent("101"));
  EXPECT_EQ(bench.leg("101").role, LegRole::caller);
  EXPECT_EQ(bench.story(), "started, answered +12025550143");
}

TEST(LegRules, LineThatRefusedAndRingsAgainHasASecondLeg) {
  Bench bench;
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::ringing, 10).to_ext("102"),
              jane(FactType::declined, 1000).agent("101"),
              jane(FactType::ringing, 9000).to_ext("101")});
  EXPECT_EQ(bench.story(),
            "started, ringing 101, ringing 102, leg.ended 101=rejected, ringing 101");
  EXPECT_EQ(bench.call().legs.size(), 4u);
}

TEST(LegRules, StateOfTheMomentInWhichItsLegEndedIsNoSecondTry) {
  Bench bench;
  bench.feed({jane(FactType::ringing, 0).to_ext("101").told(),
              jane(FactType::ringing, 10).to_ext("102").told(),
              jane(FactType::declined, 1100).agent("101").told(1000),
              jane(FactType::answered, 1200).agent("101").told(1000)});
  EXPECT_EQ(bench.call().legs.size(), 3u);
  EXPECT_EQ(bench.leg("101").state, LegState::terminated);
}

// --- what keeps a call alive --------------------------------------------------------------------

TEST(EndRules, CallThatWaitsInAQueueOutlivesAnAgentWhoRefuses) {
  Bench bench;
  bench.feed({jane(FactType::queued, 0), jane(FactType::ringing, 1000).to_ext("101"),
              jane(FactType::declined, 2000).agent("101")});
  bench.tick(60'000);
  EXPECT_NE(bench.call().state, CallState::ended);
}

TEST(EndRules, PbxThatEndsItsOwnCallOfAnAttendedTransferDoesNotEndTheCall) {
  Bench bench;
  bench.feed({jane(FactType::answered, 0).agent("101"),
              Say{FactType::started, 5000}.id("c2").internal().from_ext("101").to_ext("102"),
              Say{FactType::answered, 6000}.id("c2").internal().from_ext("101").to_ext("102")});
  Fact joins = jane(FactType::transferred, 9000).agent("101");
  joins.transfer.kind = "attended";
  joins.transfer.other_calls = {"c2"};
  bench.feed({joins, Say{FactType::ended, 9100}.id("c2")});
  EXPECT_EQ(bench.call().state, CallState::connected);
  bench.feed(jane(FactType::ended, 60'000));
  EXPECT_EQ(bench.call().ended_at, at_ms(60'000));
  EXPECT_EQ(bench.problems(), "");
}

TEST(EndRules, CallThatIsHandedOnByAllWhoWereInItEndsOnceItHasSettled) {
  Bench bench;
  bench.feed({jane(FactType::started, 0).leg("a"),
              jane(FactType::ringing, 10).leg("b").to_ext("101"),
              jane(FactType::answered, 20).leg("b").agent("101"),
              jane(FactType::ended, 5000).leg("b").why(Disposition::replaced),
              jane(FactType::ended, 5010).leg("a").why(Disposition::replaced)});
  bench.tick(5400);
  EXPECT_NE(bench.call().state, CallState::ended);
  bench.tick(6000);
  EXPECT_EQ(bench.call().state, CallState::ended);
  EXPECT_EQ(bench.call().disposition, Disposition::answered);
  EXPECT_EQ(bench.problems(), "");
}

TEST(EndRules, ConsultCallThatIsReplacedWithoutATransferEndsWithItsLastLeg) {
  const auto consult = [](FactType type, std::int64_t ms) {
    Say out = Say{type, ms}.id("c2").internal().from_ext("101");
    out.fact.ids.parent = "c1";
    return out;
  };
  Bench bench;
  bench.feed({jane(FactType::started, 0).leg("a"),
              jane(FactType::ringing, 10).leg("b").to_ext("101"),
              jane(FactType::answered, 20).leg("b").agent("101"),
              consult(FactType::started, 3000).leg("c"),
              consult(FactType::ringing, 3010).leg("d").to_ext("102"),
              consult(FactType::answered, 3020).leg("d").agent("102"),
              jane(FactType::ended, 5000).leg("b").why(Disposition::replaced),
              consult(FactType::ended, 5010).leg("c").why(Disposition::replaced),
              jane(FactType::ended, 9000).leg("a"), consult(FactType::ended, 9010).leg("d")});
  bench.tick(10'000);
  EXPECT_EQ(bench.call().state, CallState::ended);
  EXPECT_EQ(bench.problems(), "");
}

TEST(EndRules, EndOfOneOfASourcesCallsLeavesTheLegsThatAnotherOfThemTellsOf) {
  Bench bench;
  const auto branch = [](FactType type, std::int64_t ms) {
    Say out{type, ms};
    out.id("c2").inbound().from(kJane).fact.ids.parent = "c1";
    return out;
  };
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), branch(FactType::ringing, 10).to_ext("101"),
              branch(FactType::ringing, 20).to_ext("102"), branch(FactType::ended, 5000)});
  EXPECT_EQ(bench.leg("101").state, LegState::early);
  EXPECT_EQ(bench.leg("102").state, LegState::terminated);
}

// --- what is told -------------------------------------------------------------------------------

TEST(ReportRules, RecordingThatASecondSourceNamesTooIsNoSecondReport) {
  Bench bench;
  bench.feed({jane(FactType::ringing, 0).sip("x@y").to_ext("101"),
              Say{FactType::ringing, 10}.source("other").sip("x@y").to_ext("101"),
              jane(FactType::ended, 1000)});
  Fact recording = jane(FactType::recording, 2000);
  recording.recording = {"r1", "https://pbx.example.com/r1"};
  EXPECT_EQ(Bench::text_of(bench.feed(recording)), "report");
  Fact again = Say{FactType::recording, 2500}.source("other").sip("x@y");
  again.recording = recording.recording;
  EXPECT_EQ(Bench::text_of(bench.feed(again)), "");
}

TEST(ReportRules, AnswerHeardOfAfterTheReportIsNotPutAtTheStartThatTheReportNames) {
  Bench bench;
  bench.feed({Say{FactType::started, 1000}.id("c1").outbound().from_ext("101").to(kJane),
              Say{FactType::ended, 1010}.id("c1").agent("101"),
              Say{FactType::report, 1020}.id("c1").outbound().from_ext("101").to(kJane).told(500),
              Say{FactType::answered, 1030}.id("c1").agent("101")});
  EXPECT_EQ(bench.call().started_at, at_ms(1000));
  EXPECT_EQ(bench.leg(kJane).role, LegRole::callee);
  EXPECT_EQ(bench.leg(kJane).end_reason, Disposition::answered);
  EXPECT_EQ(bench.problems(), "");
}

TEST(TransferRules, LateNewsOfAnEarlierLegDoesNotTellATransferTwice) {
  Bench bench;
  bench.feed({jane(FactType::answered, 5000).to_ext("102").agent("102").told(),
              jane(FactType::transferred, 9000).agent("102").told(),
              jane(FactType::ringing, 9500).to_ext("101").told(1000)});
  EXPECT_EQ(bench.story().find("transferred"), bench.story().rfind("transferred")) << bench.story();
  EXPECT_NE(bench.leg("101").role, bench.leg("+12025550143").role);  // the late leg is there
  EXPECT_EQ(bench.problems(), "");
}

TEST(TupleRules, CallThatBeginsAgainByItsSourcesClockIsTheNextOne) {
  Bench bench;
  const auto fact = [](FactType type, std::int64_t ms) {
    return Say{type, ms}.inbound().from(kJane).to_ext("101");
  };
  bench.feed({fact(FactType::ringing, 0).told(), fact(FactType::started, 1000).told(1000)});
  EXPECT_EQ(bench.table.live_count(), 1U);  // overtaken, or coarse clocks
  bench.feed({fact(FactType::started, 15'000).told(), fact(FactType::ringing, 15'100).told(),
              fact(FactType::answered, 20'000).told()});
  EXPECT_EQ(bench.story(), "started, ringing 101, started, ringing 101, answered 101");
  EXPECT_EQ(bench.problems(), "");
}

TEST(EndRules, LegHeardOfWithItsEndIsKeptWhenTheCallEndedFirst) {
  for (const bool leg_first : {true, false}) {
    Bench bench;
    bench.feed(jane(FactType::answered, 0).agent("101").leg("a").told());
    std::vector<Fact> ends{
        jane(FactType::ended, 5000).agent("102").leg("b").why(Disposition::no_answer).told(4900),
        jane(FactType::ended, 5010).told(4800)};
    if (!leg_first) std::swap(ends[0], ends[1]);
    bench.feed(ends);
    EXPECT_EQ(bench.leg("102").end_reason, Disposition::no_answer);
    EXPECT_EQ(bench.problems(), "");
  }
}

// --- why two calls stay two ---------------------------------------------------------------------

/// Jane rings 101, told by `source` under an id of its own.
Say sighting(const std::string& source, std::int64_t ms) {
  return Say{FactType::ringing, ms}.source(source).id(source).inbound().from(kJane).to_ext("101");
}

std::string why_apart(const Bench& bench, const std::string& id) {
  const auto answer = json::parse(bench.table.explain("acme", id));
  std::string out;
  for (const auto& miss : (*answer)["not_joined"].GetArray())
    out += std::string{*json::find_string(miss, "failed")} + " ";
  return out;
}

TEST(NearMiss, SourceThatIsNotToBeFusedSaysSo) {
  Bench bench;
  SourceRules lone;
  lone.fuses = false;
  bench.table.set_source_rules("acme", "lone", lone);
  bench.feed({sighting("pbx", 0), sighting("lone", 100)});
  EXPECT_EQ(why_apart(bench, "pbx"), "fusion_off ");
  EXPECT_EQ(why_apart(bench, "lone"), "fusion_off ");
}

TEST(NearMiss, KeyThatContradictsIsNamed) {
  Bench bench;
  Fact one = sighting("pbx", 0), two = sighting("other", 100);
  one.ids.session = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
  two.ids.session = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
  bench.feed({one, two});
  EXPECT_EQ(why_apart(bench, "pbx"), "strong_key_contradicts ");
}

TEST(NearMiss, CallThatWasOverIsNamed) {
  Bench bench;
  bench.feed({sighting("pbx", 0), Say{FactType::ended, 500}.source("pbx").id("pbx"),
              sighting("other", 900)});
  EXPECT_EQ(why_apart(bench, "other"), "already_over ");
}

TEST(NearMiss, SeveralCandidatesAreNamed) {
  Bench bench;
  Fact again = sighting("pbx", 60);
  again.ids.call = {"second"};
  bench.feed({sighting("pbx", 0), again, sighting("other", 100)});
  EXPECT_EQ(why_apart(bench, "other"), "several_candidates several_candidates ");
}

// --- which call ---------------------------------------------------------------------------------

TEST(KeyRules, CallIdThatOnlyAnotherSourceHasUsedIsNewOfThisSource) {
  Bench bench;
  const auto other = [](FactType type, std::int64_t ms) {
    return Say{type, ms}.source("other").sip("x@y").from(kJane).to_ext("101");
  };
  bench.feed({jane(FactType::ringing, 0).sip("x@y").to_ext("101"), other(FactType::ringing, 10),
              jane(FactType::ended, 1000)});
  bench.feed(other(FactType::ringing, 60'000).id("c1"));
  EXPECT_EQ(bench.table.size(), 2u);
}

TEST(FusionRules, OppositeDirectionsAreTwoCalls) {
  Bench bench;
  bench.feed(
      {jane(FactType::ringing, 0).to_ext("101"),
       Say{FactType::ringing, 100}.source("other").id("o1").outbound().from_ext("101").to(kJane)});
  EXPECT_EQ(bench.table.size(), 2u);
}

/// Two sources' calls that have nothing in common yet, and then the same line and the same number.
std::size_t calls_after_both_ring(Bench& bench, Say (*with)(Say, std::string), const char* one,
                                  const char* two) {
  bench.feed(with(jane(FactType::ringing, 0).to_ext("101"), one));
  bench.feed(with(Say{FactType::started, 50}.source("other").id("o1").inbound().from(kJane), two));
  bench.feed(
      Say{FactType::ringing, 100}.source("other").id("o1").inbound().from(kJane).to_ext("101"));
  return bench.table.size();
}

TEST(FusionRules, SessionIdsWithoutACommonUuidAreTwoCalls) {
  Bench differ, only_one_has;
  EXPECT_EQ(calls_after_both_ring(differ, session, kOneUuid, kOtherUuid), 2u);
  EXPECT_EQ(calls_after_both_ring(only_one_has, session, kOneUuid, ""), 1u);
}

TEST(FusionRules, KeyHeaderWithTwoValuesIsTwoCalls) {
  const auto calls = [](const char* one, const char* two) {
    Bench bench;
    for (const char* source : {"pbx", "other"})
      bench.table.set_source_rules("acme", source, {.key_headers = {"x-call-key"}});
    return calls_after_both_ring(bench, header, one, two);
  };
  EXPECT_EQ(calls("one", "two"), 2u);
  EXPECT_EQ(calls("one", ""), 1u);
}

// --- ghosts -------------------------------------------------------------------------------------

TEST(GhostRules, SourceThatCanBeAskedIsAskedBeforeASilentCallEnds) {
  Bench bench{{.unanswered_silence = std::chrono::minutes{1}}};
  bench.table.set_checkable([](const Text&, const Text& source) { return source == "pbx"; });
  bench.feed(jane(FactType::ringing, 0).to_ext("101"));
  Step step;
  bench.table.tick(at_ms(62'000), step);
  ASSERT_EQ(step.checks.size(), 1u);
  EXPECT_EQ(step.checks[0].call, bench.call().id);
  EXPECT_NE(bench.call().state, CallState::ended);
  bench.tick(62'000 + 32'000);  // nobody has answered
  EXPECT_EQ(bench.leg("101").end_reason, Disposition::reconciled);
}

TEST(GhostRules, CallThatItsSourceConfirmsLivesOn) {
  Bench bench{{.unanswered_silence = std::chrono::minutes{1}}};
  bench.table.set_checkable([](const Text&, const Text&) { return true; });
  bench.feed(jane(FactType::ringing, 0).to_ext("101"));
  bench.tick(62'000);
  bench.feed(jane(FactType::ringing, 63'000).to_ext("101"));
  bench.tick(62'000 + 32'000);
  EXPECT_NE(bench.call().state, CallState::ended);
}

TEST(FusionRules, ContradictingSessionIdsKeepTheFirstFactOfAnotherSourceApart) {
  Bench bench;
  Fact one = jane(FactType::ringing, 0).to_ext("101"), two = one;
  one.ids.session = "11111111111111111111111111111111";
  two.ids.session = "22222222222222222222222222222222";
  two.ids.call = {"o1"};
  two.source = "other";
  two.received = at_ms(100);
  bench.feed({one, two});
  EXPECT_EQ(bench.table.live_count(), 2u);
}

TEST(LegRules, SecondTryInTheSameSecondIsToldBySequence) {
  Bench bench;
  std::vector<Fact> facts{jane(FactType::ringing, 0).told(0).to_ext("101"),
                          jane(FactType::ringing, 1).told(0).to_ext("102"),
                          jane(FactType::declined, 2).told(1000).agent("101"),
                          jane(FactType::ringing, 3).told(1000).to_ext("101")};
  for (std::size_t i = 0; i < facts.size(); ++i) facts[i].seq = static_cast<std::int64_t>(i) + 1;
  bench.feed(facts);
  EXPECT_EQ(bench.story(),
            "started, ringing 101, ringing 102, leg.ended 101=rejected, ringing 101");
  EXPECT_EQ(bench.problems(), "");
}

TEST(SavedRules, ChangeOfASourcesRulesLeavesLivingCallsAlone) {
  // The same notes may make other legs then; nothing that was told is taken back, nothing aborts.
  Bench bench;
  bench.feed({jane(FactType::ringing, 0).to_ext("101"),
              Say{FactType::started, 10}.id("c2").id("c1").outbound().from_ext("101").to(kJane)});
  SourceRules rules;
  rules.callback_is_caller = true;
  bench.table.set_source_rules("acme", "pbx", rules);
  bench.feed({jane(FactType::answered, 20).agent("101"), jane(FactType::ended, 30)});
  EXPECT_EQ(bench.table.live_count(), 0u);
}

}  // namespace
}  // namespace hookswitch
