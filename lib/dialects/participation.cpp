#include "dialects/participation.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace hookswitch::dialects {
namespace {

bool is_live(const Call& call, const Leg& leg) {
  return leg.state != LegState::terminated && call.state != CallState::ended;
}

/// A callee's leg that was only tried is nothing a page should hear of.
bool presented(const Leg& leg) {
  if (leg.role == LegRole::caller || leg.ringing_at || leg.answered_at) return true;
  return leg.state == LegState::early || leg.state == LegState::confirmed ||
         leg.state == LegState::held;
}

std::optional<Time> begin_of(const Leg& leg) {
  return leg.ringing_at ? leg.ringing_at : leg.answered_at;
}

/// False only when `leg` is known to have begun after all of `part` was over: then it is a new
/// session for the page.
bool overlaps(const Call& call, const Participation& part, const Leg& leg) {
  const auto begin = begin_of(leg);
  return std::any_of(part.legs.begin(), part.legs.end(), [&](const Leg* other) {
    return is_live(call, *other) || !begin || !other->ended_at || *other->ended_at >= *begin;
  });
}

bool has_answered(const Leg& leg) {
  return leg.answered_at || leg.state == LegState::confirmed || leg.state == LegState::held;
}

/// Legs whose answer is a person's. An announcement or queue that picks up inside the organisation
/// is nobody's line.
bool is_person(const Call& call, const Leg& leg) {
  if (leg.role != LegRole::callee) return false;
  return !leg.user.empty() || !leg.ext.empty() || call.direction == Direction::outbound;
}

int rank(const Call& call, const Leg& leg) {
  if (!is_live(call, leg)) return leg.answered_at ? 1 : 0;
  switch (leg.state) {
    case LegState::confirmed:
      return 5;
    case LegState::held:
      return 4;
    case LegState::early:
      return 3;
    case LegState::proceeding:
    case LegState::trying:
      return 2;
    case LegState::terminated:
      break;
  }
  return 0;
}

void take_answer(Participation& part, const Leg& leg) {
  part.answered = true;
  if (leg.answered_at && (!part.answered_at || *leg.answered_at < *part.answered_at))
    part.answered_at = leg.answered_at;
}

void complete(const Call& call, Participation& part) {
  // The telephone that rang first gives the session its id; one that joins later must not change
  // it.
  std::stable_sort(part.legs.begin(), part.legs.end(),
                   [](const Leg* a, const Leg* b) { return begin_of(*a) < begin_of(*b); });
  part.lead = part.legs.front();
  for (const Leg* leg : part.legs) {
    if (rank(call, *leg) > rank(call, *part.lead)) part.lead = leg;
    part.live = part.live || is_live(call, *leg);
    part.rang = part.rang || (leg->role == LegRole::callee && leg->ringing_at);
    if (!part.outbound() && has_answered(*leg)) take_answer(part, *leg);
  }
  if (!part.outbound()) return;
  for (const auto& leg : call.legs)
    if (is_person(call, leg) && has_answered(leg)) take_answer(part, leg);
  if (part.answered) return;
  part.answered_at = call.answered_at;
  part.answered = call.answered_at.has_value();
  for (const auto& leg : call.legs)
    if (leg.role == LegRole::callee && has_answered(leg)) take_answer(part, leg);
}

bool contains(const std::vector<Text>& list, const Text& id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

/// `leg` is the first of `part` that rings. Of several that began in one step, the first in leg
/// order.
bool first_ring(const Call& call, const Participation& part, const Leg& leg) {
  const auto live = std::find_if(part.legs.begin(), part.legs.end(),
                                 [&](const Leg* other) { return is_live(call, *other); });
  return live != part.legs.end() && *live == &leg;
}

/// `leg`'s answer is what connected `part`: nobody who counts for it had answered before.
bool first_answer(const Call& call, const Participation& part, const Leg& leg) {
  if (!part.outbound() && !part.contains(leg.id)) return false;
  if (part.outbound() && (leg.role != LegRole::callee || part.contains(leg.id))) return false;
  const auto earlier = [&](const Leg& other) {
    return &other != &leg && other.answered_at && leg.answered_at &&
           *other.answered_at < *leg.answered_at;
  };
  if (!part.outbound())
    return std::none_of(part.legs.begin(), part.legs.end(),
                        [&](const Leg* other) { return earlier(*other); });
  return std::none_of(call.legs.begin(), call.legs.end(),
                      [&](const Leg& other) { return is_person(call, other) && earlier(other); });
}

/// `leg` and `other` lost to the same answer: they ended in one step, however many events tell of
/// it.
bool lost_together(const Call& call, const Leg& leg, const Leg& other) {
  const auto lost = [](const Leg& each) {
    return each.end_reason == Disposition::answered_elsewhere && each.ended_at;
  };
  if (!lost(leg) || !lost(other) || leg.ended_at != other.ended_at) return false;
  return std::any_of(call.legs.begin(), call.legs.end(),
                     [&](const Leg& winner) { return winner.answered_at == leg.ended_at; });
}

/// `leg` is the last of `part` that ended in this step, so that two telephones that stop together
/// are one end.
bool last_end(const Event& event, const Participation& part, const Leg& leg) {
  return std::none_of(part.legs.begin(), part.legs.end(), [&](const Leg* other) {
    if (other <= &leg) return false;  // legs lie in one vector, in leg order
    return contains(event.changed, other->id) || lost_together(*event.call, leg, *other);
  });
}

bool ended_just_now(const Event& event, const Participation& part) {
  const auto now = [&](const Leg* leg) {
    if (!event.changed.empty()) return contains(event.changed, leg->id);
    return !leg->ended_at || !event.call->ended_at || *leg->ended_at >= *event.call->ended_at;
  };
  return std::any_of(part.legs.begin(), part.legs.end(), now);
}

}  // namespace

bool Participation::contains(std::string_view leg_id) const {
  return std::any_of(legs.begin(), legs.end(), [&](const Leg* leg) { return leg->id == leg_id; });
}

Time Participation::began(const Call& call) const {
  if (outbound()) return call.started_at;
  return begin_of(first()).value_or(call.started_at);
}

std::vector<Participation> participations(const Call& call, std::string_view user) {
  std::vector<Participation> out;
  if (user.empty()) return out;
  for (const auto& leg : call.legs) {
    if (leg.user != user || !presented(leg)) continue;
    const auto last = std::find_if(
        out.rbegin(), out.rend(), [&](const Participation& part) { return part.role == leg.role; });
    if (last != out.rend() && overlaps(call, *last, leg)) {
      last->legs.push_back(&leg);
    } else {
      out.emplace_back();
      out.back().role = leg.role;
      out.back().legs.push_back(&leg);
    }
  }
  for (auto& part : out) complete(call, part);
  return out;
}

bool caller_is_through(const Call& call) {
  return call.answered_at || std::any_of(call.legs.begin(), call.legs.end(), [](const Leg& leg) {
           return leg.role == LegRole::callee && has_answered(leg);
         });
}

TelephonyStatus status_of(const Call& call, const Participation& part) {
  if (!part.live || call.state == CallState::ended) return TelephonyStatus::NoCall;
  if (part.lead->state == LegState::held) return TelephonyStatus::OnHold;
  const bool through = part.outbound() ? part.answered : part.lead->state == LegState::confirmed;
  return through ? TelephonyStatus::CallConnected : TelephonyStatus::Ringing;
}

std::vector<Moment> moments(const Event& event, std::string_view user, TelephonyStatus before,
                            TelephonyStatus after) {
  std::vector<Moment> out;
  if (!event.call) return out;
  const Call& call = *event.call;
  const Leg* leg = call.find_leg(event.leg);
  // A caller who was on no call until this event comes into it now, even when others were in it
  // from the start.
  const bool came_in = before == TelephonyStatus::NoCall && after != TelephonyStatus::NoCall;
  for (const auto& part : participations(call, user)) {
    const auto add = [&](Step step) { out.push_back({step, part}); };
    const bool own = leg != nullptr && part.contains(leg->id);
    if (part.outbound() && part.live && (event.type == EventType::call_started || came_in))
      add(Step::init);
    switch (event.type) {
      case EventType::call_ringing:
        if (own && !part.outbound() && part.live && first_ring(call, part, *leg)) add(Step::ring);
        break;
      case EventType::call_answered:
        if (leg != nullptr && part.live && first_answer(call, part, *leg)) add(Step::start);
        break;
      case EventType::call_held:
        if (own && part.live) add(Step::hold);
        break;
      case EventType::call_resumed:
        if (own && part.live) add(Step::resume);
        break;
      case EventType::call_muted:
      case EventType::call_unmuted:
        if (own && part.live) add(Step::mute);
        break;
      case EventType::leg_ended:
        if (own && !part.live && last_end(event, part, *leg)) add(Step::end);
        break;
      case EventType::call_ended:
        if (!part.live && ended_just_now(event, part)) add(Step::end);
        break;
      default:
        break;  // the rest changes what is known of a call, not who is in it
    }
  }
  return out;
}

std::int64_t stable_number(std::string_view kind, std::string_view a, std::string_view b) {
  std::string text{kind};
  for (const auto part : {a, b})
    text.append(1, '\0').append(std::to_string(part.size())).append(1, ':').append(part);
  const std::string hash = digest(HashKind::sha256, text);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | static_cast<std::uint8_t>(hash[i]);
  number >>= 11;  // 53 bits: what a double holds exactly
  return static_cast<std::int64_t>(std::max<std::uint64_t>(number, 1));
}

Text address(const Party& party) {
  if (!party.number.empty()) return party.number;
  return party.ext.empty() ? party.presented : party.ext;
}

Text internal_address(const Party& party) { return party.ext.empty() ? address(party) : party.ext; }

namespace {

Text name_of(const Call& call, const Party& party) {
  if (!party.name.empty()) return party.name;
  return !party.number.empty() && party.number == call.customer.number ? call.customer.name
                                                                       : Text{};
}

}  // namespace

Text caller_name(const Call& call) { return name_of(call, call.from); }
Text called_name(const Call& call) { return name_of(call, call.to); }

Text first_of(std::initializer_list<std::string_view> candidates) {
  for (const auto text : candidates)
    if (!text.empty()) return text;
  return {};
}

std::string finish(json::Writer& out, const Cursor& cursor) {
  out.key("hookswitch").begin_object().member("cursor", cursor.str()).end_object().end_object();
  return out.str();
}

json::Writer& begin_target(json::Writer& out, const Call& call, const Participation& part) {
  return out.begin_object().member("call_id", call.id).member("leg_id", part.lead->id);
}

}  // namespace hookswitch::dialects
