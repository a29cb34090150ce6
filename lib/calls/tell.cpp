#include "calls/tell.hpp"

#include <algorithm>

#include "base/json.hpp"

namespace hookswitch {
namespace {

const Text kLegIds[] = {"l0", "l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8", "l9"};

Text leg_id(std::uint8_t number) {
  return number < std::size(kLegIds) ? kLegIds[number] : Text{"l" + std::to_string(number)};
}

// --- which leg of before is which leg of now

bool same_line(const FoldLeg& a, const FoldLeg& b) {
  return a.leg.role == b.leg.role && a.leg.ext == b.leg.ext && a.leg.user == b.leg.user &&
         (!a.leg.ext.empty() || a.leg.number == b.leg.number);
}

bool shares_key(const FoldLeg& a, const FoldLeg& b) {
  return std::any_of(a.keys.begin(), a.keys.end(), [&](const auto& key) {
    return std::find(b.keys.begin(), b.keys.end(), key) != b.keys.end();
  });
}

bool nameless(const FoldLeg& leg) { return leg.leg.ext.empty() && leg.leg.user.empty(); }

/// What was told of the leg that the fold makes at this place. After an upgrade or a change of a
/// source's rules the fold may make more legs of the same notes than it did: those are new.
ToldLeg told_leg(const CallRecord& record, std::size_t at) {
  if (at < record.legs.size()) return record.legs[at];
  ToldLeg out;
  out.number = static_cast<std::uint8_t>(record.legs_named + 1 + (at - record.legs.size()));
  return out;
}

std::vector<ToldLeg> told_legs(CallRecord& record, const Truth& before) {
  std::vector<ToldLeg> out;
  out.reserve(before.legs.size());
  for (std::size_t i = 0; i < before.legs.size(); ++i) out.push_back(told_leg(record, i));
  if (out.size() > record.legs.size())
    record.legs_named =
        static_cast<std::uint8_t>(record.legs_named + (out.size() - record.legs.size()));
  return out;
}

/// The numbers of `legs`, taken over from `before` where it is the same leg.
std::vector<ToldLeg> number_legs(const std::vector<ToldLeg>& told, const Truth& before,
                                 const Truth& now, std::uint8_t& named) {
  std::vector<ToldLeg> out(now.legs.size());
  boost::container::small_vector<bool, 16> taken(before.legs.size(), false);
  const auto pass = [&](auto same) {
    for (std::size_t i = 0; i < now.legs.size(); ++i) {
      if (out[i].number != 0) continue;
      for (std::size_t k = 0; k < before.legs.size(); ++k) {
        // A leg never passes from one person to another: the other one's is a new leg.
        const Text& user = before.legs[k].leg.user;
        if (!user.empty() && !(user == now.legs[i].leg.user)) continue;
        if (taken[k] || !same(before.legs[k], now.legs[i])) continue;
        taken[k] = true;
        out[i] = told[k];
        break;
      }
    }
  };
  pass([](const FoldLeg& a, const FoldLeg& b) {
    return same_line(a, b) && a.attempt == b.attempt && (a.parts & b.parts) != 0 &&
           (shares_key(a, b) || a.keys.empty());
  });
  pass([](const FoldLeg& a, const FoldLeg& b) {
    return shares_key(a, b) && (a.leg.role == b.leg.role || a.leg.role == LegRole::callee);
  });
  pass(
      [](const FoldLeg& a, const FoldLeg& b) { return same_line(a, b) && a.attempt == b.attempt; });
  // A leg that had no name yet and now has one, or the caller by another name.
  pass([](const FoldLeg& a, const FoldLeg& b) {
    return a.leg.role == b.leg.role && (nameless(a) || a.leg.role == LegRole::caller);
  });
  for (ToldLeg& leg : out)
    if (leg.number == 0) leg.number = ++named;
  return out;
}

// --- what is shown

std::vector<CallKey> shown_keys(const CallRecord& record, const SourceBook& sources) {
  std::vector<CallKey> out;
  out.reserve(record.keys.size());
  for (const Key& key : record.keys) out.push_back({key.kind, sources[key.source].name, key.value});
  std::sort(out.begin(), out.end(), [](const CallKey& a, const CallKey& b) {
    return std::tie(a.kind, a.source, a.value) < std::tie(b.kind, b.source, b.value);
  });
  return out;
}

bool is_over(const Leg& leg) { return leg.state == LegState::terminated; }

void keep_what_was_told(Leg& leg, const ToldLeg& told) {
  if (rank(leg.state) >= rank(told.state)) return;
  leg.state = told.state;
  if (!is_over(leg)) return;
  leg.ended_at = told.ended_at;
  leg.end_reason = told.end_reason;
}

void keep_ended(Call& call, const CallRecord& record) {
  if (!record.ended || call.state == CallState::ended) return;
  call.state = CallState::ended;
  call.ended_at = record.ended_at;
  call.disposition = record.disposition;
  const milliseconds none{0};
  call.ring = call.hold = none;
  call.talk = call.answered_at ? std::max(none, record.ended_at - *call.answered_at) : none;
  for (Leg& leg : call.legs) {
    if (is_over(leg)) continue;
    leg.state = LegState::terminated;
    leg.ended_at = record.ended_at;
    leg.end_reason = leg.answered_at ? Disposition::answered : Disposition::unknown;
  }
}

// --- the difference

class Teller {
 public:
  Teller(CallRecord& record, const SourceBook& sources, std::vector<Event>& events)
      : record_(record), sources_(sources), events_(events) {}

