#include "sinks/retry_after.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<Time> parse_date(std::string_view text) {
  if (text.size() != 29 || text.substr(25) != " GMT" || text.substr(3, 2) != ", ")
    return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const auto number = std::to_string(month - kMonths.begin() + 1);
  std::string plain{text.substr(12, 4)};
  plain += (number.size() == 1 ? "-0" : "-") + number + "-";
  plain += text.substr(5, 2);
  plain += "T";
  plain += text.substr(17, 8);
  return parse_rfc3339(plain + "Z");
}

}  // namespace

std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, Time now) {
  text = trim(text);
  std::chrono::seconds out{0};
  if (const auto seconds = parse_int(text)) {
    out = std::chrono::seconds{std::clamp<long long>(*seconds, 0, kRetryAfterMax.count())};
  } else if (const auto date = parse_date(text)) {
    out = std::chrono::ceil<std::chrono::seconds>(*date - now);
  }
  if (out <= std::chrono::seconds{0}) return std::nullopt;
  return std::min(out, kRetryAfterMax);
}

}  // namespace hookswitch
