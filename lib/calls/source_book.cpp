#include "calls/source_book.hpp"

#include <array>
#include <utility>

namespace hookswitch {
namespace {

struct Quirk {
  std::string_view name;
  SetQuirk set;
};

/// One row a switch, by the peer that was first seen to do it.
constexpr std::array kQuirks{
    Quirk{"no-fusion", [](SourceRules& rules) { rules.fuses = false; }},
    Quirk{"kam-prack-confirmed", [](SourceRules& rules) { rules.confirms_early = true; }},
    Quirk{"sipgate-c2d-in", [](SourceRules& rules) { rules.callback_is_caller = true; }},
};

std::string key_of(const std::string& org, const std::string& name) { return org + '\x1f' + name; }

}  // namespace

SetQuirk find_quirk(std::string_view name) {
  for (const auto& quirk : kQuirks)
    if (quirk.name == name) return quirk.set;
  return nullptr;
}

std::vector<std::string_view> quirk_names() {
  std::vector<std::string_view> out;
  for (const auto& quirk : kQuirks) out.push_back(quirk.name);
  return out;
}

SourceIndex SourceBook::index(const std::string& org, const std::string& name) {
  // Most facts come from the source of the last few: no text is built for them.
  for (std::size_t i = 1; i < entries_.size() && i <= 4; ++i)
    if (entries_[i].name == name && entries_[i].org == org) return static_cast<SourceIndex>(i);
  const auto [it, fresh] = by_name_.try_emplace(key_of(org, name), kBroker);
  if (!fresh) return it->second;
  if (entries_.size() >= kMax) {
    by_name_.erase(it);
    return kBroker;
  }
  it->second = static_cast<SourceIndex>(entries_.size());
  const auto rules = rules_.find(it->first);
  entries_.push_back({org, name, rules == rules_.end() ? SourceRules{} : rules->second});
  fusing_[org] += entries_.back().rules.fuses ? 1 : 0;
  return it->second;
}

void SourceBook::set_rules(const std::string& org, const std::string& name, SourceRules rules) {
  const std::string key = key_of(org, name);
  if (const auto it = by_name_.find(key); it != by_name_.end()) {
    Entry& entry = entries_[it->second];
    fusing_[org] += static_cast<int>(rules.fuses) - static_cast<int>(entry.rules.fuses);
    entry.rules = rules;
  }
  rules_[key] = std::move(rules);
}

bool SourceBook::may_fuse(const std::string& org) const {
  const auto it = fusing_.find(org);
  return it != fusing_.end() && it->second > 1;
}

}  // namespace hookswitch