  void step(const Before& before, Truth& truth, const Cause& cause);
  void merge(const Merged& merged, Truth& truth, const Cause& cause);

 private:
  void start();
  template <class GoesOn>
  void withdraw_legs(const Call& before, GoesOn goes_on);
  void leg(const Leg* was, const Leg& is);
  std::shared_ptr<const Call> as_it_lived(const Call& before) const;
  void ends();
  void happenings(const Before& before, const std::vector<Happening>& now);
  bool was_told(const Happening& one, const Truth& before) const;
  void take(const Before& before, Truth& truth);
  void after_the_end(const Call& before, const Cause& cause);
  void go_on_from(std::shared_ptr<const Call> was, std::size_t told_before,
                  const Before* before = nullptr, const std::vector<Happening>* happened = nullptr);
  std::vector<const Leg*> legs_of_absorbed(const Call& before, const Call& gone) const;
  void keep_what_was_told_of(const std::vector<const Leg*>& absorbed);
  std::shared_ptr<const Call> joined(const Call& before,
                                     const std::vector<const Leg*>& absorbed) const;
  bool correct_ended(const Call& before);
  void amend(const Call& was);
  std::shared_ptr<Call> put_right(const Call& was) const;
  std::shared_ptr<const Call> correct(const std::shared_ptr<const Call>& before);
  void the_rest(const Call& before, std::size_t told_before);
  void remember();
  Event& emit(EventType type, Text leg = {}, std::vector<Text> changed = {});
  std::vector<Text> moved_legs(const Call& before) const;

  template <class Value>
  void amended(const char* field, const Value& was, const Value& is);

