#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dialects/presence.hpp"
#include "journal/journal.hpp"

namespace hookswitch {

/// What the hub needs to know of the past and present; the broker's. Broker thread.
class History {
 public:
  virtual ~History() = default;
  virtual const std::string& epoch() const = 0;
  /// Offset of the newest event that the hub has been given, or 0.
  virtual std::uint64_t newest(const std::string& org) const = 0;
  virtual std::uint64_t complete_after(const std::string& org) const = 0;
  virtual Result<std::vector<StoredEvent>> read(const std::string& org, std::uint64_t offset,
                                                std::size_t events_max, std::size_t bytes_max) = 0;
  /// Calls of `org` that have not ended.
  virtual LiveCalls live(const std::string& org) const = 0;
};

}  // namespace hookswitch
