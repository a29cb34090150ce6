#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "auth/grant.hpp"
#include "delivery/filter.hpp"
#include "model/event.hpp"

namespace hookswitch {

/// Who of one organisation's clients an event could concern, at a cost that does not grow with the
/// others. A client of the own view stands under its user; one that asked for everything stands
/// apart; any other stands, for each of its filters, under the values of the filter's most
/// selective member: calls, ext, users, queues, sources, types, directions, in that order. Whether
/// the event is really for it, `may_see` and the filters decide. Broker thread.
class SubscriptionIndex {
 public:
  enum class By : std::uint8_t { own, call, ext, user, queue, source };
  struct Place;
  /// What a client keeps of its standing; it must leave() before it goes.
  struct Member {
    std::vector<Place> places;
    std::uint64_t turn = 0;  ///< the last event offered, so that two places cost one offer
  };
  using Filters = std::vector<std::pair<std::string, Filter>>;

  /// `filters`: nullptr asks for everything that the grant may see, an empty list for nothing.
  void enter(Member& member, const Grant& grant, const Filters* filters);
  void leave(Member& member);
  /// One filter of a member that sees its whole organisation and has filters: its place in them is
  /// `slot`.
  void enter(Member& member, const Filter& filter, std::size_t slot);
  /// Takes that one filter away; `last` is known by its slot from now on.
  void leave(Member& member, std::size_t slot, std::size_t last);

  /// Calls `visit(By, const std::string&)` for each value under which somebody whom the event
  /// concerns may stand; some more than once. Not for sources, of which there are few.
  template <class Visit>
  static void each_value(const Event& event, Visit visit) {
    for (const auto& user : event.audience) visit(By::own, user.str());
    if (!event.call) return;
    const Call& call = *event.call;
    for (const Leg& leg : call.legs) {
      if (!leg_counts(call, leg, event.changed)) continue;
      visit(By::ext, leg.ext.str());
      visit(By::user, leg.user.str());
    }
    visit(By::call, call.id.str());
    for (const auto& id : call.absorbed) visit(By::call, id.str());
    visit(By::queue, call.queue.str());
  }
  /// The values under which a member stands. False: it also stands where each_value() does not
  /// lead.
  template <class Visit>
  bool each_place(const Member& member, Visit visit) const {
    for (const Place& place : member.places) {
      if (place.map == nullptr || place.map == &maps_[static_cast<std::size_t>(By::source)])
        return false;
      visit(static_cast<By>(place.map - maps_.data()), *place.key);
    }
    return true;
  }

  /// Calls `offer(Member&, bool is_match)` once for each member that the event could concern.
  /// is_match: the value that led to it is all that one of its filters asks for. `offer` changes
  /// nothing here.
  template <class Offer>
  void each(const Event& event, Offer offer) {
    find(event);
    ++turn_;
    for (const List* list : found_)
      for (const Standing& standing : *list) {
        if (standing.member->turn == turn_) continue;
        standing.member->turn = turn_;
        offer(*standing.member, standing.is_match);
      }
  }

 private:
  struct Standing {
    Member* member;
    std::uint32_t place : 31;  ///< in member->places
    std::uint32_t is_match : 1;
  };
  using List = std::vector<Standing>;
  using Map = std::unordered_map<std::string, List>;
  static constexpr std::size_t kMaps = 6;
  static constexpr std::size_t kTypes = static_cast<std::size_t>(EventType::source_stale) + 1;
  static constexpr std::size_t kDirections = static_cast<std::size_t>(Direction::unknown) + 1;

  Map& map(By by) { return maps_[static_cast<std::size_t>(by)]; }
  void stand(Member& member, std::size_t slot, List& list, Map* map, const std::string* key,
             bool is_match = false);
  void stand_under(Member& member, std::size_t slot, By by, const std::vector<std::string>& values,
                   bool is_match);
  static void give_up(const Place& place);
  void look_up(By by, const std::string& key);
  void find(const Event& event);

  std::array<Map, kMaps> maps_;
  std::array<List, kTypes> types_;
  std::array<List, kDirections> directions_;
  List everything_;
  std::vector<const List*> found_;  ///< of the event at hand
  std::uint64_t turn_ = 0;

 public:
  /// One standing: in which list, and where in it.
  struct Place {
    List* list;
    Map* map;                ///< nullptr: the list is there for good
    const std::string* key;  ///< of the list in `map`
    std::uint32_t at;
    std::uint32_t slot;  ///< of the filter
  };
};

}  // namespace hookswitch
