#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch::webhook {

/// `text` with every `//` comment turned into blanks; bytes and lines stay where they were.
std::string blank_comments(std::string_view text);

/// Line (from 1) of the byte at `offset`.
int line_at(std::string_view text, std::size_t offset);

/// A place has its pointer whole, so without this bound a long key would be kept once for each
/// value under it. What a person writes stays under 200 bytes.
inline constexpr std::size_t kPointerBytesMax = 512;

/// Where the values of a JSON text are, and keys that occur twice. Reads any bytes; what is no JSON
/// gives few places. Stops at the first pointer of more than kPointerBytesMax, and after
/// kJsonValuesMax places.
struct Places {
  explicit Places(std::string_view text);
  /// Of the value at `pointer` (RFC 6901); of the nearest one around it when it has none itself.
  int line(std::string_view pointer) const;

  std::map<std::string, int, std::less<>> lines;  ///< by pointer; for members the line of the key
  std::vector<std::string> doubled;               ///< pointers of keys that occur twice
  std::optional<std::string> too_long;  ///< pointer of what holds the value whose pointer is
};

/// RFC 6901: `~` and `/` of a token written as `~0` and `~1`.
std::string escape_token(std::string_view token);

}  // namespace hookswitch::webhook
