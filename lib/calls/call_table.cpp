#include "calls/call_table.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "calls/explain.hpp"
#include "calls/fold.hpp"
#include "calls/tell.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kAbsorbedMax = 64;
constexpr std::size_t kTuplesMax = 16;
constexpr std::size_t kJoinedMax = 64;
/// `explain` looks this far around a call for others that have something in common with it.
constexpr std::chrono::minutes kNearMissTime{10};
/// A source's clock may be this much off and its call still be seen as the other source's.
constexpr milliseconds kSightsKept{kSkewMax};

/// Facts that are about a call at all; the others of model.md §3 are not this room's.
bool is_of_call(FactType type) { return type < FactType::presence; }

/// Whether a fact about an unknown call is the news of a call. What is not may have overtaken it.
bool starts_call(FactType type, bool state_report) {
  switch (type) {
    case FactType::recording:
    case FactType::dtmf:
    case FactType::updated:
    case FactType::transfer_failed:
    case FactType::unmuted:
      return false;
    case FactType::ended:
      return !state_report;
    default:
      return true;
  }
}

/// Whether a fact may be the first of a call; a queue may be where it begins.
bool may_begin(FactType type) { return begins(type) || type == FactType::queued; }

}  // namespace

CallTable::CallTable(std::shared_ptr<const Directory> directory, std::uint64_t id_seed,
                     CallLimits limits)
    : directory_(std::move(directory)), ids_(id_seed), limits_(limits) {}

// --- a fact

void CallTable::apply(const Fact& fact, Step& step) {
  if (!is_of_call(fact.type)) {
    ++facts_ignored_;
    return;
  }
  const SourceIndex source = sources_.index(fact.org, fact.source);
  watch_for_fusion(fact.org);
  const FactKeys keys = strong_keys(fact, source, sources_);
  const Text tuple = keys.empty() ? tuple_text(fact, source) : Text{};
  std::optional<Merged> merged;
  Match found = keys.empty() ? match_tuple(fact, tuple) : match(fact, keys, merged, step);
  const bool next_call = found.slot != kNone && records_[found.slot]->ended && !keys.empty() &&
                         is_next_call(fact, source, keys, *records_[found.slot]);
  if (next_call) tell_merge(found.slot, merged, step);
  if (next_call) found.slot = kNone;
  bool is_new = false;
  if (found.slot == kNone) {
    const bool starts = starts_call(fact.type, fact.state_report);
    if (keys.empty() && (tuple.empty() || !starts)) {
      ++facts_ignored_;
      return;
    }
    if (!next_call && starts) found = match_fusion(fact, source, keys);
    is_new = found.slot == kNone;
    if (is_new) found.slot = create(fact, JoinedBy::first_fact, source);
  }
  for (const FactKey& key : keys) {
    // The ended call that it only points at keeps its own name.
    if (next_call && key.link) continue;
    add_key(found.slot, key, step);
  }
  const Text& own_tuple = keys.empty() ? tuple : (is_new ? tuple_text(fact, source) : Text{});
  if (!own_tuple.empty()) add_tuple(found.slot, own_tuple, step);
  const JoinedBy rule = is_new ? JoinedBy::first_fact : found.rule;
  if (take_fact(found.slot, fact, source, rule, merged, step)) seek_other_source(found.slot, step);
}

