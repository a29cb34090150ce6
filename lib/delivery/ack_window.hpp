#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace hookswitch {

/// What one client was sent and has not acknowledged: never more than its window.
class AckWindow {
 public:
  explicit AckWindow(std::size_t events_max) : events_max_(events_max) {}

  std::size_t events_max() const { return events_max_; }
  bool full() const { return offsets_.size() >= events_max_; }
  /// Half of the window is free again: enough for a page at a time, not an event at a time.
  bool has_room() const { return offsets_.size() <= events_max_ / 2; }
  void sent(std::uint64_t offset) { offsets_.push_back(offset); }
  /// Everything up to here.
  void acknowledged(std::uint64_t offset) {
    while (!offsets_.empty() && offsets_.front() <= offset) offsets_.pop_front();
  }

 private:
  std::size_t events_max_;
  std::deque<std::uint64_t> offsets_;  ///< rising
};

}  // namespace hookswitch
