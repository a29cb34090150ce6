#include "delivery/event_tail.hpp"

#include <gtest/gtest.h>

#include "unit/delivery/fakes.hpp"

namespace hookswitch::delivery_test {
namespace {

class EventTailTest : public ::testing::Test {
 protected:
  void add(std::uint64_t offset, const std::string& org = "acme", const std::string& ext = "101") {
    Event event = ring("c" + ext, "alice", ext);
    event.org = org;
    event.cursor = {"e1", offset};
    tail.add(event, make_frame("0123456789"));
  }
  /// Offsets after that one; {0}: not all of them are here.
  std::vector<std::uint64_t> after(std::uint64_t offset, const std::string& org = "acme") const {
    return offsets(tail.after(org, offset, nullptr, 100));
  }
  static std::vector<std::uint64_t> offsets(const std::optional<EventTail::Page>& page) {
    if (!page) return {0};
    std::vector<std::uint64_t> out;
    for (const ToldEvent* event : page->events) out.push_back(event->event().cursor.offset);
    return out;
  }
  /// The page of who stands under these lines.
  std::optional<EventTail::Page> of_lines(std::uint64_t offset,
                                          const std::vector<std::string>& lines,
                                          std::size_t events_max = 100) const {
    EventTail::Keys keys;
    for (const auto& line : lines)
      keys.push_back(EventTail::key_of(SubscriptionIndex::By::ext, line));
    return tail.after("acme", offset, &keys, events_max);
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

TEST_F(EventTailTest, MemoryIsBoundedTooButTheNewestStays) {
  tail = EventTail{100, 3 * 25};
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

TEST_F(EventTailTest, ValuesLeadToTheirEventsPastAllOthers) {
  tail = EventTail{100, 10'000};
  const char* const lines[] = {"101", "102", "101", "103", "102", "101"};
  for (std::uint64_t i = 0; i < std::size(lines); ++i) add(i + 1, "acme", lines[i]);
  EXPECT_EQ(offsets(of_lines(0, {"101"})), (Offsets{1, 3, 6}));
  EXPECT_EQ(offsets(of_lines(1, {"102", "101"})), (Offsets{2, 3, 5, 6}));
  EXPECT_EQ(offsets(of_lines(1, {"104"})), Offsets{});
  EXPECT_EQ(of_lines(1, {"104"})->until, 6U) << "nothing up to the newest is its";
  const auto first_two = of_lines(0, {"101", "102"}, 2);
  EXPECT_EQ(offsets(first_two), (Offsets{1, 2}));
  EXPECT_EQ(first_two->until, 2U) << "more may follow";
}

TEST_F(EventTailTest, ValuesOfForgottenEventsAreForgotten) {
  for (std::uint64_t i = 1; i <= 200; ++i) add(i, "acme", i % 2 == 0 ? "101" : "102");
  EXPECT_EQ(offsets(of_lines(196, {"101"})), (Offsets{198, 200}));
  EXPECT_EQ(offsets(of_lines(196, {"102"})), (Offsets{197, 199}));
  EXPECT_EQ(offsets(of_lines(195, {"101"})), Offsets{0}) << "not all that came after are here";
}

TEST(HubTail, FilteredResumeIsTheSameAsTheLiveOne) {
  HubBench bench{HubLimits{.page_events_max = 3}};
  Attach live = bench.wish(grant("boss", Scope::events_org));
  live.filters = {{"f", Filter{.ext = {"101", "103"}}}, {"g", Filter{.users = {"bob"}}}};
  const auto all = bench.attach(std::move(live));
  for (int i = 0; i < 40; ++i)
    bench.publish(ring("c" + std::to_string(i),
                       i % 3 == 0   ? "alice"
                       : i % 3 == 1 ? "bob"
                                    : "carol",
                       "10" + std::to_string(i % 5)));
  Attach back = bench.wish(grant("boss", Scope::events_org));
  back.filters = {{"f", Filter{.ext = {"101", "103"}}}, {"g", Filter{.users = {"bob"}}}};
  back.asked_since = true;
  back.since = Cursor{"e1", 0};
  const auto resumed = bench.attach(std::move(back));
  for (int turn = 0; turn < 40; ++turn) {
    bench.hub.go_on();
    bench.hub.drained(resumed.id);
  }
  EXPECT_EQ(resumed.sink->cursors(), all.sink->cursors());
  EXPECT_GT(resumed.sink->cursors().size(), 20U);
  EXPECT_EQ(bench.history.reads, 0);
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