bool CallTable::take_fact(Slot slot, const Fact& fact, SourceIndex source, JoinedBy rule,
                          std::optional<Merged>& merged, Step& step) {
  CallRecord& record = *records_[slot];
  // Saved even when nothing is told: keys and the last sign of life must outlive a restart.
  touch(slot, step);
  record.last_fact = std::max(record.last_fact, fact.received);
  record.check_until.reset();
  const auto at = add_note(record, fact, source, rule, *directory_);
  if (!at) {
    tell_merge(slot, merged, step);
    ++facts_ignored_;
    return false;
  }
  const bool was_ended = record.ended, was_told = record.told;
  if (!was_told) {
    if (std::none_of(record.notes.begin(), record.notes.end(),
                     [](const Note& note) { return starts_call(note.type, note.state_report); })) {
      ++facts_ignored_;
      return true;
    }
    record.told = true;
    now_live(slot);
    plan_check(slot);
  }
  const bool ties = fact.ids.call.size() > 1 || !fact.transfer.other_calls.empty();
  Truth truth;
  Before before;
  Earlier earlier;
  if (was_told && !ties && !merged && fold_step(record, sources_, earlier, truth) &&
      earlier.call.legs.size() == record.legs.size()) {
    before = {show(record, std::move(earlier.call), sources_), {}, earlier.happenings};
  } else {
    if (was_told && !merged) {
      const Note note = record.notes.back();
      record.notes.pop_back();
      before.truth = fold(record, sources_);
      before.call = show(record, whole_call(*before.truth), sources_);
      record.notes.push_back(note);
    }
    tie_names(record, fact, source);
    mark_handed_on(record, fact, source);
    truth = fold(record, sources_);
  }
  Cause cause{&record.notes.back(), {}};
  if (fact.type == FactType::recording)
    cause.recording = fact.recording.id.empty() ? fact.recording.url : fact.recording.id;
  const std::size_t told = step.events.size();
  if (merged)
    tell_merged(record, *merged, truth, sources_, cause, step.events);
  else
    tell(record, before, truth, sources_, cause, step.events);
  if (step.events.size() == told) ++facts_ignored_;
  settled(slot, truth, was_ended);
  return true;
}

/// A merge is told together with the fact that made it. Where that brings nothing, or there is
/// none, it is told alone.
void CallTable::tell_merge(Slot slot, std::optional<Merged>& merged, Step& step) {
  if (!merged) return;
  CallRecord& record = *records_[slot];
  const bool was_ended = record.ended;
  Truth truth = fold(record, sources_);
  tell_merged(record, *merged, truth, sources_, {}, step.events);
  settled(slot, truth, was_ended);
  merged.reset();
}

/// What the table keeps of the truth, so that it need not ask again.
void CallTable::settled(Slot slot, const Truth& truth, bool was_ended) {
  CallRecord& record = *records_[slot];
  const bool was_patient = std::exchange(record.patient, truth.patient);
  if (was_patient && !record.patient) plan_check(slot);  // its time ends sooner now
  std::optional<Time> settle_at;
  if (truth.settle_from && !record.ended) settle_at = *truth.settle_from + limits_.settle;
  if (settle_at != record.settle_at) {
    if (record.settle_at) settling_.erase({*record.settle_at, slot});
    if (settle_at) settling_.emplace(*settle_at, slot);
    record.settle_at = settle_at;
  }
  if (!was_ended && record.ended) not_live(slot);
}

// --- which call

CallTable::Match CallTable::match(const Fact& fact, const FactKeys& keys,
                                  std::optional<Merged>& merged, Step& step) {
  Match found;
  for (const FactKey& key : keys) {
    // What a living call owns leads to no other living one.
    if (found.slot != kNone && !records_[found.slot]->ended && owns(*records_[found.slot], key.key))
      continue;
    const Slot slot = find_key(key);
    if (slot == kNone || slot == found.slot) continue;
    if (found.slot == kNone) {
      found = {slot, key.rule};
      continue;
    }
    const CallRecord &one = *records_[found.slot], &two = *records_[slot];
    if (may_merge(one, two, fact.occurred())) {
      tell_merge(found.slot, merged, step);  // a third call: one after the other
      found.slot = merge(found.slot, slot,
                         {key.rule, 100, key.key.source, fact.occurred(), {}, key.key.value}, &fact,
                         merged, step);
    } else if (one.ended && !two.ended)
      found = {slot, key.rule};
  }
  return found;
}

/// A call that is over takes part in a merge only if the link was made before its end, or just
/// after: a PBX may end the consult call before it tells of the transfer.
bool CallTable::may_merge(const CallRecord& one, const CallRecord& two, Time at) const {
  const auto open = [&](const CallRecord& record) {
    if (!record.ended || at <= record.ended_at + kReorderWindow) return true;
    // What was told of its end may have been put right since.
    const Truth truth = fold(record, sources_);
    return !truth.ended || at <= *truth.call.ended_at + kReorderWindow;
  };
  return open(one) && open(two) && one.absorbed.size() + two.absorbed.size() < kAbsorbedMax;
}

