#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "calls/call_table.hpp"
#include "directory/directory.hpp"
#include "unit/scenarios/canonical.hpp"
#include "unit/scenarios/scenario.hpp"
#include "unit/scenarios/stream_checker.hpp"

namespace hookswitch::scenarios {

/// acme: alice 101 and 111, bob 102, carol 103, dave 104.
inline std::shared_ptr<const Directory> people() {
  auto out = std::make_shared<Directory>();
  out->add(Org{"acme", "US", "+12025550100"});
  out->add(User{"acme", "alice", "Alice Agent", "alice@example.com", {"101", "111"}});
  out->add(User{"acme", "bob", "Bob Agent", "bob@example.com", {"102"}});
  out->add(User{"acme", "carol", "Carol Agent", "carol@example.com", {"103"}});
  out->add(User{"acme", "dave", "Dave Agent", "dave@example.com", {"104"}});
  return out;
}

struct Arrival {
  std::size_t fact = 0;  ///< its place in the scenario
  Time at{};
};

/// A factorial that stops growing.
inline std::uint64_t orders_of(std::size_t facts) {
  std::uint64_t out = 1;
  for (std::size_t i = 2; i <= facts && out < 1'000'000'000; ++i) out *= i;
  return out;
}

/// Plays one scenario in any order of arrival. What differs between orders is only what the fold
/// makes of them: facts, ticks and seeds of ids are the same.
class Runner {
 public:
  explicit Runner(const Scenario& scenario, std::shared_ptr<const Directory> directory = people())
      : scenario_(scenario), directory_(std::move(directory)), facts_(), groups_() {
    for (std::size_t i = 0; i < scenario.facts.size(); ++i) {
      facts_.push_back(scenario.facts[i].fact);
      const std::size_t group = scenario.facts[i].group;
      if (groups_.size() <= group) groups_.resize(group + 1);
      groups_[group].push_back(i);
    }
  }

  struct Outcome {
    std::string calls;                  ///< canonical JSON of every call, a line each
    std::vector<std::string> problems;  ///< broken promises
    std::vector<std::string> rewrites;  ///< values that changed silently
  };

  /// As written, at the scenario's own times. `events`: what was told.
  Outcome in_order(std::vector<Event>* events) {
    std::vector<Arrival> arrivals;
    for (std::size_t i = 0; i < facts_.size(); ++i)
      arrivals.push_back({i, scenario_.facts[i].fact.received});
    return play(arrivals, events);
  }

  Outcome play(const std::vector<Arrival>& arrivals, std::vector<Event>* events = nullptr) {
    CallTable table{directory_, 7};
    set_quirks(table);
    StreamChecker checker;
    auto tick = scenario_.ticks.begin();
    const auto take = [&](Step& step) {
      checker.see(step);
      if (events != nullptr) events->insert(events->end(), step.events.begin(), step.events.end());
    };
    const auto tick_at = [&](Time now) {
      Step step;
      table.tick(now, step);
      take(step);
    };
    const auto pass = [&](Time until) {
      for (int guard = 0; guard < 1000; ++guard) {
        const auto settle = table.next_settle();
        const bool told = tick != scenario_.ticks.end() && *tick <= until;
        if (settle && *settle <= until && (!told || *settle <= *tick))
          tick_at(*settle);
        else if (told)
          tick_at(*tick++);
        else
          return;
      }
    };
    for (const Arrival& arrival : arrivals) {
      pass(arrival.at);
      Fact& fact = facts_[arrival.fact];
      fact.received = arrival.at;
      Step step;
      table.apply(fact, step);
      take(step);
    }
    const Time last = scenario_.ticks.empty()
                          ? arrivals.back().at
                          : std::max(arrivals.back().at, scenario_.ticks.back());
    pass(last + milliseconds{10'000});
    tick_at(last + milliseconds{10'000});
    return {calls_of(table, checker.call_ids()), checker.problems(), checker.rewrites()};
  }

  // --- orders

  /// How many orders there are: facts permute within their group.
  std::uint64_t count() const {
    std::uint64_t out = 1;
    for (const auto& group : groups_)
      out = std::min<std::uint64_t>(out * orders_of(group.size()), 1u << 30);
    return out;
  }

  /// Every order, as facts in a burst: a group's facts come 10 ms apart after the last of them
  /// happened.
  template <class See>
  void every_order(See see) {
    auto groups = groups_;
    for (;;) {
      if (keeps_legs(groups)) see(burst(groups));
      std::size_t i = 0;
      while (i < groups.size() && !std::next_permutation(groups[i].begin(), groups[i].end())) ++i;
      if (i == groups.size()) return;
    }
  }

  /// An order that `seed` names, with facts that come twice and facts that come late.
  std::vector<Arrival> random_order(std::uint64_t seed) const {
    std::mt19937_64 random{seed};
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    auto groups = groups_;
    for (auto& group : groups) {
      const std::size_t own = group.size();
      for (std::size_t i = 0; scenario_.duplicates && i < own; ++i)
        if (below(5) == 0) group.push_back(group[i]);
      for (std::size_t i = group.size(); i > 1; --i) std::swap(group[i - 1], group[below(i)]);
      if (scenario_.legs_in_order) keep_legs(group);
    }
    return burst(groups, [&] {
      const auto most = static_cast<std::size_t>(scenario_.late.count());
      return milliseconds{most > 0 && below(4) == 0 ? static_cast<std::int64_t>(below(most)) : 0};
    });
  }

  std::string text_of(const std::vector<Arrival>& arrivals) const {
    std::string out;
    for (const Arrival& arrival : arrivals) {
      const Fact& fact = facts_[arrival.fact];
      out += "  " + std::to_string((arrival.at - zero()).count()) + " ms: fact " +
             std::to_string(arrival.fact + 1) + " " + std::string{fact.source} + " " +
             std::string{to_string(fact.type)};
      for (const std::string& part :
           {std::string{fact.ids.leg}, std::string{fact.agent.ext}, std::string{fact.to.ext}})
        if (!part.empty()) out += " " + part;
      out += "\n";
    }
    return out;
  }

 private:
  using Groups = std::vector<std::vector<std::size_t>>;

  bool same_leg(std::size_t a, std::size_t b) const {
    return facts_[a].source == facts_[b].source && facts_[a].ids.leg == facts_[b].ids.leg;
  }
  bool keeps_legs(const Groups& groups) const {
    if (!scenario_.legs_in_order) return true;
    for (const auto& group : groups)
      for (std::size_t i = 0; i < group.size(); ++i)
        for (std::size_t j = i + 1; j < group.size(); ++j)
          if (group[j] < group[i] && same_leg(group[i], group[j])) return false;
    return true;
  }
  void keep_legs(std::vector<std::size_t>& group) const {
    for (std::size_t i = 0; i < group.size(); ++i)
      for (std::size_t j = i + 1; j < group.size(); ++j)
        if (group[j] < group[i] && same_leg(group[i], group[j])) std::swap(group[i], group[j]);
  }

  std::vector<Arrival> burst(const Groups& groups) const {
    return burst(groups, [] { return milliseconds{0}; });
  }

  template <class Late>
  std::vector<Arrival> burst(const Groups& groups, Late late) const {
    std::vector<Arrival> out;
    Time from{};
    for (const auto& group : groups) {
      for (const std::size_t fact : group)
        from = std::max(from, scenario_.facts[fact].fact.received);
      const std::size_t begin = out.size();
      for (const std::size_t fact : group) {
        out.push_back({fact, from + late()});
        from += milliseconds{10};
      }
      std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
                       [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
      if (!out.empty()) from = std::max(from, out.back().at + milliseconds{10});
    }
    return out;
  }

  /// Those quirks of the scenario that are switches of a source; the others only name their row.
  void set_quirks(CallTable& table) const {
    const json::Value* quirks = json::find(scenario_.document, "quirks");
    if (quirks == nullptr) return;
    for (const auto& said : scenario_.facts) {
      SourceRules rules;
      for (const auto& quirk : quirks->GetArray())
        if (const SetQuirk set = find_quirk(json::text(quirk))) set(rules);
      table.set_source_rules("acme", said.fact.source, rules);
    }
  }

  std::string calls_of(const CallTable& table, const std::vector<std::string>& ids) {
    std::vector<std::string> seen, texts;
    std::string all;
    for (const std::string& id : ids) {
      const auto call = table.find("acme", id);
      if (call == nullptr ||
          std::find(seen.begin(), seen.end(), std::string{call->id}) != seen.end())
        continue;
      seen.emplace_back(call->id);
      writer_.clear();
      write_json(writer_, *call);
      texts.push_back(writer_.str());
      all += texts.back();
    }
    if (const auto known = known_.find(all); known != known_.end()) return known->second;
    for (auto& text : texts) text = canonical(text, scenario_.times);
    std::sort(texts.begin(), texts.end());
    std::string out;
    for (const auto& text : texts) out += text + "\n";
    if (known_.size() < 100'000) known_.emplace(std::move(all), out);
    return out;
  }

  const Scenario& scenario_;
  std::shared_ptr<const Directory> directory_;
  std::vector<Fact> facts_;
  Groups groups_;
  json::Writer writer_;
  std::unordered_map<std::string, std::string> known_;  ///< most orders end in the same bytes
};

// --- the story that clients are told

/// "call.ringing 101", "leg.ended 102 answered_elsewhere", "call.ended answered"; of the second and
/// later calls "#2 call.ringing 101". Updates are left out: when they come is not promised.
inline std::vector<std::string> story_of(const std::vector<Event>& events) {
  std::vector<std::string> out, ids;
  for (const Event& event : events) {
    if (!event.call || event.type == EventType::call_updated) continue;
    const std::string id{event.call->id};
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    const auto number = std::find(ids.begin(), ids.end(), id) - ids.begin() + 1;
    std::string line = number == 1 ? std::string{} : "#" + std::to_string(number) + " ";
    line += to_string(event.type);
    const bool of_call =
        event.type == EventType::call_started || event.type == EventType::call_ended ||
        event.type == EventType::call_queued || event.type == EventType::call_merged ||
        event.type == EventType::call_report || event.type == EventType::call_amended;
    const Leg* leg = event.call->find_leg(event.leg);
    if (leg != nullptr && !of_call) {
      const std::string name{leg->ext.empty() ? leg->number : leg->ext};
      line += " " + (name.empty() ? std::string{"-"} : name);
    }
    if (leg != nullptr && event.type == EventType::leg_ended && leg->end_reason)
      line += " " + std::string{to_string(*leg->end_reason)};
    if (event.type == EventType::call_ended && event.call->disposition)
      line += " " + std::string{to_string(*event.call->disposition)};
    out.push_back(std::move(line));
  }
  return out;
}

/// Whether `told` from `at` on is what `wanted` from `next` on asks for. A text is one event, "?x"
/// one that may be missing, "x *" any event that begins with "x"; a list is its events in any
/// order.
inline bool story_matches(const json::Value& wanted, rapidjson::SizeType next,
                          const std::vector<std::string>& told, std::size_t at) {
  if (next == wanted.Size()) return at == told.size();
  const auto fits = [](std::string_view pattern, const std::string& line) {
    return pattern.ends_with('*') ? line.starts_with(pattern.substr(0, pattern.size() - 1))
                                  : line == pattern;
  };
  const json::Value& item = wanted[next];
  if (item.IsString()) {
    std::string_view pattern = json::text(item);
    const bool optional = pattern.starts_with('?');
    if (optional) pattern.remove_prefix(1);
    if (at < told.size() && fits(pattern, told[at]) &&
        story_matches(wanted, next + 1, told, at + 1))
      return true;
    return optional && story_matches(wanted, next + 1, told, at);
  }
  // In any order: those with "?" may be missing.
  std::vector<bool> used(item.Size(), false);
  for (;; ++at) {
    bool all = true;
    for (rapidjson::SizeType i = 0; i < item.Size(); ++i)
      all = all && (used[i] || json::text(item[i]).starts_with('?'));
    if (all && story_matches(wanted, next + 1, told, at)) return true;
    if (at == told.size()) return false;
    rapidjson::SizeType i = 0;
    const auto takes = [&](rapidjson::SizeType each) {
      std::string_view pattern = json::text(item[each]);
      if (pattern.starts_with('?')) pattern.remove_prefix(1);
      return !used[each] && fits(pattern, told[at]);
    };
    while (i < item.Size() && !takes(i)) ++i;
    if (i == item.Size()) return false;
    used[i] = true;
  }
}

}  // namespace hookswitch::scenarios
