#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "sources/webhook/time_zone.hpp"

namespace hookswitch::webhook {

/// Is `format` one that parse_time knows: auto unix ms us ns iso rfc2822, or a pattern of `%Y %m %d
/// %H %M %S %f %z` and plain characters?
bool is_time_format(std::string_view format);

/// Reads a moment. `unix`, `ms`, `us`, `ns` count from 1970, with a fraction if there is one;
/// `auto` tells them apart by size and else tries the texts. A text without a zone is a time of
/// `zone`; without one it is not told. nullopt for anything that is no such time, or not between
/// 1970 and 9999. Locale plays no part.
std::optional<Time> parse_time(std::string_view text, std::string_view format,
                               const TimeZone* zone);

}  // namespace hookswitch::webhook
