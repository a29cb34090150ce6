#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

/// ASCII only; locale plays no part.
std::string to_lower(std::string_view text);
bool equals_ignore_case(std::string_view a, std::string_view b);
/// Without leading and trailing blanks (space, tab, CR, LF).
std::string_view trim(std::string_view text);

/// RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

std::string to_hex(std::string_view bytes);
/// Lower or upper case; nullopt for odd length or other characters.
std::optional<std::string> from_hex(std::string_view hex);

std::string to_base64(std::string_view bytes);
/// RFC 4648 §4 with padding. Refuses non-canonical trailing bits, blanks and missing padding.
std::optional<std::string> from_base64(std::string_view text);
/// RFC 4648 §5 without padding, as JWT writes it.
std::string to_base64url(std::string_view bytes);
std::optional<std::string> from_base64url(std::string_view text);

/// `%41` -> `A`; with `plus_is_space` as in forms. nullopt for a broken escape.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
/// All but RFC 3986 unreserved characters escaped.
std::string percent_encode(std::string_view text);

/// A whole decimal integer with optional minus; nullopt for anything else, also for overflow.
std::optional<long long> parse_int(std::string_view text);

}  // namespace hookswitch
