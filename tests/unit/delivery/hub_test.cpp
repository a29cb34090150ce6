#include "delivery/hub.hpp"

#include <gtest/gtest.h>

#include <random>

#include "unit/delivery/fakes.hpp"

namespace hookswitch::delivery_test {
namespace {

using Strings = std::vector<std::string>;

// --- welcome
// ----------------------------------------------------------------------------------------------------------------

TEST(Hub, WelcomeHasTheCallsNowAndTheCursorTheyBelongTo) {
  HubBench bench;
  bench.history.calls = {call_at("c1", {{"alice", "101"}})};
  bench.publish(ring("c1", "alice", "101"));
  const auto client = bench.attach(grant("boss", Scope::events_org));
  const auto welcome = json::parse(client.sink->op("welcome"));
  ASSERT_TRUE(welcome);
  EXPECT_EQ(json::find_string(*welcome, "cursor"), "e1.1");
  EXPECT_EQ(json::find_bool(*welcome, "resumed"), false);
  ASSERT_EQ(json::find(*welcome, "snapshot")->Size(), 1u);
  EXPECT_EQ(json::find_int(*welcome, "ping_ms"), 20'000);
  EXPECT_EQ(json::find_string(*welcome, "org"), "acme");
  bench.publish(ring("c2", "alice", "101"));
  EXPECT_EQ(client.sink->cursors(), Strings{"e1.2"})
      << "live events follow the snapshot's cursor without repetition";
}

TEST(Hub, SnapshotShowsOnlyWhatTheGrantMaySee) {
  HubBench bench;
  bench.history.calls = {call_at("a", {{"alice", "101"}}), call_at("b", {{"bob", "102"}}),
                         call_at("over", {{"alice", "101"}}, LegState::terminated)};
  const auto welcome = bench.attach(grant("alice", Scope::events_own)).sink->op("welcome");
  const auto read = json::parse(welcome);
  ASSERT_EQ(json::find(*read, "snapshot")->Size(), 1u) << welcome;
  EXPECT_EQ(json::find_string((*json::find(*read, "snapshot"))[0], "id"), "a");
  EXPECT_EQ(
      bench.attach(grant("eve", Scope::events_org, "globex")).sink->op("welcome").find("\"a\""),
      std::string::npos);
}

TEST(Hub, SnapshotIsOfItsCursorNotOfAnEarlierOne) {
  HubBench bench;
  bench.history.calls = {call_at("a", {{"alice", "101"}})};
  bench.attach(grant("boss", Scope::events_org));
  bench.history.calls.push_back(call_at("b", {{"bob", "102"}}));
  bench.publish(ring("b", "bob", "102"));
  const auto read = json::parse(bench.attach(grant("boss", Scope::events_org)).sink->op("welcome"));
  EXPECT_EQ(json::find(*read, "snapshot")->Size(), 2u);
  bench.history.calls.clear();
  bench.hub.go_on();
  const auto later =
      json::parse(bench.attach(grant("boss", Scope::events_org)).sink->op("welcome"));
  EXPECT_EQ(json::find(*later, "snapshot")->Size(), 0u);
}

TEST(Hub, SnapshotFollowsTheFilters) {
  HubBench bench;
  bench.history.calls = {call_at("a", {{"alice", "101"}}), call_at("b", {{"bob", "102"}})};
  Attach wish = bench.wish(grant("boss", Scope::events_org));
  wish.filters = {{"f", Filter{.ext = {"102"}}}};
  const auto read = json::parse(bench.attach(std::move(wish)).sink->op("welcome"));
  ASSERT_EQ(json::find(*read, "snapshot")->Size(), 1u);
}

TEST(Hub, CursorThatIsNoneOldOrFromTheFutureGetsASnapshot) {
  HubBench bench;
  for (int i = 0; i < 10; ++i) bench.publish(ring("c" + std::to_string(i), "alice", "101"));
  bench.history.prune_to(4);
  for (const char* since : {"nonsense", "other.5", "e1.3", "e1.11", "e1.99999999999999999999"}) {
    const auto client = bench.attach(grant("boss", Scope::events_org), Dialect::native, since);
    EXPECT_NE(client.sink->op("welcome").find(R"("resumed":false)"), std::string::npos) << since;
    EXPECT_NE(client.sink->op("welcome").find(R"("cursor":"e1.10")"), std::string::npos) << since;
    EXPECT_TRUE(client.sink->cursors().empty()) << since;
  }
}

TEST(Hub, GoodCursorGetsExactlyWhatFollowsItAndNoSnapshot) {
  HubBench bench;
  for (int i = 0; i < 10; ++i) bench.publish(ring("c" + std::to_string(i), "alice", "101"));
  bench.history.prune_to(4);
  const auto client = bench.attach(grant("boss", Scope::events_org), Dialect::native, "e1.7");
  EXPECT_NE(client.sink->op("welcome").find(R"("resumed":true)"), std::string::npos);
  EXPECT_EQ(client.sink->op("welcome").find("snapshot"), std::string::npos);
  EXPECT_EQ(client.sink->cursors(), (Strings{"e1.8", "e1.9", "e1.10"}));
  EXPECT_EQ(bench.attach(grant("boss", Scope::events_org), Dialect::native, "e1.4")
                .sink->cursors()
                .size(),
            6u);
  EXPECT_TRUE(bench.attach(grant("boss", Scope::events_org), Dialect::native, "e1.10")
                  .sink->cursors()
                  .empty());
}

TEST(Hub, HistoryThatCannotBeReadClosesTheClientInsteadOfLeavingAHole) {
  HubBench bench;
  bench.publish(ring("c", "alice", "101"));
  bench.history.broken = true;
  EXPECT_EQ(bench.attach(grant("boss", Scope::events_org), Dialect::native, "e1.0").sink->closed,
            std::vector<Errc>{Errc::journal_io});
}

TEST(Hub, HistoryPrunedUnderAReplayIsNeverASilentHole) {
  HubBench bench;
  bench.history.page_max = 2;
  for (int i = 0; i < 10; ++i) bench.publish(ring("c" + std::to_string(i), "alice", "101"));
  const auto client = bench.attach(grant("boss", Scope::events_org), Dialect::native, "e1.0");
  EXPECT_EQ(client.sink->cursors(), (Strings{"e1.1", "e1.2"}));
  bench.history.prune_to(6);
  bench.hub.drained(client.id);
  EXPECT_TRUE(client.sink->cursors().size() == 2 && client.sink->closed.size() == 1)
      << "3 to 6 are gone: the client must be told, not handed 7";
}

// --- who gets what
// ----------------------------------------------------------------------------------------------------------

TEST(Hub, OwnScopeSeesItsAudienceOnlyAndOrgScopeAll) {
  HubBench bench;
  const auto alice = bench.attach(grant("alice", Scope::events_own));
  const auto boss = bench.attach(grant("boss", Scope::events_org));
  const auto eve = bench.attach(grant("eve", Scope::events_org, "globex"));
  bench.publish(ring("a", "alice", "101"));
  bench.publish(ring("b", "bob", "102"));
  EXPECT_EQ(alice.sink->cursors(), Strings{"e1.1"});
  EXPECT_EQ(boss.sink->cursors(), (Strings{"e1.1", "e1.2"}));
  EXPECT_TRUE(eve.sink->cursors().empty());
}

TEST(Hub, EventOfTheOrganisationAloneIsNotForOwnScope) {
  HubBench bench;
  const auto alice = bench.attach(grant("alice", Scope::events_own));
  const auto boss = bench.attach(grant("boss", Scope::events_org));
  Event event;
  event.type = EventType::source_up;
  event.org = "acme";
  event.source = "hq";
  bench.publish(event);
  EXPECT_TRUE(alice.sink->cursors().empty());
  EXPECT_EQ(boss.sink->cursors().size(), 1u);
}

TEST(Hub, AudienceIsWhatWasDecidedNotWhatTheDirectorySaysNow) {
  HubBench bench;
  Event event = ring("a", "alice", "101");
  event.audience = {"bob"};
  bench.publish(event);
  EXPECT_TRUE(bench.attach(grant("alice", Scope::events_own), Dialect::native, "e1.0")
                  .sink->cursors()
                  .empty());
  EXPECT_EQ(
      bench.attach(grant("bob", Scope::events_own), Dialect::native, "e1.0").sink->cursors().size(),
      1u);
}

TEST(Hub, FilterOfAnOwnClientNeverWidensItsView) {
  HubBench bench;
  Attach wish = bench.wish(grant("alice", Scope::events_own));
  wish.filters = {{"f", Filter{.ext = {"102"}}}};
  const auto alice = bench.attach(std::move(wish));
  bench.publish(ring("b", "bob", "102"));
  bench.publish(ring("a", "alice", "101"));
  EXPECT_TRUE(alice.sink->cursors().empty());
}

TEST(Hub, EventReachesAClientOnceHoweverManyFiltersMatch) {
  HubBench bench;
  Attach wish = bench.wish(grant("boss", Scope::events_org));
  wish.filters = {{"a", Filter{.ext = {"101", "102"}}},
                  {"b", Filter{.users = {"alice"}}},
                  {"c", Filter{.types = {"call.*"}}}};
  const auto boss = bench.attach(std::move(wish));
  bench.publish(
      event_of(EventType::call_ringing, call_at("a", {{"alice", "101"}, {"bob", "102"}})));
  EXPECT_EQ(boss.sink->cursors().size(), 1u);
}

TEST(Hub, SubscribeAndUnsubscribeWorkLiveAndAreAnswered) {
  HubBench bench;
  Attach wish = bench.wish(grant("boss", Scope::events_org));
  wish.filters.emplace();
  const auto boss = bench.attach(std::move(wish));
  bench.publish(ring("a", "alice", "101"));
  bench.hub.subscribe(boss.id, "s1", Filter{.ext = {"101"}});
  EXPECT_EQ(boss.sink->op("subscribed"), R"({"op":"subscribed","id":"s1"})");
  bench.publish(ring("b", "alice", "101"));
  bench.publish(ring("c", "bob", "102"));
  bench.hub.subscribe(boss.id, "s1", Filter{.ext = {"102"}});
  bench.publish(ring("d", "alice", "101"));
  bench.publish(ring("e", "bob", "102"));
  bench.hub.unsubscribe(boss.id, "s1");
  EXPECT_EQ(boss.sink->op("unsubscribed"), R"({"op":"unsubscribed","id":"s1"})");
  bench.publish(ring("f", "bob", "102"));
  EXPECT_EQ(boss.sink->cursors(), (Strings{"e1.2", "e1.5"}));
}

TEST(Hub, FiltersAreBounded) {
  HubBench bench;
  const auto boss = bench.attach(grant("boss", Scope::events_org));
  for (std::size_t i = 0; i < kFiltersPerClientMax; ++i)
    bench.hub.subscribe(boss.id, "s" + std::to_string(i), Filter{});
  EXPECT_EQ(boss.sink->op("error"), "");
  bench.hub.subscribe(boss.id, "one too many", Filter{});
  EXPECT_NE(boss.sink->op("error").find("too_many_fields"), std::string::npos);
}

TEST(Hub, RegrantNarrowsAtOnce) {
  HubBench bench;
  const auto boss = bench.attach(grant("alice", Scope::events_org));
  bench.hub.regrant(boss.id, grant("alice", Scope::events_own));
  bench.publish(ring("b", "bob", "102"));
  bench.publish(ring("a", "alice", "101"));
  EXPECT_EQ(boss.sink->cursors(), Strings{"e1.2"});
}

TEST(Hub, OneFrameObjectIsSharedByAllNativeReceivers) {
  HubBench bench;
  std::vector<HubBench::Ticket> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(bench.attach(grant("boss", Scope::events_org)));
  clients.push_back(bench.attach(grant("alice", Scope::events_own), Dialect::cloudevents));
  const Event event = bench.history.store(ring("a", "alice", "101"));
  const auto body = make_frame(encode(event));
  bench.hub.publish({{&event, body}});
  for (const auto& client : clients) EXPECT_EQ(client.sink->frames.back().get(), body.get());
}

TEST(Hub, CloudEventsClientGetsEventsAndNothingElse) {
  HubBench bench;
  const auto client = bench.attach(grant("boss", Scope::events_org), Dialect::cloudevents);
  bench.publish(ring("a", "alice", "101"));
  EXPECT_EQ(client.sink->frames.size(), 1u);
}

TEST(Hub, DetachedClientGetsNothingMoreAndIsCounted) {
  HubBench bench;
  const auto one = bench.attach(grant("boss", Scope::events_org));
  const auto two = bench.attach(grant("alice", Scope::events_own));
  bench.hub.detach(one.id);
  bench.hub.detach(one.id);
  bench.hub.drained(one.id);
  bench.hub.subscribe(one.id, "s", Filter{});
  bench.publish(ring("a", "alice", "101"));
  EXPECT_TRUE(one.sink->cursors().empty());
  EXPECT_EQ(two.sink->cursors().size(), 1u);
  EXPECT_EQ(bench.hub.clients(), 1u);
  EXPECT_EQ(bench.registry.value("hookswitch_clients_attached_total"),
            bench.registry.value("hookswitch_clients_detached_total") +
                bench.registry.value("hookswitch_clients"));
}

TEST(Hub, CloseAllTellsEveryClient) {
  HubBench bench;
  const auto one = bench.attach(grant("boss", Scope::events_org));
  const auto two = bench.attach(grant("alice", Scope::events_own), Dialect::rc_embeddable);
  bench.hub.close_all(Errc::shutting_down);
  EXPECT_EQ(one.sink->closed, std::vector<Errc>{Errc::shutting_down});
  EXPECT_EQ(two.sink->closed, std::vector<Errc>{Errc::shutting_down});
}

TEST(Hub, SnapshotOfAllCallsIsMadeOnceForAllWhoSeeAll) {
  HubBench bench;
  bench.history.calls = {call_at("a", {{"alice", "101"}}), call_at("b", {{"bob", "102"}})};
  const auto one = bench.attach(grant("boss", Scope::events_org));
  const auto two = bench.attach(grant("boss", Scope::events_org));
  const auto own = bench.attach(grant("alice", Scope::events_own));
  EXPECT_EQ(one.sink->frames[0]->plain()[1].data(), two.sink->frames[0]->plain()[1].data());
  const auto calls = [](const HubBench::Ticket& ticket) {
    const auto welcome = json::parse(ticket.sink->frames[0]->text());
    return json::find(*welcome, "snapshot")->Size();
  };
  EXPECT_EQ(calls(one), 2u);
  EXPECT_EQ(calls(own), 1u);
}

TEST(Hub, ShutdownTellsEachClientHowFarItIs) {
  HubBench bench{HubLimits{.tail_events_max = 0, .page_events_max = 1}};
  Attach streaming = bench.wish(grant("boss", Scope::events_org));
  streaming.stream = true;
  Attach acknowledging = bench.wish(grant("boss", Scope::events_org));
  acknowledging.window = 5;
  const auto live = bench.attach(grant("alice", Scope::events_own));
  const auto stream = bench.attach(std::move(streaming));
  const auto careful = bench.attach(std::move(acknowledging));
  bench.publish(ring("a", "bob", "102"));
  bench.publish(ring("b", "bob", "102"));
  const auto behind = bench.attach(grant("boss", Scope::events_org), Dialect::native, "e1.0");
  bench.hub.close_all(Errc::shutting_down);
  EXPECT_EQ(live.sink->closed_at, "e1.2") << "also over what it may not see";
  EXPECT_EQ(behind.sink->closed_at, "e1.1") << "in the middle of what it missed";
  EXPECT_EQ(careful.sink->closed_at, "") << "what it has not acknowledged must come again";
  EXPECT_TRUE(stream.sink->frames.back()->text().starts_with("id: e1.2\n"));
}

TEST(Hub, OnlyARestartTellsTheCursor) {
  HubBench bench;
  const auto client = bench.attach(grant("boss", Scope::events_org));
  bench.hub.close_all(Errc::overload);
  EXPECT_EQ(client.sink->closed_at, "") << "the epoch may be a new one";
}

// --- pages
// ------------------------------------------------------------------------------------------------------------------

TEST(HubPages, StateBurstComesFirst) {
  HubBench bench;
  bench.history.calls = {call_at("a", {{"alice", "101"}})};
  const auto page = bench.attach(grant("alice", Scope::events_own), Dialect::rc_embeddable);
  ASSERT_FALSE(page.sink->frames.empty());
  EXPECT_NE(page.sink->frames.front()->text().find("rc-adapter-pushAdapterState"),
            std::string::npos);
  EXPECT_EQ(page.sink->op("welcome"), "");
  const auto before = page.sink->frames.size();
  bench.publish(ring("b", "alice", "101"));
  EXPECT_GT(page.sink->frames.size(), before);
}

TEST(HubPages, FirstPageOfAnOrganisationKnowsTheCallsThatWereThereBeforeIt) {
  HubBench bench;
  Call talking = call_at("a", {{"alice", "101"}}, LegState::confirmed);
  talking.state = CallState::connected;
  bench.history.calls = {talking};
  const auto page = bench.attach(grant("alice", Scope::events_own), Dialect::rc_embeddable);
  page.sink->frames.clear();
  bench.publish(ring("b", "alice", "101"));
  ASSERT_FALSE(page.sink->frames.empty());
  for (const auto& frame : page.sink->frames)
    EXPECT_EQ(frame->text().find("rc-adapter-syncPresence"), std::string::npos)
        << "who talks is busier than who is rung: nothing has changed";
}

TEST(HubPages, FramesOfOnePersonAreMadeOnceAndSharedByHerPages) {
  HubBench bench;
  const auto one = bench.attach(grant("alice", Scope::events_own), Dialect::opencti_dialpad);
  const auto two = bench.attach(grant("alice", Scope::events_own), Dialect::opencti_dialpad);
  bench.publish(ring("a", "alice", "101"));
  ASSERT_NE(one.sink->frames.back()->text().find("call_ringing"), std::string::npos);
  EXPECT_EQ(one.sink->frames.back().get(), two.sink->frames.back().get());
}

TEST(HubPages, PageOfAnOrgTokenStillShowsItsPersonOnly) {
  HubBench bench;
  const auto page = bench.attach(grant("alice", Scope::events_org), Dialect::opencti_dialpad);
  const auto before = page.sink->frames.size();
  bench.publish(ring("b", "bob", "102"));
  bench.hub.regrant(page.id, grant("alice", Scope::events_org));
  bench.publish(ring("c", "bob", "102"));
  EXPECT_EQ(page.sink->frames.size(), before);
}

TEST(HubPages, ResumedPageGetsWhatItMissed) {
  HubBench bench;
  bench.publish(ring("a", "alice", "101"));
  const auto page =
      bench.attach(grant("alice", Scope::events_own), Dialect::opencti_dialpad, "e1.0");
  EXPECT_NE(page.sink->frames.back()->text().find(R"("cursor":"e1.1")"), std::string::npos);
  EXPECT_NE(page.sink->frames.back()->text().find("call_ringing"), std::string::npos);
}

// --- resume, exactly
// --------------------------------------------------------------------------------------------------------

TEST(HubResume, EveryClientGetsEachVisibleEventOnceAndInOrderAcrossTheSeam) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random{seed};
    const auto roll = [&](int sides) {
      return std::uniform_int_distribution<int>{0, sides - 1}(random);
    };
    HubBench bench{{.tail_events_max = static_cast<std::size_t>(seed % 3 * 10),
                    .page_events_max = static_cast<std::size_t>(1 + roll(5))}};
    std::vector<Event> all;
    const auto publish = [&] {
      const int who = roll(3);
      all.push_back(
          who == 0   ? bench.publish(ring("x", "alice", "101"))
          : who == 1 ? bench.publish(ring("x", "bob", "102"))
                     : bench.publish(event_of(EventType::call_ringing,
                                              call_at("x", {{"alice", "101"}, {"bob", "102"}}))));
    };
    for (int i = roll(30); i > 0; --i) publish();
    struct Expected {
      HubBench::Ticket ticket;
      std::uint64_t since;
      int kind;
      int asked = 0;
    };
    std::vector<Expected> clients;
    for (int step = 0; step < 60; ++step) {
      switch (roll(4)) {
        case 0: {
          const auto since = static_cast<std::uint64_t>(roll(static_cast<int>(all.size()) + 1));
          const int kind = roll(3);
          Attach wish =
              bench.wish(grant("alice", kind == 0 ? Scope::events_own : Scope::events_org));
          wish.asked_since = true;
          wish.since = Cursor{"e1", since};
          if (kind == 2) wish.filters = {{"f", Filter{.ext = {"102"}}}};
          clients.push_back({bench.attach(std::move(wish)), since, kind});
          break;
        }
        case 1:
          publish();
          break;
        case 2:
          for (auto& client : clients)
            if (roll(2) == 0 && client.asked < client.ticket.sink->drains_asked) {
              ++client.asked;
              bench.hub.drained(client.ticket.id);
            }
          break;
        default:
          bench.hub.go_on();
      }
    }
    for (int round = 0; round < 200; ++round) {
      bench.hub.go_on();
      for (auto& client : clients)
        if (client.asked < client.ticket.sink->drains_asked) {
          ++client.asked;
          bench.hub.drained(client.ticket.id);
        }
    }
    publish();
    for (const auto& client : clients) {
      Strings due;
      for (const Event& event : all) {
        const bool own = std::find(event.audience.begin(), event.audience.end(), "alice") !=
                         event.audience.end();
        const bool ext = Filter{.ext = {"102"}}.matches(event);
        if (event.cursor.offset > client.since &&
            (client.kind == 0 ? own : client.kind == 1 || ext))
          due.push_back(event.cursor.str());
      }
      ASSERT_EQ(client.ticket.sink->cursors(), due)
          << "kind " << client.kind << " since " << client.since;
      ASSERT_TRUE(client.ticket.sink->closed.empty());
    }
  }
}

TEST(Hub, NobodyIsWelcomedOnceItShutsDown) {
  HubBench bench;
  const auto before = bench.attach(grant("alice", Scope::events_own));
  bench.hub.close_all(Errc::shutting_down);
  const auto late = bench.attach(grant("alice", Scope::events_own));
  EXPECT_TRUE(late.sink->frames.empty());
  EXPECT_EQ(late.sink->closed, std::vector<Errc>{Errc::shutting_down});
  EXPECT_EQ(bench.hub.clients(), 1u);
}

TEST(Hub, ClientsThatAreSentAwayToComeBackAreWelcomed) {
  HubBench bench;
  bench.hub.close_all(Errc::overload);
  EXPECT_TRUE(bench.attach(grant("alice", Scope::events_own)).sink->closed.empty());
}

}  // namespace
}  // namespace hookswitch::delivery_test
