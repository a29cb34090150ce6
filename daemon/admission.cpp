#include "daemon/admission.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace hookswitch {
namespace {

Load operator+(Load a, Load b) { return {a.facts + b.facts, a.bytes + b.bytes}; }
Load operator-(Load a, Load b) {
  return {a.facts - std::min(a.facts, b.facts), a.bytes - std::min(a.bytes, b.bytes)};
}
bool fits(Load load, Load room) { return load.facts <= room.facts && load.bytes <= room.bytes; }

std::size_t bytes_of(const Party& party) {
  return party.number.size() + party.presented.size() + party.ext.size() + party.name.size() +
         party.aor.size();
}

std::size_t bytes_of(const std::vector<Text>& texts) {
  std::size_t out = 0;
  for (const auto& text : texts) out += sizeof(Text) + text.size();
  return out;
}

std::size_t bytes_of(const std::map<std::string, std::string>& texts) {
  constexpr std::size_t kNode = 128;  // of the map, with both strings
  std::size_t out = 0;
  for (const auto& [name, value] : texts) out += kNode + name.size() + value.size();
  return out;
}

std::size_t bytes_of(const Fact& fact) {
  return sizeof(Fact) + bytes_of(fact.ids.call) + bytes_of(fact.ids.sip) +
         bytes_of(fact.ids.replaces) + bytes_of(fact.from) + bytes_of(fact.to) +
         bytes_of(fact.customer) + bytes_of(fact.transfer.to) + bytes_of(fact.headers) +
         bytes_of(fact.variables) + fact.custom_data.size() + fact.reason.size() +
         fact.recording.url.size();
}

}  // namespace

Load load_of(const std::vector<Fact>& facts, const SourceInputPtr& input) {
  Load out{facts.size(), 0};
  for (const auto& fact : facts) out.bytes += bytes_of(fact);
  if (input) {
    out.bytes += sizeof(SourceInput) + input->target.size() + input->body.size();
    for (const auto& [name, value] : input->headers) out.bytes += 64 + name.size() + value.size();
  }
  return out;
}

const char* to_string(Refusal why) {
  switch (why) {  // no default: -Wswitch reports a new enumerator
    case Refusal::queue_full:
      return "queue_full";
    case Refusal::source_share:
      return "source_share";
    case Refusal::org_share:
      return "org_share";
    case Refusal::source_rate:
      return "source_rate";
    case Refusal::org_rate:
      return "org_rate";
    case Refusal::journal_io:
      return "journal_io";
    case Refusal::shutting_down:
      return "shutting_down";
    case Refusal::shed:
      return "shed";
  }
  __builtin_unreachable();
}

void Admission::Holder::set_rate(std::uint32_t facts_per_second) {
  if (rate == facts_per_second) return;
  rate = in_hand = facts_per_second;
  filled = {};
}

bool Admission::Holder::may_spend(Clock::time_point at) {
  if (rate == 0) return true;
  const std::chrono::duration<double> passed = at - std::max(filled, at - std::chrono::hours{1});
  in_hand = std::min(rate, in_hand + rate * std::max(0.0, passed.count()));
  filled = at;
  return in_hand > 0;
}

void Admission::set_budgets(Budgets budgets) {
  budgets_ = std::move(budgets);
  const auto rate = [](const auto& all, const auto& key) {
    const auto it = all.find(key);
    return it == all.end() ? 0 : it->second;
  };
  for (auto& [org, holder] : orgs_) {
    holder.set_rate(rate(budgets_.orgs, org));
    for (auto& [source, one] : holder.sources)
      one.set_rate(rate(budgets_.sources, std::pair{org, source}));
  }
}

Admission::Org& Admission::org_of(const std::string& org) {
  const auto [it, fresh] = orgs_.try_emplace(org);
  if (!fresh) return it->second;
  if (const auto budget = budgets_.orgs.find(org); budget != budgets_.orgs.end())
    it->second.set_rate(budget->second);
  return it->second;
}

Admission::Holder& Admission::source_of(Org& org, const std::string& name,
                                        const std::string& source) {
  const auto [it, fresh] = org.sources.try_emplace(source);
  if (!fresh) return it->second;
  const auto budget = budgets_.sources.find({name, source});
  if (budget != budgets_.sources.end()) it->second.set_rate(budget->second);
  return it->second;
}

std::optional<Refusal> Admission::take(const std::string& org, const std::string& source, Load load,
                                       Clock::time_point at) {
  const Load room = most_ - waiting_;
  if (!fits(load, room)) return Refusal::queue_full;
  Org& whole = org_of(org);
  Holder& one = source_of(whole, org, source);
  if (!fits(one.waiting + load, room)) return Refusal::source_share;
  if (!fits(whole.waiting + load, room + room)) return Refusal::org_share;
  if (!one.may_spend(at)) return Refusal::source_rate;
  if (!whole.may_spend(at)) return Refusal::org_rate;
  for (Holder* holder : {&one, static_cast<Holder*>(&whole)})
    holder->in_hand -= static_cast<double>(load.facts);
  take_anyway(org, source, load);
  return std::nullopt;
}

void Admission::take_anyway(const std::string& org, const std::string& source, Load load) {
  Org& whole = org_of(org);
  Holder& one = source_of(whole, org, source);
  one.waiting = one.waiting + load;
  whole.waiting = whole.waiting + load;
  waiting_ = waiting_ + load;
}

void Admission::release(const std::string& org, const std::string& source, Load load) {
  Org& whole = org_of(org);
  Holder& one = source_of(whole, org, source);
  HS_ASSERT(fits(load, one.waiting));
  one.waiting = one.waiting - load;
  whole.waiting = whole.waiting - load;
  waiting_ = waiting_ - load;
}

}  // namespace hookswitch
