#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/time.hpp"

namespace hookswitch {

inline constexpr std::chrono::seconds kRetryAfterMax{3600};  // who wants longer is asked again

/// A Retry-After header: seconds, or a date as IMF-fixdate (RFC 9110 §5.6.7, §10.2.3), from `now`
/// on; at most kRetryAfterMax. nullopt: neither, or past. Pure.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, Time now);

}  // namespace hookswitch