bool CallTable::is_next_call(const Fact& fact, SourceIndex source, const FactKeys& keys,
                             const CallRecord& ended) const {
  if (!may_begin(fact.type) || fact.occurred() <= ended.ended_at) return false;
  // A source that is new to it tells of the same call by a key that both share.
  if (!told_by(ended, source) && fact.received - ended.last_fact <= limits_.fusion_window)
    return false;
  // Its own call id is known: whatever leg it is, it is of that call.
  const bool same_vendor_call = std::any_of(keys.begin(), keys.end(), [&](const FactKey& key) {
    return key.key.kind == KeyKind::vendor_call_id && !key.link && key.key.source == source &&
           owns(ended, key.key);
  });
  // A call id of its own that the ended call never had: it only points at that call. A leg id will
  // do only for a call that nobody answered, and not at once: of two watchers of one call, one may
  // be heard of just after the other has told of its end.
  const bool rings_on =
      !same_vendor_call && !ended.answered && fact.occurred() > ended.ended_at + limits_.settle;
  return std::any_of(keys.begin(), keys.end(), [&](const FactKey& key) {
    const bool can_tell =
        key.key.kind == KeyKind::vendor_call_id || key.key.kind == KeyKind::sip_call_id ||
        (rings_on && key.key.kind == KeyKind::vendor_leg_id && (fact.state_report || fact.at));
    return can_tell && !key.link && key.key.source == source && !owns(ended, key.key);
  });
}

CallTable::Match CallTable::match_tuple(const Fact& fact, const Text& tuple) const {
  Match found;
  if (tuple.empty()) return found;
  by_key_.visit(hash_of_tuple(fact.org, tuple.str()), [&](Slot slot) {
    const CallRecord& record = *records_[slot];
    if (record.org == fact.org &&
        std::find(record.tuples.begin(), record.tuples.end(), tuple) != record.tuples.end() &&
        (found.slot == kNone || goes_first(record, *records_[found.slot])))
      found = {slot, JoinedBy::tuple};
  });
  if (found.slot == kNone) return found;
  const CallRecord& record = *records_[found.slot];
  // It begins after it has rung, by its source's own clock: the end of the one before was lost.
  const bool begins_again =
      fact.type == FactType::started && fact.at &&
      std::any_of(record.notes.begin(), record.notes.end(), [&](const Note& note) {
        return note.told_at && *fact.at > note.at + kReorderWindow;
      });
  if (!record.ended)
    return !begins_again && fact.received - record.last_fact <= limits_.tuple_guard ? found
                                                                                    : Match{};
  // A call that is over takes what can only be its aftermath or is told to be older than its end;
  // anything else is the next call of the same pair.
  const bool only_its_end =
      std::all_of(record.notes.begin(), record.notes.end(), [](const Note& note) {
        return note.type == FactType::ended || note.type == FactType::report;
      });
  const bool late = !may_begin(fact.type) && fact.received - record.last_fact <= kReorderWindow;
  const bool aftermath =
      late || (only_its_end && fact.received - record.last_fact <= kReorderWindow) ||
      fact.type == FactType::ended || fact.type == FactType::report ||
      fact.type == FactType::recording || (fact.at && *fact.at <= record.ended_at);
  return aftermath ? found : Match{};
}

/// The one call of other sources that this sighting can be of. kNone: none, or several.
CallTable::Slot CallTable::other_source_call(const FusionSight& sight, const Text& org,
                                             const CallRecord& own,
                                             std::uint8_t& confidence) const {
  Slot found = kNone;
  const Time since = sight.received - limits_.fusion_window - kSightsKept;
  std::vector<const FusionSight*> near;
  if (!fusion_.near(org, sight, near)) return kNone;
  for (const FusionSight* seen : near) {
    const CallRecord* record = records_[seen->slot].get();
    if (record == nullptr || record == &own || seen->received < since ||
        hash_of_call_id(record->id.str()) != seen->call)
      continue;
    const Note& note = record->notes[seen->note];
    if (verdict_on(sight, own, *record, note, sources_, limits_.fusion_window) !=
        FusionVerdict::fuses)
      continue;
    if (found != kNone && found != seen->slot) return kNone;
    found = seen->slot;
    confidence = std::max(confidence, fusion_confidence(whole_sight_of(*record, note), sight));
  }
  return found;
}

