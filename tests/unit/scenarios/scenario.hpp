#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "model/fact.hpp"
#include "unit/scenarios/canonical.hpp"

/// Reads tests/data/scenarios/*.json (its README.md tells the form).
namespace hookswitch::scenarios {

struct Said {
  Fact fact;
  std::size_t group = 0;
};

struct Scenario {
  std::string name, why;
  std::vector<Said> facts;  ///< by group, and within a group by when they were received
  std::vector<Time> ticks;
  bool times = true;       ///< facts tell `at`, so the times of the call must agree too
  bool duplicates = true;  ///< a fact may arrive twice
  bool legs_in_order =
      false;             ///< facts of one leg keep their order, as one subscription tells them
  milliseconds late{0};  ///< how much later than its neighbours a fact may come
  json::Document document;

  const json::Value& expect() const { return *json::find(document, "expect"); }
  const json::Value& events_in_order() const { return *json::find(document, "events_in_order"); }
};

inline std::filesystem::path scenario_folder() {
  return std::filesystem::path{HOOKSWITCH_SOURCE_DIR} / "tests/data/scenarios";
}

/// Names of all scenarios, sorted.
inline std::vector<std::string> scenario_names() {
  std::vector<std::string> out;
  for (const auto& file : std::filesystem::directory_iterator{scenario_folder()})
    if (file.path().extension() == ".json") out.push_back(file.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// `problem` says what is wrong with the file, if anything.
inline Scenario read_scenario(const std::string& name, std::string& problem) {
  Scenario out;
  out.name = name;
  auto document = json::parse(read_text(scenario_folder() / (name + ".json")));
  if (!document) {
    problem = document.error().detail;
    return out;
  }
  out.document = std::move(*document);
  const json::Value& root = out.document;
  static constexpr const char* kKnown[] = {"title",   "why",      "quirks",         "times",
                                           "facts",   "expect",   "duplicates",     "legs_in_order",
                                           "late_ms", "ticks_ms", "events_in_order"};
  for (const auto& member : root.GetObject())
    if (std::find(std::begin(kKnown), std::end(kKnown), json::text(member.name)) ==
        std::end(kKnown))
      problem = "unknown member " + std::string{json::text(member.name)};
  out.why = std::string{json::find_string(root, "why").value_or("")};
  if (out.why.empty() || !json::find_string(root, "title")) problem = "lacks title or why";
  out.times = json::find_bool(root, "times").value_or(true);
  out.duplicates = json::find_bool(root, "duplicates").value_or(true);
  out.legs_in_order = json::find_bool(root, "legs_in_order").value_or(false);
  out.late = milliseconds{json::find_int(root, "late_ms").value_or(0)};
  if (const json::Value* ticks = json::find(root, "ticks_ms"))
    for (const auto& tick : ticks->GetArray())
      out.ticks.push_back(zero() + milliseconds{tick.GetInt64()});
  for (const char* list : {"facts", "expect", "events_in_order"})
    if (const json::Value* found = json::find(root, list); found == nullptr || !found->IsArray())
      problem = std::string{"lacks the list "} + list;
  if (!problem.empty()) return out;
  for (const auto& item : json::find(root, "facts")->GetArray()) {
    auto fact = fact_from_json(item);
    if (!fact) {
      problem = fact.error().detail;
      return out;
    }
    Said said{std::move(*fact), 0};
    said.fact.org = std::string{"acme"};
    said.fact.source = std::string{json::find_string(item, "source").value_or("pbx")};
    const auto at = json::find_int(item, "at_ms");
    if (at) said.fact.at = zero() + milliseconds{*at};
    const auto received = json::find_int(item, "received_ms");
    if (!at && !received) problem = "a fact tells neither at_ms nor received_ms";
    said.fact.received = zero() + milliseconds{received.value_or(at.value_or(0))};
    said.group = static_cast<std::size_t>(json::find_int(item, "group").value_or(0));
    if (!out.facts.empty() && (said.group < out.facts.back().group ||
                               said.fact.received < out.facts.back().fact.received))
      problem = "facts are not in the order of groups and of received_ms";
    out.facts.push_back(std::move(said));
  }
  if (out.facts.empty()) problem = "has no facts";
  return out;
}

}  // namespace hookswitch::scenarios
