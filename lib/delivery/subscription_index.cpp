#include "delivery/subscription_index.hpp"

#include <algorithm>

namespace hookswitch {

void SubscriptionIndex::stand(Member& member, std::size_t slot, List& list, Map* map,
                              const std::string* key, bool is_match) {
  // A filter may name a value twice. Nobody else has come in between.
  if (!list.empty() && list.back().member == &member &&
      member.places[list.back().place].slot == slot)
    return;
  const auto place = static_cast<std::uint32_t>(member.places.size());
  member.places.push_back(
      {&list, map, key, static_cast<std::uint32_t>(list.size()), static_cast<std::uint32_t>(slot)});
  list.push_back({&member, place & 0x7fffffffU, is_match ? 1U : 0U});
}

void SubscriptionIndex::stand_under(Member& member, std::size_t slot, By by,
                                    const std::vector<std::string>& values, bool is_match) {
  for (const auto& value : values) {
    const auto node = map(by).try_emplace(value).first;
    stand(member, slot, node->second, &map(by), &node->first, is_match);
  }
}

void SubscriptionIndex::enter(Member& member, const Grant& grant, const Filters* filters) {
  if (!grant.allows(Scope::events_org))
    return stand_under(member, 0, By::own, {grant.user}, filters == nullptr);
  if (filters == nullptr) return stand(member, 0, everything_, nullptr, nullptr);
  for (std::size_t slot = 0; slot < filters->size(); ++slot)
    enter(member, (*filters)[slot].second, slot);
}

void SubscriptionIndex::enter(Member& member, const Filter& filter, std::size_t slot) {
  const bool alone = filter.is_of_one_member();
  if (!filter.calls.empty()) {
    stand_under(member, slot, By::call, filter.calls, alone);
  } else if (!filter.ext.empty()) {
    stand_under(member, slot, By::ext, filter.ext, alone);
  } else if (!filter.users.empty()) {
    stand_under(member, slot, By::user, filter.users, alone);
  } else if (!filter.queues.empty()) {
    stand_under(member, slot, By::queue, filter.queues, alone);
  } else if (!filter.sources.empty()) {
    stand_under(member, slot, By::source, filter.sources, false);  // of calls, others count
  } else if (!filter.types.empty()) {
    for (std::size_t i = 0; i < kTypes; ++i)
      if (filter.matches(static_cast<EventType>(i)))
        stand(member, slot, types_[i], nullptr, nullptr);
  } else if (!filter.directions.empty()) {
    for (const auto& word : filter.directions)
      if (const auto direction = from_word<Direction>(word))
        stand(member, slot, directions_[static_cast<std::size_t>(*direction)], nullptr, nullptr);
  } else {
    stand(member, slot, everything_, nullptr, nullptr);
  }
}

void SubscriptionIndex::give_up(const Place& place) {
  List& list = *place.list;
  list[place.at] = list.back();
  list[place.at].member->places[list[place.at].place].at = place.at;
  list.pop_back();
  if (place.map != nullptr && list.empty()) {
    const std::string key = *place.key;  // the one in the map goes with its list
    place.map->erase(key);
  }
}

void SubscriptionIndex::leave(Member& member) {
  for (const Place& place : member.places) give_up(place);
  member.places.clear();
}

void SubscriptionIndex::leave(Member& member, std::size_t slot, std::size_t last) {
  auto& places = member.places;
  for (std::size_t i = places.size(); i-- > 0;) {
    if (places[i].slot == slot) {
      give_up(places[i]);
      places[i] = places.back();  // which has been looked at, or is itself the one that goes
      if (i + 1 < places.size())
        (*places[i].list)[places[i].at].place = static_cast<std::uint32_t>(i) & 0x7fffffffU;
      places.pop_back();
    } else if (places[i].slot == last) {
      places[i].slot = static_cast<std::uint32_t>(slot);
    }
  }
}

void SubscriptionIndex::look_up(By by, const std::string& key) {
  const Map& among = map(by);
  if (among.empty() || key.empty()) return;
  const auto it = among.find(key);
  if (it == among.end()) return;
  if (std::find(found_.begin(), found_.end(), &it->second) == found_.end())
    found_.push_back(&it->second);
}

void SubscriptionIndex::find(const Event& event) {
  found_.clear();
  found_.push_back(&everything_);
  found_.push_back(&types_[static_cast<std::size_t>(event.type)]);
  each_value(event, [&](By by, const std::string& value) { look_up(by, value); });
  look_up(By::source, event.source);
  if (!event.call) return;
  const Call& call = *event.call;
  found_.push_back(&directions_[static_cast<std::size_t>(call.direction)]);
  if (map(By::source).empty()) return;
  for (const auto& key : call.ids) look_up(By::source, key.source);
  for (const auto& [field, source] : call.provenance) look_up(By::source, source);
}

}  // namespace hookswitch