CallTable::Match CallTable::match_fusion(const Fact& fact, SourceIndex source,
                                         const FactKeys& keys) {
  if (!sources_[source].rules.fuses || !sources_.may_fuse(fact.org)) return {};
  const FusionSight sight = sight_of(fact, source);
  if (sight.ext.empty() && sight.number.empty()) return {};
  CallRecord would_be;  // what the fact alone would make, for its keys to be compared
  would_be.parts.push_back({source, {}});
  for (const FactKey& key : keys) would_be.keys.push_back(key.key);
  std::uint8_t confidence = 0;
  const Slot found = other_source_call(sight, fact.org, would_be, confidence);
  if (found == kNone) return {};
  auto& joined = records_[found]->joined;
  if (joined.size() < kJoinedMax)
    joined.push_back({JoinedBy::fusion,
                      confidence,
                      source,
                      sight.at,
                      {},
                      sight.number.empty() ? sight.ext : sight.number});
  return {found, JoinedBy::fusion};
}

/// A call that only one source tells of so far may turn out to be another source's call when more
/// is known of it: its line rings, somebody answers.
void CallTable::seek_other_source(Slot slot, Step& step) {
  const CallRecord& own = *records_[slot];
  if (!sources_.may_fuse(own.org)) return;
  const Note& note = own.notes.back();
  const FusionSight sight = whole_sight_of(own, note);
  if (!sources_[sight.source].rules.fuses || (sight.ext.empty() && sight.number.empty())) return;
  fusion_.forget_before(note.received - limits_.fusion_window - kSightsKept);
  const bool alone = std::all_of(own.parts.begin(), own.parts.end(), [&](const Part& part) {
    return part.source == sight.source || part.source == SourceBook::kBroker;
  });
  Slot other = kNone;
  std::uint8_t confidence = 0;
  if (alone) {
    other = other_source_call(sight, own.org, own, confidence);
    // Of a call that is over all has been said: any of it may be what the other source told, too.
    for (std::size_t i = 0; own.ended && other == kNone && i + 1 < own.notes.size(); ++i)
      if (const FusionSight earlier = whole_sight_of(own, own.notes[i]);
          !earlier.ext.empty() || !earlier.number.empty())
        other = other_source_call(earlier, own.org, own, confidence);
  }
  see(slot, own.notes.size() - 1);
  if (other == kNone) return;
  const Text evidence = sight.number.empty() ? sight.ext : sight.number;
  std::optional<Merged> merged;
  const Slot kept =
      merge(slot, other, {JoinedBy::fusion, confidence, sight.source, sight.at, {}, evidence},
            nullptr, merged, step);
  tell_merge(kept, merged, step);
}

/// Where only one source tells of calls there is nobody to compare with. With the second, and after
/// a restart, what was told in the last moments is looked at again.
void CallTable::watch_for_fusion(const Text& org) {
  if (!sources_.may_fuse(org)) {
    watched_.erase(org.str());
    return;
  }
  if (!watched_.insert(org.str()).second) return;
  std::vector<std::tuple<Time, Slot, std::size_t>> seen;
  for (Slot slot = 0; slot < records_.size(); ++slot) {
    if (records_[slot] == nullptr || records_[slot]->org != org) continue;
    for (std::size_t i = 0; i < records_[slot]->notes.size(); ++i)
      seen.emplace_back(records_[slot]->notes[i].received, slot, i);
  }
  std::sort(seen.begin(), seen.end());
  const Time since =
      seen.empty() ? Time{} : std::get<0>(seen.back()) - limits_.fusion_window - kSightsKept;
  for (const auto& [received, slot, note] : seen)
    if (received >= since) see(slot, note);
}

void CallTable::see(Slot slot, std::size_t note) {
  const CallRecord& record = *records_[slot];
  if (!sources_.may_fuse(record.org)) return;
  FusionSight sight = sight_of(record, record.notes[note]);
  if (sight.ext.empty() && sight.number.empty()) return;
  sight.slot = slot;
  sight.note = static_cast<std::uint16_t>(note);
  sight.call = hash_of_call_id(record.id.str());
  fusion_.add(record.org, std::move(sight));
}

