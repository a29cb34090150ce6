#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <random>

#include "unit/calls/call_bench.hpp"

/// Random facts against the promises. A failure prints its seed and the shortest sequence that
/// still fails.
namespace hookswitch::calls_test {
namespace {

/// More by HOOKSWITCH_SEEDS=100000 in the environment.
std::uint64_t seeds() {
  const char* wish = std::getenv("HOOKSWITCH_SEEDS");  // NOLINT(concurrency-mt-unsafe)
  return wish == nullptr ? 400 : std::strtoull(wish, nullptr, 10);
}

/// A fact, or a tick when there is none.
struct Act {
  std::int64_t ms = 0;
  std::optional<Fact> fact;
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  int roll(int sides) { return std::uniform_int_distribution<int>{0, sides - 1}(random_); }
  bool chance(int percent) { return roll(100) < percent; }
  template <class List>
  auto of(const List& list) {
    return *(std::begin(list) + roll(static_cast<int>(std::size(list))));
  }

 private:
  std::mt19937_64 random_;
};

enum class Mix { all, no_merges };  // no_merges: no fact ties two calls together

Fact random_native(Dice& dice, std::int64_t ms, Mix mix) {
  constexpr FactType kTypes[] = {FactType::started,  FactType::dialing,   FactType::ringing,
                                 FactType::ringing,  FactType::answered,  FactType::answered,
                                 FactType::held,     FactType::resumed,   FactType::muted,
                                 FactType::unmuted,  FactType::voicemail, FactType::ended,
                                 FactType::ended,    FactType::report,    FactType::recording,
                                 FactType::declined, FactType::updated,   FactType::queued};
  constexpr const char* kExts[] = {"101", "102", "103", "111"};
  constexpr Disposition kWhy[] = {Disposition::busy, Disposition::answered, Disposition::cancelled,
                                  Disposition::answered_elsewhere};
  constexpr Direction kDirections[] = {Direction::inbound, Direction::outbound,
                                       Direction::internal};
  Say say{dice.of(kTypes), ms};
  const std::string call = "c" + std::to_string(dice.roll(4));
  if (mix == Mix::no_merges) {
    say.id(call);
    if (dice.chance(25)) say.leg(call + "-" + std::to_string(dice.roll(4)));
  } else {
    if (dice.chance(85)) say.id(call);
    if (dice.chance(3)) say.id(std::string{"c"} + std::to_string(dice.roll(4)));
    if (dice.chance(15)) say.leg(std::string{"L"} + std::to_string(dice.roll(5)));
  }
  if (dice.chance(50)) say.fact.direction = dice.of(kDirections);
  if (dice.chance(40)) say.from(kJane);
  if (dice.chance(20)) say.from_ext(dice.of(kExts));
  if (dice.chance(40)) say.to_ext(dice.of(kExts));
  if (dice.chance(10)) say.to("+12025550199");
  if (dice.chance(40)) say.agent(dice.of(kExts));
  if (dice.chance(40)) say.told(ms - dice.roll(3000));
  if (dice.chance(20)) say.why(dice.of(kWhy));
  if (dice.chance(10)) say.took(dice.roll(5000));
  if (dice.chance(10)) say.fact.variables["order"] = std::to_string(dice.roll(3));
  if (dice.chance(5))
    say.fact.customer = {"+12025550143", "", "77", "Jane Doe", "sip:jane@example.com"};
  if (dice.chance(5)) say.fact.queue = "Sales";
  if (say.fact.type == FactType::recording) say.fact.recording.id = std::to_string(dice.roll(3));
  return say;
}

Fact random_dialog(Dice& dice, std::int64_t ms) {
  constexpr FactType kTypes[] = {FactType::dialing, FactType::ringing, FactType::answered,
                                 FactType::held,    FactType::resumed, FactType::ended};
  constexpr const char* kExts[] = {"101", "102", "103"};
  const std::string call_id = std::to_string(dice.roll(3)) + "@hq";
  const std::string ext = dice.of(kExts);
  FactType type = dice.of(kTypes);
  const bool calls = dice.chance(40);
  if (type == FactType::dialing && !calls) type = FactType::ringing;
  if (type == FactType::ringing && calls) type = FactType::dialing;
  const std::string other = dice.chance(50) ? std::string{kJane} : std::string{dice.of(kExts)};
  return calls ? dialog(ext, type, ms, ext, other, call_id)
               : dialog(ext, type, ms, other, ext, call_id);
}

std::vector<Act> random_acts(std::uint64_t seed, int count, Mix mix = Mix::all) {
  Dice dice{seed};
  std::vector<Act> out;
  std::int64_t ms = 0;
  for (int i = 0; i < count; ++i) {
    ms += 1 + dice.roll(dice.chance(5) ? 2'000'000 : 400);
    if (dice.chance(15)) {
      out.push_back({ms, std::nullopt});
    } else {
      out.push_back({ms, dice.chance(60) ? random_native(dice, ms, mix) : random_dialog(dice, ms)});
      if (dice.chance(10)) out.push_back({ms + 1, out.back().fact});
      if (out.back().fact) out.back().fact->received = at_ms(out.back().ms);
      ms = out.back().ms;
    }
  }
  return out;
}

void act(Bench& bench, const Act& act) {
  if (act.fact)
    bench.feed(*act.fact);
  else
    bench.tick(act.ms);
}

std::string text_of(const std::vector<Act>& acts) {
  std::string out;
  for (const Act& one : acts) {
    out += std::to_string(one.ms) + " ";
    if (!one.fact) {
      out += "tick\n";
      continue;
    }
    json::Writer json;
    write_json(json, *one.fact);
    out += json.str() + "\n";
  }
  return out;
}

/// Leaves out whatever is not needed for `fails`.
template <class Fails>
std::vector<Act> shrink(std::vector<Act> acts, Fails fails) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (std::size_t i = acts.size(); i-- > 0;) {
      auto fewer = acts;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      if (fails(fewer).empty()) continue;
      acts = std::move(fewer);
      smaller = true;
    }
  }
  return acts;
}

