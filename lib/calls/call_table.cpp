#include "calls/call_table.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "calls/fold.hpp"
#include "calls/keys.hpp"

namespace hookswitch {
namespace {

/// Facts that are about a call at all; the others of model.md §3 are not this room's.
bool is_of_call(FactType type) { return type < FactType::presence; }

/// Whether a fact about an unknown call is the news of a call.
bool starts_call(const Fact& fact) {
  switch (fact.type) {
    case FactType::recording:
    case FactType::dtmf:
    case FactType::updated:
    case FactType::transfer_failed:
    case FactType::unmuted: return false;
    case FactType::ended: return !fact.state_report;
    default: return true;
  }
}

}  // namespace

CallTable::CallTable(std::shared_ptr<const Directory> directory, std::uint64_t id_seed, CallLimits limits)
    : directory_(std::move(directory)), ids_(id_seed), limits_(limits) {}

void CallTable::apply(const Fact& fact, Step& step) {
  if (!is_of_call(fact.type)) {
    ++facts_ignored_;
    return;
  }
  const auto keys = strong_keys(fact);
  const std::string tuple = tuple_text(fact);
  CallRecord* record = keys.empty() ? match_tuple(fact, tuple) : match(fact, keys, step);
  const bool is_new = record == nullptr;
  if (is_new) {
    if (!starts_call(fact) || (keys.empty() && tuple.empty())) {
      ++facts_ignored_;
      return;
    }
    record = &create(fact);
  }
  for (const auto& key : keys) {
    if (record->call.ids.size() >= kKeysPerCallMax) break;
    if (std::find(record->call.ids.begin(), record->call.ids.end(), key) == record->call.ids.end()) record->call.ids.push_back(key);
    index(*record, index_text(fact.org, key), step);
  }
  if (!tuple.empty() && (is_new || keys.empty())) index(*record, tuple, step);

  const bool was_ended = record->ended();
  const auto settled_before = record->settle_at;
  Fold fold{*record, *directory_, step.events};
  // Saved even when nothing is told: keys, leg ids and the last sign of life must outlive a restart.
  step.touched.insert(record->call.id);
  if (!fold.apply(fact, is_new, limits_.settle) && !is_new) ++facts_ignored_;
  if (!was_ended && record->ended()) --live_count_;
  if (settled_before != record->settle_at) {
    if (settled_before) settling_[*settled_before].erase(record->call.id);
    if (record->settle_at) settling_[*record->settle_at].insert(record->call.id);
  }
}

CallRecord* CallTable::match(const Fact& fact, const std::vector<CallKey>& keys, Step& step) {
  CallRecord* found = nullptr;
  for (const auto& key : keys) {
    const auto it = by_key_.find(index_text(fact.org, key));
    if (it == by_key_.end()) continue;
    CallRecord& record = records_.at(it->second);
    if (found == nullptr || (found->ended() && !record.ended())) {
      found = &record;
    } else if (found != &record && !found->ended() && !record.ended()) {
      found = &merge(*found, record, fact.occurred(), step);
    }
  }
  return found;
}

CallRecord* CallTable::match_tuple(const Fact& fact, const std::string& tuple) {
  const auto it = tuple.empty() ? by_key_.end() : by_key_.find(tuple);
  if (it == by_key_.end()) return nullptr;
  CallRecord& record = records_.at(it->second);
  if (!record.ended()) return fact.received - record.last_fact <= limits_.tuple_guard ? &record : nullptr;
  // A call that is over takes what can only be its aftermath; anything else is the next call of the same pair.
  const bool aftermath = fact.type == FactType::ended || fact.type == FactType::report || fact.type == FactType::recording;
  return aftermath ? &record : nullptr;
}

CallRecord& CallTable::create(const Fact& fact) {
  CallRecord record;
  record.call.id = ids_.next(fact.received);
  record.call.org = fact.org;
  record.call.started_at = fact.occurred();
  record.last_fact = fact.received;
  ++live_count_;
  const std::string id = record.call.id;
  return records_.emplace(id, std::move(record)).first->second;
}

void CallTable::index(CallRecord& record, const std::string& text, Step& step) {
  const auto [it, fresh] = by_key_.try_emplace(text, record.call.id);
  if (!fresh && it->second == record.call.id) return;
  if (!fresh) {  // the key's former bearer is over: the newer call has it now
    if (const auto former = records_.find(it->second); former != records_.end()) {
      std::erase(former->second.index, text);
      step.touched.insert(it->second);
    }
    it->second = record.call.id;
  }
  record.index.push_back(text);
}

CallRecord& CallTable::merge(CallRecord& one, CallRecord& two, Time at, Step& step) {
  // Ids sort by time, so the older one survives.
  CallRecord& kept = one.call.id < two.call.id ? one : two;
  CallRecord& gone = &kept == &one ? two : one;
  for (std::size_t i = 0; i < gone.call.legs.size() && kept.call.legs.size() < kLegsPerCallMax; ++i) {
    Leg leg = gone.call.legs[i];
    // A leg that lives and one that has ended are two, even of one line: neither may hide what was told of the other.
    const auto same = std::find_if(kept.call.legs.begin(), kept.call.legs.end(), [&](const Leg& other) {
      const bool both = (other.state == LegState::terminated) == (leg.state == LegState::terminated);
      return both && other.role == leg.role && other.ext == leg.ext && other.user == leg.user && (!leg.ext.empty() || other.number == leg.number);
    });
    if (same == kept.call.legs.end()) {
      leg.id = "l" + std::to_string(kept.call.legs.size() + 1);
      kept.call.legs.push_back(std::move(leg));
      kept.memory.push_back(std::move(gone.memory[i]));
      continue;
    }
    auto& memory = kept.memory[static_cast<std::size_t>(same - kept.call.legs.begin())];
    LegMemory other = std::move(gone.memory[i]);
    if (rank(leg.state) > rank(same->state)) {
      leg.id = same->id;
      *same = std::move(leg);
      std::swap(memory, other);  // hold and its times go with the leg that stays
    }
    memory.observed |= other.observed;
    for (auto& key : other.keys)
      if (memory.keys.size() < kKeysPerCallMax) memory.keys.push_back(std::move(key));
  }
  for (const auto& key : gone.call.ids)
    if (kept.call.ids.size() < kKeysPerCallMax &&
        std::find(kept.call.ids.begin(), kept.call.ids.end(), key) == kept.call.ids.end())
      kept.call.ids.push_back(key);
  if (!kept.call.answered_at && gone.call.answered_at) {
    kept.call.answered_at = gone.call.answered_at;
    kept.call.answered_by = gone.call.answered_by;
  }
  for (const auto& text : gone.index) {
    by_key_[text] = kept.call.id;
    kept.index.push_back(text);
  }
  const std::string absorbed = gone.call.id;
  kept.call.absorbed.push_back(absorbed);
  for (const auto& older : gone.call.absorbed) kept.call.absorbed.push_back(older);
  for (const auto& name : kept.call.absorbed) alias_[name] = kept.call.id;
  if (gone.settle_at) settling_[*gone.settle_at].erase(absorbed);
  records_.erase(absorbed);
  --live_count_;
  step.touched.insert({absorbed, kept.call.id});
  Fold{kept, *directory_, step.events}.tell_merged(absorbed, at);
  return kept;
}

void CallTable::tick(Time now, Step& step) {
  while (!settling_.empty() && settling_.begin()->first <= now) {
    const auto due = settling_.extract(settling_.begin());
    for (const auto& id : due.mapped()) {
      CallRecord& record = records_.at(id);
      if (record.ended()) continue;
      Fold{record, *directory_, step.events}.end_by_tick(now, Disposition::unknown);
      --live_count_;
      step.touched.insert(id);
    }
  }
  std::vector<std::string> over;
  for (auto& [id, record] : records_) {
    const auto silent = now - record.last_fact;
    if (record.ended()) {
      if (silent > limits_.keep_ended) over.push_back(id);
    } else if (silent > (record.call.answered_at ? milliseconds{limits_.answered_silence} : milliseconds{limits_.unanswered_silence})) {
      Fold{record, *directory_, step.events}.end_by_tick(now, Disposition::reconciled);
      --live_count_;
      step.touched.insert(id);
    }
  }
  for (const auto& id : over) forget(id, step);
}

std::optional<Time> CallTable::next_settle() const {
  for (const auto& [time, ids] : settling_)
    if (!ids.empty()) return time;
  return std::nullopt;
}

void CallTable::forget(const std::string& call_id, Step& step) {
  const auto it = records_.find(call_id);
  HS_ASSERT(it != records_.end());
  for (const auto& text : it->second.index)
    if (const auto key = by_key_.find(text); key != by_key_.end() && key->second == call_id) by_key_.erase(key);
  for (const auto& name : it->second.call.absorbed) alias_.erase(name);
  records_.erase(it);
  step.touched.insert(call_id);
}

std::vector<const Call*> CallTable::live(const std::string& org) const {
  std::vector<const Call*> out;
  for (const auto& [id, record] : records_)
    if (!record.ended() && record.call.org == org) out.push_back(&record.call);
  return out;
}

const Call* CallTable::find(const std::string& org, const std::string& any_id) const {
  const auto of_org = [&](const std::string& id) -> const Call* {
    const auto it = records_.find(id);
    return it != records_.end() && it->second.call.org == org ? &it->second.call : nullptr;
  };
  if (const Call* call = of_org(any_id)) return call;
  if (const auto it = alias_.find(any_id); it != alias_.end()) return of_org(it->second);
  // A look-up by a PBX's id is a person's question, not part of the flow: a scan will do.
  const Call* newest = nullptr;
  for (const auto& [id, record] : records_) {
    if (record.call.org != org) continue;
    for (const auto& key : record.call.ids)
      if (key.value == any_id) newest = &record.call;
  }
  return newest;
}

std::string CallTable::save(const std::string& call_id) const {
  const auto it = records_.find(call_id);
  return it == records_.end() ? std::string{} : save_record(it->second);
}

Result<void> CallTable::restore(const std::map<std::string, std::string>& saved) {
  records_.clear();
  by_key_.clear();
  alias_.clear();
  settling_.clear();
  live_count_ = 0;
  for (const auto& [id, text] : saved) {
    auto record = load_record(text);
    if (!record) return record.error();
    if (record->call.id != id) return Error{Errc::bad_request, "a call is saved under another id"};
    for (const auto& key : record->index) by_key_[key] = id;
    for (const auto& name : record->call.absorbed) alias_[name] = id;
    if (record->settle_at) settling_[*record->settle_at].insert(id);
    if (!record->ended()) ++live_count_;
    records_.emplace(id, std::move(*record));
  }
  return {};
}

}  // namespace hookswitch
