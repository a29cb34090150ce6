#include "sources/webhook/time_text.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace hookswitch::webhook {
namespace {

constexpr std::int64_t kMsMax = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z

struct Fields {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, ms = 0;
  std::optional<int> offset_minutes;
};

bool take(std::string_view& in, char c) {
  if (in.empty() || in.front() != c) return false;
  in.remove_prefix(1);
  return true;
}

bool take_digits(std::string_view& in, std::size_t least, std::size_t most, int& out) {
  std::size_t count = 0;
  out = 0;
  for (; count < most && !in.empty() && in.front() >= '0' && in.front() <= '9';
       ++count, in.remove_prefix(1))
    out = out * 10 + (in.front() - '0');
  return count >= least;
}

/// Digits after the point; cut to milliseconds.
bool take_fraction(std::string_view& in, int& ms) {
  int scale = 100, count = 0;
  ms = 0;
  for (; !in.empty() && in.front() >= '0' && in.front() <= '9';
       ++count, scale /= 10, in.remove_prefix(1))
    ms += (in.front() - '0') * scale;
  return count > 0;
}

bool take_offset(std::string_view& in, std::optional<int>& minutes) {
  if (take(in, 'Z') || take(in, 'z')) {
    minutes = 0;
    return true;
  }
  const bool minus = take(in, '-');
  if (!minus && !take(in, '+')) return false;
  int hours = 0, rest = 0;
  if (!take_digits(in, 2, 2, hours)) return false;
  take(in, ':');
  if (!take_digits(in, 2, 2, rest) || hours > 23 || rest > 59) return false;
  minutes = (hours * 60 + rest) * (minus ? -1 : 1);
  return true;
}

std::optional<Time> in_range(Time time) {
  const auto ms = to_unix_ms(time);
  if (ms < 0 || ms > kMsMax) return std::nullopt;
  return time;
}

std::optional<Time> to_time(const Fields& f, const TimeZone* zone) {
  using namespace std::chrono;
  const year_month_day date{year{f.year}, month{static_cast<unsigned>(f.month)},
                            day{static_cast<unsigned>(f.day)}};
  if (!date.ok() || f.hour > 23 || f.minute > 59 || f.second > 60) return std::nullopt;
  const auto local = local_days{date} + hours{f.hour} + minutes{f.minute} +
                     seconds{std::min(f.second, 59)} + milliseconds{f.ms};
  if (f.offset_minutes)
    return in_range(Time{local.time_since_epoch() - minutes{*f.offset_minutes}});
  if (zone == nullptr) return std::nullopt;
  return in_range(zone->to_utc(local));
}

/// Counts since 1970 in units of which `per_ms_numerator / per_ms_divisor` make a millisecond.
std::optional<Time> parse_count(std::string_view text, std::int64_t multiply, std::int64_t divide) {
  const auto point = text.find('.');
  const auto whole = parse_int(text.substr(0, point));
  if (!whole || *whole < 0 || *whole / divide > kMsMax / multiply) return std::nullopt;
  int ms = 0;
  if (point != std::string_view::npos) {
    auto fraction = text.substr(point + 1);
    if (!take_fraction(fraction, ms) || !fraction.empty()) return std::nullopt;
    if (multiply != 1000) ms = 0;  // below a millisecond already
  }
  return in_range(from_unix_ms(*whole / divide * multiply + ms));
}

std::optional<Time> parse_iso(std::string_view text, const TimeZone* zone) {
  Fields f;
  if (!take_digits(text, 4, 4, f.year)) return std::nullopt;
  const bool extended = take(text, '-');
  if (!take_digits(text, 2, 2, f.month) || (extended && !take(text, '-')) ||
      !take_digits(text, 2, 2, f.day))
    return std::nullopt;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  if (!take_digits(text, 2, 2, f.hour) || (extended && !take(text, ':')) ||
      !take_digits(text, 2, 2, f.minute) || (extended && !take(text, ':')) ||
      !take_digits(text, 2, 2, f.second))
    return std::nullopt;
  if ((take(text, '.') || take(text, ',')) && !take_fraction(text, f.ms)) return std::nullopt;
  if (!text.empty() && (!take_offset(text, f.offset_minutes) || !text.empty())) return std::nullopt;
  return to_time(f, zone);
}

/// "Thu, 20 Nov 2025 15:00:00 +0000"; the day name is not looked at.
std::optional<Time> parse_rfc2822(std::string_view text, const TimeZone* zone) {
  constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                     "jul", "aug", "sep", "oct", "nov", "dec"};
  if (const auto comma = text.find(','); comma != std::string_view::npos)
    text = trim(text.substr(comma + 1));
  Fields f;
  if (!take_digits(text, 1, 2, f.day) || !take(text, ' ') || text.size() < 3) return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), to_lower(text.substr(0, 3)));
  if (month == kMonths.end()) return std::nullopt;
  f.month = static_cast<int>(month - kMonths.begin()) + 1;
  text.remove_prefix(3);
  if (!take(text, ' ') || !take_digits(text, 4, 4, f.year) || !take(text, ' ') ||
      !take_digits(text, 2, 2, f.hour) || !take(text, ':') || !take_digits(text, 2, 2, f.minute))
    return std::nullopt;
  if (take(text, ':') && !take_digits(text, 2, 2, f.second)) return std::nullopt;
  text = trim(text);
  if (text == "GMT" || text == "UT" || text == "UTC") text = "Z";
  if (!text.empty() && (!take_offset(text, f.offset_minutes) || !text.empty())) return std::nullopt;
  return to_time(f, zone);
}