CallTable::Slot CallTable::merge(Slot one, Slot two, const Joined& why, const Fact* fact,
                                 std::optional<Merged>& merged, Step& step) {
  // Ids sort by time: the older one survives. A call that is over does not swallow a living one.
  const bool one_lives = !records_[one]->ended, two_lives = !records_[two]->ended;
  const bool one_told = records_[one]->told, two_told = records_[two]->told;
  const bool keep_one = one_told != two_told     ? one_told
                        : one_lives != two_lives ? one_lives
                                                 : records_[one]->id < records_[two]->id;
  const Slot kept = keep_one ? one : two, lost = keep_one ? two : one;
  CallRecord& record = *records_[kept];
  CallRecord& gone = *records_[lost];
  const bool was_ended = record.ended, was_told = record.told, gone_told = gone.told;
  Before before;
  std::shared_ptr<const Call> shown_gone;
  std::vector<Happening> gone_happened;
  if (was_told) {
    before.truth = fold(record, sources_);
    before.call = show(record, whole_call(*before.truth), sources_);
  }
  if (gone_told) {
    Truth truth = fold(gone, sources_);
    gone_happened = std::move(truth.happenings);
    shown_gone = show(gone, whole_call(std::move(truth)), sources_);
  }
  if (fact != nullptr) {
    mark_handed_on(record, *fact, why.source);
    mark_handed_on(gone, *fact, why.source);
  }

  const std::size_t notes_before = record.notes.size();
  add_notes_of(record, gone);
  if (fact != nullptr) tie_names(record, *fact, why.source);
  record.last_fact = std::max(record.last_fact, gone.last_fact);
  record.check_until.reset();
  for (const Key& key : gone.keys) {
    const std::uint64_t hash = hash_of(gone.org, key);
    by_key_.remove(hash, lost);
    const bool told = std::any_of(record.keys.begin(), record.keys.end(), [&](const Key& known) {
      return known.source == key.source && same_key(known, key);
    });
    if (told || record.keys.size() >= kKeysPerCallMax) continue;
    record.keys.push_back(key);
    by_key_.add(hash, kept);
  }
  for (const Text& tuple : gone.tuples) {
    const std::uint64_t hash = hash_of_tuple(gone.org, tuple.str());
    by_key_.remove(hash, lost);
    if (record.tuples.size() >= kTuplesMax ||
        std::find(record.tuples.begin(), record.tuples.end(), tuple) != record.tuples.end())
      continue;
    record.tuples.push_back(tuple);
    by_key_.add(hash, kept);
  }
  by_key_.remove(hash_of_call_id(gone.id.str()), lost);
  if (gone_told) {  // an id that nobody was told of is no name
    record.absorbed.push_back(gone.id);
    by_key_.add(hash_of_call_id(gone.id.str()), kept);
  }
  for (const Text& older : gone.absorbed) {
    by_key_.remove(hash_of_call_id(older.str()), lost);
    record.absorbed.push_back(older);
    by_key_.add(hash_of_call_id(older.str()), kept);
  }
  for (const Joined& each : gone.joined)
    if (record.joined.size() < kJoinedMax) record.joined.push_back(each);
  if (record.joined.size() < kJoinedMax) {
    record.joined.push_back(why);
    if (gone_told) record.joined.back().with = gone.id;
  }
  for (const Text& told : gone.told_recordings)
    if (record.told_recordings.size() < kRecordingsPerCallMax)
      record.told_recordings.push_back(told);

  touch(lost, step);
  touch(kept, step);
  if (gone.settle_at) settling_.erase({*gone.settle_at, lost});
  if (gone_told && !gone.ended) not_live(lost);
  records_[lost].reset();
  free_.push_back(lost);
  --count_;

  for (std::size_t i = notes_before; i < record.notes.size(); ++i) see(kept, i);
  if (!was_told) return kept;
  if (gone_told) {
    merged = Merged{std::move(before), std::move(shown_gone), std::move(gone_happened), why.at};
    return kept;
  }
  Truth truth = fold(record, sources_);
  const Cause cause{&record.notes.back(), {}};
  tell(record, before, truth, sources_, cause, step.events);
  settled(kept, truth, was_ended);
  return kept;
}

CallTable::Slot CallTable::create(const Fact& fact, JoinedBy rule, SourceIndex source) {
  auto record = std::make_unique<CallRecord>();
  record->id = next_id_ ? next_id_(fact.received) : ids_.next(fact.received);
  record->org = fact.org;
  record->last_fact = fact.received;
  record->joined.push_back({rule, 100, source, fact.occurred(), {}, {}});
  Slot slot = kNone;
  if (free_.empty()) {
    slot = static_cast<Slot>(records_.size());
    records_.push_back(std::move(record));
    live_at_.push_back(0);
  } else {
    slot = free_.back();
    free_.pop_back();
    records_[slot] = std::move(record);
  }
  ++count_;
  by_key_.add(hash_of_call_id(records_[slot]->id.str()), slot);
  plan_check(slot);
  return slot;
}