/// Runs `fails` (empty text: good) over many seeds; stops at the first that fails.
template <class Fails>
void hold_for_all(int count, Fails fails, Mix mix = Mix::all) {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    const auto acts = random_acts(seed, count, mix);
    if (fails(acts).empty()) continue;
    const auto least = shrink(acts, fails);
    FAIL() << "seed " << seed << "\n" << fails(least) << "\n" << text_of(least);
  }
}

/// Call ids in order of appearance instead of their random part, so that two tables can be
/// compared.
std::string bytes_of(const std::vector<Event>& events, std::size_t from,
                     std::map<std::string, std::string>& names) {
  std::string out;
  for (std::size_t i = from; i < events.size(); ++i) {
    const std::string& id = events[i].call->id;
    names.try_emplace(id, "call-" + std::to_string(names.size() + 1));
    std::string text = encode(events[i]);
    for (const auto& [known, name] : names)
      for (auto at = text.find(known); at != std::string::npos; at = text.find(known, at))
        text.replace(at, known.size(), name);
    out += text + " for";
    for (const auto& user : events[i].audience) out += " " + user;
    out += "\n";
  }
  return out;
}

std::string first_difference(const std::string& a, const std::string& b) {
  if (a == b) return {};
  const auto at = static_cast<std::size_t>(
      std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  const auto from = at > 200 ? at - 200 : 0;
  return "…" + a.substr(from, 400) + "\nversus\n…" + b.substr(from, 400);
}

TEST(CallTableProperties, PromisesHoldForAnyFactsThatTieNoCallsTogether) {
  hold_for_all(
      60,
      [](const std::vector<Act>& acts) {
        Bench bench;
        for (const Act& one : acts) act(bench, one);
        return bench.problems();
      },
      Mix::no_merges);
}

TEST(CallTableProperties, PromisesHoldForAnyFacts) {
  hold_for_all(40, [](const std::vector<Act>& acts) {
    Bench bench;
    for (const Act& one : acts) act(bench, one);
    return bench.problems();
  });
}

TEST(CallTableProperties, SameFactsAndSeedGiveTheSameBytes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto acts = random_acts(seed, 60);
    Bench one, two;
    for (const Act& each : acts) act(one, each);
    for (const Act& each : acts) act(two, each);
    ASSERT_EQ(one.events.size(), two.events.size());
    for (std::size_t i = 0; i < one.events.size(); ++i)
      ASSERT_EQ(encode(one.events[i]), encode(two.events[i])) << "seed " << seed;
    ASSERT_EQ(one.saved, two.saved) << "seed " << seed;
  }
}

