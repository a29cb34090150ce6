#include "calls/fold.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "calls/leg_words.hpp"

namespace hookswitch {
using namespace leg_words;  // NOLINT(google-build-using-namespace): this room's own

int rank(LegState state) noexcept {
  switch (state) {
    case LegState::trying:
      return 0;
    case LegState::proceeding:
      return 1;
    case LegState::early:
      return 2;
    case LegState::confirmed:
    case LegState::held:
      return 3;
    case LegState::terminated:
      return 4;
  }
  return 4;
}

std::optional<Disposition> told_reason(const Fact& fact) {
  if (fact.disposition && *fact.disposition != Disposition::unknown) return fact.disposition;
  if (fact.sip_status) {
    switch (*fact.sip_status) {
      case 486:
      case 600:
        return Disposition::busy;
      case 603:
      case 607:
      case 608:
        return Disposition::rejected;
      case 487:
        return Disposition::cancelled;
      case 408:
      case 480:
        return Disposition::no_answer;
      default:
        if (*fact.sip_status >= 400) return Disposition::failed;
    }
  }
  if (fact.cause) {
    switch (*fact.cause) {  // ITU-T Q.850
      case 17:
        return Disposition::busy;
      case 18:
      case 19:
        return Disposition::no_answer;
      case 21:
        return Disposition::rejected;
      case 16:
      case 31:
        return std::nullopt;  // normal clearing says nothing of who or when
      default:
        return Disposition::failed;
    }
  }
  return std::nullopt;
}

Fold::Fold(CallRecord& record, const Directory& directory, std::vector<Event>& events)
    : record_(record),
      call_(record.call),
      directory_(directory),
      events_(events),
      told_before_(events.size()) {
  HS_ASSERT(record_.memory.size() == call_.legs.size());
}

bool Fold::apply(const Fact& fact, bool is_new, milliseconds settle) {
  source_ = fact.source;
  record_.last_fact = std::max(record_.last_fact, fact.received);
  learn(fact);
  if (is_new) {
    const std::size_t at = caller();
    call_.legs[at].state = LegState::proceeding;
    emit(EventType::call_started, fact.occurred(), at, {call_.legs[at].id});
    changed_ = false;
  }
  if (record_.ended() && fact.type != FactType::report && fact.type != FactType::recording) {
    // Old news about a call that is over: what it taught us is kept, but nothing leaves "ended".
    return changed_;
  }
  switch (fact.type) {
    case FactType::started:
      if (!is_new) on_dialing(fact);
      break;
    case FactType::dialing:
      on_dialing(fact);
      break;
    case FactType::ringing:
      on_ringing(fact);
      break;
    case FactType::answered:
      on_answered(fact);
      break;
    case FactType::held:
      on_hold(fact, true);
      break;
    case FactType::resumed:
      on_hold(fact, false);
      break;
    case FactType::muted:
      on_mute(fact, true);
      break;
    case FactType::unmuted:
      on_mute(fact, false);
      break;
    case FactType::queued:
      happened(EventType::call_queued, fact);
      break;
    case FactType::parked:
      happened(EventType::call_parked, fact);
      break;
    case FactType::transferred:
      happened(EventType::call_transferred, fact);
      break;
    case FactType::transfer_failed:
      happened(EventType::call_transfer_failed, fact);
      break;
    case FactType::voicemail:
      changed_ |= !record_.to_voicemail;
      record_.to_voicemail = true;
      call_.answered_by = AnsweredBy::voicemail;
      break;
    case FactType::declined:
      if (const auto at = target(fact, true); at && !talking(call_.legs[*at])) {
        if (lives(call_.legs[*at])) {
          end_leg(*at, Disposition::rejected, fact.occurred());
          emit(EventType::leg_ended, fact.occurred(), at, {call_.legs[*at].id});
          if (!callee_lives()) record_.settle_at = fact.received + settle;
        }
      }
      break;
    case FactType::ended:
      on_ended(fact, settle);
      break;
    case FactType::report:
    case FactType::recording:
      on_report(fact);
      break;
    default:
      break;  // dtmf and updated bring only what learn() took; the rest never get here
  }
  settle_state();
  if (callee_lives()) record_.settle_at.reset();
  const bool told = events_.size() > told_before_;
  if (changed_ && !told && !record_.ended())
    emit(EventType::call_updated, fact.occurred(), {}, std::exchange(moved_, {}));
  return changed_ || told;
}

void Fold::end_by_tick(Time now, Disposition leg_reason) {
  record_.last_fact = std::max(record_.last_fact, now);
  const Disposition why = reason_of_end(Fact{});
  for (std::size_t i = 0; i < call_.legs.size(); ++i)
    if (leg_reason == Disposition::reconciled && lives(call_.legs[i])) end_leg(i, leg_reason, now);
  end_call(why, now);
}

void Fold::absorb(const CallRecord& gone) {
  const Call& other = gone.call;
  const auto source = other.provenance.find("from");
  source_ = source == other.provenance.end() ? std::string{} : source->second;
  fill(call_.from, other.from, "from");
  fill(call_.to, other.to, "to");
  fill(call_.customer, other.customer, "customer");
  fill(call_.did, other.did);
  fill(call_.queue, other.queue);
  fill(call_.custom_data, other.custom_data);
  if (call_.direction == Direction::unknown) call_.direction = other.direction;
  call_.started_at = std::min(call_.started_at, other.started_at);
  take(call_.headers, other.headers);
  take(call_.variables, other.variables);
  for (const auto& recording : other.recordings)
    if (call_.recordings.size() < kRecordingsPerCallMax &&
        std::find(call_.recordings.begin(), call_.recordings.end(), recording) ==
            call_.recordings.end())
      call_.recordings.push_back(recording);
  if (!record_.told_duration) record_.told_duration = gone.told_duration;
  record_.to_voicemail |= gone.to_voicemail;
  if (!call_.answered_at && other.answered_at) {
    call_.answered_at = other.answered_at;
    call_.answered_by = other.answered_by;
  }
}

void Fold::tell_merged(const std::string& absorbed, Time at) {
  settle_state();
  emit(EventType::call_merged, at);
  events_.back().absorbed = absorbed;
}

// --- what a fact says of the call
// -----------------------------------------------------------------------------------------

void Fold::fill(std::string& into, const std::string& from) {
  if (!into.empty() || from.empty()) return;
  into = from;
  changed_ = true;
}

void Fold::fill(Party& into, const Party& from, const char* field) {
  const bool knew = !into.empty();
  fill(into.number, from.number);
  fill(into.presented, from.presented);
  fill(into.ext, from.ext);
  fill(into.name, from.name);
  fill(into.aor, from.aor);
  if (!knew && !into.empty()) call_.provenance[field] = source_;
}

Direction Fold::direction_of(const Fact& fact) const {
  if (fact.direction && *fact.direction != Direction::unknown) return *fact.direction;
  if (call_.direction != Direction::unknown) return call_.direction;
  if (names_line(fact.from) && names_line(fact.to)) return Direction::internal;
  if (names_line(fact.from) && !fact.to.number.empty()) return Direction::outbound;
  if (!fact.from.number.empty() && (!fact.to.ext.empty() || !fact.did.empty()))
    return Direction::inbound;
  return Direction::unknown;
}

void Fold::take(std::map<std::string, std::string>& into,
                const std::map<std::string, std::string>& from) {
  for (const auto& [name, value] : from) {
    const auto known_at = into.find(name);
    if (known_at == into.end() && into.size() >= kHeadersPerCallMax) continue;
    const std::size_t before = known_at == into.end() ? 0 : name.size() + known_at->second.size();
    if (text_bytes() - before + name.size() + value.size() > kCallTextBytesMax) continue;
    auto& known = into[name];
    if (known != value) changed_ = true;
    known = value;
  }
}

std::size_t Fold::text_bytes() const {
  std::size_t bytes = 0;
  for (const auto* map : {&call_.headers, &call_.variables})
    for (const auto& [name, value] : *map) bytes += name.size() + value.size();
  return bytes;
}

void Fold::learn(const Fact& fact) {
  const Direction direction = direction_of(fact);
  if (call_.direction == Direction::unknown && direction != Direction::unknown) {
    call_.direction = direction;
    call_.provenance["direction"] = source_;
    changed_ = true;
  }
  fill(call_.from, fact.from, "from");
  if (direction == Direction::outbound && call_.from.number.empty())
    fill(call_.from.ext, fact.agent.ext);
  fill(call_.to, fact.to, "to");
  fill(call_.did, fact.did);
  if (call_.to.empty() && direction == Direction::inbound) fill(call_.to.number, fact.did);
  fill(call_.customer, fact.customer, "customer");
  if (direction == Direction::inbound && !call_.from.number.empty()) {
    fill(call_.customer.number, call_.from.number);
    fill(call_.customer.name, call_.from.name);
  } else if (direction == Direction::outbound && !call_.to.number.empty()) {
    fill(call_.customer.number, call_.to.number);
    fill(call_.customer.name, call_.to.name);
  }
  fill(call_.queue, fact.queue);
  take(call_.headers, fact.headers);
  take(call_.variables, fact.variables);
  if (!fact.custom_data.empty() && call_.custom_data != fact.custom_data) {
    call_.custom_data = fact.custom_data;
    changed_ = true;
  }
  if (!fact.recording.empty() && call_.recordings.size() < kRecordingsPerCallMax) {
    const auto same =
        std::find_if(call_.recordings.begin(), call_.recordings.end(), [&](const Recording& known) {
          return !fact.recording.id.empty() ? known.id == fact.recording.id
                                            : known.url == fact.recording.url;
        });
    if (same == call_.recordings.end()) {
      call_.recordings.push_back(fact.recording);
      changed_ = true;
    } else {
      fill(same->url, fact.recording.url);
    }
  }
  // Zero is what some PBXs send while they do not know yet.
  if (fact.duration && fact.duration->count() > 0) record_.told_duration = fact.duration;
}

// --- steps
// ----------------------------------------------------------------------------------------------------------------

void Fold::on_dialing(const Fact& fact) {
  const auto wanted = who(fact);
  const auto at = wanted && wanted->role == LegRole::caller ? find_or_add(fact, *wanted)
                                                            : std::optional{caller()};
  if (!at) return;
  Leg& leg = call_.legs[*at];
  const LegState to = fact.reason == "early" ? LegState::early : LegState::proceeding;
  if (rank(to) > rank(leg.state)) {
    leg.state = to;
    moved(leg);
  }
}

void Fold::on_ringing(const Fact& fact) {
  const auto at = target(fact, true);
  if (!at) {  // somebody rings, nobody says who
    Leg& leg = call_.legs[caller()];
    if (rank(leg.state) < rank(LegState::early)) {
      leg.state = LegState::early;
      moved(leg);
    }
    return;
  }
  Leg& leg = call_.legs[*at];
  if (rank(leg.state) >= rank(LegState::early)) {
    if (!leg.ringing_at && lives(leg) && leg.role == LegRole::callee)
      leg.ringing_at = fact.occurred();
    return;
  }
  leg.state = LegState::early;
  moved(leg);
  if (leg.role == LegRole::caller) return;  // the far end of an outbound call rings
  leg.ringing_at = fact.occurred();
  if (call_.answered_at && fact.occurred() <= *call_.answered_at) {
    end_leg(*at, Disposition::answered_elsewhere, *call_.answered_at);
    std::erase(moved_, leg.id);  // over before anybody was told of it: no news for that person
    return;
  }
  settle_state();
  if (leg.user.empty() && leg.ext.empty()) return;
  emit(EventType::call_ringing, fact.occurred(), at, std::exchange(moved_, {}));
}

bool Fold::is_person(const Leg& leg) const {
  return !leg.user.empty() || !leg.ext.empty() || call_.direction == Direction::outbound;
}

void Fold::on_answered(const Fact& fact) {
  auto at = target(fact, true);
  if (!at) {
    Who far{LegRole::callee,
            {},
            {},
            call_.direction == Direction::outbound ? call_.to.number : call_.did};
    at = find_or_add(fact, far);
    if (!at) return;
  }
  Leg& leg = call_.legs[*at];
  if (leg.state == LegState::held) return on_hold(fact, false);
  if (leg.role == LegRole::callee) {
    if (rank(leg.state) < rank(LegState::confirmed)) confirm_callee(*at, fact.occurred());
    return;
  }
  if (rank(leg.state) < rank(LegState::confirmed)) {
    leg.state = LegState::confirmed;
    moved(leg);
  }
  if (!leg.answered_at && lives(leg)) leg.answered_at = fact.occurred();
  // The caller's own leg is confirmed when the far end answers. If that is one of our lines, its
  // own leg will say so.
  if (names_line(call_.to)) return;
  const bool line_lives = std::any_of(call_.legs.begin(), call_.legs.end(), [](const Leg& other) {
    return other.role == LegRole::callee && lives(other) && !other.ext.empty();
  });
  if (line_lives || call_.answered_at) return;
  Fact plain = fact;
  plain.ids.leg.clear();  // it names the caller's leg
  const auto far = find_or_add(plain, {LegRole::callee, {}, {}, call_.to.number});
  if (far && rank(call_.legs[*far].state) < rank(LegState::confirmed))
    confirm_callee(*far, fact.occurred());
}

void Fold::confirm_callee(std::size_t at, Time when) {
  Leg& leg = call_.legs[at];
  leg.state = LegState::confirmed;
  leg.answered_at = when;
  moved(leg);
  const std::size_t from = caller();
  if (Leg& other = call_.legs[from]; rank(other.state) < rank(LegState::confirmed)) {
    other.state = LegState::confirmed;
    other.answered_at = when;
    moved(other);
  }
  const Leg& answered = call_.legs[at];
  if (!is_person(answered))
    return;  // an IVR, a queue, a voice box: connected, but nobody has answered
  if (!call_.answered_at) {
    call_.answered_at = when;
    call_.answered_by = answered.user.empty() ? AnsweredBy::unknown : AnsweredBy::user;
    call_.provenance["answered_at"] = source_;
  }
  std::vector<std::size_t> losers;
  for (std::size_t i = 0; i < call_.legs.size(); ++i) {
    const Leg& other = call_.legs[i];
    if (i == at || other.role != LegRole::callee || rank(other.state) > rank(LegState::early))
      continue;
    losers.push_back(i);
    end_leg(i, Disposition::answered_elsewhere, when);
  }
  settle_state();
  emit(EventType::call_answered, when, at, std::exchange(moved_, {}));
  for (const std::size_t i : losers) emit(EventType::leg_ended, when, i, {call_.legs[i].id});
}

void Fold::on_hold(const Fact& fact, bool held) {
  const auto at = target(fact, true);
  if (!at) return;
  // Who holds or resumes has answered, whether we heard of it or not.
  if (rank(call_.legs[*at].state) < rank(LegState::confirmed)) {
    if (call_.legs[*at].role == LegRole::callee)
      confirm_callee(*at, fact.occurred());
    else
      call_.legs[*at].state = LegState::confirmed;
  }
  Leg& leg = call_.legs[*at];
  LegMemory& memory = record_.memory[*at];
  const LegState to = held ? LegState::held : LegState::confirmed;
  if (!lives(leg)) return;
  if (memory.toggled_at && fact.occurred() < *memory.toggled_at)
    return;  // news from before the last change
  memory.toggled_at = fact.occurred();
  if (leg.state == to) return;
  leg.state = to;
  if (held) {
    memory.held_since = fact.occurred();
  } else if (memory.held_since) {
    memory.held += std::max(milliseconds{0}, fact.occurred() - *memory.held_since);
    memory.held_since.reset();
  }
  settle_state();
  emit(held ? EventType::call_held : EventType::call_resumed, fact.occurred(), at, {leg.id});
}

void Fold::happened(EventType type, const Fact& fact) {
  // It leaves no state behind by which a repeat could be known, so it is remembered by what tells
  // two of them apart.
  const auto at = type == EventType::call_queued ? std::nullopt : target(fact, false);
  std::string mark{to_string(type)};
  for (const std::string& part : {at ? call_.legs[*at].id : std::string{}, fact.queue,
                                  fact.transfer.kind, fact.transfer.to.ext, fact.transfer.to.number,
                                  fact.seq ? std::to_string(*fact.seq) : std::string{},
                                  fact.at ? std::to_string(to_unix_ms(*fact.at)) : std::string{}})
    mark += kSeparator + part;
  auto& told = record_.told_once;
  if (std::find(told.begin(), told.end(), mark) != told.end()) return;
  if (told.size() >= kHeadersPerCallMax) told.erase(told.begin());
  told.push_back(std::move(mark));
  emit(type, fact.occurred(), at, {}, fact.transfer.kind);
}

void Fold::on_mute(const Fact& fact, bool muted) {
  const auto at = target(fact, true);
  if (!at || !lives(call_.legs[*at]) || call_.legs[*at].muted == muted) return;
  call_.legs[*at].muted = muted;
  emit(muted ? EventType::call_muted : EventType::call_unmuted, fact.occurred(), at,
       {call_.legs[*at].id});
}

void Fold::moved(const Leg& leg) {
  changed_ = true;
  if (std::find(moved_.begin(), moved_.end(), leg.id) == moved_.end()) moved_.push_back(leg.id);
}

void Fold::end_leg(std::size_t at, Disposition reason, Time when) {
  Leg& leg = call_.legs[at];
  LegMemory& memory = record_.memory[at];
  if (memory.held_since) {
    memory.held += std::max(milliseconds{0}, when - *memory.held_since);
    memory.held_since.reset();
  }
  leg.state = LegState::terminated;
  leg.ended_at = when;
  leg.end_reason = reason;
  just_ended_.push_back(leg.id);
  changed_ = true;
}

bool Fold::callee_lives() const {
  return std::any_of(call_.legs.begin(), call_.legs.end(),
                     [](const Leg& leg) { return leg.role == LegRole::callee && lives(leg); });
}

Disposition Fold::reason_of_end(const Fact& fact) const {
  const auto told = told_reason(fact);
  if (told && !of_leg_only(*told)) return *told;
  if (record_.to_voicemail) return Disposition::voicemail;
  if (call_.answered_at) return Disposition::answered;
  // The last callee that said why; a ring group's earlier refusals matter less.
  for (std::size_t i = call_.legs.size(); i-- > 0;) {
    const Leg& leg = call_.legs[i];
    if (leg.role == LegRole::callee && leg.end_reason && !of_leg_only(*leg.end_reason) &&
        *leg.end_reason != Disposition::unknown)
      return *leg.end_reason;
  }
  const bool connected = std::any_of(call_.legs.begin(), call_.legs.end(), [](const Leg& leg) {
    return leg.role == LegRole::caller && leg.answered_at;
  });
  if (connected) return Disposition::answered;
  const bool rang = std::any_of(call_.legs.begin(), call_.legs.end(),
                                [](const Leg& leg) { return leg.ringing_at.has_value(); });
  return rang ? Disposition::no_answer : Disposition::unknown;
}

void Fold::on_ended(const Fact& fact, milliseconds settle) {
  Time when = fact.occurred();
  if (!fact.at && record_.told_duration && call_.answered_at && !fact.state_report)
    when = std::min(when, *call_.answered_at + *record_.told_duration);
  const auto told = told_reason(fact);
  std::optional<std::size_t> at;
  if (fact.state_report || !fact.agent.empty() || !fact.ids.leg.empty())
    at = target(fact, !fact.state_report);
  if (!at && fact.state_report) return;  // the end of a dialog that nobody has told us of
  if (!at) return end_call(reason_of_end(fact), when);

  const Leg leg = call_.legs[*at];
  // A source that tells of legs means the leg. One that only adds who it was about means the call,
  // unless it can only mean this branch: it never answered and another lives, or the word is one
  // for legs.
  const bool others_live = std::any_of(call_.legs.begin(), call_.legs.end(), [&](const Leg& other) {
    return other.id != leg.id && other.role == LegRole::callee && lives(other);
  });
  const bool of_leg = fact.state_report || !fact.ids.leg.empty() || (told && of_leg_only(*told)) ||
                      (leg.role == LegRole::callee && !leg.answered_at && others_live);
  if (!of_leg) return end_call(reason_of_end(fact), when);
  if (!lives(leg)) return;

  Disposition reason = told.value_or(leg.answered_at  ? Disposition::answered
                                     : leg.ringing_at ? Disposition::no_answer
                                                      : Disposition::unknown);
  if (leg.role == LegRole::caller) {
    // An unanswered caller who is gone takes the branches along, for the same reason.
    return end_call(reason_of_end(fact), when);
  }
  end_leg(*at, reason, when);
  if (others_live) return emit(EventType::leg_ended, when, at, {leg.id});
  const bool caller_reported =
      std::any_of(call_.legs.begin(), call_.legs.end(), [&](const Leg& other) {
        return other.role == LegRole::caller && lives(other) &&
               record_.memory[static_cast<std::size_t>(&other - call_.legs.data())].observed;
      });
  // Somebody talked and has hung up: with nobody left to talk to, the call is over.
  if (leg.answered_at) return end_call(reason_of_end(fact), when);
  // Not answered: it may ring elsewhere next. Who reports the caller will report its end; else wait
  // a moment.
  if (!caller_reported) record_.settle_at = fact.received + settle;
  emit(EventType::leg_ended, when, at, {leg.id});
}

void Fold::end_call(Disposition disposition, Time when) {
  for (std::size_t i = 0; i < call_.legs.size(); ++i) {
    if (!lives(call_.legs[i])) continue;
    const bool answered = call_.legs[i].answered_at.has_value();
    end_leg(i,
            answered                               ? Disposition::answered
            : disposition == Disposition::answered ? Disposition::unknown
                                                   : disposition,
            when);
  }
  record_.settle_at.reset();
  call_.state = CallState::ended;
  call_.ended_at = when;
  call_.disposition = disposition;
  if (!source_.empty()) call_.provenance["state"] = source_;
  std::optional<Time> rang;
  milliseconds held{0};
  for (std::size_t i = 0; i < call_.legs.size(); ++i) {
    const Leg& leg = call_.legs[i];
    if (leg.ringing_at && (!rang || *leg.ringing_at < *rang)) rang = leg.ringing_at;
    held += record_.memory[i].held;
  }
  const milliseconds none{0};
  call_.ring = std::max(none, call_.answered_at.value_or(when) -
                                  rang.value_or(call_.answered_at ? *call_.answered_at : when));
  call_.hold = held;
  call_.talk = none;
  if (call_.answered_at) {
    call_.talk = std::max(none, record_.told_duration.value_or(when - *call_.answered_at) - held);
  } else if (disposition == Disposition::answered && record_.told_duration) {
    call_.talk = record_.told_duration;  // some PBXs tell of an answer only afterwards
  }
  std::optional<std::size_t>
      shown;  // the leg whose end brought the end: the first that ended in this step
  std::vector<std::string> moved = std::move(just_ended_);
  just_ended_.clear();
  for (std::size_t i = 0; i < call_.legs.size(); ++i)
    if (!moved.empty() && call_.legs[i].id == moved.front()) shown = i;
  emit(EventType::call_ended, when, shown, std::move(moved));
}

void Fold::on_report(const Fact& fact) {
  if (fact.type == FactType::report && !record_.ended()) {
    // A record of the whole call says that it is over, whatever else was lost.
    end_call(reason_of_end(fact), fact.at.value_or(fact.received));
    changed_ = true;
  }
  // That a recording is ready is news, even if its id was told before; once.
  const std::string& name = fact.recording.id.empty() ? fact.recording.url : fact.recording.id;
  auto& told = record_.told_recordings;
  if (fact.type == FactType::recording && !name.empty() &&
      std::find(told.begin(), told.end(), name) == told.end() &&
      told.size() < kRecordingsPerCallMax) {
    told.push_back(name);
    changed_ = true;
  }
  if (!changed_) return;
  if (record_.ended()) emit(EventType::call_report, fact.occurred());
}

// --- the call as a whole
// --------------------------------------------------------------------------------------------------

CallState Fold::derived_state() const {
  if (record_.ended()) return CallState::ended;
  bool held = false, connected = false, ringing = false;
  for (const Leg& leg : call_.legs) {
    if (leg.state == LegState::held) held = true;
    if (leg.state == LegState::confirmed) connected = true;
    if (leg.state == LegState::early) ringing = true;
  }
  if (held) return CallState::held;
  if (connected) return CallState::connected;
  return ringing ? CallState::ringing : CallState::dialing;
}

void Fold::settle_state() {
  const CallState to = derived_state();
  if (to == call_.state) return;
  call_.state = to;
  if (!source_.empty()) call_.provenance["state"] = source_;
  changed_ = true;
}

void Fold::emit(EventType type, Time when, std::optional<std::size_t> leg,
                std::vector<std::string> changed, std::string reason) {
  if (type == EventType::leg_ended && leg) std::erase(just_ended_, call_.legs[*leg].id);
  Event event;
  event.type = type;
  event.org = call_.org;
  event.time = when;
  event.reason = std::move(reason);
  event.changed = std::move(changed);
  if (leg) event.leg = call_.legs[*leg].id;
  for (const Leg& each : call_.legs) {
    if (each.user.empty()) continue;
    const bool moved =
        std::find(event.changed.begin(), event.changed.end(), each.id) != event.changed.end();
    const bool after = type == EventType::call_report;
    const bool known =
        std::find(event.audience.begin(), event.audience.end(), each.user) != event.audience.end();
    if ((lives(each) || moved || after) && !known) event.audience.push_back(each.user);
  }
  event.call = call_;
  events_.push_back(std::move(event));
}

}  // namespace hookswitch
