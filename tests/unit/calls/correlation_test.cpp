#include <gtest/gtest.h>

#include "unit/calls/call_bench.hpp"

namespace hookswitch::calls_test {
namespace {

/// A fact that names parties only.
Say pair(FactType type, std::int64_t ms) {
  return Say{type, ms}.inbound().from(kJane).to("+12025550100");
}

TEST(Tuple, FactsWithoutIdsJoinByTheirParties) {
  Bench bench;
  bench.feed({pair(FactType::started, 0), pair(FactType::answered, 100).agent("101"),
              pair(FactType::ended, 200)});
  EXPECT_EQ(bench.table.size(), 1u);
  EXPECT_EQ(bench.story(), "started, answered 101, ended=answered");
  EXPECT_EQ(bench.problems(), "");
}

TEST(Tuple, EachOfTheFiveFieldsTellsCallsApart) {
  Bench bench;
  bench.feed({pair(FactType::started, 0), pair(FactType::started, 1).from("+12025550144"),
              pair(FactType::started, 2).from_ext("9"),
              pair(FactType::started, 3).to("+12025550101"),
              pair(FactType::started, 4).to_ext("101"), pair(FactType::started, 5).outbound()});
  EXPECT_EQ(bench.table.size(), 6u);
}

TEST(Tuple, AFactWithoutIdsJoinsACallThatHasSome) {
  Bench bench;
  bench.feed({pair(FactType::started, 0).id("c1"), pair(FactType::answered, 10).agent("101")});
  EXPECT_EQ(bench.table.size(), 1u);
  EXPECT_EQ(bench.call().state, CallState::connected);
}

TEST(Tuple, OtherSourceOrOrganisationIsAnotherCall) {
  Bench bench;
  bench.feed({pair(FactType::started, 0), pair(FactType::started, 60'000).source("other"),
              pair(FactType::started, 60'001).org("globex")});
  EXPECT_EQ(bench.table.size(), 3u);
}

TEST(Tuple, NextCallOfTheSamePairIsANewCall) {
  Bench bench;
  bench.feed(
      {pair(FactType::started, 0), pair(FactType::ended, 100), pair(FactType::started, 5000)});
  EXPECT_EQ(bench.table.size(), 2u);
  EXPECT_EQ(bench.table.live_count(), 1u);
  EXPECT_EQ(bench.story(), "started, ended=unknown, started");
}

TEST(Tuple, EndedCallTakesItsAftermath) {
  Bench bench;
  Fact recording = pair(FactType::recording, 300);
  recording.recording = {"r1", ""};
  bench.feed({pair(FactType::started, 0), pair(FactType::ended, 100), pair(FactType::ended, 200),
              recording, pair(FactType::report, 400)});
  EXPECT_EQ(bench.table.size(), 1u);
  EXPECT_EQ(bench.story(), "started, ended=unknown, report");
}

TEST(Tuple, SilenceLongerThanTheGuardWindowIsTheEndOfJoining) {
  Bench bench{{.tuple_guard = std::chrono::minutes{5}}};
  bench.feed({pair(FactType::started, 0), pair(FactType::answered, 300'000).agent("101")});
  EXPECT_EQ(bench.table.size(), 1u);
  bench.feed(pair(FactType::started, 600'001));
  EXPECT_EQ(bench.table.size(), 2u);
}

TEST(Keys, VendorIdsAreScopedBySourceAndOrganisation) {
  Bench bench;
  bench.feed({jane(FactType::started, 0), jane(FactType::started, 60'000).source("other"),
              jane(FactType::started, 60'001).org("globex")});
  EXPECT_EQ(bench.table.size(), 3u);
}

TEST(Keys, SipCallIdJoinsSourcesOfOneOrganisationOnly) {
  Bench bench;
  bench.feed({Say{FactType::started, 0}.sip("x@y").from(kJane),
              Say{FactType::ringing, 1}.source("other").sip("x@y").to_ext("101"),
              Say{FactType::started, 2}.org("globex").sip("x@y").from(kJane)});
  EXPECT_EQ(bench.table.live("acme").size(), 1u);
  EXPECT_EQ(bench.table.live("globex").size(), 1u);
}

TEST(Keys, NilSessionIdIsNoEvidence) {
  Bench bench;
  Fact a = jane(FactType::started, 0), b = jane(FactType::started, 1);
  b.ids.call = {"c2"};
  a.ids.session = b.ids.session = "00000000000000000000000000000000";
  bench.feed({a, b});
  EXPECT_EQ(bench.table.size(), 2u);
}

TEST(Keys, LegIdAndParentLeadToTheCall) {
  Bench bench;
  bench.feed({jane(FactType::started, 0), jane(FactType::ringing, 1).to_ext("101").leg("7")});
  bench.feed(Say{FactType::answered, 2}.leg("7").agent("101"));
  Fact child = Say{FactType::ringing, 3}.id("c9").to_ext("102");
  child.ids.parent = "c1";
  bench.feed(child);
  EXPECT_EQ(bench.table.size(), 1u);
  EXPECT_EQ(bench.call("c9").id, bench.call("c1").id);
}

TEST(Keys, AnAliveCallIsPreferredToAnEndedOneOfTheSameKey) {
  Bench bench;
  bench.feed({Say{FactType::started, 0}.id("old").from(kJane), Say{FactType::ended, 1}.id("old"),
              Say{FactType::started, 9000}.id("new").from(kJane)});
  bench.feed(Say{FactType::answered, 9001}.id("old").id("new").agent("101"));
  EXPECT_EQ(bench.table.size(), 2u);
  EXPECT_EQ(bench.call("new").state, CallState::connected);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Keys, LookUpKnowsOnlyTheOwnOrganisation) {
  Bench bench;
  bench.feed(jane(FactType::started, 0));
  const std::string id = bench.call().id;
  EXPECT_NE(bench.table.find("acme", id), nullptr);
  EXPECT_EQ(bench.table.find("globex", id), nullptr);
  EXPECT_EQ(bench.table.find("globex", "c1"), nullptr);
  EXPECT_EQ(bench.table.find("acme", "nobody"), nullptr);
  EXPECT_TRUE(bench.table.live("globex").empty());
}

TEST(Merge, CommonKeyMakesOneCallAndTheOlderIdSurvives) {
  Bench bench;
  bench.feed({Say{FactType::ringing, 0}.id("a").from(kJane).to_ext("101"),
              Say{FactType::ringing, 5}.id("b").from(kJane).to_ext("102")});
  const std::string a = bench.call("a").id, b = bench.call("b").id;
  const auto events = bench.feed(Say{FactType::updated, 10}.id("a").id("b"));
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].type, EventType::call_merged);
  EXPECT_EQ(events[0].absorbed, b);
  EXPECT_EQ(events[0].call->id, a);
  EXPECT_EQ(events[0].audience, (std::vector<Text>{"alice", "bob"}));
  for (const auto& id : {a, b, std::string{"a"}, std::string{"b"}})
    EXPECT_EQ(bench.call(id).id, a) << id;
  EXPECT_EQ(bench.table.live_count(), 1u);
  EXPECT_TRUE(bench.saved.contains(a));
  EXPECT_FALSE(bench.saved.contains(b));
  EXPECT_EQ(bench.problems(), "");
}

TEST(Merge, MergedCallGoesOnAndEndsOnce) {
  Bench bench;
  bench.feed({Say{FactType::ringing, 0}.id("a").from(kJane).to_ext("101"),
              Say{FactType::ringing, 5}.id("b").from(kJane).to_ext("102"),
              Say{FactType::updated, 10}.id("a").id("b"),
              Say{FactType::answered, 20}.id("b").agent("102"), Say{FactType::ended, 30}.id("a")});
  EXPECT_EQ(bench.story(),
            "started, ringing 101, started, ringing 102, merged, answered 102, leg.ended "
            "101=answered_elsewhere, ended=answered");
  EXPECT_EQ(bench.table.live_count(), 0u);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Merge, LinkCountsThoughTheCallWasFirstToldToHaveEndedBeforeIt) {
  const auto fetch = [](FactType type, std::int64_t ms) {
    return Say{type, 60'000}.id("c2").told(ms).from_ext("102");
  };
  Say link = Say{FactType::updated, 60'000}.id("c1").told(30'200);
  link.fact.ids.parent = "c2";
  Bench bench;
  bench.feed({jane(FactType::answered, 60'000).told(5000).leg("b").agent("101"),
              jane(FactType::ended, 60'000).told(20'100).leg("b")});
  EXPECT_EQ(bench.call().state, CallState::ended);
  bench.feed({jane(FactType::parked, 60'000).told(20'000).agent("101"),
              fetch(FactType::started, 30'000), fetch(FactType::ended, 50'000)});
  EXPECT_EQ(Bench::text_of(bench.feed(link)), "amended, merged");
  EXPECT_EQ(bench.problems(), "");
}

TEST(Merge, HoldOfTheAbsorbedCallIsKept) {
  Bench bench;
  bench.feed(
      {Say{FactType::started, 0}.id("a").from(kJane),
       Say{FactType::ringing, 1}.id("a").to_ext("101"),
       Say{FactType::answered, 5}.id("b").from(kJane).agent("101"),
       Say{FactType::held, 1000}.id("b").agent("101"), Say{FactType::updated, 2000}.id("a").id("b"),
       Say{FactType::resumed, 4000}.id("a").agent("101"), Say{FactType::ended, 9000}.id("a")});
  EXPECT_EQ(bench.call("a").hold, milliseconds{3000});
  EXPECT_EQ(bench.problems(), "");
}

TEST(Merge, LegThatHadEndedInTheOtherCallEndsForItsUserToo) {
  // Both calls have a leg of 101; in the absorbed one it is over, which the survivor's viewers must
  // be told.
  Bench bench;
  bench.feed({Say{FactType::ringing, 0}.id("a").inbound().from(kJane).to_ext("101"),
              Say{FactType::ringing, 5}.id("b").inbound().from(kJane).to_ext("101"),
              Say{FactType::ringing, 6}.id("b").inbound().to_ext("102"),
              Say{FactType::declined, 7}.id("b").inbound().agent("101"),
              Say{FactType::updated, 10}.id("a").id("b")});
  EXPECT_EQ(bench.problems(), "");
}

TEST(Merge, SettlingOfTheAbsorbedCallDoesNotEndTheSurvivor) {
  Bench bench;
  bench.feed({Say{FactType::ringing, 0}.id("a").from(kJane).to_ext("102"),
              Say{FactType::ringing, 1}.id("b").leg("b1").from(kJane).to_ext("101"),
              Say{FactType::ended, 5}.id("b").leg("b1").agent("101").why(Disposition::busy),
              Say{FactType::updated, 10}.id("a").id("b")});
  bench.tick(2000);
  EXPECT_EQ(bench.call("a").state, CallState::ringing);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Merge, AttendedTransferNamesTheOtherCall) {
  Bench bench;
  Fact transfer = Say{FactType::transferred, 10}.id("a").agent("101");
  transfer.transfer.kind = "attended";
  transfer.transfer.other_calls = {"b"};
  bench.feed({Say{FactType::answered, 0}.id("a").from(kJane).inbound().agent("101"),
              Say{FactType::answered, 5}.id("b").internal().from_ext("101").agent("102"),
              transfer});
  EXPECT_EQ(bench.table.live_count(), 1u);
  EXPECT_EQ(bench.call("a").id, bench.call("b").id);
  EXPECT_EQ(bench.problems(), "");
}

// --- time
// ---------------------------------------------------------------------------------------------------------------------

TEST(Limits, SilentUnansweredCallIsReconciled) {
  Bench bench;
  bench.feed(jane(FactType::ringing, 0).to_ext("101"));
  bench.tick(15 * 60'000);
  EXPECT_EQ(bench.table.live_count(), 1u);
  bench.tick(15 * 60'000 + 1);
  EXPECT_EQ(bench.table.live_count(), 0u);
  EXPECT_EQ(bench.leg("101").end_reason, Disposition::reconciled);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Limits, AnsweredCallMayBeSilentForHours) {
  Bench bench;
  bench.feed(jane(FactType::answered, 0).agent("101"));
  bench.tick(12 * 3'600'000);
  EXPECT_EQ(bench.table.live_count(), 1u);
  bench.tick(12 * 3'600'000 + 1);
  EXPECT_EQ(bench.call().disposition, Disposition::answered);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Limits, EveryFactAboutItBreaksTheSilence) {
  Bench bench;
  bench.feed({jane(FactType::ringing, 0).to_ext("101"),
              jane(FactType::ringing, 14 * 60'000).to_ext("101")});
  bench.tick(16 * 60'000);
  EXPECT_EQ(bench.table.live_count(), 1u);
}

TEST(Limits, EndedCallIsKeptForAWhileAndThenForgotten) {
  Bench bench;
  bench.feed({jane(FactType::ringing, 0).to_ext("101"), jane(FactType::ended, 1000)});
  const std::string id = bench.call().id;
  bench.tick(1000 + 600'000);
  EXPECT_EQ(bench.call(id).id, id);
  bench.tick(1000 + 600'001);
  EXPECT_EQ(bench.table.find("acme", id), nullptr);
  EXPECT_EQ(bench.table.size(), 0u);
  EXPECT_TRUE(bench.saved.empty());
  bench.feed(jane(FactType::started, 700'000));
  EXPECT_EQ(bench.table.size(), 1u) << "a forgotten key is free again";
}

TEST(Limits, ReconciledCallIsKeptForLateFactsToo) {
  Bench bench;
  bench.feed(jane(FactType::ringing, 0).to_ext("101"));
  bench.tick(16 * 60'000);
  bench.tick(16 * 60'000 + 1000);
  EXPECT_EQ(bench.table.size(), 1u);
  bench.feed(jane(FactType::ended, 16 * 60'000 + 2000));
  EXPECT_EQ(bench.table.size(), 1u) << "its late end is no call of its own: " << bench.story();
}

TEST(Limits, KeysOfACallAreBounded) {
  Bench bench;
  for (int i = 0; i < 400; ++i)
    bench.feed(
        jane(i == 0 ? FactType::started : FactType::updated, i).id("extra" + std::to_string(i)));
  EXPECT_EQ(bench.call().ids.size(), kKeysPerCallMax);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Limits, LegsOfACallAreBounded) {
  Bench bench;
  for (int i = 0; i < 100; ++i)
    bench.feed(jane(FactType::ringing, i).to_ext(std::to_string(300 + i)));
  EXPECT_EQ(bench.call().legs.size(), kLegsPerCallMax);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Limits, ALineBeyondTheLimitDoesNotAnswerForAnother) {
  Bench bench;
  for (int i = 0; i < 100; ++i)
    bench.feed(jane(FactType::ringing, i).to_ext(std::to_string(300 + i)));
  const Leg last = bench.call().legs.back();
  bench.feed(jane(FactType::answered, 1000).agent("399"));
  EXPECT_NE(bench.leg(last.ext).end_reason, Disposition::answered);
  EXPECT_NE(bench.leg(last.ext).state, LegState::confirmed)
      << last.ext << " did not answer, 399 did";
  EXPECT_EQ(bench.problems(), "");
}

// --- saved state
// --------------------------------------------------------------------------------------------------------------

TEST(Saved, LargestCallCanBeReadBack) {
  Bench bench;
  const std::string text(kTextBytesMax, '\x01');  // six bytes each in JSON
  Fact fact = jane(FactType::started, 0);
  for (std::size_t i = 0; i < kHeadersPerCallMax; ++i)
    fact.headers["h" + std::to_string(i)] = fact.variables["v" + std::to_string(i)] = text;
  bench.feed(fact);
  CallTable other{people(), 8};
  EXPECT_TRUE(other.restore(bench.saved).empty());
  Event event = bench.events.front();
  event.cursor = {"e", 1};
  EXPECT_TRUE(decode_event(encode(event), {}))
      << "an event that was stored must be readable for a resume";
}

TEST(Saved, KeyLearnedFromAFactThatTellsNothingElseIsSaved) {
  Bench bench;
  bench.feed({jane(FactType::started, 0),
              Say{FactType::started, 10}.id("c1").id("c2").inbound().from(kJane)});
  CallTable other{people(), 8};
  ASSERT_TRUE(other.restore(bench.saved).empty());
  EXPECT_NE(other.find("acme", "c2"), nullptr);
}

TEST(Saved, LegIdLearnedFromARepeatedReportIsSaved) {
  Bench bench;
  bench.feed({jane(FactType::ringing, 0).to_ext("101"),
              jane(FactType::ringing, 10).to_ext("101").leg("L1")});
  EXPECT_EQ(bench.saved.at(bench.call().id), bench.table.save(bench.call().id));
}

TEST(Saved, RingingTimeLearnedLateIsSaved) {
  Bench bench;
  bench.feed({jane(FactType::answered, 100).agent("101"),
              jane(FactType::ringing, 200).told(50).to_ext("101")});
  EXPECT_EQ(bench.saved.at(bench.call().id), bench.table.save(bench.call().id));
}

TEST(Saved, LastSignOfLifeIsSavedSoThatARestartDoesNotMakeAGhost) {
  Bench bench;
  bench.feed({jane(FactType::ringing, 0).to_ext("101"),
              jane(FactType::ringing, 14 * 60'000).to_ext("101")});
  CallTable other{people(), 8};
  ASSERT_TRUE(other.restore(bench.saved).empty());
  Step step;
  other.tick(at_ms(16 * 60'000), step);
  EXPECT_EQ(other.live_count(), 1u);
}

TEST(Saved, ABadRecordIsNamedAndTakesNoOtherAlong) {
  CallTable table{people(), 7};
  Bench bench;
  bench.feed(jane(FactType::started, 0));
  auto saved = bench.saved;
  saved["x"] = "{";
  saved["y"] = "{}";
  saved["z"] = bench.saved.begin()->second;  // under an id that is not its own
  EXPECT_EQ(table.restore(saved), (std::vector<std::string>{"x", "y", "z"}));
  EXPECT_EQ(table.live_count(), 1u);
}

TEST(Saved, CallThatManyOthersPointedAtCanBeReadBack) {
  Bench bench;
  bench.feed(Say{FactType::started, 0}.id("A").inbound().from(kJane));
  for (int i = 1; i <= 300; ++i) {
    const std::string id = "B" + std::to_string(i);
    bench.feed(Say{FactType::started, i * 10}.id(id).inbound().from(kJane));
    Fact link = Say{FactType::ringing, i * 10 + 1}.id(id);
    link.ids.parent = "A";
    bench.feed(link);
  }
  CallTable other{people(), 8};
  EXPECT_TRUE(other.restore(bench.saved).empty());
}

TEST(NextCall, NewIdThatOnlyPointsAtAnEndedCallIsACallOfItsOwn) {
  Bench bench;
  bench.feed(Say{FactType::started, 0}.id("A").inbound().from(kJane));
  bench.feed(Say{FactType::ended, 1'000}.id("A"));
  Fact next = Say{FactType::started, 120'000}.id("N").inbound().from(kJane);
  next.ids.parent = "A";
  bench.feed(next);
  bench.feed(Say{FactType::ringing, 121'000}.id("N").to_ext("101"));
  EXPECT_EQ(bench.table.live_count(), 1u);
  EXPECT_EQ(bench.events.back().type, EventType::call_ringing);
}

}  // namespace
}  // namespace hookswitch::calls_test
