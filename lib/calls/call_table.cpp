#include "calls/call_table.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "calls/fold.hpp"
#include "calls/keys.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kAbsorbedMax = 64;
constexpr std::size_t kIndexMax = 2 * kKeysPerCallMax;

/// Facts that are about a call at all; the others of model.md §3 are not this room's.
bool is_of_call(FactType type) { return type < FactType::presence; }

/// Whether a fact about an unknown call is the news of a call.
bool starts_call(const Fact& fact) {
  switch (fact.type) {
    case FactType::recording:
    case FactType::dtmf:
    case FactType::updated:
    case FactType::transfer_failed:
    case FactType::unmuted:
      return false;
    case FactType::ended:
      return !fact.state_report;
    default:
      return true;
  }
}

}  // namespace

CallTable::CallTable(std::shared_ptr<const Directory> directory, std::uint64_t id_seed,
                     CallLimits limits)
    : directory_(std::move(directory)), ids_(id_seed), limits_(limits) {}

void CallTable::apply(const Fact& fact, Step& step) {
  if (!is_of_call(fact.type)) {
    ++facts_ignored_;
    return;
  }
  sources_.insert(fact.source);
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
    if (std::find(record->call.ids.begin(), record->call.ids.end(), key) == record->call.ids.end())
      record->call.ids.push_back(key);
    if (record->index.size() < kIndexMax) index(*record, index_text(fact.org, key), step);
  }
  if (!tuple.empty() && (is_new || keys.empty())) index(*record, tuple, step);

  const bool was_ended = record->ended();
  const auto settled_before = record->settle_at;
  Fold fold{*record, *directory_, step.events};
  // Saved even when nothing is told: keys, leg ids and the last sign of life must outlive a
  // restart.
  step.touched.insert(record->call.id);
  if (!fold.apply(fact, is_new, limits_.settle) && !is_new) ++facts_ignored_;
  if (!was_ended && record->ended()) not_live(*record);
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
    } else if (found != &record && !found->ended() && !record.ended() &&
               found->call.absorbed.size() + record.call.absorbed.size() < kAbsorbedMax) {
      found = &merge(*found, record, fact.occurred(), step);
    }
  }
  return found != nullptr && is_next_call(fact, *found) ? nullptr : found;
}

bool CallTable::is_next_call(const Fact& fact, const CallRecord& ended) const {
  if (!ended.ended() || fact.occurred() <= *ended.call.ended_at) return false;
  switch (fact.type) {
    case FactType::started:
    case FactType::dialing:
    case FactType::ringing:
    case FactType::queued:
    case FactType::answered:
      break;
    default:
      return false;
  }
  // A call id of its own that the ended call never had: it only points at that call. A leg id will
  // do only for a call that nobody answered, and not at once: of two watchers of one call, one may
  // be heard of just after the other has told of its end.
  const auto unknown = [&](KeyKind kind, const std::string& value) {
    if (value.empty()) return false;
    const auto it = by_key_.find(index_text(fact.org, {kind, fact.source, value}));
    return it == by_key_.end() || it->second != ended.call.id;
  };
  const bool rings_on =
      !ended.call.answered_at && fact.occurred() > *ended.call.ended_at + limits_.settle;
  return (rings_on && unknown(KeyKind::vendor_leg_id, fact.ids.leg)) ||
         std::any_of(fact.ids.call.begin(), fact.ids.call.end(),
                     [&](const auto& id) { return unknown(KeyKind::vendor_call_id, id); }) ||
         std::any_of(fact.ids.sip.begin(), fact.ids.sip.end(),
                     [&](const auto& id) { return unknown(KeyKind::sip_call_id, id); });
}

