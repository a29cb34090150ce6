#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "delivery/told_event.hpp"

namespace hookswitch {

/// The newest events of all organisations, decoded: who comes back after a short absence, or a
/// whole crowd after a break of the network, is served from here and not from the disk. Bounded by
/// events (0: nobody is served from here) and by the bytes of their texts; the oldest goes first.
/// Broker thread.
class EventTail {
 public:
  EventTail(std::size_t events_max, std::size_t bytes_max)
      : events_max_(events_max), bytes_max_(bytes_max) {}

  /// The event follows its organisation's last one. What is returned lives until the next add().
  const ToldEvent& add(const Event& event, const Frame& native);
  /// All events of `org` after `offset`, oldest first, as [first, end); nullopt: not all of them
  /// are here.
  using Events = std::deque<ToldEvent>;
  std::optional<std::pair<Events::const_iterator, Events::const_iterator>> after(
      const std::string& org, std::uint64_t offset) const;
  void clear();

 private:
  void drop_oldest();

  std::size_t events_max_, bytes_max_, bytes_ = 0;
  std::unordered_map<std::string, Events> orgs_;
  std::deque<Events*> order_;  ///< whose event is the oldest, and so on
};

}  // namespace hookswitch