/// What another table, restored from `saved` after the first half, tells differently from the one
/// that went on.
std::string restart_difference(const std::vector<Act>& acts, bool only_what_was_touched) {
  Bench stays;
  const std::size_t half = acts.size() / 2;
  std::set<std::string> ids;
  for (std::size_t i = 0; i < half; ++i) act(stays, acts[i]);
  std::map<std::string, std::string> saved;
  for (const auto& [id, text] : stays.saved)
    saved[id] = only_what_was_touched ? text : stays.table.save(id);
  Bench restarted{{}, 99};
  if (const auto lost = restarted.table.restore(saved); !lost.empty())
    return "restore lost " + lost.front();
  const std::size_t told = stays.events.size();
  for (std::size_t i = half; i < acts.size(); ++i) {
    act(stays, acts[i]);
    act(restarted, acts[i]);
  }
  std::map<std::string, std::string> names_a, names_b;
  int known = 0;
  for (const auto& [id, text] : saved) names_a[id] = names_b[id] = "old-" + std::to_string(++known);
  return first_difference(bytes_of(stays.events, told, names_a),
                          bytes_of(restarted.events, 0, names_b));
}

TEST(CallTableProperties, RestoreOfSavedCallsGoesOnByteForByte) {
  hold_for_all(40, [](const std::vector<Act>& acts) { return restart_difference(acts, false); });
}

TEST(CallTableProperties, WhatStepsSayTheyTouchedIsEnoughToGoOn) {
  hold_for_all(40, [](const std::vector<Act>& acts) { return restart_difference(acts, true); });
}

TEST(CallTableProperties, SavedStateIsWhatSaveSaysNow) {
  hold_for_all(30, [](const std::vector<Act>& acts) {
    Bench bench;
    for (const Act& one : acts) {
      act(bench, one);
      for (const auto& [id, text] : bench.saved)
        if (text != bench.table.save(id))
          return "a call changed in a step that did not touch it\n" +
                 first_difference(text, bench.table.save(id));
    }
    return std::string{};
  });
}

TEST(CallTableProperties, EveryLiveCallIsFoundAndCounted) {
  hold_for_all(40, [](const std::vector<Act>& acts) {
    Bench bench;
    for (const Act& one : acts) {
      act(bench, one);
      const auto live = bench.table.live("acme");
      if (live.size() != bench.table.live_count()) return std::string{"live_count is wrong"};
      if (bench.table.size() != bench.saved.size())
        return std::string{"a call is neither saved nor forgotten"};
      for (const auto& call : live)
        if (const auto found = bench.table.find("acme", call->id); !found || *found != *call)
          return std::string{"a live call is not found by its id"};
    }
    return std::string{};
  });
}

TEST(CallTableProperties, EverythingIsOverInTheEnd) {
  hold_for_all(40, [](const std::vector<Act>& acts) {
    Bench bench;
    for (const Act& one : acts) act(bench, one);
    const std::int64_t later = (acts.empty() ? 0 : acts.back().ms) + 13 * 3'600'000;
    bench.tick(later);
    if (bench.table.live_count() != 0) return std::string{"a silent call is still alive"};
    for (int i = 1; i <= 2; ++i) bench.tick(later + i * 3'600'000);
    if (bench.table.size() != 0 || !bench.saved.empty())
      return std::string{"an ended call is still kept"};
    return bench.problems();
  });
}

// --- order
// ------------------------------------------------------------------------------------------------------------------

/// State, disposition and each line's end: what any order of arrival must agree on.
std::string outcome_of(Bench& bench, const std::string& id, bool with_reasons) {
  const Call call = bench.call(id);
  std::string out = std::string{to_string(call.state)} + " " +
                    (call.disposition ? std::string{to_string(*call.disposition)} : "-") + ":";
  std::map<std::string, std::string> legs;
  for (const Leg& leg : call.legs) {
    std::string& text =
        legs[std::string{to_string(leg.role)} + " " + (leg.ext.empty() ? leg.number : leg.ext)];
    text += " " + std::string{to_string(leg.state)} +
            (with_reasons && leg.end_reason ? "=" + std::string{to_string(*leg.end_reason)} : "");
  }
  for (const auto& [name, text] : legs) out += " [" + name + text + "]";
  return out;
}

