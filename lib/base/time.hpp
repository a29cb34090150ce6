#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

/// A moment in UTC to the millisecond: what events, logs and the wire carry.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;
using std::chrono::milliseconds;

/// "2026-11-20T15:00:01.000Z" (RFC 3339). Years outside 0..9999 are clamped.
std::string to_rfc3339(Time time);

/// Appends the same 24 characters without allocating more than `out` needs.
void append_rfc3339(std::string& out, Time time);

/// Accepts RFC 3339 with any fraction (cut to milliseconds), `Z` or an offset with or without
/// colon, a space instead of `T`, and the basic form 20261120T150000Z. Without a zone: nullopt.
std::optional<Time> parse_rfc3339(std::string_view text);

/// Milliseconds since 1970-01-01T00:00:00Z.
std::int64_t to_unix_ms(Time time);
Time from_unix_ms(std::int64_t ms);

/// The wall clock; the only place that reads it besides timers. Pure rooms get times passed in.
Time now();

}  // namespace hookswitch
