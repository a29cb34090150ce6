#include "delivery/event_tail.hpp"

#include <gtest/gtest.h>

#include "unit/delivery/fakes.hpp"

namespace hookswitch::delivery_test {
namespace {

class EventTailTest : public ::testing::Test {
 protected:
  void add(std::uint64_t offset, const std::string& org = "acme") {
    Event event = ring("c", "alice", "101");
    event.org = org;
    event.cursor = {"e1", offset};
    tail.add(event, make_frame("0123456789"));
  }
  /// Offsets after that one; {0}: not all of them are here.
  std::vector<std::uint64_t> after(std::uint64_t offset, const std::string& org = "acme") const {
    const auto found = tail.after(org, offset);
    if (!found) return {0};
    std::vector<std::uint64_t> out;
    for (auto it = found->first; it != found->second; ++it)
      out.push_back(it->event().cursor.offset);
    return out;
  }
  using Offsets = std::vector<std::uint64_t>;
  EventTail tail{4, 1000};
};

TEST_F(EventTailTest, HasWhatFollowsAPlaceOrSaysThatItHasNot) {
  for (std::uint64_t i = 5; i <= 7; ++i) add(i);
  EXPECT_EQ(after(4), (Offsets{5, 6, 7}));
  EXPECT_EQ(after(6), Offsets{7});
  EXPECT_EQ(after(7), Offsets{});
  EXPECT_EQ(after(3), Offsets{0});
  EXPECT_EQ(after(8), Offsets{0});
  EXPECT_EQ(after(4, "globex"), Offsets{0});
}

TEST_F(EventTailTest, TheOldestOfAllOrganisationsGoesFirst) {
  add(1, "globex");
  for (std::uint64_t i = 1; i <= 4; ++i) add(i);
  EXPECT_EQ(after(0, "globex"), Offsets{0});
  EXPECT_EQ(after(0).size(), 4u);
  add(2, "globex");
  EXPECT_EQ(after(0), Offsets{0});
  EXPECT_EQ(after(1), (Offsets{2, 3, 4}));
  EXPECT_EQ(after(1, "globex"), Offsets{2});
}

TEST_F(EventTailTest, TextsAreBoundedTooButTheNewestStays) {
  tail = EventTail{100, 25};
  for (std::uint64_t i = 1; i <= 4; ++i) add(i);
  EXPECT_EQ(after(2), (Offsets{3, 4}));
  EXPECT_EQ(after(1), Offsets{0});
  tail = EventTail{100, 5};
  add(1);
  EXPECT_EQ(after(0), Offsets{1});
}

TEST_F(EventTailTest, EventsOnBothSidesOfAHoleAreNeverOneStretch) {
  add(1);
  add(2);
  add(4);
  EXPECT_EQ(after(1), Offsets{0});
  EXPECT_EQ(after(3), Offsets{4});
}

TEST(HubTail, CrowdThatComesBackIsServedWithoutTheJournal) {
  HubBench bench{HubLimits{}};
  for (int i = 0; i < 10; ++i) bench.publish(ring("c" + std::to_string(i), "alice", "101"));
  for (int i = 0; i < 100; ++i) {
    Attach wish = bench.wish(grant("boss", Scope::events_org));
    wish.filters = {{"f", Filter{.ext = {"101"}}}};
    wish.asked_since = true;
    wish.since = Cursor{"e1", 4};
    EXPECT_EQ(bench.attach(std::move(wish)).sink->cursors().size(), 6u);
  }
  EXPECT_EQ(bench.history.reads, 0);
}

TEST(HubTail, ClientThatMissedNothingReadsNothing) {
  HubBench bench;
  bench.publish(ring("c", "alice", "101"));
  bench.attach(grant("boss", Scope::events_org), Dialect::native, "e1.1");
  EXPECT_EQ(bench.history.reads, 0);
}

TEST(HubTail, HistoryThatBeginsAnewIsNotMixedWithTheOld) {
  HubBench bench{HubLimits{}};
  for (int i = 0; i < 3; ++i) bench.publish(ring("c", "alice", "101"));
  bench.hub.begin_anew();
  bench.history.broken = true;
  EXPECT_EQ(bench.attach(grant("boss", Scope::events_org), Dialect::native, "e1.0").sink->closed,
            std::vector<Errc>{Errc::journal_io})
      << "what is remembered may not be what is stored";
}

TEST(HubReplay, TurnIsNotLongerForACrowdThanForOne) {
  HubBench bench{HubLimits{.page_events_max = 64}};
  for (int i = 0; i < 300; ++i) bench.publish(ring("c", "alice", "101"));
  std::vector<HubBench::Ticket> crowd;
  for (int i = 0; i < 200; ++i)
    crowd.push_back(bench.attach(grant("boss", Scope::events_org), Dialect::native, "e1.0"));
  std::size_t sent = 0;
  for (const auto& client : crowd) sent += client.sink->cursors().size();
  EXPECT_LE(sent, kReplayEventsPerTurn + 64);
  for (int turn = 0; turn < 200; ++turn) {
    bench.hub.go_on();
    for (auto& client : crowd) bench.hub.drained(client.id);
  }
  for (const auto& client : crowd) EXPECT_EQ(client.sink->cursors().size(), 300u);
}

TEST(HubReplay, AnswersThatPileUpDuringAReplayAreNotDroppedInSilence) {
  HubBench bench;
  bench.history.page_max = 1;
  for (int i = 0; i < 3; ++i) bench.publish(ring("c", "alice", "101"));
  const auto client = bench.attach(grant("boss", Scope::events_org), Dialect::native, "e1.0");
  for (std::size_t i = 0; i <= kFiltersPerClientMax; ++i)
    bench.hub.say(client.id, R"({"op":"pong"})");
  EXPECT_EQ(client.sink->closed, std::vector<Errc>{Errc::overload});
}

}  // namespace
}  // namespace hookswitch::delivery_test
