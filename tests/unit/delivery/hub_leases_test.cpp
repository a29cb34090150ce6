#include <gtest/gtest.h>

#include "unit/delivery/fakes.hpp"

namespace hookswitch::delivery_test {
namespace {

class HubLeases : public ::testing::Test {
 protected:
  HubBench::Ticket tab(const std::string& id, bool focused = false,
                       const std::string& user = "alice", Dialect dialect = Dialect::native) {
    Attach wish = bench.wish(grant(user, Scope::events_own), dialect);
    wish.tab = Tab{id, focused, focused};
    return bench.attach(std::move(wish));
  }
  /// "purpose holder" of the lease frames, in order; "-": nobody.
  static std::vector<std::string> told(const HubBench::Ticket& client) {
    std::vector<std::string> out;
    for (const auto& frame : client.sink->frames) {
      const auto read = json::parse(frame->text());
      if (!read || json::find_string(*read, "op") != "lease") continue;
      out.push_back(std::string{*json::find_string(*read, "purpose")} + " " +
                    std::string{json::find_string(*read, "holder").value_or("-")});
    }
    return out;
  }
  static std::int64_t token(const HubBench::Ticket& client) {
    return *json::find_int(*json::parse(client.sink->op("lease")), "token");
  }
  std::int64_t count(const std::string& name) {
    const auto text = bench.registry.render();
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stoll(text.substr(at + name.size() + 2));
  }