// --- time

void CallTable::end_by_tick(Slot slot, Time now, Disposition why, Step& step) {
  Fact end;
  end.org = records_[slot]->org;
  end.type = FactType::ended;
  end.received = now;
  end.at = now;
  if (why == Disposition::reconciled) end.disposition = why;
  std::optional<Merged> none;
  take_fact(slot, end, SourceBook::kBroker, JoinedBy::tick, none, step);
}

void CallTable::tick(Time now, Step& step) {
  // In the order of ids, not of when something was planned: that differs after a restart.
  const auto by_id = [&](Slot a, Slot b) { return records_[a]->id < records_[b]->id; };
  std::vector<Slot> due, silent, again;
  for (; !settling_.empty() && settling_.begin()->first <= now;
       settling_.erase(settling_.begin())) {
    due.push_back(settling_.begin()->second);
    records_[due.back()]->settle_at.reset();
  }
  std::sort(due.begin(), due.end(), by_id);
  for (const Slot slot : due) end_by_tick(slot, now, Disposition::unknown, step);

  while (!checks_.empty() && checks_.begin()->first <= now) {
    const auto planned = checks_.extract(checks_.begin());
    for (const Slot slot : planned.mapped()) {
      if (records_[slot] == nullptr) continue;
      (silence_ends(*records_[slot]) < now ? silent : again).push_back(slot);
    }
  }
  for (const Slot slot : again) plan_check(slot);
  std::sort(silent.begin(), silent.end(), by_id);
  silent.erase(std::unique(silent.begin(), silent.end()), silent.end());
  for (const Slot slot : silent) {
    CallRecord& record = *records_[slot];
    if (record.ended || !record.told) {
      forget(slot, step);
      continue;
    }
    const Part* asked = nullptr;
    for (const Part& part : record.parts)
      if (part.source != SourceBook::kBroker && checkable_ &&
          checkable_(record.org, sources_[part.source].name))
        asked = &part;
    if (asked != nullptr && !record.check_until) {
      record.check_until = now + limits_.check_time;
      step.checks.push_back({record.org, sources_[asked->source].name, record.id});
      touch(slot, step);
      plan_check(slot);
      continue;
    }
    end_by_tick(slot, now, Disposition::reconciled, step);
  }
}

void CallTable::source_restarted(const std::string& org, const std::string& source, Time now,
                                 Step& step) {
  const SourceIndex at = sources_.index(org, source);
  const auto live = live_.find(org);
  if (live == live_.end()) return;
  for (const Slot slot : live->second) {
    CallRecord& record = *records_[slot];
    // What another source tells of as well is that one's to end.
    const bool only_its = std::all_of(record.parts.begin(), record.parts.end(),
                                      [&](const Part& part) { return part.source == at; });
    if (!only_its) continue;
    record.check_until = now + limits_.check_time;
    step.checks.push_back({record.org, source, record.id});
    touch(slot, step);
    plan_check(slot);
  }
}

Time CallTable::silence_ends(const CallRecord& record) const {
  if (record.ended || !record.told) return record.last_fact + limits_.keep_ended;
  if (record.check_until) return *record.check_until;
  // Who waits in a queue may be silent for as long as who talks.
  return record.last_fact + (record.patient ? milliseconds{limits_.answered_silence}
                                            : milliseconds{limits_.unanswered_silence});
}

void CallTable::plan_check(Slot slot) {
  checks_[std::chrono::floor<std::chrono::seconds>(silence_ends(*records_[slot]))].push_back(slot);
}

std::optional<Time> CallTable::next_settle() const {
  return settling_.empty() ? std::nullopt : std::optional{settling_.begin()->first};
}

void CallTable::forget(Slot slot, Step& step) {
  const CallRecord& record = *records_[slot];
  touch(slot, step);
  for (const Key& key : record.keys) by_key_.remove(hash_of(record.org, key), slot);
  for (const Text& tuple : record.tuples)
    by_key_.remove(hash_of_tuple(record.org, tuple.str()), slot);
  by_key_.remove(hash_of_call_id(record.id.str()), slot);
  for (const Text& name : record.absorbed) by_key_.remove(hash_of_call_id(name.str()), slot);
  records_[slot].reset();
  free_.push_back(slot);
  --count_;
}

