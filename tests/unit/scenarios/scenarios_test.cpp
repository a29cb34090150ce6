#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <set>

#include "unit/scenarios/runner.hpp"

/// Real conversations, as the facts that PBXs send (tests/data/scenarios/README.md). Each must come
/// out right in order, and the same whatever the order of arrival, with no illegal step on the way.
namespace hookswitch::scenarios {
namespace {

constexpr std::uint64_t kEveryOrderUpTo = 40'320;  // 8 facts

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* wish = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return wish == nullptr ? otherwise : std::strtoull(wish, nullptr, 10);
}

/// Random orders of each scenario; more by HOOKSWITCH_PERMUTATIONS=10000.
std::uint64_t random_orders() { return from_environment("HOOKSWITCH_PERMUTATIONS", 2'000); }
/// The first seed; HOOKSWITCH_SEED and HOOKSWITCH_PERMUTATIONS=1 play one order again.
std::uint64_t first_seed() { return from_environment("HOOKSWITCH_SEED", 1); }

std::string lines_of(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += "  " + line + "\n";
  return out;
}

class Scenarios : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string problem;
    scenario = read_scenario(GetParam(), problem);
    ASSERT_EQ(problem, "") << GetParam();
  }
  Scenario scenario;
};

TEST_P(Scenarios, ComesOutRight) {
  Runner runner{scenario};
  std::vector<Event> events;
  const auto outcome = runner.in_order(&events);
  EXPECT_EQ(lines_of(outcome.problems), "") << scenario.why;
  EXPECT_EQ(lines_of(outcome.rewrites), "") << scenario.why;
  const auto told = story_of(events);
  EXPECT_TRUE(story_matches(scenario.events_in_order(), 0, told, 0))
      << scenario.why << "\nwanted: " << json::to_string(scenario.events_in_order()) << "\ntold:\n"
      << lines_of(told);
  // Asked for in full, whatever of it is compared between orders.
  Scenario timed;
  timed.document.CopyFrom(scenario.document, timed.document.GetAllocator());  // its quirks
  timed.facts = scenario.facts;
  timed.ticks = scenario.ticks;
  const std::string calls = Runner{timed}.in_order(nullptr).calls;
  std::string list = "[" + calls;
  for (std::size_t i = 0; i + 1 < list.size(); ++i)
    if (list[i] == '\n') list[i] = ',';
  if (list.back() == '\n') list.pop_back();
  const auto is = json::parse(list + "]");
  ASSERT_TRUE(is) << list;
  EXPECT_TRUE(matches_set(scenario.expect(), *is, true))
      << scenario.why << "\nwanted: " << json::to_string(scenario.expect()) << "\nis:\n"
      << calls;
}

TEST_P(Scenarios, IsTheSameInEveryOrder) {
  Runner runner{scenario};
  const std::string wanted = runner.in_order(nullptr).calls;
  std::uint64_t orders = 0, different = 0, illegal = 0, silent = 0;
  std::string difference, problem, rewrite;
  const auto look = [&](const std::vector<Arrival>& arrivals, const std::string& seed) {
    const auto outcome = runner.play(arrivals);
    ++orders;
    if (outcome.calls != wanted && different++ == 0)
      difference = seed + "\n" + runner.text_of(arrivals) + first_difference(outcome.calls, wanted);
    if (!outcome.problems.empty() && illegal++ == 0)
      problem = seed + "\n" + runner.text_of(arrivals) + lines_of(outcome.problems);
    if (!outcome.rewrites.empty() && silent++ == 0)
      rewrite = seed + "\n" + runner.text_of(arrivals) + lines_of(outcome.rewrites);
  };
  if (runner.count() <= kEveryOrderUpTo)
    runner.every_order(
        [&](const std::vector<Arrival>& arrivals) { look(arrivals, "one of every order"); });
  const std::uint64_t from = first_seed();
  for (std::uint64_t seed = from; seed < from + random_orders(); ++seed)
    look(runner.random_order(seed), "seed " + std::to_string(seed));
  std::cout << "  " << orders << " orders, seeds " << from << "…" << from + random_orders() - 1
            << "\n";
  EXPECT_TRUE(different == 0) << different << " of " << orders
                              << " orders end in another call: " << scenario.name << ", "
                              << difference;
  EXPECT_TRUE(illegal == 0) << illegal << " of " << orders
                            << " orders break a promise: " << scenario.name << ", " << problem;
  EXPECT_TRUE(silent == 0) << silent << " of " << orders
                           << " orders rewrite silently: " << scenario.name << ", " << rewrite;
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, ::testing::ValuesIn(scenario_names()),
                         [](const auto& each) { return each.param; });

TEST(ScenarioFolder, HoldsAtLeastFortyAndItsTableNamesEveryOneAndEveryQuirk) {
  const auto names = scenario_names();
  EXPECT_GE(names.size(), 40u);
  const std::string table = read_text(scenario_folder() / "README.md");
  for (const auto& name : names)
    EXPECT_NE(table.find("`" + name + "`"), std::string::npos) << name << " is not in README.md";
  std::set<std::string> quirks;
  for (const auto& name : names) {
    std::string problem;
    const Scenario scenario = read_scenario(name, problem);
    EXPECT_EQ(problem, "") << name;
    if (const json::Value* list = json::find(scenario.document, "quirks"))
      for (const auto& quirk : list->GetArray()) quirks.emplace(json::text(quirk));
  }
  for (const auto& quirk : quirks)
    EXPECT_NE(table.find("| " + quirk + " |"), std::string::npos)
        << quirk << " has no row in README.md";
}

}  // namespace
}  // namespace hookswitch::scenarios
