#include "delivery/leases.hpp"

#include <algorithm>
#include <tuple>

namespace hookswitch {
namespace {

constexpr std::string_view kPop = "pop:";
constexpr std::int64_t kTokensOfARun = std::int64_t{1} << 33;

}  // namespace

LeaseTokens lease_tokens(std::optional<std::int64_t> reserved_before, Time now) {
  const std::int64_t after = std::max(reserved_before.value_or(0), to_unix_ms(now) * 1000);
  return {after, after + kTokensOfARun};
}

void Leases::begin_after(std::int64_t token) { token_ = std::max(token_, token); }

Leases::Candidate* Leases::find(Own& own, std::string_view tab) {
  const auto it = std::find_if(own.tabs.begin(), own.tabs.end(),
                               [&](const Candidate& one) { return one.tab.id == tab; });
  return it == own.tabs.end() ? nullptr : &*it;
}

const Leases::Candidate* Leases::best(const Own& own) {
  const auto worth = [](const Candidate& one) {
    return std::tuple{one.tab.focused, one.tab.visible, one.arrived};
  };
  const auto it =
      std::max_element(own.tabs.begin(), own.tabs.end(),
                       [&](const Candidate& a, const Candidate& b) { return worth(a) < worth(b); });
  return it == own.tabs.end() ? nullptr : &*it;
}

Leases::Pop Leases::find_pop(Own& own, std::string_view call) {
  return std::find_if(own.pops.begin(), own.pops.end(), [&](const Held& held) {
    return std::string_view{held.lease.purpose}.substr(kPop.size()) == call;
  });
}

void Leases::note(const Person& person, Own& own) {
  if (std::exchange(own.changed, true)) return;
  changed_.push_back(person);
}

void Leases::give(const Person& person, Own& own, Held& held, const std::string& holder) {
  if (held.lease.holder == holder) return;
  held.lease.holder = holder;
  held.lease.token = ++token_;
  held.changed = true;
  note(person, own);
}

// --- tabs

bool Leases::join(const Person& person, ClientId client, const Tab& tab) {
  leave(client);
  Own& own = people_[person];
  if (own.calls.lease.purpose.empty()) own.calls.lease.purpose = kCalls;
  Candidate* candidate = find(own, tab.id);
  if (candidate == nullptr) {
    if (own.tabs.size() >= kTabsPerUserMax) return false;
    own.tabs.push_back({tab, ++arrivals_, 0});
    candidate = &own.tabs.back();
    ++tabs_;
  }
  candidate->tab = tab;
  ++candidate->connections;
  clients_[client] = {person, tab.id};
  const Candidate* holder = find(own, own.calls.lease.holder);
  // A tab that is focused on two computers is so by its coming back, not because somebody has
  // turned to it: that is told by focus().
  came_into_focus(person, own, *candidate, holder == nullptr || !holder->tab.focused);
  for (Held& pop : own.pops)
    if (pop.open() && pop.lease.holder.empty()) give(person, own, pop, own.calls.lease.holder);
  return true;
}

void Leases::came_into_focus(const Person& person, Own& own, const Candidate& candidate,
                             bool takes) {
  if (own.calls.lease.holder.empty() || (candidate.tab.focused && takes))
    give(person, own, own.calls, candidate.tab.id);
}

void Leases::focus(ClientId client, bool visible, bool focused) {
  const auto place = clients_.find(client);
  if (place == clients_.end()) return;
  const Person& person = place->second.person;
  Own& own = people_.at(person);
  Candidate& candidate = *find(own, place->second.tab);
  candidate.tab.visible = visible;
  candidate.tab.focused = focused;
  came_into_focus(person, own, candidate, true);
}

void Leases::enable(ClientId client) {
  const auto place = clients_.find(client);
  if (place == clients_.end()) return;
  const Person& person = place->second.person;
  Own& own = people_.at(person);
  give(person, own, own.calls, place->second.tab);
}

void Leases::leave(ClientId client) {
  const auto place = clients_.find(client);
  if (place == clients_.end()) return;
  const auto [person, tab] = place->second;
  clients_.erase(place);
  Own& own = people_.at(person);
  if (--find(own, tab)->connections > 0) return;
  std::erase_if(own.tabs, [&](const Candidate& one) { return one.tab.id == tab; });
  --tabs_;
  const Candidate* heir = best(own);
  const std::string next = heir == nullptr ? std::string{} : heir->tab.id;
  if (own.calls.lease.holder == tab) give(person, own, own.calls, next);
  for (std::size_t i = own.pops.size(); i-- > 0;) {
    Held& pop = own.pops[i];
    if (pop.lease.holder != tab) continue;
    if (pop.open())
      give(person, own, pop, own.calls.lease.holder);
    else
      forget(person, own, own.pops.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (own.tabs.empty()) note(person, own);  // so that it is forgotten when nothing is left of it
}

// --- pops

void Leases::forget(const Person& person, Own& own, Pop pop) {
  give(person, own, *pop, {});
  if (pop->changed) own.gone.push_back(pop->lease);
  own.pops.erase(pop);
  note(person, own);
}

void Leases::offer_pop(const Person& person, std::string_view call) {
  const auto it = people_.find(person);
  if (it == people_.end()) return;
  Own& own = it->second;
  if (find_pop(own, call) != own.pops.end()) return;
  if (own.pops.size() >= kPopsPerUserMax) {
    const auto over =
        std::find_if(own.pops.begin(), own.pops.end(), [](const Held& held) { return held.ended; });
    forget(person, own, over == own.pops.end() ? own.pops.begin() : over);
  }
  own.pops.push_back({{std::string{kPop} += call, {}, 0}, false, false, false});
  give(person, own, own.pops.back(), own.calls.lease.holder);
}

void Leases::end_pop(const Person& person, std::string_view call) {
  const auto it = people_.find(person);
  if (it == people_.end()) return;
  const auto pop = find_pop(it->second, call);
  if (pop == it->second.pops.end()) return;
  pop->ended = true;
  if (pop->lease.holder.empty()) forget(person, it->second, pop);
}

void Leases::merge_pop(const Person& person, std::string_view absorbed, std::string_view call) {
  const auto it = people_.find(person);
  if (it == people_.end()) return;
  Own& own = it->second;
  const auto old = find_pop(own, absorbed);
  if (old == own.pops.end()) return;
  const bool claimed = old->claimed;
  forget(person, own, old);
  offer_pop(person, call);
  const auto pop = find_pop(own, call);
  if (!claimed || pop->claimed) return;
  give(person, own, *pop, {});
  pop->claimed = true;
}

bool Leases::claim(ClientId client, std::string_view call, std::int64_t token) {
  const auto place = clients_.find(client);
  if (place == clients_.end()) return false;
  Own& own = people_.at(place->second.person);
  const auto pop = find_pop(own, call);
  if (pop == own.pops.end() || pop->lease.token != token || pop->lease.holder != place->second.tab)
    return false;
  give(place->second.person, own, *pop, {});
  pop->claimed = true;
  return true;
}

// --- what is told

std::optional<Lease> Leases::calls_of(ClientId client) const {
  const auto place = clients_.find(client);
  if (place == clients_.end()) return std::nullopt;
  return people_.at(place->second.person).calls.lease;
}

std::string_view Leases::tab_of(ClientId client) const {
  const auto place = clients_.find(client);
  return place == clients_.end() ? std::string_view{} : place->second.tab;
}

std::vector<Lease> Leases::of(const Person& person) const {
  std::vector<Lease> out;
  const auto it = people_.find(person);
  if (it == people_.end()) return out;
  out.push_back(it->second.calls.lease);
  for (const Held& pop : it->second.pops)
    if (!pop.claimed && !pop.lease.holder.empty()) out.push_back(pop.lease);
  return out;
}

std::vector<Leases::Change> Leases::take_changes() {
  std::vector<Change> out;
  for (const Person& person : std::exchange(changed_, {})) {
    const auto it = people_.find(person);
    Own& own = it->second;
    own.changed = false;
    if (std::exchange(own.calls.changed, false)) out.push_back({person, own.calls.lease});
    for (Lease& lease : std::exchange(own.gone, {})) out.push_back({person, std::move(lease)});
    for (Held& pop : own.pops)
      if (std::exchange(pop.changed, false)) out.push_back({person, pop.lease});
    if (own.tabs.empty() && own.pops.empty()) people_.erase(it);
  }
  return out;
}

}  // namespace hookswitch
