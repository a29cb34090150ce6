#include <gtest/gtest.h>

#include <random>

#include "unit/delivery/fakes.hpp"

namespace hookswitch::delivery_test {
namespace {

using Strings = std::vector<std::string>;

class AcknowledgeTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  AcknowledgeTest() : bench{{.tail_events_max = GetParam()}} {}

  HubBench::Ticket attach(std::size_t window, const std::string& since = {},
                          Dialect dialect = Dialect::native) {
    Attach wish = bench.wish(
        grant("alice", is_page(dialect) ? Scope::events_own : Scope::events_org), dialect);
    wish.window = window;
    wish.asked_since = !since.empty();
    wish.since = parse_cursor(since);
    return bench.attach(std::move(wish));
  }
  void publish(int count) {
    for (; count > 0; --count) bench.publish(ring("c", "alice", "101"));
  }
  void acknowledge(const HubBench::Ticket& client, std::uint64_t offset) {
    bench.hub.acknowledge(client.id, {"e1", offset});
  }
  static Strings cursors(int from, int to) {
    Strings out;
    for (; from <= to; ++from) out.push_back("e1." + std::to_string(from));
    return out;
  }

  HubBench bench;
};

/// From the newest events in memory, and from the journal alone.
INSTANTIATE_TEST_SUITE_P(TailAndJournal, AcknowledgeTest, ::testing::Values(1000, 0));

TEST_P(AcknowledgeTest, WelcomeTellsTheWindowOnlyToWhoAskedForIt) {
  EXPECT_NE(attach(7).sink->op("welcome").find(R"("ack_window":7)"), std::string::npos);
  EXPECT_EQ(attach(0).sink->op("welcome").find("ack_window"), std::string::npos);
}

TEST_P(AcknowledgeTest, NothingIsSentBeyondTheWindowAndAllOfItAfterwards) {
  const auto client = attach(4);
  publish(10);
  EXPECT_EQ(client.sink->cursors(), cursors(1, 4));
  EXPECT_EQ(bench.registry.value("hookswitch_clients_held_back_total"), 1);
  acknowledge(client, 4);
  EXPECT_EQ(client.sink->cursors(), cursors(1, 8));
  acknowledge(client, 8);
  EXPECT_EQ(client.sink->cursors(), cursors(1, 10));
  publish(1);
  EXPECT_EQ(client.sink->cursors(), cursors(1, 11)) << "it is live again";
}

TEST_P(AcknowledgeTest, WindowIsRefilledWhenHalfOfItIsFree) {
  const auto client = attach(4);
  publish(10);
  acknowledge(client, 1);
  EXPECT_EQ(client.sink->cursors(), cursors(1, 4)) << "an event at a time would read a page each";
  acknowledge(client, 2);
  EXPECT_EQ(client.sink->cursors(), cursors(1, 6));
}

TEST_P(AcknowledgeTest, OneAtATimeIsAWindowToo) {
  const auto client = attach(1);
  publish(3);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(client.sink->cursors(), cursors(1, i));
    acknowledge(client, static_cast<std::uint64_t>(i));
  }
}

TEST_P(AcknowledgeTest, WhoDoesNotAskIsSentEverything) {
  const auto client = attach(0);
  publish(10);
  EXPECT_EQ(client.sink->cursors(), cursors(1, 10));
}

TEST_P(AcknowledgeTest, SlowAcknowledgerDelaysNobody) {
  attach(1);
  const auto other = attach(0);
  publish(5);
  EXPECT_EQ(other.sink->cursors(), cursors(1, 5));
}

TEST_P(AcknowledgeTest, ResumedClientIsHeldBackInItsReplay) {
  publish(10);
  const auto client = attach(4, "e1.2");
  EXPECT_EQ(client.sink->cursors(), cursors(3, 6));
  publish(1);
  bench.hub.drained(client.id);
  bench.hub.go_on();
  EXPECT_EQ(client.sink->cursors(), cursors(3, 6)) << "room comes from acknowledging alone";
  acknowledge(client, 6);
  acknowledge(client, 10);
  EXPECT_EQ(client.sink->cursors(), cursors(3, 11));
}

TEST_P(AcknowledgeTest, WhatWasNotAcknowledgedIsSentAgainAfterAReconnect) {
  const auto first = attach(100);
  publish(5);
  acknowledge(first, 2);
  bench.hub.detach(first.id);
  EXPECT_EQ(attach(100, "e1.2").sink->cursors(), cursors(3, 5));
}