/// Feeds `facts` (told at their own times) in every order of arrival; the last `fixed_last` of them
/// stay last.
void expect_order_free(std::vector<Fact> facts, std::size_t fixed_last, const std::string& expected,
                       bool with_reasons = true) {
  std::vector<std::size_t> order(facts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto end = order.end() - static_cast<std::ptrdiff_t>(fixed_last);
  std::map<std::string, std::string> seen;  // outcome -> first order that gave it
  do {
    Bench bench;
    std::string text;
    for (std::size_t i = 0; i < order.size(); ++i) {
      Fact fact = facts[order[i]];
      fact.received = at_ms(100'000 + static_cast<std::int64_t>(i) * 10);
      text += std::string{to_string(fact.type)} + " " + fact.agent.ext + fact.to.ext + ", ";
      bench.feed(fact);
    }
    EXPECT_EQ(bench.problems(), "") << text;
    EXPECT_EQ(bench.table.size(), 1u) << text;
    seen.try_emplace(outcome_of(bench, "c1", with_reasons), text);
  } while (std::next_permutation(order.begin(), end));
  for (const auto& [result, how] : seen) EXPECT_EQ(result, expected) << "arrival: " << how;
}

const std::vector<Fact> kAnswered{jane(FactType::started, 0).told(),
                                  jane(FactType::ringing, 10).told().to_ext("101"),
                                  jane(FactType::answered, 20).told().agent("101"),
                                  jane(FactType::ended, 90).told().why(Disposition::answered)};

TEST(OrderFree, AnsweredCallWhoseEndComesLast) {
  expect_order_free(kAnswered, 1,
                    std::string{"ended answered: [callee 101 terminated=answered] [caller "} +
                        kJane + " terminated=answered]");
}

TEST(OrderFree, CallWhoseEndComesAnywhereIsOverForTheReasonThatWasTold) {
  // Legs that nobody knew of when the end came are not added to a call that is over.
  std::vector<std::size_t> order{0, 1, 2, 3};
  do {
    Bench bench;
    for (const std::size_t i : order) bench.feed(kAnswered[i]);
    EXPECT_EQ(bench.problems(), "");
    EXPECT_EQ(bench.table.size(), 1u);
    EXPECT_EQ(bench.call().disposition, Disposition::answered);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(OrderFree, RingGroup) {
  expect_order_free(
      {jane(FactType::started, 0).told(), jane(FactType::ringing, 10).told().to_ext("101"),
       jane(FactType::ringing, 11).told().to_ext("102"),
       jane(FactType::ringing, 12).told().to_ext("103"),
       jane(FactType::answered, 20).told().agent("102"),
       jane(FactType::ended, 90).told().why(Disposition::answered)},
      1,
      std::string{"ended answered: [callee 101 terminated=answered_elsewhere] [callee 102 "
                  "terminated=answered] "
                  "[callee 103 terminated=answered_elsewhere] [caller "} +
          kJane + " terminated=answered]");
}

TEST(OrderFree, HoldAndResumeOfALivingCall) {
  expect_order_free(
      {jane(FactType::ringing, 10).told().to_ext("101"),
       jane(FactType::answered, 20).told().agent("101"),
       jane(FactType::held, 30).told().agent("101"),
       jane(FactType::resumed, 40).told().agent("101")},
      0, std::string{"connected -: [callee 101 confirmed] [caller "} + kJane + " confirmed]");
}

TEST(OrderFree, HoldOfALivingCall) {
  expect_order_free({jane(FactType::ringing, 10).told().to_ext("101"),
                     jane(FactType::answered, 20).told().agent("101"),
                     jane(FactType::held, 30).told().agent("101")},
                    0, std::string{"held -: [callee 101 held] [caller "} + kJane + " confirmed]");
}

TEST(OrderFree, BusyCallWhoseEndSaysSo) {
  expect_order_free(
      {jane(FactType::started, 0).told(), jane(FactType::ringing, 10).told().to_ext("101"),
       jane(FactType::ended, 20).told().why(Disposition::busy)},
      1,
      std::string{"ended busy: [callee 101 terminated=busy] [caller "} + kJane +
          " terminated=busy]");
}

TEST(OrderFree, OneBranchRefusesAndTheOtherAnswers) {
  expect_order_free(
      {jane(FactType::ringing, 10).told().to_ext("101"),
       jane(FactType::ringing, 11).told().to_ext("102"),
       jane(FactType::declined, 15).told().agent("101"),
       jane(FactType::answered, 20).told().agent("102")},
      0,
      std::string{"connected -: [callee 101 terminated] [callee 102 confirmed] [caller "} + kJane +
          " confirmed]",
      false);
}

}  // namespace
}  // namespace hookswitch::calls_test
