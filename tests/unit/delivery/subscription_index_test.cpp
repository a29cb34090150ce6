#include "delivery/subscription_index.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "unit/delivery/fakes.hpp"

namespace hookswitch::delivery_test {
namespace {

using Strings = std::vector<std::string>;

Filter filter_of(const std::string& member, const Strings& values) {
  Filter out;
  (member == "users"     ? out.users
   : member == "ext"     ? out.ext
   : member == "queues"  ? out.queues
   : member == "calls"   ? out.calls
   : member == "types"   ? out.types
   : member == "sources" ? out.sources
                         : out.directions) = values;
  return out;
}

HubBench::Ticket attach(HubBench& bench, Filter filter) {
  Attach wish = bench.wish(grant("boss", Scope::events_org));
  wish.filters = {{"f", std::move(filter)}};
  return bench.attach(std::move(wish));
}

Event sales_call() {
  Call call = call_at("c1", {{"alice", "101"}});
  call.queue = "Sales";
  return event_of(EventType::call_ringing, call);
}

TEST(SubscriptionIndex, EventCostsItsReceiversHoweverManyOthersThereAre) {
  for (const auto& [member, mine] :
       std::vector<std::pair<std::string, std::string>>{{"users", "alice"},
                                                        {"ext", "101"},
                                                        {"queues", "Sales"},
                                                        {"calls", "c1"},
                                                        {"types", "call.ringing"},
                                                        {"sources", "pbx"},
                                                        {"directions", "inbound"}}) {
    for (const int bystanders : {10, 10'000}) {
      HubBench bench;
      const auto receiver = attach(bench, filter_of(member, {mine}));
      for (int i = 0; i < bystanders; ++i)
        attach(bench, filter_of(member, {member == "types"        ? "source.*"
                                         : member == "directions" ? "outbound"
                                                                  : "x" + std::to_string(i)}));
      bench.publish(sales_call());
      EXPECT_EQ(receiver.sink->cursors().size(), 1u) << member;
      EXPECT_EQ(bench.registry.value("hookswitch_clients_considered_total"), 1)
          << member << " among " << bystanders;
    }
  }
}

TEST(SubscriptionIndex, OwnViewsCostOnlyThePeopleOfTheCall) {
  for (const int bystanders : {10, 10'000}) {
    HubBench bench;
    const auto alice = bench.attach(grant("alice", Scope::events_own));
    for (int i = 0; i < bystanders; ++i)
      bench.attach(grant("u" + std::to_string(i), Scope::events_own));
    bench.publish(sales_call());
    EXPECT_EQ(alice.sink->cursors().size(), 1u);
    EXPECT_EQ(bench.registry.value("hookswitch_clients_considered_total"), 1);
  }
}

TEST(SubscriptionIndex, FilterStandsUnderItsMostSelectiveMember) {
  HubBench bench;
  for (int i = 0; i < 100; ++i) {
    Filter filter;
    filter.types = {"*"};
    filter.directions = {"inbound"};
    filter.sources = {"pbx"};
    filter.queues = {"Sales"};
    filter.calls = {"other" + std::to_string(i)};
    attach(bench, std::move(filter));
  }
  bench.publish(sales_call());
  EXPECT_EQ(bench.registry.value("hookswitch_clients_considered_total"), 0);
}

TEST(SubscriptionIndex, FilterThatComesOrGoesMovesNoOther) {
  SubscriptionIndex index;
  SubscriptionIndex::Member member, other;
  const SubscriptionIndex::Filters filters{{"a", filter_of("ext", {"101", "102"})},
                                           {"b", filter_of("ext", {"102", "103"})},
                                           {"c", filter_of("users", {"alice"})}};
  const auto standing = [&] {
    std::map<std::pair<std::size_t, std::string>, const void*> out;
    for (const auto& place : member.places) out[{place.slot, *place.key}] = place.list;
    return out;
  };
  index.enter(other, grant("boss", Scope::events_org), &filters);
  index.enter(member, grant("boss", Scope::events_org), &filters);
  const auto before = standing();
  const Filter more = filter_of("calls", {"c1"});
  index.enter(member, more, 3);
  EXPECT_EQ(member.places.size(), 6u);
  index.leave(member, 3, 3);
  EXPECT_EQ(standing(), before);
  index.leave(member, 0, 2);  // the last takes its slot
  EXPECT_EQ(standing().size(), 3u);
  EXPECT_TRUE(standing().contains({0, "alice"}));
  EXPECT_EQ(standing().at({1, "102"}), before.at({1, "102"}));
  index.leave(other);
  EXPECT_EQ(standing().size(), 3u);
  index.leave(member);
  EXPECT_TRUE(member.places.empty());
}

TEST(SubscriptionIndex, ValueThatAFilterNamesTwiceIsOnePlace) {
  SubscriptionIndex index;
  SubscriptionIndex::Member member;
  const SubscriptionIndex::Filters filters{{"a", filter_of("ext", {"101", "102", "101"})},
                                           {"b", filter_of("ext", {"102"})},
                                           {"c", Filter{}},
                                           {"d", Filter{}}};
  index.enter(member, grant("boss", Scope::events_org), &filters);
  EXPECT_EQ(member.places.size(), 5u) << "each filter stands for itself";
  index.leave(member);
  EXPECT_TRUE(member.places.empty());
}

TEST(SubscriptionIndex, LegThatEndedEarlierCostsNothing) {
  HubBench bench;
  attach(bench, filter_of("ext", {"102"}));
  Call call = call_at("c1", {{"alice", "101"}, {"bob", "102"}});
  call.legs[2].state = LegState::terminated;
  bench.publish(event_of(EventType::call_held, call));
  EXPECT_EQ(bench.registry.value("hookswitch_clients_considered_total"), 0);
}

/// The index may offer too much, never too little: whatever `wants` says of every client must come
/// out, live and from the past, through all changes of filters and grants.
TEST(SubscriptionIndex, EveryClientGetsExactlyWhatItsFiltersMatch) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random{seed};
    const auto roll = [&](int sides) {
      return std::uniform_int_distribution<int>{0, sides - 1}(random);
    };
    const auto some = [&](const Strings& among) {
      Strings out;
      for (int i = roll(3); i > 0; --i)
        out.push_back(among[static_cast<std::size_t>(roll(static_cast<int>(among.size())))]);
      return out;
    };
    const auto random_filter = [&] {
      Filter out;
      if (roll(3) == 0) out.users = some({"alice", "bob", "carol"});
      if (roll(3) == 0) out.ext = some({"101", "102", "103"});
      if (roll(3) == 0) out.queues = some({"Sales", "Support"});
      if (roll(3) == 0) out.calls = some({"c1", "c2", "old"});
      if (roll(3) == 0) out.types = some({"call.*", "*", "call.ringing", "source.*", "leg.ended"});
      if (roll(3) == 0) out.directions = some({"inbound", "outbound"});
      if (roll(3) == 0) out.sources = some({"pbx", "hq", "crm"});
      return out;
    };
    const auto random_event = [&] {
      if (roll(6) == 0) {
        Event event;
        event.type = roll(2) == 0 ? EventType::source_up : EventType::source_down;
        event.org = "acme";
        event.time = at_ms(1);
        event.source = roll(2) == 0 ? "hq" : "pbx";
        return event;
      }
      std::vector<std::pair<std::string, std::string>> lines;
      const std::vector<std::pair<std::string, std::string>> people{
          {"alice", "101"}, {"bob", "102"}, {"", "103"}};
      for (const auto& line : people)
        if (roll(2) == 0) lines.push_back(line);
      Call call = call_at(roll(2) == 0 ? "c1" : "c2", lines);
      for (Leg& leg : call.legs)
        if (roll(3) == 0) leg.state = LegState::terminated;
      if (roll(2) == 0) call.queue = roll(2) == 0 ? "Sales" : "Support";
      if (roll(3) == 0) call.absorbed = {"old"};
      if (roll(3) == 0) call.direction = Direction::outbound;
      if (roll(3) == 0) call.provenance = {{"from", "crm"}};
      if (roll(4) == 0) call.state = CallState::ended;
      return event_of(static_cast<EventType>(roll(17)), call);
    };
    HubBench bench{{.tail_events_max = static_cast<std::size_t>(roll(2) * 5),
                    .page_events_max = static_cast<std::size_t>(1 + roll(4))}};
    struct Expected {
      HubBench::Ticket ticket;
      HubClient model;
      Strings due;
    };
    std::vector<std::unique_ptr<Expected>> clients;
    for (int i = 0; i < 30; ++i) {
      auto one = std::make_unique<Expected>();
      Attach wish = bench.wish(grant(roll(2) == 0 ? "alice" : "bob",
                                     roll(3) == 0 ? Scope::events_own : Scope::events_org));
      if (roll(4) != 0) {
        wish.filters.emplace();
        for (int n = roll(4); n > 0; --n)
          wish.filters->emplace_back("f" + std::to_string(n), random_filter());
      }
      one->model.grant = wish.grant;
      one->model.everything = !wish.filters;
      if (wish.filters) one->model.filters = *wish.filters;
      one->ticket = bench.attach(std::move(wish));
      clients.push_back(std::move(one));
    }
    for (int step = 0; step < 60; ++step) {
      Expected& one = *clients[static_cast<std::size_t>(roll(30))];
      const std::string name = "f" + std::to_string(1 + roll(3));
      switch (roll(8)) {
        case 0: {
          const Filter filter = random_filter();
          bench.hub.subscribe(one.ticket.id, name, filter);
          std::erase_if(one.model.filters, [&](const auto& f) { return f.first == name; });
          one.model.filters.emplace_back(name, filter);
          one.model.everything = false;
          break;
        }
        case 1:
          bench.hub.unsubscribe(one.ticket.id, name);
          std::erase_if(one.model.filters, [&](const auto& f) { return f.first == name; });
          break;
        case 2:
          one.model.grant =
              grant(one.model.grant.user, roll(2) == 0 ? Scope::events_own : Scope::events_org);
          bench.hub.regrant(one.ticket.id, one.model.grant);
          break;
        default: {
          const Event event = bench.publish(random_event());
          for (auto& each : clients)
            if (each->model.wants(event)) each->due.push_back(event.cursor.str());
        }
      }
    }
    for (const auto& one : clients) {
      ASSERT_EQ(one->ticket.sink->cursors(), one->due);
      Attach again = bench.wish(one->model.grant);
      if (!one->model.everything) again.filters = one->model.filters;
      again.asked_since = true;
      again.since = Cursor{"e1", 0};
      const auto resumed = bench.attach(std::move(again));
      for (int i = 0; i < 100; ++i) {
        bench.hub.go_on();
        bench.hub.drained(resumed.id);
      }
      Strings due;
      for (const auto& event : bench.history.all())
        if (one->model.wants(event)) due.push_back(event.cursor.str());
      ASSERT_EQ(resumed.sink->cursors(), due) << "the past is matched as the present";
      bench.hub.detach(one->ticket.id);
      bench.hub.detach(resumed.id);
    }
    EXPECT_EQ(bench.hub.clients(), 0u);
    const auto considered = bench.registry.value("hookswitch_clients_considered_total");
    bench.publish(sales_call());
    EXPECT_EQ(bench.registry.value("hookswitch_clients_considered_total"), considered)
        << "who has left stands nowhere";
  }
}

}  // namespace
}  // namespace hookswitch::delivery_test