void CallTable::now_live(Slot slot) {
  auto& live = live_[records_[slot]->org];
  live_at_[slot] = static_cast<std::uint32_t>(live.size());
  live.push_back(slot);
  ++live_count_;
}

void CallTable::not_live(Slot slot) {
  auto& live = live_[records_[slot]->org];
  const std::uint32_t at = live_at_[slot];
  HS_ASSERT(at < live.size() && live[at] == slot);
  live[at] = live.back();
  live_at_[live[at]] = at;
  live.pop_back();
  --live_count_;
  if (records_[slot]->ended) plan_check(slot);  // sooner than what was planned for a living call
}

// --- the index

bool CallTable::owns(const CallRecord& record, const Key& key) const {
  return std::any_of(record.keys.begin(), record.keys.end(),
                     [&](const Key& known) { return same_key(known, key); });
}

/// Of several bearers of a key the living one, else the newest.
bool CallTable::goes_first(const CallRecord& one, const CallRecord& two) {
  return one.ended != two.ended ? two.ended : !(one.id < two.id);
}

CallTable::Slot CallTable::find_key(const FactKey& key) const {
  Slot found = kNone;
  by_key_.visit(key.hash, [&](Slot slot) {
    const CallRecord& record = *records_[slot];
    prefetch(record);
    if (owns(record, key.key) && (found == kNone || goes_first(record, *records_[found])))
      found = slot;
  });
  return found;
}

void CallTable::add_key(Slot slot, const FactKey& key, Step& step) {
  CallRecord& record = *records_[slot];
  // Each source that tells of it is named with it.
  const bool told = std::any_of(record.keys.begin(), record.keys.end(), [&](const Key& known) {
    return known.source == key.key.source && same_key(known, key.key);
  });
  if (record.keys.size() >= kKeysPerCallMax || told) return;
  grow_by_one(record.keys);
  record.keys.push_back(key.key);
  by_key_.add(key.hash, slot);
  touch(slot, step);
}

void CallTable::add_tuple(Slot slot, const Text& tuple, Step& step) {
  CallRecord& record = *records_[slot];
  if (record.tuples.size() >= kTuplesMax ||
      std::find(record.tuples.begin(), record.tuples.end(), tuple) != record.tuples.end())
    return;
  grow_by_one(record.tuples);
  record.tuples.push_back(tuple);
  by_key_.add(hash_of_tuple(record.org, tuple.str()), slot);
  touch(slot, step);
}

CallTable::Slot CallTable::find_call_id(const std::string& id) const {
  Slot found = kNone;
  by_key_.visit(hash_of_call_id(id), [&](Slot slot) {
    const CallRecord& record = *records_[slot];
    if (record.id == id || std::find(record.absorbed.begin(), record.absorbed.end(), Text{id}) !=
                               record.absorbed.end())
      found = slot;
  });
  return found;
}

CallTable::Slot CallTable::find_any(const std::string& org, const std::string& any_id) const {
  const auto of_org = [&](Slot slot) { return slot != kNone && records_[slot]->org == org; };
  if (const Slot slot = find_call_id(any_id); of_org(slot)) return slot;
  for (std::size_t i = 1; i < sources_.size(); ++i) {
    if (sources_[static_cast<SourceIndex>(i)].org != org) continue;
    for (const KeyKind kind : {KeyKind::vendor_call_id, KeyKind::sip_call_id,
                               KeyKind::vendor_leg_id, KeyKind::session_id}) {
      FactKey key{{kind, static_cast<SourceIndex>(i), any_id}, {}, false, 0};
      key.hash = hash_of(org, key.key);
      if (const Slot slot = find_key(key); of_org(slot)) return slot;
    }
  }
  return kNone;
}

// --- looking

std::shared_ptr<const Call> CallTable::shown(Slot slot) const {
  return show(*records_[slot], whole_call(fold(*records_[slot], sources_)), sources_);
}

std::vector<std::shared_ptr<const Call>> CallTable::live(const std::string& org) const {
  std::vector<std::shared_ptr<const Call>> out;
  const auto slots = live_.find(org);
  if (slots == live_.end()) return out;
  out.reserve(slots->second.size());
  for (const Slot slot : slots->second) out.push_back(shown(slot));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a->id < b->id; });
  return out;
}