std::optional<Time> parse_pattern(std::string_view text, std::string_view format,
                                  const TimeZone* zone) {
  Fields f;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      if (!take(text, format[i])) return std::nullopt;
      continue;
    }
    bool good = false;
    switch (format[++i]) {
      case 'Y':
        good = take_digits(text, 4, 4, f.year);
        break;
      case 'm':
        good = take_digits(text, 1, 2, f.month);
        break;
      case 'd':
        good = take_digits(text, 1, 2, f.day);
        break;
      case 'H':
        good = take_digits(text, 1, 2, f.hour);
        break;
      case 'M':
        good = take_digits(text, 1, 2, f.minute);
        break;
      case 'S':
        good = take_digits(text, 1, 2, f.second);
        break;
      case 'f':
        good = take_fraction(text, f.ms);
        break;
      case 'z':
        good = take_offset(text, f.offset_minutes);
        break;
      default:
        break;
    }
    if (!good) return std::nullopt;
  }
  if (!text.empty()) return std::nullopt;
  return to_time(f, zone);
}

std::optional<Time> parse_auto(std::string_view text, const TimeZone* zone) {
  const auto digits = static_cast<std::size_t>(
      std::find_if(text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; }) -
      text.begin());
  if (digits == text.size() || (digits >= 9 && text[digits] == '.')) {
    if (digits <= 11) return parse_count(text, 1000, 1);
    if (digits <= 14) return parse_count(text, 1, 1);
    if (digits <= 17) return parse_count(text, 1, 1000);
    return parse_count(text, 1, 1'000'000);
  }
  if (auto iso = parse_iso(text, zone)) return iso;
  return parse_rfc2822(text, zone);
}

}  // namespace

bool is_time_format(std::string_view format) {
  for (const std::string_view word : {"auto", "unix", "ms", "us", "ns", "iso", "rfc2822"})
    if (format == word) return true;
  if (format.find('%') == std::string_view::npos || format.size() > 64) return false;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    if (++i == format.size() ||
        std::string_view{"YmdHMSfz"}.find(format[i]) == std::string_view::npos)
      return false;
  }
  return true;
}

std::optional<Time> parse_time(std::string_view text, std::string_view format,
                               const TimeZone* zone) {
  text = trim(text);
  if (text.empty()) return std::nullopt;
  if (format == "auto") return parse_auto(text, zone);
  if (format == "unix") return parse_count(text, 1000, 1);
  if (format == "ms") return parse_count(text, 1, 1);
  if (format == "us") return parse_count(text, 1, 1000);
  if (format == "ns") return parse_count(text, 1, 1'000'000);
  if (format == "iso") return parse_iso(text, zone);
  if (format == "rfc2822") return parse_rfc2822(text, zone);
  return parse_pattern(text, format, zone);
}

}  // namespace hookswitch::webhook