  CallRecord& record_;
  const SourceBook& sources_;
  std::vector<Event>& events_;
  std::shared_ptr<const Call> now_;  ///< what the next event shows
  Time at_{};
  bool after_end_ = false;
  std::vector<ToldLeg> legs_before_;  ///< of the truth before this step
  std::vector<Text> just_ended_;
  std::vector<Amendment> amendments_;
};

Event& Teller::emit(EventType type, Text leg, std::vector<Text> changed) {
  if (type == EventType::leg_ended) std::erase(just_ended_, leg);
  Event event;
  event.type = type;
  event.org = record_.org;
  event.time = at_;
  event.call = now_;
  event.leg = std::move(leg);
  event.changed = std::move(changed);
  const bool all =
      type == EventType::call_report ||
      ((after_end_ || type == EventType::call_amended) && now_->state == CallState::ended);
  for (const Leg& each : now_->legs) {
    if (each.user.empty()) continue;
    const bool sees =
        all || !is_over(each) ||
        std::find(event.changed.begin(), event.changed.end(), each.id) != event.changed.end();
    if (sees &&
        std::find(event.audience.begin(), event.audience.end(), each.user) == event.audience.end())
      event.audience.push_back(each.user);
  }
  events_.push_back(std::move(event));
  return events_.back();
}

/// A call is first told as it began: dialing, its caller and nobody else yet.
void Teller::start() {
  auto first = std::make_shared<Call>(*now_);
  first->state = CallState::dialing;
  first->answered_at.reset();
  first->answered_by.reset();
  first->ended_at.reset();
  first->disposition.reset();
  first->ring = first->talk = first->hold = std::nullopt;
  const auto caller = std::find_if(first->legs.begin(), first->legs.end(),
                                   [](const Leg& leg) { return leg.role == LegRole::caller; });
  std::vector<Leg> legs;
  if (caller != first->legs.end()) {
    legs.push_back(*caller);
    Leg& leg = legs.front();
    leg.state = LegState::proceeding;
    leg.answered_at = leg.ended_at = std::nullopt;
    leg.end_reason.reset();
    leg.muted = false;
  }
  first->legs = std::move(legs);
  const auto whole = std::exchange(now_, std::move(first));
  if (now_->legs.empty())
    emit(EventType::call_started);
  else
    emit(EventType::call_started, now_->legs.front().id, {now_->legs.front().id});
  now_ = whole;
}

std::vector<Text> Teller::moved_legs(const Call& before) const {
  std::vector<Text> out;
  for (const Leg& is : now_->legs) {
    const Leg* was = before.find_leg(is.id);
    // A leg that was over before anybody was told of it is no news for its person.
    const bool unseen = is_over(is) && (was == nullptr || !(was->user == is.user));
    if (!unseen && (was == nullptr || was->state != is.state)) out.push_back(is.id);
  }
  return out;
}

/// A leg's own step, by the states before and after.
void Teller::leg(const Leg* was, const Leg& is) {
  const LegState from = was == nullptr ? LegState::trying : was->state;
  const bool person = !is.user.empty() || !is.ext.empty();
  const bool callee = is.role == LegRole::callee;
  // An outside far end answers too; it does not ring for anybody of ours.
  const bool far_end = callee && !person && now_->direction == Direction::outbound;
  if (callee && person && is.state == LegState::early && rank(from) < rank(LegState::early))
    emit(EventType::call_ringing, is.id, {is.id});
  const bool talks = is.state == LegState::confirmed || is.state == LegState::held;
  if (talks && rank(from) < rank(LegState::confirmed) && callee && (person || far_end)) {
    std::vector<Text> changed{is.id};
    // The caller's leg is confirmed by the same step.
    for (const Leg& other : now_->legs)
      if (other.role == LegRole::caller && other.state == LegState::confirmed &&
          other.answered_at == is.answered_at)
        changed.push_back(other.id);
    if (is.state == LegState::held) {  // first it was answered
      auto answered = std::make_shared<Call>(*now_);
      for (Leg& one : answered->legs)
        if (one.id == is.id) one.state = LegState::confirmed;
      answered->state = CallState::connected;
      const auto held = std::exchange(now_, std::move(answered));
      emit(EventType::call_answered, is.id, std::move(changed));
      now_ = held;
    } else {
      emit(EventType::call_answered, is.id, std::move(changed));
    }
  }
  if (is.state == LegState::held && from != LegState::held)
    emit(EventType::call_held, is.id, {is.id});
  if (is.state == LegState::confirmed && from == LegState::held)
    emit(EventType::call_resumed, is.id, {is.id});
  const bool was_muted = was != nullptr && was->muted;
  if (!is_over(is) && is.muted != was_muted)
    emit(is.muted ? EventType::call_muted : EventType::call_unmuted, is.id, {is.id});
}

/// A leg that turned out to be another one ends: it is not seen again.
template <class GoesOn>
void Teller::withdraw_legs(const Call& before, GoesOn goes_on) {
  const auto now = now_;
  std::shared_ptr<Call> then;
  for (const Leg& gone : before.legs) {
    now_ = now;
    if (goes_on(gone) || is_over(gone)) continue;
    then = std::make_shared<Call>(then == nullptr ? before : *then);
    for (Leg& leg : then->legs) {
      if (!(leg.id == gone.id)) continue;
      leg.state = LegState::terminated;
      leg.ended_at = at_;
      leg.end_reason = Disposition::replaced;
    }
    now_ = then;
    emit(EventType::leg_ended, gone.id, {gone.id});
  }
  now_ = now;
}

/// The call just before the end that this step brings: what else happened in it is told first.
std::shared_ptr<const Call> Teller::as_it_lived(const Call& before) const {
  if (now_->state != CallState::ended || before.state == CallState::ended) return now_;
  auto out = std::make_shared<Call>(*now_);
  out->state = before.state;
  out->ended_at.reset();
  out->disposition.reset();
  out->ring = out->talk = out->hold = std::nullopt;
  for (Leg& leg : out->legs)
    if (const Leg* was = before.find_leg(leg.id); was != nullptr && !is_over(*was)) leg = *was;
  return out;
}

void Teller::ends() {
  if (now_->state == CallState::ended) {
    const Text shown = just_ended_.empty() ? Text{} : just_ended_.front();
    emit(EventType::call_ended, shown, just_ended_);
    return;
  }
  const std::vector<Text> ended = just_ended_;
  for (const Text& id : ended) emit(EventType::leg_ended, id, {id});
}

bool Teller::was_told(const Happening& one, const Truth& before) const {
  return std::any_of(before.happenings.begin(), before.happenings.end(),
                     [&](const Happening& known) {
                       // Whose it was may turn out later; and a leg that is heard of late moves the
                       // others.
                       return known.mark == one.mark &&
                              (!known.leg || !one.leg ||
                               legs_before_[*known.leg].number == record_.legs[*one.leg].number);
                     });
}

void Teller::happenings(const Before& before, const std::vector<Happening>& now) {
  for (std::size_t i = before.truth ? 0 : before.happenings; i < now.size(); ++i) {
    const Happening& one = now[i];
    if (before.truth && was_told(one, *before.truth)) continue;
    const Text leg = one.leg ? leg_id(record_.legs[*one.leg].number) : Text{};
    std::vector<Text> changed;
    // Who hands on ends by it; that step has its own leg.ended.
    if (!leg.empty() && std::find(just_ended_.begin(), just_ended_.end(), leg) != just_ended_.end())
      changed.push_back(leg);
    Event& event = emit(one.type, leg, std::move(changed));
    if (one.type == EventType::call_transferred || one.type == EventType::call_transfer_failed)
      event.transfer = TransferTold{one.kind, leg, one.to};
  }
}

std::string json_text(const std::string& text) {
  json::Writer out;
  if (text.empty())
    out.null();
  else
    out.string(text);
  return out.str();
}
std::string json_of(const Text& text) { return json_text(text.str()); }
std::string json_of(const std::optional<milliseconds>& time) {
  return time ? std::to_string(time->count()) : std::string{"null"};
}
std::string json_of(const std::optional<Time>& time) {
  return json_text(time ? to_rfc3339(*time) : std::string{});
}
template <class Word>
std::string json_of(const std::optional<Word>& word) {
  return json_text(word ? std::string{to_string(*word)} : std::string{});
}
std::string json_of(LegRole role) { return json_text(std::string{to_string(role)}); }
std::string json_of(Direction direction) { return json_text(std::string{to_string(direction)}); }

template <class Value>
void Teller::amended(const char* field, const Value& was, const Value& is) {
  amendments_.push_back({field, json_of(was), json_of(is)});
}

/// What was told and is not so; a filled gap is no correction.
void Teller::amend(const Call& was) {
  const Call& now = *now_;
  const auto fix = [&](const char* field, const auto& old, const auto& is, bool told) {
    if (told && !(old == is)) amended(field, old, is);
  };
  const auto text = [&](const char* field, const Text& old, const Text& is) {
    fix(field, old, is, !old.empty());
  };
  fix("direction", was.direction, now.direction, was.direction != Direction::unknown);
  text("from.number", was.from.number, now.from.number);
  text("from.ext", was.from.ext, now.from.ext);
  text("to.number", was.to.number, now.to.number);
  text("to.ext", was.to.ext, now.to.ext);
  text("did", was.did, now.did);
  text("customer.number", was.customer.number, now.customer.number);
  if (was.started_at != now.started_at)
    amended("started_at", std::optional{was.started_at}, std::optional{now.started_at});
  const bool ended = was.state == CallState::ended;
  fix("answered_at", was.answered_at, now.answered_at, was.answered_at || ended);
  fix("ended_at", was.ended_at, now.ended_at, ended);
  // What a machine picked up, a person may answer next: that is news.
  const bool answered_now =
      was.answered_by && now.answered_at && !was.answered_at && !ended &&
      std::any_of(now.legs.begin(), now.legs.end(), [&](const Leg& leg) {
        const Leg* old = was.find_leg(leg.id);
        return leg.role == LegRole::callee && leg.answered_at == now.answered_at && !is_over(leg) &&
               (old == nullptr || rank(old->state) < rank(LegState::confirmed));
      });
  fix("answered_by", was.answered_by, now.answered_by, was.answered_by && !answered_now);
  fix("disposition", was.disposition, now.disposition, ended);
  fix("ring_ms", was.ring, now.ring, ended);
  fix("talk_ms", was.talk, now.talk, ended);
  fix("hold_ms", was.hold, now.hold, ended);
  for (const Leg& leg : was.legs) {
    const Leg* is = now.find_leg(leg.id);
    if (is == nullptr || *is == leg) continue;
    const auto fix_leg = [&](const char* field, const auto& old, const auto& value, bool told) {
      if (told && !(old == value))
        amended(("legs." + leg.id.str() + "." + field).c_str(), old, value);
    };
    const bool over = is_over(leg);
    fix_leg("role", leg.role, is->role, true);
    fix_leg("ext", leg.ext, is->ext, !leg.ext.empty());
    fix_leg("ringing_at", leg.ringing_at, is->ringing_at, leg.ringing_at || over);
    fix_leg("answered_at", leg.answered_at, is->answered_at, leg.answered_at || over);
    fix_leg("ended_at", leg.ended_at, is->ended_at, over);
    fix_leg("end_reason", leg.end_reason, is->end_reason, over);
  }
}

/// `was` with what amend() found put right.
std::shared_ptr<Call> Teller::put_right(const Call& was) const {
  auto out = std::make_shared<Call>(was);
  const Call& now = *now_;
  const auto fix = [](auto& value, const auto& is, bool told) {
    if (told) value = is;
  };
  fix(out->direction, now.direction, was.direction != Direction::unknown);
  fix(out->from.number, now.from.number, !was.from.number.empty());
  fix(out->from.ext, now.from.ext, !was.from.ext.empty());
  fix(out->to.number, now.to.number, !was.to.number.empty());
  fix(out->to.ext, now.to.ext, !was.to.ext.empty());
  fix(out->did, now.did, !was.did.empty());
  fix(out->customer.number, now.customer.number, !was.customer.number.empty());
  out->started_at = now.started_at;
  fix(out->answered_at, now.answered_at, was.answered_at.has_value());
  fix(out->answered_by, now.answered_by, was.answered_by.has_value());
  for (Leg& leg : out->legs) {
    const Leg* is = now.find_leg(leg.id);
    if (is == nullptr) continue;
    const bool over = is_over(leg);
    leg.role = is->role;
    fix(leg.ext, is->ext, !leg.ext.empty());
    fix(leg.ringing_at, is->ringing_at, leg.ringing_at || over);
    fix(leg.answered_at, is->answered_at, leg.answered_at || over);
    fix(leg.ended_at, is->ended_at, over);
    fix(leg.end_reason, is->end_reason, over);
  }
  return out;
}

/// Corrections come before the news of the same step: the call as it was told, corrected.
std::shared_ptr<const Call> Teller::correct(const std::shared_ptr<const Call>& before) {
  amend(*before);
  if (amendments_.empty()) return before;
  auto fixed = put_right(*before);
  // Without news of a leg the correction shows all that has changed.
  const bool no_steps = before->state == now_->state && moved_legs(*before).empty() &&
                        std::equal(before->legs.begin(), before->legs.end(), now_->legs.begin(),
                                   now_->legs.end(), [](const Leg& was, const Leg& is) {
                                     return was.id == is.id && was.muted == is.muted;
                                   });
  if (no_steps) *fixed = *now_;
  const auto now = std::exchange(now_, fixed);
  emit(EventType::call_amended).amended = std::move(amendments_);
  amendments_.clear();
  now_ = now;
  return fixed;
}

/// What no event of this step has shown yet.
void Teller::the_rest(const Call& before, std::size_t told_before) {
  const Call& last = events_.size() > told_before ? *events_.back().call : before;
  if (!(last == *now_)) emit(EventType::call_updated, {}, moved_legs(before));
}

void Teller::remember() {
  for (std::size_t i = 0; i < record_.legs.size(); ++i) {
    const Leg& leg = now_->legs[i];
    ToldLeg& told = record_.legs[i];
    told.state = leg.state;
    if (is_over(leg)) {
      told.ended_at = leg.ended_at.value_or(at_);
      told.end_reason = leg.end_reason;
    }
  }
  if (now_->state == CallState::ended && !record_.ended) {
    record_.ended = true;
    record_.ended_at = *now_->ended_at;
    record_.disposition = *now_->disposition;
  }
  record_.answered = now_->answered_at.has_value();
}

/// New knowledge of a call that is over is a report, a contradiction an amendment.
void Teller::after_the_end(const Call& before, const Cause& cause) {
  auto& known = record_.told_recordings;
  const bool announces = !cause.recording.empty() && known.size() < kRecordingsPerCallMax &&
                         std::find(known.begin(), known.end(), cause.recording) == known.end();
  if (announces) known.push_back(cause.recording);
  if (!announces && before == *now_) return;
  const bool report =
      cause.note->type == FactType::report || cause.note->type == FactType::recording;
  const bool corrected = correct_ended(before);
  if (report || !corrected) emit(EventType::call_report);
}

/// Whether there was anything to correct.
bool Teller::correct_ended(const Call& before) {
  amend(before);
  if (amendments_.empty()) return false;
  emit(EventType::call_amended).amended = std::move(amendments_);
  amendments_.clear();
  return true;
}

/// Names the legs of the truth, and takes its call.
void Teller::take(const Before& before, Truth& truth) {
  after_end_ = record_.ended;
  if (before.truth) {
    legs_before_ = told_legs(record_, *before.truth);
    record_.legs = number_legs(legs_before_, *before.truth, truth, record_.legs_named);
  }
  // In order: the same legs in the same places, and perhaps one more.
  while (record_.legs.size() < truth.legs.size()) {
    grow_by_one(record_.legs);
    record_.legs.emplace_back().number = ++record_.legs_named;
  }
  now_ = show(record_, whole_call(std::move(truth)), sources_);
}

void Teller::step(const Before& before, Truth& truth, const Cause& cause) {
  const Note& note = *cause.note;
  at_ = note.at;
  take(before, truth);
  const std::size_t told_before = events_.size();
  if (before.call == nullptr) start();
  std::shared_ptr<const Call> was = before.call == nullptr ? events_.back().call : before.call;
  if (after_end_) {
    after_the_end(*was, cause);
    return remember();
  }
  go_on_from(std::move(was), told_before, &before, &truth.happenings);
  if (now_->state == CallState::ended && note.type == FactType::report)
    emit(EventType::call_report);
  remember();
}

/// The news between what was told and the call as it is now.
void Teller::go_on_from(std::shared_ptr<const Call> was, std::size_t told_before,
                        const Before* before, const std::vector<Happening>* happened) {
  was = correct(was);
  withdraw_legs(*was, [&](const Leg& leg) { return now_->find_leg(leg.id) != nullptr; });
  for (const Leg& is : now_->legs) {
    const Leg* old = was->find_leg(is.id);
    // Whose leg it was turns out with its end: that person was never told of it.
    if (is_over(is) && old != nullptr && !is_over(*old) && old->user == is.user)
      just_ended_.push_back(is.id);
  }
  const auto whole = now_;
  now_ = as_it_lived(*was);
  for (const Leg& is : now_->legs) leg(was->find_leg(is.id), is);
  if (happened != nullptr) happenings(*before, *happened);
  now_ = whole;
  ends();
  if (now_->state != CallState::ended) the_rest(*was, told_before);
}

/// For each leg of the union: the leg of the absorbed call that it is. What was told of it under
/// that id is not told again.
std::vector<const Leg*> Teller::legs_of_absorbed(const Call& before, const Call& gone) const {
  std::vector<const Leg*> out(now_->legs.size(), nullptr), taken;
  const auto pair_up = [&](auto fits) {
    for (std::size_t i = 0; i < now_->legs.size(); ++i) {
      const Leg& is = now_->legs[i];
      for (const Leg& leg : gone.legs) {
        if (out[i] != nullptr || !fits(leg, is) ||
            std::find(taken.begin(), taken.end(), &leg) != taken.end())
          continue;
        out[i] = &leg;
        taken.push_back(&leg);
      }
    }
  };
  const auto same_line = [](const Leg& leg, const Leg& is) {
    return leg.role == is.role && leg.ext == is.ext && leg.user == is.user &&
           (!is.ext.empty() || leg.number == is.number) && rank(leg.state) <= rank(is.state);
  };
  pair_up([&](const Leg& leg, const Leg& is) {
    return same_line(leg, is) && leg.ringing_at == is.ringing_at &&
           leg.answered_at == is.answered_at;
  });
  pair_up(same_line);
  // Who was in the absorbed call and is in the union goes on, whatever late facts make of the leg.
  const auto same_party = [&](const Leg& leg, const Leg& is) {
    const bool same = leg.ext.empty() ? !leg.user.empty() && leg.user == is.user
                                      : leg.ext == is.ext && leg.user == is.user;
    return same && !is_over(leg) && !is_over(is) && before.find_leg(is.id) == nullptr;
  };
  pair_up(
      [&](const Leg& leg, const Leg& is) { return leg.role == is.role && same_party(leg, is); });
  pair_up(same_party);
  return out;
}

/// No leg of the union is less far than it was told to be under the absorbed id.
void Teller::keep_what_was_told_of(const std::vector<const Leg*>& absorbed) {
  std::shared_ptr<Call> kept;
  for (std::size_t i = 0; i < absorbed.size(); ++i) {
    if (absorbed[i] == nullptr || rank(absorbed[i]->state) <= rank(now_->legs[i].state)) continue;
    if (kept == nullptr) kept = std::make_shared<Call>(*now_);
    kept->legs[i].state = absorbed[i]->state;
  }
  if (kept == nullptr) return;
  if (kept->state != CallState::ended)
    kept->state = living_state(kept->legs, [](const Leg& leg) { return leg.state; });
  now_ = std::move(kept);
}

/// The two calls as one, as both were told; what their union changes comes after.
std::shared_ptr<const Call> Teller::joined(const Call& before,
                                           const std::vector<const Leg*>& absorbed) const {
  auto out = std::make_shared<Call>(before);
  out->absorbed = now_->absorbed;
  out->ids = now_->ids;
  out->legs.clear();
  for (std::size_t i = 0; i < now_->legs.size(); ++i) {
    const Leg& is = now_->legs[i];
    const Leg* own = before.find_leg(is.id);
    const Leg* other = absorbed[i];
    if (own == nullptr && other == nullptr) continue;
    // An end that only one of the two has told is still to be told.
    const bool further = own == nullptr || (other != nullptr && !is_over(*other) &&
                                            rank(other->state) > rank(own->state));
    Leg& leg = out->legs.emplace_back(further ? *other : *own);
    leg.id = is.id;
    leg.user = is.user;  // who it is, the two know together
    leg.ext = is.ext;
    leg.number = is.number;
  }
  out->state = living_state(out->legs, [](const Leg& leg) { return leg.state; });
  return out;
}

void Teller::merge(const Merged& merged, Truth& truth, const Cause& cause) {
  at_ = merged.at;
  const std::shared_ptr<const Call>&before = merged.before.call, &gone = merged.gone;
  take(merged.before, truth);
  const auto absorbed = legs_of_absorbed(*before, *gone);
  keep_what_was_told_of(absorbed);
  std::shared_ptr<const Call> was = joined(*before, absorbed);
  const auto goes_on = [&](const Leg& leg) {
    if (leg.user.empty() && leg.ext.empty()) return true;
    return std::any_of(was->legs.begin(), was->legs.end(), [&](const Leg& is) {
      return is.user == leg.user && is.ext == leg.ext && !is_over(is) &&
             rank(is.state) >= rank(leg.state);
    });
  };
  if (gone->state != CallState::ended) withdraw_legs(*gone, goes_on);
  if (after_end_) {
    correct_ended(*before);
    emit(EventType::call_merged).absorbed = gone->id;
    if (cause.note != nullptr) after_the_end(Call{*now_}, cause);
    return remember();
  }
  withdraw_legs(*before, [&](const Leg& leg) { return now_->find_leg(leg.id) != nullptr; });
  const auto whole = now_;
  now_ = was;
  std::vector<Text> all;
  for (const Leg& leg : was->legs)
    if (!is_over(leg)) all.push_back(leg.id);
  emit(EventType::call_merged, {}, std::move(all)).absorbed = gone->id;
  now_ = whole;
  const auto told_of_gone = [&](const Happening& one) {
    return std::any_of(merged.gone_happened.begin(), merged.gone_happened.end(),
                       [&](const Happening& known) { return known.mark == one.mark; });
  };
  std::vector<Happening> happened = truth.happenings;
  std::erase_if(happened, told_of_gone);
  go_on_from(std::move(was), events_.size(), &merged.before, &happened);
  if (now_->state == CallState::ended && cause.note != nullptr &&
      cause.note->type == FactType::report)
    emit(EventType::call_report);
  remember();
}

}  // namespace

std::shared_ptr<const Call> show(const CallRecord& record, Call truth, const SourceBook& sources) {
  auto out = std::make_shared<Call>(std::move(truth));
  out->id = record.id;
  out->ids = shown_keys(record, sources);
  out->absorbed = record.absorbed;
  std::sort(out->absorbed.begin(), out->absorbed.end());
  std::sort(out->provenance.begin(), out->provenance.end());
  for (std::size_t i = 0; i < out->legs.size(); ++i) {
    const ToldLeg told = told_leg(record, i);
    out->legs[i].id = leg_id(told.number);
    keep_what_was_told(out->legs[i], told);
  }
  keep_ended(*out, record);
  return out;
}

void tell(CallRecord& record, const Before& before, Truth& truth, const SourceBook& sources,
          const Cause& cause, std::vector<Event>& events) {
  Teller{record, sources, events}.step(before, truth, cause);
}

void tell_merged(CallRecord& record, const Merged& merged, Truth& truth, const SourceBook& sources,
                 const Cause& cause, std::vector<Event>& events) {
  Teller{record, sources, events}.merge(merged, truth, cause);
}

}  // namespace hookswitch
