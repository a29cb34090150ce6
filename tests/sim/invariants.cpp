#include "sim/invariants.hpp"

#include <algorithm>

#include "sim/pbx_model.hpp"

namespace hookswitch::sim {
namespace {

int step_of(LegState state) {  // held and confirmed are one step of the way
  return state == LegState::held ? static_cast<int>(LegState::confirmed) : static_cast<int>(state);
}

std::string text(const std::optional<Time>& time) {
  return time ? std::to_string(ms_of(*time)) : "-";
}

template <class Word>
std::string word(const std::optional<Word>& value) {
  return value ? std::string{to_string(*value)} : "-";
}

bool after_the_end(EventType type) {
  return type == EventType::call_report || type == EventType::call_amended;
}

/// What may be set once and is then corrected aloud only.
std::map<std::string, std::string> fixed_of(const Call& call) {
  std::map<std::string, std::string> out;
  const auto put = [&](const std::string& name, const std::string& value) {
    if (value != "-" && !value.empty()) out[name] = value;
  };
  put("started_at", text(call.started_at));
  put("answered_at", text(call.answered_at));
  put("ended_at", text(call.ended_at));
  // A machine answers first, a person later: that is progress, not a correction.
  if (call.answered_by == AnsweredBy::user) put("answered_by", word(call.answered_by));
  put("disposition", word(call.disposition));
  if (call.direction != Direction::unknown)
    put("direction", std::string{to_string(call.direction)});
  put("from.number", call.from.number);
  for (const Leg& leg : call.legs) {
    const std::string id = std::string{leg.id} + ".";
    put(id + "user", leg.user);
    put(id + "ringing_at", text(leg.ringing_at));
    put(id + "answered_at", text(leg.answered_at));
    put(id + "ended_at", text(leg.ended_at));
    put(id + "end_reason", word(leg.end_reason));
  }
  return out;
}

}  // namespace

std::string line_of(const Call& call) {
  std::string out = std::string{to_string(call.state)} + " " + word(call.disposition) + " by " +
                    word(call.answered_by) + " " + text(call.started_at) + "/" +
                    text(call.answered_at) + "/" + text(call.ended_at);
  for (const Leg& leg : call.legs)
    out += " [" + std::string{leg.id} + (leg.role == LegRole::caller ? " caller " : " ") +
           std::string{leg.ext} + std::string{leg.number} + " " +
           std::string{to_string(leg.state)} + " " + text(leg.ringing_at) + "/" +
           text(leg.answered_at) + "/" + text(leg.ended_at) + " " + word(leg.end_reason) + "]";
  return out;
}

std::string line_of(const Event& event) {
  std::string out{to_string(event.type)};
  if (!event.leg.empty()) out += " " + std::string{event.leg};
  if (!event.absorbed.empty()) out += " absorbed " + std::string{event.absorbed};
  out += " for";
  for (const auto& user : event.audience) out += " " + std::string{user};
  return event.call ? out + ": " + line_of(*event.call) : out;
}

void Invariants::see(const std::vector<Event>& events) {
  std::map<std::string, std::optional<Call>> before;
  std::map<std::string, std::vector<const Event*>> by_call;
  for (const Event& event : events) {
    if (!event.call) {
      complain("event-without-call", {}, std::string{to_string(event.type)});
      continue;
    }
    const std::string id = event.call->id;
    const auto known = calls_.find(id);
    const bool first = known == calls_.end();
    before.try_emplace(id, first ? std::nullopt : std::optional{known->second.call});
    by_call[id].push_back(&event);
    see(event, calls_[id], first);
  }
  for (const auto& [id, list] : by_call) {
    const auto& old = before.at(id);
    after_step(id, old ? &*old : nullptr, list);
  }
}

void Invariants::see(const Event& event, Told& told, bool first) {
  told.log.push_back(line_of(event));
  ++told.count[event.type];
  order(event, told, first);
  whole(event, told);
  legs(event, told);
  leg_event(event, told);
  view(event, told);
  told.call = *event.call;
}

/// (a): started first and once, ended last and once, nothing under an absorbed id.
void Invariants::order(const Event& event, Told& told, bool first) {
  const std::string id = event.call->id;
  const std::string name{to_string(event.type)};
  if (first != (event.type == EventType::call_started))
    complain("started-first-and-once", id, name);
  if (told.merged) complain("told-under-absorbed-id", id, name);
  if (event.type == EventType::call_merged) {
    const auto gone = calls_.find(event.absorbed);
    if (gone == calls_.end())
      return complain("absorbs-unknown-call", id, std::string{event.absorbed});
    if (gone->second.merged) complain("absorbed-twice", id, std::string{event.absorbed});
    if (told.ended && !gone->second.ended)
      complain("ended-call-absorbs-living", id, std::string{event.absorbed});
    // ... but for one that was told to be over and is not.
    const bool resurrected = gone->second.ended && !told.ended;
    if (id > gone->first && !resurrected) complain("older-id-survives", id, gone->first);
    gone->second.merged = true;
    // Who saw the absorbed call sees this one go on.
    told.in_view.insert(gone->second.in_view.begin(), gone->second.in_view.end());
    told.knew.insert(gone->second.knew.begin(), gone->second.knew.end());
    for (const auto& [type, count] : gone->second.count)
      if (type != EventType::call_started && type != EventType::call_ended)
        told.count[type] += count;
  } else if (told.ended && !after_the_end(event.type)) {
    complain("nothing-after-ended", id, name);
  }
  if (event.type == EventType::call_report && !told.ended) complain("report-before-end", id, name);
  told.ended |= event.type == EventType::call_ended;
}

void Invariants::whole(const Event& event, const Told& told) {
  const Call& call = *event.call;
  const std::string id = call.id;
  if ((call.state == CallState::ended) != told.ended)
    complain("state-ended-from-call.ended-on", id, std::string{to_string(event.type)});
  if (event.type == EventType::call_started && call.state != CallState::dialing &&
      call.state != CallState::ringing)
    complain("starts-dialing-or-ringing", id, std::string{to_string(call.state)});
  const bool all = call.ended_at && call.disposition && call.ring && call.talk && call.hold;
  const bool any = call.ended_at || call.disposition;
  if (told.ended ? !all : any) complain("end-told-whole", id, line_of(event));
  if (call.disposition && *call.disposition > Disposition::unknown)
    complain("leg-word-as-disposition", id, line_of(event));
  for (const auto& span : {call.ring, call.talk, call.hold})
    if (span && *span < milliseconds{0}) complain("negative-duration", id, line_of(event));
  if (call.org != "acme" || event.org != "acme") complain("org", id, line_of(event));
}

/// (b): legs appear, move up, and end for good.
void Invariants::legs(const Event& event, Told& told) {
  const std::string id = event.call->id;
  std::map<std::string, LegState> now;
  for (const Leg& leg : event.call->legs) {
    const std::string name = leg.id;
    if (!now.emplace(name, leg.state).second) complain("leg-twice", id, line_of(event));
    const auto old = told.legs.find(name);
    if (old != told.legs.end() && step_of(leg.state) < step_of(old->second))
      complain("leg-fell-back", id, line_of(event));
    const bool over = leg.state == LegState::terminated;
    if (over != (leg.ended_at && leg.end_reason))
      complain("leg-end-told-whole", id, line_of(event));
    if (told.ended && !over) complain("leg-outlives-call", id, line_of(event));
  }
  for (const auto& [name, state] : told.legs)
    if (!now.contains(name)) complain("leg-vanished", id, name + ": " + line_of(event));
  told.legs = std::move(now);
}

void Invariants::leg_event(const Event& event, Told& told) {
  const std::string id = event.call->id;
  const std::string name = event.leg;
  const Leg* leg = event.call->find_leg(name);
  if (!name.empty() && leg == nullptr) return complain("event-of-unknown-leg", id, line_of(event));
  std::optional<LegState> due;
  std::map<std::string, int>* once = nullptr;
  switch (event.type) {
    case EventType::call_ringing:
      due = LegState::early;
      once = &told.rang;
      break;
    case EventType::call_answered:
      due = LegState::confirmed;
      once = &told.answered;
      break;
    case EventType::call_held:
      due = LegState::held;
      break;
    case EventType::call_resumed:
      due = LegState::confirmed;
      break;
    case EventType::leg_ended:
      due = LegState::terminated;
      once = &told.left;
      break;
    default:
      return;
  }
  if (leg == nullptr) return complain("leg-event-without-leg", id, line_of(event));
  if (leg->state != *due) complain("leg-event-against-state", id, line_of(event));
  if (once != nullptr && ++(*once)[name] > 1) complain("leg-event-twice", id, line_of(event));
  const Leg* before = told.call.find_leg(name);
  if (before == nullptr) return;
  // A hold is told when it begins, a resume when it ends.
  if (event.type == EventType::call_held && before->state == LegState::held)
    complain("held-while-held", id, line_of(event));
  if (event.type == EventType::call_resumed && before->state != LegState::held)
    complain("resumed-while-not-held", id, line_of(event));
}

/// Who may see it: from a user's first leg to the end of the last, no more and no less.
void Invariants::view(const Event& event, Told& told) {
  const Call& call = *event.call;
  const std::string id = call.id;
  std::set<std::string> living, changed, ever;
  for (const Leg& leg : call.legs) {
    const std::string user = leg.user;
    if (user.empty()) continue;
    ever.insert(user);
    if (leg.state != LegState::terminated) living.insert(user);
    const auto& list = event.changed;
    if (std::find(list.begin(), list.end(), leg.id) != list.end() || event.leg == leg.id)
      changed.insert(user);
  }
  std::set<std::string> audience;
  for (const auto& user : event.audience)
    if (!audience.insert(user).second) complain("audience-twice", id, line_of(event));
  for (const auto& user : living)
    if (!audience.contains(user))
      complain("living-user-not-told", id, user + ": " + line_of(event));
  for (const auto& user : audience) {
    if (!ever.contains(user)) complain("leak-to-stranger", id, user + ": " + line_of(event));
    const bool may = living.contains(user) || changed.contains(user) || after_the_end(event.type) ||
                     event.type == EventType::call_merged;
    if (!may) complain("told-after-own-part", id, user + ": " + line_of(event));
    told.knew.insert(user);
    const bool closes = event.type == EventType::leg_ended || event.type == EventType::call_ended;
    if (living.contains(user))
      told.in_view.insert(user);
    else if (closes)
      told.in_view.erase(user);
  }
}

void Invariants::after_step(const std::string& id, const Call* before,
                            const std::vector<const Event*>& events) {
  const Told& told = calls_.at(id);
  std::set<std::string> named;
  bool aloud = false;
  for (const Event* event : events) {
    named.insert(std::string{event->leg});
    for (const auto& leg : event->changed) named.insert(std::string{leg});
    aloud |= event->type == EventType::call_amended || event->type == EventType::call_merged;
  }
  for (const auto& user : told.in_view) {
    const bool living = std::any_of(
        told.call.legs.begin(), told.call.legs.end(),
        [&](const Leg& leg) { return leg.user == user && leg.state != LegState::terminated; });
    if (!living && !told.merged) complain("own-view-not-closed", id, user + ": " + told.log.back());
  }
  if (before == nullptr || aloud) return;
  for (const Leg& leg : told.call.legs) {
    const Leg* old = before->find_leg(leg.id);
    if (old != nullptr && old->state != leg.state && !named.contains(std::string{leg.id}))
      complain("leg-changed-unnamed", id, std::string{leg.id} + ": " + told.log.back());
  }
  const auto was = fixed_of(*before), now = fixed_of(told.call);
  for (const auto& [name, value] : was)
    if (const auto at = now.find(name); at == now.end() || at->second != value)
      complain("silent-rewrite", id, name + " was " + value + ": " + told.log.back());
}

void Invariants::compare(const std::string& call_id, const Call& now) {
  const auto told = calls_.find(call_id);
  if (told == calls_.end() || told->second.merged)
    return complain("table-knows-untold-call", call_id, line_of(now));
  if (line_of(told->second.call) != line_of(now))
    complain("table-differs-from-told", call_id,
             line_of(now) + "\n    told " + line_of(told->second.call));
}

}  // namespace hookswitch::sim
