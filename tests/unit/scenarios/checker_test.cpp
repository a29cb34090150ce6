#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <type_traits>

#include "unit/scenarios/runner.hpp"

/// The tools that judge the scenarios can themselves fail.
namespace hookswitch::scenarios {
namespace {

/// A ringing call from outside to 101, as an event of it would carry.
Call ringing() {
  Call call;
  call.id = std::string{"C1"};
  call.org = std::string{"acme"};
  call.state = CallState::ringing;
  call.direction = Direction::inbound;
  call.started_at = zero();
  Leg caller, callee;
  caller.id = std::string{"l1"};
  caller.role = LegRole::caller;
  caller.state = LegState::proceeding;
  callee.id = std::string{"l2"};
  callee.ext = std::string{"101"};
  callee.user = std::string{"alice"};
  callee.state = LegState::early;
  callee.ringing_at = zero();
  call.legs = {caller, callee};
  return call;
}

Call answered() {
  Call call = ringing();
  call.state = CallState::connected;
  call.answered_at = zero() + milliseconds{1000};
  for (Leg& leg : call.legs) leg.state = LegState::confirmed;
  call.legs[1].answered_at = call.answered_at;
  return call;
}

Call ended() {
  Call call = answered();
  call.state = CallState::ended;
  call.ended_at = zero() + milliseconds{9000};
  call.disposition = Disposition::answered;
  call.ring = call.talk = call.hold = milliseconds{1};
  for (Leg& leg : call.legs) {
    leg.state = LegState::terminated;
    leg.ended_at = call.ended_at;
    leg.end_reason = Disposition::answered;
  }
  return call;
}

template <class Holder>
void hold(Holder& holder, const Call& call) {
  if constexpr (std::is_assignable_v<Holder&, const Call&>)
    holder = call;
  else
    holder = std::make_shared<const Call>(call);
}

Event event(EventType type, const Call& call, const std::string& leg = {}) {
  Event out;
  out.type = type;
  hold(out.call, call);
  out.leg = leg;
  out.audience = {std::string{"alice"}};
  return out;
}

std::string problem_of(const std::vector<Event>& events) {
  StreamChecker checker;
  for (const Event& each : events) {
    Step step;
    step.events.push_back(each);
    checker.see(step);
  }
  if (!checker.problems().empty()) return checker.problems().front();
  return checker.rewrites().empty() ? std::string{} : checker.rewrites().front();
}

const Event kStarted = event(EventType::call_started, ringing());
const Event kRinging = event(EventType::call_ringing, ringing(), "l2");
const Event kAnswered = event(EventType::call_answered, answered(), "l2");
const Event kEnded = event(EventType::call_ended, ended(), "l2");

bool names(const std::string& problem, const std::string& what) {
  return problem.find(what) != std::string::npos;
}

TEST(StreamChecker, LegalStoryHasNoProblem) {
  EXPECT_EQ(
      problem_of({kStarted, kRinging, kAnswered, kEnded, event(EventType::call_report, ended())}),
      "");
}

TEST(StreamChecker, FirstAndLastAreHeld) {
  EXPECT_TRUE(names(problem_of({kRinging}), "first event"));
  EXPECT_TRUE(names(problem_of({kStarted, kStarted}), "twice"));
  EXPECT_TRUE(names(problem_of({kStarted, kEnded, kEnded}), "call.ended twice"));
  EXPECT_TRUE(names(problem_of({kStarted, kEnded, event(EventType::call_updated, ended())}),
                    "after call.ended"));
  EXPECT_TRUE(names(problem_of({kStarted, event(EventType::call_updated, ended())}), "`ended`"));
}

TEST(StreamChecker, LegsNeverFallBackVanishOrComeAlive) {
  EXPECT_TRUE(names(problem_of({kStarted, kAnswered, event(EventType::call_updated, ringing())}),
                    "fell from confirmed"));
  Call gone = ringing();
  gone.legs.pop_back();
  EXPECT_TRUE(names(problem_of({kStarted, event(EventType::call_updated, gone)}), "vanished"));
  Call dead = answered(), alive = answered();
  dead.legs[1] = ended().legs[1];
  EXPECT_TRUE(names(problem_of({kStarted, kAnswered, event(EventType::leg_ended, dead, "l2"),
                                event(EventType::call_updated, alive)}),
                    "left `terminated`"));
}

TEST(StreamChecker, RingingAndAnsweredAreToldOncePerLeg) {
  EXPECT_TRUE(names(problem_of({kStarted, kRinging, kRinging}), "told twice"));
  EXPECT_TRUE(names(problem_of({kStarted, kAnswered, kAnswered}), "told twice"));
  EXPECT_TRUE(names(problem_of({kStarted, event(EventType::call_answered, ringing(), "l2")}),
                    "not confirmed"));
}

TEST(StreamChecker, RewritesAreSaid) {
  Call other = ringing();
  other.direction = Direction::outbound;
  EXPECT_TRUE(
      names(problem_of({kStarted, event(EventType::call_updated, other)}), "rewrites direction"));
  EXPECT_EQ(problem_of({kStarted, event(EventType::call_amended, other)}), "");
}

TEST(StreamChecker, OwnViewIsClosedAndStaysClosed) {
  Event hidden = kEnded;
  hidden.audience.clear();
  EXPECT_TRUE(names(problem_of({kStarted, kAnswered, hidden}), "never says that it is over"));
  Call left = answered();
  left.legs[1] = ended().legs[1];
  const Event own_end = event(EventType::leg_ended, left, "l2");
  EXPECT_TRUE(
      names(problem_of({kStarted, kAnswered, own_end, event(EventType::call_updated, left)}),
            "after the end of the own part"));
  Event blind = kRinging;
  blind.audience.clear();
  EXPECT_TRUE(names(problem_of({kStarted, blind}), "may not see it"));
  Event open = kRinging;
  open.audience.push_back(std::string{"bob"});
  EXPECT_TRUE(names(problem_of({kStarted, open}), "bob may see it"));
}

TEST(StreamChecker, AbsorbedCallIsSilent) {
  Call second = ringing();
  second.id = std::string{"C2"};
  Event merged = event(EventType::call_merged, ringing());
  merged.absorbed = std::string{"C2"};
  const std::vector<Event> both{kStarted, event(EventType::call_started, second), merged};
  EXPECT_EQ(problem_of(both), "");
  auto more = both;
  more.push_back(event(EventType::call_updated, second));
  EXPECT_TRUE(names(problem_of(more), "absorbed"));
}

std::string text_of(const Call& call) {
  json::Writer out;
  write_json(out, call);
  return out.str();
}

TEST(Canonical, IdsDoNotMatterAndEverythingElseDoes) {
  Call one = ringing(), other = ringing();
  other.id = std::string{"C9"};
  std::swap(other.legs[0], other.legs[1]);
  other.legs[0].id = std::string{"l1"};
  other.legs[1].id = std::string{"l2"};
  other.absorbed.push_back(std::string{"C8"});
  EXPECT_EQ(canonical(text_of(one), true), canonical(text_of(other), true));
  other.legs[0].ringing_at = zero() + milliseconds{1};
  EXPECT_NE(canonical(text_of(one), true), canonical(text_of(other), true));
  EXPECT_EQ(canonical(text_of(one), false), canonical(text_of(other), false));
  other.did = std::string{"+12025550101"};
  EXPECT_NE(canonical(text_of(one), false), canonical(text_of(other), false));
}

bool fits(const char* wanted, const char* is) {
  return matches(*json::parse(wanted), *json::parse(is));
}

TEST(Expectation, SaysWhatIsWantedAndNoMore) {
  EXPECT_TRUE(fits(R"({"a":1,"b":null})", R"({"a":1,"c":2})"));
  EXPECT_FALSE(fits(R"({"a":1})", R"({"a":2})"));
  EXPECT_FALSE(fits(R"({"a":1})", R"({})"));
  EXPECT_FALSE(fits(R"({"b":null})", R"({"b":1})"));
  EXPECT_TRUE(fits(R"({"at":"@1500"})", R"({"at":"2026-11-20T15:00:01.500Z"})"));
  EXPECT_FALSE(fits(R"({"at":"@1501"})", R"({"at":"2026-11-20T15:00:01.500Z"})"));
}

TEST(Expectation, LegsAreASet) {
  const char* is = R"({"legs":[{"e":"101","s":1},{"e":"102","s":2}]})";
  EXPECT_TRUE(fits(R"({"legs":[{"s":2},{"e":"101"}]})", is));
  EXPECT_TRUE(fits(R"({"legs":[{},{"e":"101"}]})", is)) << "pairs are tried again";
  EXPECT_FALSE(fits(R"({"legs":[{"e":"101"}]})", is));
  EXPECT_TRUE(fits(R"({"has_legs":[{"e":"101"}]})", is));
  EXPECT_FALSE(fits(R"({"has_legs":[{"e":"101"},{"e":"101"}]})", is));
}

TEST(Expectation, StoryHasOptionalAndUnorderedParts) {
  const auto told = [](const char* wanted, const std::vector<std::string>& lines) {
    return story_matches(*json::parse(wanted), 0, lines, 0);
  };
  EXPECT_TRUE(told(R"(["a","b"])", {"a", "b"}));
  EXPECT_FALSE(told(R"(["a","b"])", {"b", "a"}));
  EXPECT_FALSE(told(R"(["a"])", {"a", "b"}));
  EXPECT_TRUE(told(R"(["a","?x","b *"])", {"a", "b 1"}));
  EXPECT_TRUE(told(R"([["a","b"],"c"])", {"b", "a", "c"}));
  EXPECT_TRUE(told(R"([["a","?b"],"c"])", {"a", "c"}));
  EXPECT_FALSE(told(R"([["a","b"],"c"])", {"a", "c"}));
}

TEST(Runner, EveryOrderIsPlayedOnceAndGroupsStayInOrder) {
  Scenario scenario;
  for (const std::size_t group : {0, 0, 0, 1, 1}) scenario.facts.push_back({Fact{}, group});
  Runner runner{scenario};
  std::set<std::string> orders;
  runner.every_order([&](const std::vector<Arrival>& arrivals) {
    std::string text;
    for (const Arrival& each : arrivals) text += std::to_string(each.fact);
    EXPECT_LT(text.find_last_of("012"), text.find_first_of("34"));
    orders.insert(text);
  });
  EXPECT_EQ(orders.size(), 12u);
  EXPECT_EQ(runner.count(), 12u);
}

TEST(Runner, SameSeedIsTheSameOrder) {
  Scenario scenario;
  scenario.late = milliseconds{300};
  for (int i = 0; i < 12; ++i) scenario.facts.push_back({Fact{}, 0});
  const Runner runner{scenario};
  const auto text = [&](std::uint64_t seed) { return runner.text_of(runner.random_order(seed)); };
  EXPECT_EQ(text(5), text(5));
  EXPECT_NE(text(5), text(6));
}

}  // namespace
}  // namespace hookswitch::scenarios