  HubBench bench;
};

using Strings = std::vector<std::string>;

TEST_F(HubLeases, EveryConnectionOfThePersonHearsWhoHoldsItAfterItsWelcome) {
  const auto a = tab("a");
  const auto plain = bench.attach(grant("alice", Scope::events_own));
  const auto page = tab("p", false, "alice", Dialect::rc_embeddable);
  const auto bob = bench.attach(grant("bob", Scope::events_org));
  EXPECT_EQ(a.sink->frames.size(), 2u);
  EXPECT_EQ(told(a), Strings{"calls a"});
  EXPECT_EQ(told(plain), Strings{"calls a"});
  EXPECT_EQ(told(page), Strings{"calls a"});
  EXPECT_TRUE(told(bob).empty());
  bench.hub.focus(page.id, true, true);
  bench.hub.go_on();
  EXPECT_EQ(told(a), (Strings{"calls a", "calls p"}));
  EXPECT_EQ(told(plain), (Strings{"calls a", "calls p"}));
  EXPECT_EQ(told(page), (Strings{"calls a", "calls p"}));
}

TEST_F(HubLeases, CloudEventsAndStreamsHearNothingOfIt) {
  tab("a");
  Attach wish = bench.wish(grant("alice", Scope::events_own));
  wish.stream = true;
  EXPECT_TRUE(told(bench.attach(std::move(wish))).empty());
  EXPECT_TRUE(told(tab("c", true, "alice", Dialect::cloudevents)).empty());
  EXPECT_EQ(told(tab("b")), Strings{"calls a"});
}

TEST_F(HubLeases, WithoutATabOnePartakesInNothing) {
  const auto plain = bench.attach(grant("alice", Scope::events_own));
  bench.hub.lease_command(plain.id, {"r", "enable_current_tab", "", {}});
  EXPECT_NE(plain.sink->op("reply").find("bad_message"), std::string::npos);
  EXPECT_TRUE(told(plain).empty());
}

TEST_F(HubLeases, AHolderThatDisconnectsIsFollowedInTheSameTurn) {
  const auto a = tab("a", true);
  const auto b = tab("b");
  const auto before = token(b);
  bench.hub.detach(a.id);
  bench.hub.go_on();
  EXPECT_EQ(told(b), (Strings{"calls a", "calls b"}));
  EXPECT_GT(token(b), before);
}

TEST_F(HubLeases, WhoWaversIsToldOnceInATurn) {
  const auto a = tab("a", true);
  const auto b = tab("b");
  for (int i = 0; i < 100; ++i) {
    bench.hub.focus(b.id, true, true);
    bench.hub.focus(a.id, true, true);
  }
  bench.hub.go_on();
  EXPECT_EQ(told(b), (Strings{"calls a", "calls a"}));
}

TEST_F(HubLeases, EnableCurrentTabMovesItFromACommandAndFromAPage) {
  const auto a = tab("a", true);
  const auto page = tab("p", false, "alice", Dialect::opencti_dialpad);
  bench.hub.page_frame(
      page.id,
      *json::parse(R"({"api":"opencti_dialpad","version":"1.0","method":"enable_current_tab"})"));
  bench.hub.go_on();
  EXPECT_EQ(told(a).back(), "calls p");
  bench.hub.lease_command(a.id, {"r", "enable_current_tab", "", {}});
  bench.hub.go_on();
  EXPECT_EQ(a.sink->op("reply"), R"({"op":"reply","id":"r","ok":true})");
  EXPECT_EQ(told(page).back(), "calls a");
}

TEST_F(HubLeases, ACommandThatShowsAStaleTokenIsRefusedByName) {
  const auto a = tab("a", true);
  const auto b = tab("b");
  const auto stale = token(a);
  bench.hub.lease_command(a.id, {"r1", "hold", "", stale});
  EXPECT_NE(a.sink->op("reply").find("not_supported"), std::string::npos);
  bench.hub.focus(b.id, true, true);
  bench.hub.go_on();
  bench.hub.lease_command(a.id, {"r2", "hold", "", stale});
  EXPECT_NE(a.sink->op("reply").find(R"("code":"lease_stale")"), std::string::npos);
  bench.hub.lease_command(a.id, {"r3", "hold", "", token(b)});
  EXPECT_NE(a.sink->op("reply").find(R"("id":"r3","ok":false,"code":"lease_stale")"),
            std::string::npos)
      << "the token of now, shown by who does not hold it";
  bench.hub.lease_command(a.id, {"r4", "enable_current_tab", "", stale});
  EXPECT_NE(a.sink->op("reply").find(R"("id":"r4","ok":false)"), std::string::npos);
  EXPECT_EQ(count("hookswitch_lease_refusals_total{reason=\"stale\"}"), 3);
}

TEST_F(HubLeases, ARingingCallIsPoppedOnceByWhoHoldsCalls) {
  const auto a = tab("a", true);
  const auto b = tab("b");
  bench.publish(ring("c1", "alice", "101"));
  bench.publish(event_of(EventType::call_answered, call_at("c1", {{"alice", "101"}})));
  bench.hub.go_on();
  EXPECT_EQ(told(b).back(), "pop:c1 a");
  const auto now = token(a);
  bench.hub.lease_command(b.id, {"r", "open_pop", "c1", now});
  EXPECT_NE(b.sink->op("reply").find("lease_stale"), std::string::npos);
  bench.hub.lease_command(a.id, {"r", "open_pop", "c1", now});
  EXPECT_EQ(a.sink->op("reply"), R"({"op":"reply","id":"r","ok":true})");
  bench.hub.lease_command(a.id, {"r", "open_pop", "c1", now});
  EXPECT_NE(a.sink->op("reply").find("lease_stale"), std::string::npos);
  bench.hub.go_on();
  EXPECT_EQ(told(b).back(), "pop:c1 -");
  EXPECT_EQ(count("hookswitch_pops_total"), 1);
}

TEST_F(HubLeases, ASecondTelephoneOfThePersonIsNoSecondPop) {
  const auto a = tab("a", true);
  Event second = event_of(EventType::call_ringing,
                          call_at("c1", {{"alice", "101"}, {"alice", "201"}, {"bob", "102"}}));
  second.leg = "l3";
  bench.publish(second);
  second.leg = "l4";
  bench.publish(second);
  bench.hub.go_on();
  EXPECT_EQ(told(a), Strings{"calls a"}) << "it came with the first one, or before a restart";
}

TEST_F(HubLeases, AReplayedRingIsNoPop) {
  const Event stored = bench.publish(ring("c1", "alice", "101"));
  Attach wish = bench.wish(grant("alice", Scope::events_own));
  wish.tab = Tab{"a", true, true};
  wish.asked_since = true;
  wish.since = Cursor{"e1", 0};
  const auto a = bench.attach(std::move(wish));
  bench.hub.go_on();
  EXPECT_EQ(a.sink->cursors().size(), 1u);
  EXPECT_EQ(told(a), Strings{"calls a"});
}

TEST_F(HubLeases, NobodyIsNoPerson) {
  const auto a = tab("a", true, "");
  const auto b = tab("b", true, "");
  EXPECT_TRUE(told(a).empty());
  EXPECT_TRUE(told(b).empty());
}

TEST_F(HubLeases, AHubThatShutsDownHandsNothingOver) {
  const auto a = tab("a", true);
  const auto b = tab("b");
  bench.hub.close_all(Errc::shutting_down);
  bench.hub.detach(a.id);
  bench.hub.go_on();
  EXPECT_EQ(told(b), Strings{"calls a"});
}

}  // namespace
}  // namespace hookswitch::delivery_test
