// Which leg a fact is about. What then happens to it is in fold.cpp.
#include <algorithm>

#include "calls/fold.hpp"
#include "calls/leg_words.hpp"

namespace hookswitch {

using namespace leg_words;  // NOLINT(google-build-using-namespace): this room's own

// ------------------------------------------------------------------------------------------------------------

std::size_t Fold::add_leg(const Who& who) {
  Leg leg;
  leg.id = "l" + std::to_string(call_.legs.size() + 1);
  leg.role = who.role;
  call_.legs.push_back(std::move(leg));
  record_.memory.emplace_back();
  name_leg(call_.legs.size() - 1, who);
  changed_ = true;
  return call_.legs.size() - 1;
}

void Fold::name_leg(std::size_t at, const Who& who) {
  Leg& leg = call_.legs[at];
  fill(leg.ext, who.ext);
  if (leg.ext.empty()) fill(leg.number, who.number);
  fill(leg.user, who.user);
}

std::size_t Fold::caller() {
  Who who{LegRole::caller, {}, {}, call_.from.number};
  if (call_.from.number.empty() || call_.direction == Direction::outbound ||
      call_.direction == Direction::internal) {
    who.ext = call_.from.ext;
    if (const User* user = directory_.find_by_ext(call_.org, who.ext)) who.user = user->id;
  }
  for (std::size_t i = 0; i < call_.legs.size(); ++i)
    if (call_.legs[i].role == LegRole::caller) {
      name_leg(i, who);
      return i;
    }
  return add_leg(who);
}

std::optional<std::size_t> Fold::by_leg_id(const Fact& fact) const {
  if (fact.ids.leg.empty()) return std::nullopt;
  const std::string key = leg_key(fact);
  for (std::size_t i = record_.memory.size();
       i-- > 0;)  // the newest bearer of an id that was used again
    if (std::find(record_.memory[i].keys.begin(), record_.memory[i].keys.end(), key) !=
        record_.memory[i].keys.end())
      return i;
  return std::nullopt;
}

std::optional<Fold::Who> Fold::who(const Fact& fact) const {
  const Direction direction = direction_of(fact);
  const auto line = [&](LegRole role, const Party& party) -> std::optional<Who> {
    Who out{role, party.ext, {}, party.number};
    if (!party.ext.empty())
      if (const User* user = directory_.find_by_ext(call_.org, party.ext)) out.user = user->id;
    if (out.ext.empty() && out.number.empty()) return std::nullopt;
    return out;
  };
  if (!fact.agent.empty()) {
    Who out;
    out.ext = fact.agent.ext;
    const User* user = directory_.find_by_ext(call_.org, out.ext);
    if (user == nullptr && !fact.agent.id.empty())
      user = directory_.find_user(call_.org, fact.agent.id);
    if (user == nullptr && !fact.agent.email.empty())
      user = directory_.find_by_email(call_.org, fact.agent.email);
    if (user != nullptr) {
      out.user = user->id;
      if (out.ext.empty() && !user->extensions.empty()) out.ext = user->extensions.front();
    }
    const std::string& from = fact.from.ext.empty() ? call_.from.ext : fact.from.ext;
    const bool is_from = !out.ext.empty() && out.ext == from;
    const bool is_caller =
        direction == Direction::outbound || (direction != Direction::inbound && is_from);
    out.role = is_caller ? LegRole::caller : LegRole::callee;
    if (!out.ext.empty() || !out.user.empty()) return out;
  }
  switch (fact.type) {
    case FactType::started:
    case FactType::dialing:
      return line(LegRole::caller, fact.from);
    case FactType::ringing:
      return line(LegRole::callee, fact.to);
    default:
      break;
  }
  if (direction == Direction::outbound && names_line(fact.from))
    return line(LegRole::caller, fact.from);
  if (direction != Direction::outbound && !fact.to.ext.empty())
    return line(LegRole::callee, fact.to);
  return std::nullopt;
}

std::optional<std::size_t> Fold::find(const Fact& fact, const Who& wanted) const {
  std::optional<std::size_t> over;
  for (std::size_t i = 0; i < call_.legs.size(); ++i) {
    const Leg& leg = call_.legs[i];
    if (leg.role != wanted.role) continue;
    const bool same_ext = !wanted.ext.empty() && leg.ext == wanted.ext;
    const bool same_user = wanted.ext.empty() && !wanted.user.empty() && leg.user == wanted.user;
    const bool same_number =
        wanted.ext.empty() && wanted.user.empty() && leg.ext.empty() && leg.number == wanted.number;
    const bool nameless_caller =
        leg.role == LegRole::caller && leg.ext.empty() && leg.user.empty() && leg.number.empty();
    if (!same_ext && !same_user && !same_number && !nameless_caller) continue;
    // Another leg id of the same source is another device of that line.
    if (!fact.ids.leg.empty() && has_key_of(record_.memory[i], fact.source)) continue;
    if (lives(leg)) return i;
    over = i;
  }
  return over;
}

std::optional<std::size_t> Fold::find_or_add(const Fact& fact, const Who& wanted) {
  auto at = by_leg_id(fact);
  if (!at) at = find(fact, wanted);
  if (at && !lives(call_.legs[*at])) {
    // The same line again: a second try if it is told to be later than the end of the first, else
    // late news of the first.
    const bool begins = fact.type == FactType::ringing || fact.type == FactType::answered ||
                        fact.type == FactType::dialing;
    const bool later = (fact.at || fact.state_report) &&
                       fact.occurred() > call_.legs[*at].ended_at.value_or(Time::max());
    if (begins && later && call_.legs.size() < kLegsPerCallMax) at.reset();
  }
  if (!at && call_.legs.size() >= kLegsPerCallMax) return std::nullopt;
  if (!at) at = add_leg(wanted);
  name_leg(*at, wanted);
  LegMemory& memory = record_.memory[*at];
  memory.observed |= fact.state_report || !fact.ids.leg.empty();
  if (!fact.ids.leg.empty() && by_leg_id(fact) != at && memory.keys.size() < kKeysPerCallMax)
    memory.keys.push_back(leg_key(fact));
  return at;
}

std::optional<std::size_t> Fold::target(const Fact& fact, bool add) {
  const auto wanted = who(fact);
  if (wanted) {
    if (add) return find_or_add(fact, *wanted);
    if (const auto at = by_leg_id(fact)) return at;
    if (const auto at = find(fact, *wanted)) return at;
    return std::nullopt;
  }
  if (const auto at = by_leg_id(fact)) return at;
  // Nobody is named: only an unmistakable leg will do.
  std::optional<std::size_t> only;
  for (std::size_t i = 0; i < call_.legs.size(); ++i) {
    const Leg& leg = call_.legs[i];
    const bool fits = fact.type == FactType::answered
                          ? leg.role == LegRole::callee && lives(leg)
                          : is_person(leg) && talking(leg) && !leg.ext.empty();
    if (!fits) continue;
    if (only) return std::nullopt;
    only = i;
  }
  return only;
}

}  // namespace hookswitch