CallRecord* CallTable::match_tuple(const Fact& fact, const std::string& tuple) {
  const auto it = tuple.empty() ? by_key_.end() : by_key_.find(tuple);
  if (it == by_key_.end()) return nullptr;
  CallRecord& record = records_.at(it->second);
  if (!record.ended())
    return fact.received - record.last_fact <= limits_.tuple_guard ? &record : nullptr;
  // A call that is over takes what can only be its aftermath; anything else is the next call of the
  // same pair.
  const bool aftermath = fact.type == FactType::ended || fact.type == FactType::report ||
                         fact.type == FactType::recording;
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
  live_[fact.org].insert(id);
  checks_.emplace(silence_ends(record), id);
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
  // Names of absorbed calls are kept for look-ups; a call that many others point at does not
  // swallow them without end. Ids sort by time, so the older one survives.
  CallRecord& kept = one.call.id < two.call.id ? one : two;
  CallRecord& gone = &kept == &one ? two : one;
  for (std::size_t i = 0; i < gone.call.legs.size() && kept.call.legs.size() < kLegsPerCallMax;
       ++i) {
    Leg leg = gone.call.legs[i];
    // A leg that lives and one that has ended are two, even of one line: neither may hide what was
    // told of the other.
    const auto same =
        std::find_if(kept.call.legs.begin(), kept.call.legs.end(), [&](const Leg& other) {
          const bool both =
              (other.state == LegState::terminated) == (leg.state == LegState::terminated);
          return both && other.role == leg.role && other.ext == leg.ext && other.user == leg.user &&
                 (!leg.ext.empty() || other.number == leg.number);
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
  for (const auto& text : gone.index) {
    if (kept.index.size() >= kIndexMax) {
      by_key_.erase(text);
      continue;
    }
    by_key_[text] = kept.call.id;
    kept.index.push_back(text);
  }
  const std::string absorbed = gone.call.id;
  kept.call.absorbed.push_back(absorbed);
  for (const auto& older : gone.call.absorbed) kept.call.absorbed.push_back(older);
  for (const auto& name : kept.call.absorbed) alias_[name] = kept.call.id;
  if (gone.settle_at) settling_[*gone.settle_at].erase(absorbed);
  --live_count_;
  live_[gone.call.org].erase(absorbed);
  step.touched.insert({absorbed, kept.call.id});
  Fold fold{kept, *directory_, step.events};
  fold.absorb(gone);
  fold.tell_merged(absorbed, at);
  records_.erase(absorbed);
  return kept;
}

void CallTable::tick(Time now, Step& step) {
  while (!settling_.empty() && settling_.begin()->first <= now) {
    const auto due = settling_.extract(settling_.begin());
    for (const auto& id : due.mapped()) {
      CallRecord& record = records_.at(id);
      if (record.ended()) continue;
      Fold{record, *directory_, step.events}.end_by_tick(now, Disposition::unknown);
      not_live(record);
      step.touched.insert(id);
    }
  }
  // In the order of ids, not of when the check was planned: that differs after a restart.
  std::set<std::string> silent;
  while (!checks_.empty() && checks_.begin()->first < now) {
    const std::string id = checks_.begin()->second;
    checks_.erase(checks_.begin());
    const auto at = records_.find(id);
    if (at == records_.end()) continue;
    const Time due = silence_ends(at->second);
    if (due < now)
      silent.insert(id);
    else  // it has been heard of since the check was planned
      checks_.emplace(due, id);
  }
  for (const auto& id : silent) {
    CallRecord& record = records_.at(id);
    if (record.ended()) {
      forget(id, step);
      continue;
    }
    Fold{record, *directory_, step.events}.end_by_tick(now, Disposition::reconciled);
    not_live(record);
    step.touched.insert(id);
  }
}

Time CallTable::silence_ends(const CallRecord& record) const {
  if (record.ended()) return record.last_fact + limits_.keep_ended;
  // Who waits in a queue may be silent for as long as who talks.
  const bool patient = record.call.answered_at || !record.call.queue.empty();
  return record.last_fact + (patient ? milliseconds{limits_.answered_silence}
                                     : milliseconds{limits_.unanswered_silence});
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
    if (const auto key = by_key_.find(text); key != by_key_.end() && key->second == call_id)
      by_key_.erase(key);
  for (const auto& name : it->second.call.absorbed) alias_.erase(name);
  records_.erase(it);
  step.touched.insert(call_id);
}

void CallTable::not_live(const CallRecord& record) {
  --live_count_;
  live_[record.call.org].erase(record.call.id);
  checks_.emplace(silence_ends(record),
                  record.call.id);  // sooner than what was planned for a living call
}

std::vector<const Call*> CallTable::live(const std::string& org) const {
  std::vector<const Call*> out;
  const auto ids = live_.find(org);
  if (ids == live_.end()) return out;
  for (const auto& id : ids->second) out.push_back(&records_.at(id).call);
  return out;
}

std::vector<Fact> CallTable::living_legs(const std::string& org, const std::string& source) const {
  std::vector<Fact> out;
  for (const Call* call : live(org)) {
    const CallRecord& record = records_.at(call->id);
    for (std::size_t i = 0; i < call->legs.size(); ++i) {
      const Leg& leg = call->legs[i];
      if (leg.state == LegState::terminated) continue;
      for (const auto& key : record.memory[i].keys) {
        if (!key.starts_with(source + '\x1f')) continue;
        Fact fact;
        fact.org = org;
        fact.source = source;
        fact.type = leg.state == LegState::held        ? FactType::held
                    : leg.state == LegState::confirmed ? FactType::answered
                    : leg.role == LegRole::callee      ? FactType::ringing
                                                       : FactType::dialing;
        fact.ids.leg = key.substr(source.size() + 1);
        for (const auto& id : call->ids)
          if (id.kind == KeyKind::sip_call_id && id.source == source)
            fact.ids.sip.push_back(id.value);
        fact.agent.ext = leg.ext;
        fact.from = call->from;
        fact.to = call->to;
        fact.state_report = true;
        out.push_back(std::move(fact));
      }
    }
  }
  return out;
}

const Call* CallTable::find(const std::string& org, const std::string& any_id) const {
  const auto of_org = [&](const std::string& id) -> const Call* {
    const auto it = records_.find(id);
    return it != records_.end() && it->second.call.org == org ? &it->second.call : nullptr;
  };
  if (const Call* call = of_org(any_id)) return call;
  if (const auto it = alias_.find(any_id); it != alias_.end()) return of_org(it->second);
  for (const auto& source : sources_)
    for (const KeyKind kind : {KeyKind::vendor_call_id, KeyKind::sip_call_id,
                               KeyKind::vendor_leg_id, KeyKind::session_id})
      if (const auto it = by_key_.find(index_text(org, {kind, source, any_id}));
          it != by_key_.end())
        if (const Call* call = of_org(it->second)) return call;
  return nullptr;
}

std::string CallTable::save(const std::string& call_id) const {
  const auto it = records_.find(call_id);
  return it == records_.end() ? std::string{} : save_record(it->second);
}

std::vector<std::string> CallTable::restore(const std::map<std::string, std::string>& saved) {
  records_.clear();
  by_key_.clear();
  alias_.clear();
  settling_.clear();
  live_count_ = 0;
  live_.clear();
  checks_.clear();
  std::vector<std::string> unreadable;
  for (const auto& [id, text] : saved) {
    auto record = load_record(text);
    if (!record || record->call.id != id) {  // one bad record must not take all others along
      unreadable.push_back(id);
      continue;
    }
    for (const auto& key : record->call.ids) sources_.insert(key.source);
    for (const auto& key : record->index) by_key_[key] = id;
    for (const auto& name : record->call.absorbed) alias_[name] = id;
    if (record->settle_at) settling_[*record->settle_at].insert(id);
    if (!record->ended()) {
      ++live_count_;
      live_[record->call.org].insert(id);
    }
    checks_.emplace(silence_ends(*record), id);
    records_.emplace(id, std::move(*record));
  }
  return unreadable;
}

}  // namespace hookswitch
