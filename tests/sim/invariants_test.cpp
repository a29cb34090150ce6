#include "sim/invariants.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "sim/pbx_model.hpp"
#include "sim/truth.hpp"

/// The checkers themselves: each rule is broken once and must be noticed.
namespace hookswitch::sim {
namespace {

[[maybe_unused]] void put(std::optional<Call>& into, Call call) { into = std::move(call); }
[[maybe_unused]] void put(std::shared_ptr<const Call>& into, Call call) {
  into = std::make_shared<const Call>(std::move(call));
}

Leg leg(const std::string& id, LegState state, const std::string& user) {
  Leg out;
  out.id = id;
  out.user = user;
  out.state = state;
  if (state == LegState::terminated) {
    out.ended_at = time_at(9'000);
    out.end_reason = Disposition::answered;
  }
  return out;
}

Event event(EventType type, CallState state, std::vector<Leg> legs, const std::string& about = {}) {
  Event out;
  out.type = type;
  out.org = "acme";
  out.leg = about;
  if (!about.empty()) out.changed.push_back(about);
  Call call;
  call.id = "c1";
  call.org = "acme";
  call.state = state;
  call.started_at = time_at(0);
  std::set<std::string> users;
  for (const Leg& each : legs)
    if (each.state != LegState::terminated || each.id == about)
      users.insert(std::string{each.user});
  for (const auto& user : users) out.audience.push_back(user);
  call.legs = std::move(legs);
  if (state == CallState::ended) {
    call.ended_at = time_at(9'000);
    call.disposition = Disposition::answered;
    call.ring = call.talk = call.hold = milliseconds{1};
  }
  put(out.call, std::move(call));
  return out;
}

Event started() { return event(EventType::call_started, CallState::dialing, {}); }
Event ringing() {
  return event(EventType::call_ringing, CallState::ringing, {leg("l1", LegState::early, "ann")},
               "l1");
}
Event answered() {
  return event(EventType::call_answered, CallState::connected,
               {leg("l1", LegState::confirmed, "ann")}, "l1");
}
Event ended() {
  return event(EventType::call_ended, CallState::ended, {leg("l1", LegState::terminated, "ann")},
               "l1");
}

std::set<std::string> broken(const std::vector<Event>& events) {
  std::set<std::string> out;
  Invariants told{[&](const Problem& problem) { out.insert(problem.rule); }};
  for (const Event& each : events) told.see({each});
  return out;
}

using Rules = std::set<std::string>;

TEST(Invariants, AProperCallBreaksNone) {
  EXPECT_EQ(broken({started(), ringing(), answered(), ended()}), Rules{});
}

TEST(Invariants, ACallStartsFirstAndOnce) {
  EXPECT_TRUE(broken({ringing()}).contains("started-first-and-once"));
  EXPECT_TRUE(broken({started(), started()}).contains("started-first-and-once"));
}

TEST(Invariants, NothingButReportsFollowsTheEnd) {
  EXPECT_TRUE(broken({started(), ringing(), ended(), ended()}).contains("nothing-after-ended"));
}

TEST(Invariants, ALegNeverFallsBackNorVanishes) {
  EXPECT_TRUE(broken({started(), answered(), ringing()}).contains("leg-fell-back"));
  EXPECT_TRUE(broken({started(), ringing(), started()}).contains("leg-vanished"));
}

TEST(Invariants, ALegRingsOnce) {
  EXPECT_TRUE(broken({started(), ringing(), ringing()}).contains("leg-event-twice"));
}

TEST(Invariants, WhoHasALivingLegIsTold) {
  Event secret = ringing();
  secret.audience.clear();
  EXPECT_TRUE(broken({started(), secret}).contains("living-user-not-told"));
}

TEST(Invariants, NobodyElseIsTold) {
  Event loud = ringing();
  loud.audience.push_back("bob");
  EXPECT_TRUE(broken({started(), loud}).contains("leak-to-stranger"));
}

TEST(Invariants, TheOwnViewIsClosed) {
  const Event quiet =
      event(EventType::call_updated, CallState::dialing, {leg("l1", LegState::terminated, "ann")});
  EXPECT_TRUE(broken({started(), ringing(), quiet}).contains("own-view-not-closed"));
}

TEST(Invariants, WhatWasToldIsNotRewrittenSilently) {
  Event other = answered();
  Call call = *other.call;
  call.started_at = time_at(-1);
  put(other.call, std::move(call));
  EXPECT_TRUE(broken({started(), ringing(), other}).contains("silent-rewrite"));
  other.type = EventType::call_amended;
  EXPECT_FALSE(broken({started(), ringing(), other}).contains("silent-rewrite"));
}

TEST(Invariants, TheTableMustSayWhatWasTold) {
  Rules rules;
  Invariants told{[&](const Problem& problem) { rules.insert(problem.rule); }};
  told.see({started()});
  told.compare("c1", *started().call);
  EXPECT_EQ(rules, Rules{});
  told.compare("c1", *ringing().call);
  EXPECT_EQ(rules, Rules{"table-differs-from-told"});
}

/// The real call as a client without fault would know it.
Invariants::Told perfect(const RealCall& real) {
  Invariants::Told out;
  const auto time = [](const std::optional<Ms>& ms) {
    return ms ? std::optional{time_at(*ms)} : std::nullopt;
  };
  Call call;
  call.state = CallState::ended;
  call.direction = real.vendor_calls[0].direction;
  call.disposition = real.disposition;
  call.started_at = time_at(real.started);
  call.answered_at = time(real.answered);
  call.answered_by = real.answered_by;
  call.ended_at = time_at(real.ended);
  const Ms until = real.answered.value_or(real.ended);
  call.ring = milliseconds{until - real.first_ring().value_or(until)};
  call.hold = milliseconds{real.held()};
  call.talk = milliseconds{real.answered ? real.ended - *real.answered - real.held() : 0};
  out.count = {{EventType::call_transferred, real.transfers},
               {EventType::call_parked, real.parks},
               {EventType::call_queued, real.queues}};
  for (const TrueLeg& each : real.legs) {
    Leg told;
    told.id = "l" + std::to_string(call.legs.size() + 1);
    told.role = each.caller ? LegRole::caller : LegRole::callee;
    told.ext = each.ext;
    if (!each.ext.empty()) told.user = "u" + each.ext;
    told.state = LegState::terminated;
    told.ringing_at = time(each.rang);
    told.answered_at = time(each.answered);
    told.ended_at = time(each.ended);
    told.end_reason = each.reasons.at(0);
    const bool person = !each.ext.empty() || call.direction == Direction::outbound;
    out.count[EventType::call_ringing] += each.rang && !each.ext.empty();
    out.count[EventType::call_answered] += each.answered && !each.caller && person;
    call.legs.push_back(std::move(told));
  }
  out.call = std::move(call);
  return out;
}

Rules found(const World& world, const RealCall& real, const Invariants::Told& told) {
  Rules out;
  for (const Finding& finding : against_truth(world, real, told)) out.insert(finding.rule);
  return out;
}

TEST(Truth, APerfectClientHasNothingWrong) {
  for (const Profile profile : kProfiles)
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const World world = make_world(seed, profile, 300);
      for (const RealCall& real : world.calls)
        EXPECT_EQ(found(world, real, perfect(real)), Rules{}) << real.text();
    }
}

TEST(Truth, EachDifferenceIsFound) {
  const World world = make_world(2, Profile::clean, 300);
  const auto real = std::find_if(world.calls.begin(), world.calls.end(), [](const RealCall& call) {
    return call.story == "ring group" && call.answered;
  });
  ASSERT_NE(real, world.calls.end());
  const auto after = [&](auto change) {
    Invariants::Told told = perfect(*real);
    change(told);
    return found(world, *real, told);
  };
  EXPECT_EQ(after([](auto& told) { told.call.disposition = Disposition::busy; }),
            Rules{"truth-disposition"});
  EXPECT_EQ(
      after([](auto& told) { told.call.state = CallState::connected; }).count("truth-still-alive"),
      1U);
  EXPECT_EQ(after([](auto& told) { told.call.legs.pop_back(); }), Rules{"truth-leg-missing"});
  EXPECT_EQ(after([](auto& told) { told.call.legs.push_back(told.call.legs.back()); }),
            Rules{"truth-leg-extra"});
  EXPECT_EQ(after([](auto& told) { told.call.legs.back().end_reason = Disposition::failed; }),
            Rules{"truth-leg-reason"});
  EXPECT_EQ(after([](auto& told) { *told.call.ended_at += milliseconds{60'000}; }),
            Rules{"truth-ended-at"});
  EXPECT_EQ(after([](auto& told) { told.count[EventType::call_transferred] = 1; }),
            Rules{"truth-transfers-told"});
}

TEST(Model, TheSeedGivesTheSameFacts) {
  const World one = make_world(7, Profile::wild, 50), two = make_world(7, Profile::wild, 50);
  ASSERT_EQ(one.deliveries.size(), two.deliveries.size());
  for (std::size_t i = 0; i < one.deliveries.size(); ++i)
    EXPECT_EQ(one.deliveries[i].fact, two.deliveries[i].fact);
}

TEST(Model, EveryStoryIsToldInAFewSeeds) {
  Rules stories;
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    for (const RealCall& call : make_world(seed, Profile::two_sources, 300).calls)
      stories.insert(call.story);
  EXPECT_GE(stories.size(), 17U);
}

TEST(Model, NobodyIsInTwoCallsUnlessAskingAColleague) {
  const World world = make_world(3, Profile::clean, 300);
  for (const RealCall& one : world.calls)
    for (const RealCall& two : world.calls) {
      if (one.place >= two.place || two.story == "is asked" || one.story == "is asked") continue;
      for (const TrueLeg& a : one.legs)
        for (const TrueLeg& b : two.legs)
          EXPECT_FALSE(!a.ext.empty() && a.ext == b.ext && a.since < *b.ended && b.since < *a.ended)
              << one.text() << two.text();
    }
}

}  // namespace
}  // namespace hookswitch::sim
