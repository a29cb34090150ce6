#include <gtest/gtest.h>

#include <functional>

#include "unit/calls/call_bench.hpp"

/// Calls as watched SIP extensions report them: states, told by each watcher for its own line.
namespace hookswitch::calls_test {
namespace {

/// Every order in which two watchers' facts can arrive, each watcher's own order kept. Received
/// times follow the arrival.
void interleave(const std::vector<Fact>& a, const std::vector<Fact>& b,
                const std::function<void(const std::vector<Fact>&)>& look) {
  std::vector<bool> from_b(a.size() + b.size(), false);
  std::fill(from_b.begin() + static_cast<std::ptrdiff_t>(a.size()), from_b.end(), true);
  do {
    std::vector<Fact> order;
    std::size_t next_a = 0, next_b = 0;
    for (const bool b_next : from_b) {
      order.push_back(b_next ? b[next_b++] : a[next_a++]);
      order.back().received = at_ms(static_cast<std::int64_t>(order.size()) * 100);
    }
    look(order);
  } while (std::next_permutation(from_b.begin(), from_b.end()));
}

std::string text_of(const std::vector<Fact>& facts) {
  std::string out;
  for (const Fact& fact : facts)
    out += fact.agent.ext + ":" + std::string{to_string(fact.type)} + " ";
  return out;
}

std::size_t count(const std::string& story, const std::string& word) {
  std::size_t out = 0;
  for (auto at = story.find(word); at != std::string::npos; at = story.find(word, at + 1)) ++out;
  return out;
}

Say caller(FactType type) { return dialog("101", type, 0, "101", "102"); }
Say callee(FactType type) { return dialog("102", type, 0, "101", "102"); }

TEST(TwoWatchers, EveryInterleavingOfAnAnsweredCallIsOneCall) {
  const std::vector<Fact> one{caller(FactType::dialing), caller(FactType::dialing).reason("early"),
                              caller(FactType::answered),
                              caller(FactType::ended).why(Disposition::answered)};
  const std::vector<Fact> two{callee(FactType::ringing), callee(FactType::answered),
                              callee(FactType::ended).why(Disposition::answered)};
  interleave(one, two, [](const std::vector<Fact>& order) {
    SCOPED_TRACE(text_of(order));
    Bench bench;
    bench.feed(order);
    const std::string story = bench.story();
    EXPECT_EQ(bench.problems(), "");
    EXPECT_EQ(bench.table.size(), 1u);
    EXPECT_EQ(bench.call("a84b@hq").direction, Direction::internal);
    EXPECT_EQ(count(story, "ended=answered"), 1u) << story;
    // What a watcher tells before the first end arrives reaches the clients, once.
    const auto first_end = std::find_if(
        order.begin(), order.end(), [](const Fact& fact) { return fact.type == FactType::ended; });
    const auto in_time = [&](FactType type) {
      return std::count_if(order.begin(), first_end, [&](const Fact& fact) {
        return fact.agent.ext == "102" && fact.type == type;
      });
    };
    EXPECT_EQ(count(story, "ringing 102"), static_cast<std::size_t>(in_time(FactType::ringing)))
        << story;
    EXPECT_EQ(count(story, "answered 102"), static_cast<std::size_t>(in_time(FactType::answered)))
        << story;
    EXPECT_EQ(count(story, "answered 101"), 0u) << story;
  });
}

TEST(TwoWatchers, EveryInterleavingOfABusyCallIsOneBusyCall) {
  const std::vector<Fact> one{caller(FactType::dialing), caller(FactType::dialing).reason("early"),
                              caller(FactType::ended).status(486).why(Disposition::busy)};
  const std::vector<Fact> two{callee(FactType::ringing),
                              callee(FactType::ended).status(486).why(Disposition::busy)};
  interleave(one, two, [](const std::vector<Fact>& order) {
    SCOPED_TRACE(text_of(order));
    Bench bench;
    bench.feed(order);
    bench.tick(order.back().received == at_ms(500) ? 1100 : 2000);
    EXPECT_EQ(bench.problems(), "");
    EXPECT_EQ(bench.table.size(), 1u);
    EXPECT_EQ(bench.call("a84b@hq").disposition, Disposition::busy) << bench.story();
  });
}

TEST(TwoWatchers, EveryInterleavingOfACancelledCallIsCancelled) {
  const std::vector<Fact> one{caller(FactType::dialing),
                              caller(FactType::ended).why(Disposition::cancelled)};
  const std::vector<Fact> two{callee(FactType::ringing),
                              callee(FactType::ended).why(Disposition::cancelled)};
  interleave(one, two, [](const std::vector<Fact>& order) {
    SCOPED_TRACE(text_of(order));
    Bench bench;
    bench.feed(order);
    bench.tick(5000);
    EXPECT_EQ(bench.problems(), "");
    EXPECT_EQ(bench.table.size(), 1u);
    EXPECT_EQ(bench.call("a84b@hq").disposition, Disposition::cancelled) << bench.story();
  });
}

TEST(TwoWatchers, HoldAndResumeFromEitherSideInEveryInterleaving) {
  const std::vector<Fact> one{caller(FactType::held), caller(FactType::resumed)};
  const std::vector<Fact> two{callee(FactType::held), callee(FactType::held),
                              callee(FactType::resumed)};
  interleave(one, two, [](std::vector<Fact> order) {
    SCOPED_TRACE(text_of(order));
    Bench bench;
    bench.feed({caller(FactType::dialing), callee(FactType::ringing), callee(FactType::answered),
                caller(FactType::answered)});
    bench.feed(order);
    EXPECT_EQ(bench.problems(), "");
    const std::string story = bench.story();
    for (const char* event : {"held 101", "held 102", "resumed 101", "resumed 102"})
      EXPECT_EQ(count(story, event), 1u) << event << " in " << story;
    EXPECT_EQ(bench.call("a84b@hq").state, CallState::connected);
  });
}

TEST(TwoWatchers, CallIsHeldWhileOneSideHolds) {
  Bench bench;
  bench.feed({caller(FactType::dialing), callee(FactType::answered), caller(FactType::answered),
              caller(FactType::held), callee(FactType::held), caller(FactType::resumed)});
  EXPECT_EQ(bench.call("a84b@hq").state, CallState::held);
  bench.feed(callee(FactType::resumed));
  EXPECT_EQ(bench.call("a84b@hq").state, CallState::connected);
  EXPECT_EQ(bench.problems(), "");
}

TEST(TwoWatchers, BothSeeTheCallFromTheirOwnLegOn) {
  Bench bench;
  EXPECT_EQ(bench.feed(caller(FactType::dialing)).at(0).audience, std::vector<Text>{"alice"});
  EXPECT_EQ(bench.feed(callee(FactType::ringing)).at(0).audience,
            (std::vector<Text>{"alice", "bob"}));
}

TEST(Dialogs, OutboundToAnExternalNumberIsAnsweredOnce) {
  Bench bench;
  const auto line = [](FactType type, std::int64_t ms) {
    return dialog("101", type, ms, "101", kJane);
  };
  bench.feed({line(FactType::dialing, 0), line(FactType::dialing, 500).reason("early"),
              line(FactType::answered, 4000), line(FactType::held, 5000),
              line(FactType::resumed, 6000),
              line(FactType::ended, 9000).why(Disposition::answered)});
  EXPECT_EQ(bench.story(),
            std::string{"started, answered "} + kJane + ", held 101, resumed 101, ended=answered");
  EXPECT_EQ(bench.call("a84b@hq").direction, Direction::outbound);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Dialogs, InboundFromOutsideIsAnsweredOnTheWatchedLine) {
  Bench bench;
  const auto line = [](FactType type, std::int64_t ms) {
    return dialog("101", type, ms, kJane, "101");
  };
  bench.feed(
      {line(FactType::ringing, 0), line(FactType::answered, 3000), line(FactType::ended, 9000)});
  bench.tick(9500);  // a dialog that ends may be a call handed on: another line may ring next
  EXPECT_EQ(bench.story(),
            "started, ringing 101, answered 101, leg.ended 101=answered, ended=answered");
  EXPECT_EQ(bench.call("a84b@hq").ended_at, at_ms(9000)) << "the moment waited is not talk time";
  EXPECT_EQ(bench.call("a84b@hq").direction, Direction::inbound);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Dialogs, CallToALineThatNobodyWatchesIsAnsweredAndEndsByTheCallersReport) {
  Bench bench;
  bench.feed({caller(FactType::dialing), caller(FactType::dialing).reason("early"),
              caller(FactType::answered), caller(FactType::ended).why(Disposition::answered)});
  EXPECT_EQ(bench.call("a84b@hq").disposition, Disposition::answered);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Dialogs, BusyThenDivertedToAnotherLineIsOneCall) {
  Bench bench;
  bench.feed({dialog("102", FactType::ringing, 0, kJane, "102"),
              dialog("102", FactType::ended, 100, kJane, "102").why(Disposition::busy),
              dialog("103", FactType::ringing, 300, kJane, "103"),
              dialog("103", FactType::answered, 900, kJane, "103")});
  bench.tick(1500);
  EXPECT_EQ(bench.story(), "started, ringing 102, leg.ended 102=busy, ringing 103, answered 103");
  bench.feed(dialog("103", FactType::ended, 5000, kJane, "103"));
  bench.tick(5500);
  EXPECT_EQ(bench.call("a84b@hq").disposition, Disposition::answered);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Dialogs, RefusedLineEndsTheCallOnceItHasSettled) {
  Bench bench;
  bench.feed({dialog("102", FactType::ringing, 0, kJane, "102"),
              dialog("102", FactType::ended, 100, kJane, "102").why(Disposition::rejected)});
  EXPECT_EQ(bench.table.next_settle(), at_ms(600));
  bench.tick(599);
  EXPECT_EQ(bench.table.live_count(), 1u);
  bench.tick(600);
  EXPECT_EQ(bench.story(), "started, ringing 102, leg.ended 102=rejected, ended=rejected");
  EXPECT_EQ(bench.table.next_settle(), std::nullopt);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Dialogs, CallersWatcherDecidesWhetherItRingsElsewhere) {
  Bench bench;
  bench.feed({caller(FactType::dialing), callee(FactType::ringing),
              callee(FactType::ended).why(Disposition::busy)});
  bench.tick(60'000);
  EXPECT_EQ(bench.table.live_count(), 1u);
  bench.feed(caller(FactType::ended).why(Disposition::busy));
  EXPECT_EQ(bench.story(), "started, ringing 102, leg.ended 102=busy, ended=busy");
  EXPECT_EQ(bench.problems(), "");
}

TEST(Dialogs, EndOfADialogNobodyKnowsIsOldNews) {
  Bench bench;
  EXPECT_TRUE(bench.feed(dialog("101", FactType::ended, 0, kJane, "101")).empty());
  EXPECT_EQ(bench.table.live_count(), 0u);
  EXPECT_EQ(bench.table.find("acme", "a84b@hq"), nullptr);
  EXPECT_EQ(bench.table.facts_ignored(), 1u);
}

TEST(Dialogs, EndOfAnUnknownLegOfAKnownCallEndsNoOtherLeg) {
  Bench bench;
  bench.feed({dialog("102", FactType::ringing, 0, kJane, "102"),
              dialog("102", FactType::answered, 100, kJane, "102"),
              dialog("103", FactType::ended, 200, kJane, "103")});
  EXPECT_EQ(bench.call("a84b@hq").state, CallState::connected);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Dialogs, RingGroupOfWatchedLinesEndsTheLosersInTheStepOfTheAnswer) {
  Bench bench;
  for (const char* ext : {"101", "102", "103"})
    bench.feed(dialog(ext, FactType::ringing, 0, kJane, ext));
  EXPECT_EQ(Bench::text_of(bench.feed(dialog("103", FactType::answered, 900, kJane, "103"))),
            "answered 103, leg.ended 101=answered_elsewhere, leg.ended 102=answered_elsewhere");
  for (const char* ext : {"101", "102"})
    EXPECT_TRUE(
        bench.feed(dialog(ext, FactType::ended, 950, kJane, ext).why(Disposition::cancelled))
            .empty());
  bench.feed(dialog("103", FactType::ended, 5000, kJane, "103"));
  EXPECT_EQ(bench.table.size(), 1u);
  EXPECT_EQ(bench.problems(), "");
}

TEST(Dialogs, SameLineRungAgainLaterIsASecondLeg) {
  Bench bench;
  bench.feed({caller(FactType::dialing), dialog("102", FactType::ringing, 100, "101", "102"),
              dialog("102", FactType::ended, 5000, "101", "102").why(Disposition::no_answer)});
  bench.feed(dialog("102", FactType::ringing, 6000, "101", "102").leg("102/a84b@hq#2"));
  EXPECT_EQ(bench.story(), "started, ringing 102, leg.ended 102=no_answer, ringing 102");
  EXPECT_EQ(bench.problems(), "");
}

}  // namespace
}  // namespace hookswitch::calls_test
