#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace hookswitch::webhook {

/// One edge of daylight saving: POSIX `TZ` rule (IEEE 1003.1 §8.3), `Mm.w.d`, `Jn` or `n`, with a
/// time of day.
struct DstEdge {
  enum class Kind { month_week_day, julian_without_leap_day, day_of_year };
  Kind kind = Kind::month_week_day;
  int month = 1, week = 1, day = 0;
  std::int64_t at_seconds = 2 * 3600;
};

/// Offsets of one zone from a TZif file (RFC 8536). The C library's tables are not used: they are
/// process-wide state. Immutable; any thread.
class TimeZone {
 public:
  /// Bytes of a TZif file of version 2 or later; nullptr if they are none.
  static std::shared_ptr<const TimeZone> parse(std::string_view tzif);
  /// By IANA name, from the system's zone files. "UTC" is always there. nullptr: no such zone, or
  /// no name of one.
  static std::shared_ptr<const TimeZone> load(std::string_view name);

  /// The moment when clocks of the zone show `local`. Shown twice: the first one; never shown: as
  /// if the clock had not been changed yet.
  Time to_utc(std::chrono::local_time<milliseconds> local) const;

 private:
  struct Rule {
    std::int64_t standard = 0, daylight = 0;
    std::optional<DstEdge> start, end;  // absent: standard time all year
  };

  static std::optional<Rule> parse_rule(std::string_view text);
  std::int64_t offset_at(std::int64_t utc_seconds) const;
  static std::int64_t rule_offset_at(const Rule& rule, std::int64_t utc_seconds);

  std::vector<std::int64_t> changes_;
  std::vector<std::int64_t>
      offsets_;  // offsets_[0] before the first change, offsets_[i + 1] from changes_[i]
  std::optional<Rule> rule_;  // after the last change
};

}  // namespace hookswitch::webhook