TEST_P(AcknowledgeTest, PlacesThatItWasNotOfferedAreRefusedByName) {
  const auto client = attach(4);
  publish(10);
  for (const Cursor& wrong :
       {Cursor{"e1", 5}, Cursor{"e1", 10}, Cursor{"e1", 11}, Cursor{"other", 2}, Cursor{"", 0}}) {
    client.sink->frames.clear();
    bench.hub.acknowledge(client.id, wrong);
    EXPECT_NE(client.sink->op("error").find(R"("code":"bad_message")"), std::string::npos)
        << wrong.str();
    EXPECT_TRUE(client.sink->closed.empty() && client.sink->cursors().empty()) << wrong.str();
  }
}

TEST_P(AcknowledgeTest, PlacesOfBeforeAreNoError) {
  const auto client = attach(4);
  publish(3);
  acknowledge(client, 3);
  acknowledge(client, 1);
  acknowledge(client, 0);
  EXPECT_EQ(client.sink->op("error"), "");
  publish(4);
  EXPECT_EQ(client.sink->cursors(), cursors(1, 7)) << "an old place takes nothing back";
}

TEST_P(AcknowledgeTest, WhoDidNotAskToAcknowledgeIsToldSo) {
  const auto client = attach(0);
  publish(1);
  acknowledge(client, 1);
  EXPECT_NE(client.sink->op("error").find("bad_message"), std::string::npos);
}

TEST_P(AcknowledgeTest, AnswersAreNotHeldBackWithTheEvents) {
  const auto client = attach(1);
  publish(3);
  bench.hub.say(client.id, R"({"op":"pong"})");
  EXPECT_NE(client.sink->op("pong"), "") << "or a ping of a client that works on would time out";
}

TEST_P(AcknowledgeTest, RetentionThatOvertakesAHeldBackClientIsNoSilentHole) {
  const auto client = attach(2);
  publish(10);
  bench.history.prune_to(5);
  acknowledge(client, 2);
  EXPECT_EQ(client.sink->cursors(), cursors(1, 2));
  EXPECT_EQ(client.sink->closed, std::vector<Errc>{Errc::overload});
}

TEST_P(AcknowledgeTest, EventThatIsNothingToAPageTakesNoRoom) {
  const auto page = attach(2, {}, Dialect::opencti_dialpad);
  Event quiet = ring("a", "alice", "101");
  quiet.type = EventType::call_updated;
  for (int i = 0; i < 5; ++i) bench.publish(quiet);
  const auto before = page.sink->frames.size();
  publish(1);
  EXPECT_GT(page.sink->frames.size(), before);
}

TEST_P(AcknowledgeTest, EachEventComesOnceAndInOrderHoweverItIsAcknowledged) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random{seed};
    const auto roll = [&](int sides) {
      return std::uniform_int_distribution<int>{0, sides - 1}(random);
    };
    HubBench own{{.tail_events_max = GetParam() > 0 ? static_cast<std::size_t>(roll(20)) : 0,
                  .page_events_max = static_cast<std::size_t>(1 + roll(5))}};
    Attach wish = own.wish(grant("boss", Scope::events_org));
    const auto window = static_cast<std::size_t>(1 + roll(6));
    wish.window = window;
    const bool picky = roll(2) == 0;
    if (picky) wish.filters = {{"f", Filter{.ext = {"101"}}}};
    const auto client = own.attach(std::move(wish));
    std::vector<std::string> due;
    std::size_t acknowledged = 0;
    const auto acknowledge_some = [&](std::size_t count) {
      const auto heard = client.sink->cursors();
      ASSERT_LE(heard.size() - acknowledged, window) << "never more than its window";
      acknowledged = std::min(heard.size(), acknowledged + count);
      if (acknowledged > 0) own.hub.acknowledge(client.id, *parse_cursor(heard[acknowledged - 1]));
    };
    for (int step = 0; step < 100; ++step) {
      switch (roll(4)) {
        case 0:
          acknowledge_some(static_cast<std::size_t>(roll(4)));
          break;
        case 1:
          own.hub.go_on();
          own.hub.drained(client.id);
          break;
        default: {
          const bool hers = roll(2) == 0;
          const Event event = own.publish(ring("c", hers ? "alice" : "bob", hers ? "101" : "102"));
          if (!picky || hers) due.push_back(event.cursor.str());
        }
      }
    }
    for (int round = 0; round < 500 && acknowledged < due.size(); ++round) {
      acknowledge_some(window);
      own.hub.go_on();
      own.hub.drained(client.id);
    }
    ASSERT_EQ(client.sink->cursors(), due);
    ASSERT_EQ(client.sink->op("error"), "");
  }
}

}  // namespace
}  // namespace hookswitch::delivery_test
