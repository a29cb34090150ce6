#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "delivery/subscription_index.hpp"
#include "delivery/told_event.hpp"

namespace hookswitch {

/// The newest events of all organisations, decoded: who comes back after a short absence, or a
/// whole crowd after a break of the network, is served from here and not from the disk. Bounded by
/// events (0: nobody is served from here) and by about the memory they take; the oldest goes first.
/// Broker thread.
class EventTail {
 public:
  EventTail(std::size_t events_max, std::size_t bytes_max)
      : events_max_(events_max), bytes_max_(bytes_max) {}

  /// The event follows its organisation's last one. What is returned lives until the next add().
  const ToldEvent& add(const Event& event, const Frame& native);

  /// Values of SubscriptionIndex, hashed: what leads from a client to its events.
  using Keys = std::vector<std::uint64_t>;
  static std::uint64_t key_of(SubscriptionIndex::By by, const std::string& value);

  /// Events of `org` after `offset`, oldest first.
  struct Page {
    std::vector<const ToldEvent*> events;  ///< good until the next add()
    std::uint64_t until = 0;               ///< there are no others up to this offset
  };
  /// At most `events_max` of them; with `keys` only those that one of the keys leads to, at a cost
  /// that does not grow with the others. nullopt: not all that came after `offset` are here.
  std::optional<Page> after(const std::string& org, std::uint64_t offset, const Keys* keys,
                            std::size_t events_max) const;
  void clear();

 private:
  struct Offsets {
    std::vector<std::uint64_t> all;  ///< ascending
    std::size_t first = 0;           ///< those before it are forgotten
  };
  struct Org {
    std::deque<ToldEvent> events;
    std::unordered_map<std::uint64_t, Offsets> by_key;
    std::uint64_t first() const { return events.front().event().cursor.offset; }
  };
  void drop_oldest();

  std::size_t events_max_, bytes_max_, bytes_ = 0;
  std::unordered_map<std::string, Org> orgs_;
  std::deque<Org*> order_;  ///< whose event is the oldest, and so on
};

}  // namespace hookswitch
