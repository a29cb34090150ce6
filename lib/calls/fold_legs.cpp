// Which leg a note is about. What then happens to it is in fold.cpp.
#include <algorithm>

#include "calls/folding.hpp"

namespace hookswitch {

std::size_t Folding::add_leg(const Who& who) {
  FoldLeg leg;
  leg.leg.role = who.role;
  leg.conversation = step_.part->conversation;
  for (const FoldLeg& other : truth_.legs)
    if (other.conversation == leg.conversation && other.leg.role == who.role &&
        other.leg.ext == who.ext && other.leg.user == who.user &&
        (!who.ext.empty() || other.leg.number == who.number))
      ++leg.attempt;
  truth_.legs.push_back(std::move(leg));
  name_leg(truth_.legs.size() - 1, who);
  return truth_.legs.size() - 1;
}

void Folding::name_leg(std::size_t at, const Who& who) {
  FoldLeg& leg = truth_.legs[at];
  fill(leg.leg.ext, who.ext);
  if (leg.leg.ext.empty()) fill(leg.leg.number, who.number);
  fill(leg.leg.user, who.user);
  if (!leg.leg.ext.empty() || !leg.leg.user.empty()) leg.machine = false;
  leg.parts |= std::uint64_t{1} << step_.part_at;
}

std::size_t Folding::caller() {
  const Mention& mention = *step_.mention;
  Who who{LegRole::caller, {}, {}, {}};
  const bool own = step_.part->conversation != 0;  // a consult call has a caller of its own
  if (own) {
    who.ext = step_.part->from_ext;
    if (mention.from.ext == who.ext) who.user = mention.from_user;
  } else {
    who.number = call_.from.number;
    if (call_.from.number.empty() || call_.direction == Direction::outbound ||
        call_.direction == Direction::internal) {
      who.ext = call_.from.ext;
      if (mention.from.ext == who.ext) who.user = mention.from_user;
      if (who.user.empty() && mention.agent_ext == who.ext) who.user = mention.agent_user;
    }
  }
  const auto belongs = [&](const FoldLeg& leg) {
    return leg.leg.role == LegRole::caller && leg.conversation == step_.part->conversation;
  };
  if (step_.part->caller && belongs(truth_.legs[*step_.part->caller])) {
    name_leg(*step_.part->caller, who);
    return *step_.part->caller;
  }
  const auto known = std::find_if(truth_.legs.begin(), truth_.legs.end(), belongs);
  const auto at = static_cast<std::size_t>(known - truth_.legs.begin());
  step_.part->caller = known == truth_.legs.end() ? add_leg(who) : at;
  name_leg(*step_.part->caller, who);
  return *step_.part->caller;
}

Folding::At Folding::by_leg_id() const {
  const Text& id = step_.mention->leg;
  if (id.empty()) return std::nullopt;
  for (std::size_t i = truth_.legs.size(); i-- > 0;)  // the newest bearer of an id used again
    for (const auto& [source, key] : truth_.legs[i].keys)
      if (source == step_.source && key == id) return i;
  return std::nullopt;
}

bool Folding::has_key_of_source(const FoldLeg& leg) const {
  return std::any_of(leg.keys.begin(), leg.keys.end(),
                     [&](const auto& key) { return key.first == step_.source; });
}

bool Folding::is_other_leg() const {
  if (!tells_leg_id()) return false;
  if (const At known = by_leg_id()) return truth_.legs[*known].leg.role == LegRole::callee;
  return std::any_of(truth_.legs.begin(), truth_.legs.end(), [&](const FoldLeg& leg) {
    return leg.conversation == step_.part->conversation && has_key_of_source(leg) &&
           (leg.leg.role == LegRole::caller || !step_.mention->to.ext.empty());
  });
}

std::optional<Folding::Who> Folding::who() const {
  const Mention& mention = *step_.mention;
  const Direction way = direction();
  const auto line = [&](LegRole role, const Party& party, const Text& user) -> std::optional<Who> {
    if (party.ext.empty() && party.number.empty()) return std::nullopt;
    return Who{role, party.ext, user, party.number};
  };
  if (mention.has_agent && (!mention.agent_ext.empty() || !mention.agent_user.empty())) {
    Who out{LegRole::callee, mention.agent_ext, mention.agent_user, {}};
    const Text& from = mention.from.ext.empty() ? step_.part->from_ext : mention.from.ext;
    const bool is_from = !out.ext.empty() && out.ext == from;
    const bool is_to = !out.ext.empty() && out.ext == mention.to.ext;
    if (way == Direction::outbound && !is_to) {
      // Of an outbound call the agent is who calls, unless somebody else is known to.
      const FoldLeg* known = step_.part->caller ? &truth_.legs[*step_.part->caller] : nullptr;
      const bool other = known != nullptr && !known->leg.ext.empty() && known->leg.ext != out.ext &&
                         (out.user.empty() || known->leg.user != out.user);
      out.role = other && !is_from ? LegRole::callee : LegRole::caller;
    }
    if (way != Direction::inbound && is_from) out.role = LegRole::caller;
    if (step_.part->callback) out.role = LegRole::caller;
    return out;
  }
  if (step_.part->callback) return line(LegRole::caller, mention.to, mention.to_user);
  // With a leg id that is not the caller's it is about somebody who is called.
  const bool called = is_other_leg();
  switch (step_.note->type) {
    case FactType::started:
    case FactType::dialing:
      if (called) return line(LegRole::callee, mention.to, mention.to_user);
      return line(LegRole::caller, mention.from, mention.from_user);
    case FactType::ringing:
      if (way == Direction::inbound && mention.to.ext.empty() && !tells_leg_id())
        return std::nullopt;
      return line(LegRole::callee, mention.to, mention.to_user);
    default:
      break;
  }
  if (way == Direction::outbound && names_line(mention.from)) {
    if (called) return line(LegRole::callee, mention.to, mention.to_user);
    return line(LegRole::caller, mention.from, mention.from_user);
  }
  if (way != Direction::outbound && !mention.to.ext.empty())
    return line(LegRole::callee, mention.to, mention.to_user);
  return std::nullopt;
}

Folding::At Folding::find(const Who& wanted, bool with_leg_id) const {
  At over;
  for (std::size_t i = 0; i < truth_.legs.size(); ++i) {
    const FoldLeg& known = truth_.legs[i];
    const Leg& leg = known.leg;
    if (leg.role != wanted.role || known.conversation != step_.part->conversation) continue;
    const bool same_ext = !wanted.ext.empty() && leg.ext == wanted.ext;
    const bool same_user = wanted.ext.empty() && !wanted.user.empty() && leg.user == wanted.user;
    const bool same_number =
        wanted.ext.empty() && wanted.user.empty() && leg.ext.empty() && leg.number == wanted.number;
    const bool nameless_caller =
        leg.role == LegRole::caller && leg.ext.empty() && leg.user.empty() && leg.number.empty();
    if (!same_ext && !same_user && !same_number && !nameless_caller) continue;
    // Another leg id of the same source is another device of that line.
    if (with_leg_id && tells_leg_id() && has_key_of_source(known)) continue;
    if (lives(known)) return i;
    over = i;
  }
  return over;
}

Folding::At Folding::find_or_add(const Who& wanted, bool with_leg_id) {
  At at = with_leg_id ? by_leg_id() : At{};
  if (!at) at = find(wanted, with_leg_id);
  if (at && !lives(truth_.legs[*at])) {
    // The same line again: a second try if it is later than the end of the first, else late news of
    // the first. The order of the notes has already moved late ones to their place.
    const FactType type = step_.note->type;
    const FoldLeg& over = truth_.legs[*at];
    // Within one moment of a coarse clock the source's own sequence tells.
    const bool counted = step_.note->has_seq() && over.end_seq != Note::kNoSeq && !tells_leg_id();
    const bool later = step_.at > over.leg.ended_at.value_or(Time::max()) ||
                       (counted && step_.note->seq > over.end_seq);
    const bool revives = type == FactType::answered && over.inferred_end &&
                         step_.at - *over.leg.ended_at <= kReorderWindow;
    if (begins(type) && later && !revives && truth_.legs.size() < kLegsPerCallMax) at.reset();
  }
  if (!at && truth_.legs.size() >= kLegsPerCallMax) return std::nullopt;
  if (!at) at = add_leg(wanted);
  // The leg id knows better on which side it is than who is named beside it.
  if (truth_.legs[*at].leg.role == wanted.role)
    name_leg(*at, wanted);
  else
    truth_.legs[*at].parts |= std::uint64_t{1} << step_.part_at;
  FoldLeg& leg = truth_.legs[*at];
  if (!with_leg_id) return at;
  leg.observed |= step_.note->state_report;
  if (tells_leg_id() && by_leg_id() != at) learn_leg_id(leg);
  return at;
}

void Folding::learn_leg_id(FoldLeg& leg) {
  leg.observed = true;
  if (!by_leg_id() && leg.keys.size() < kKeysPerCallMax)
    leg.keys.emplace_back(step_.source, step_.mention->leg);
}

Folding::At Folding::target(bool add) {
  const auto wanted = who();
  if (wanted) {
    if (add) return find_or_add(*wanted);
    if (const At at = by_leg_id()) return at;
    return find(*wanted, true);
  }
  if (const At at = by_leg_id()) return at;
  // Nobody is named: only an unmistakable leg will do.
  At only;
  for (std::size_t i = 0; i < truth_.legs.size(); ++i) {
    const FoldLeg& leg = truth_.legs[i];
    if (leg.conversation != step_.part->conversation) continue;
    const bool fits = step_.note->type == FactType::answered
                          ? leg.leg.role == LegRole::callee && lives(leg)
                          : is_person(leg) && talking(leg) && !leg.leg.ext.empty();
    if (!fits) continue;
    if (only) return std::nullopt;
    only = i;
  }
  if (only) truth_.legs[*only].parts |= std::uint64_t{1} << step_.part_at;
  return only;
}

}  // namespace hookswitch