std::shared_ptr<const Call> CallTable::find(const std::string& org,
                                            const std::string& any_id) const {
  const Slot slot = find_any(org, any_id);
  if (slot == kNone || !records_[slot]->told) return nullptr;
  return shown(slot);
}

std::string CallTable::explain(const std::string& org, const std::string& any_id) const {
  const Slot slot = find_any(org, any_id);
  if (slot == kNone || !records_[slot]->told) return {};
  std::vector<NearMiss> near;
  const CallRecord& own = *records_[slot];
  for (const auto& other : records_) {
    if (other == nullptr || other.get() == &own || !other->told || other->org != org) continue;
    const milliseconds apart = other->notes.front().received - own.notes.front().received;
    if (apart > kNearMissTime || apart < -kNearMissTime) continue;  // what nobody would take for it
    if (auto miss = near_miss(own, *other, sources_, limits_.fusion_window))
      if (near.size() < kNearMissesMax) near.push_back(std::move(*miss));
  }
  return explain_call(own, sources_, near);
}

std::vector<Fact> CallTable::living_legs(const std::string& org, const std::string& source) const {
  std::vector<Fact> out;
  const auto slots = live_.find(org);
  if (slots == live_.end()) return out;
  std::vector<Slot> sorted = slots->second;
  std::sort(sorted.begin(), sorted.end(),
            [&](Slot a, Slot b) { return records_[a]->id < records_[b]->id; });
  for (const Slot slot : sorted) {
    const CallRecord& record = *records_[slot];
    Truth truth = fold(record, sources_);
    for (const FoldLeg& leg : truth.legs) {
      if (leg.leg.state == LegState::terminated) continue;
      for (const auto& [by, id] : leg.keys) {
        if (sources_[by].name != source) continue;
        Fact fact;
        fact.org = org;
        fact.source = source;
        fact.type = leg.leg.state == LegState::held        ? FactType::held
                    : leg.leg.state == LegState::confirmed ? FactType::answered
                    : leg.leg.role == LegRole::callee      ? FactType::ringing
                                                           : FactType::dialing;
        fact.ids.leg = id;
        for (const Key& key : record.keys)
          if (key.kind == KeyKind::sip_call_id && key.source == by)
            fact.ids.sip.push_back(key.value);
        fact.agent.ext = leg.leg.ext;
        fact.from = truth.call.from;
        fact.to = truth.call.to;
        fact.state_report = true;
        out.push_back(std::move(fact));
      }
    }
  }
  return out;
}

// --- saved state

std::string CallTable::save(const std::string& call_id) const {
  const Slot slot = find_call_id(call_id);
  if (slot == kNone || !(records_[slot]->id == call_id)) return {};
  return save_record(*records_[slot], sources_);
}

std::vector<std::string> CallTable::restore(const std::map<std::string, std::string>& saved) {
  records_.clear();
  free_.clear();
  live_at_.clear();
  by_key_.clear();
  live_.clear();
  settling_.clear();
  checks_.clear();
  fusion_.clear();
  watched_.clear();
  count_ = live_count_ = 0;
  std::vector<std::string> unreadable;
  for (const auto& [id, text] : saved) {
    auto read = load_record(text, sources_);
    if (!read || !(read->id == id)) {  // one bad record must not take all others along
      unreadable.push_back(id);
      continue;
    }
    const Slot slot = static_cast<Slot>(records_.size());
    records_.push_back(std::make_unique<CallRecord>(std::move(*read)));
    live_at_.push_back(0);
    ++count_;
    const CallRecord& record = *records_[slot];
    for (const Key& key : record.keys) by_key_.add(hash_of(record.org, key), slot);
    for (const Text& tuple : record.tuples)
      by_key_.add(hash_of_tuple(record.org, tuple.str()), slot);
    by_key_.add(hash_of_call_id(id), slot);
    for (const Text& name : record.absorbed) by_key_.add(hash_of_call_id(name.str()), slot);
    if (record.settle_at) settling_.emplace(*record.settle_at, slot);
    if (record.told && !record.ended) now_live(slot);
    plan_check(slot);
  }
  return unreadable;
}

}  // namespace hookswitch
