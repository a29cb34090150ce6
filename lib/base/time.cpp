#include "base/time.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

void put(char* out, unsigned value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

/// Reads exactly `digits` decimal digits and moves on.
bool take(std::string_view& text, int digits, int& out) {
  if (text.size() < static_cast<std::size_t>(digits)) return false;
  out = 0;
  for (int i = 0; i < digits; ++i) {
    const char c = text[static_cast<std::size_t>(i)];
    if (c < '0' || c > '9') return false;
    out = out * 10 + (c - '0');
  }
  text.remove_prefix(static_cast<std::size_t>(digits));
  return true;
}

bool skip(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

void append_rfc3339(std::string& out, Time time) {
  using namespace std::chrono;
  // std::chrono::year is 16 bits wide: clamp before it wraps.
  time = std::clamp(time, Time{sys_days{year{0} / 1 / 1}},
                    Time{sys_days{year{10000} / 1 / 1}} - milliseconds{1});
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  char text[] = "0000-00-00T00:00:00.000Z";
  put(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put(text + 5, static_cast<unsigned>(date.month()), 2);
  put(text + 8, static_cast<unsigned>(date.day()), 2);
  put(text + 11, static_cast<unsigned>(clock.hours().count()), 2);
  put(text + 14, static_cast<unsigned>(clock.minutes().count()), 2);
  put(text + 17, static_cast<unsigned>(clock.seconds().count()), 2);
  put(text + 20, static_cast<unsigned>(clock.subseconds().count()), 3);
  out.append(text, 24);
}

std::string to_rfc3339(Time time) {
  std::string out;
  append_rfc3339(out, time);
  return out;
}

std::optional<Time> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0;
  if (!take(text, 4, y)) return std::nullopt;
  const bool extended = skip(text, '-');
  if (!take(text, 2, mo) || (extended && !skip(text, '-')) || !take(text, 2, d))
    return std::nullopt;
  if (!skip(text, 'T') && !skip(text, 't') && !skip(text, ' ')) return std::nullopt;
  if (!take(text, 2, h) || (extended && !skip(text, ':')) || !take(text, 2, mi) ||
      (extended && !skip(text, ':')) || !take(text, 2, s))
    return std::nullopt;
  int ms = 0;
  if (skip(text, '.') || skip(text, ',')) {
    int scale = 100, count = 0;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9';
         text.remove_prefix(1), ++count) {
      ms += (text.front() - '0') * scale;
      scale /= 10;
    }
    if (count == 0) return std::nullopt;
  }
  int offset = 0;
  if (!skip(text, 'Z') && !skip(text, 'z')) {
    const bool minus = !text.empty() && text.front() == '-';
    int oh = 0, om = 0;
    if (!skip(text, '+') && !skip(text, '-')) return std::nullopt;
    if (!take(text, 2, oh)) return std::nullopt;
    skip(text, ':');
    if (!take(text, 2, om) || oh > 23 || om > 59) return std::nullopt;
    offset = (oh * 60 + om) * (minus ? -1 : 1);
  }
  const year_month_day date{year{y}, month{static_cast<unsigned>(mo)},
                            day{static_cast<unsigned>(d)}};
  if (!text.empty() || !date.ok() || h > 23 || mi > 59 || s > 60) return std::nullopt;
  return Time{sys_days{date}} + hours{h} + minutes{mi - offset} + seconds{std::min(s, 59)} +
         milliseconds{ms};
}

std::int64_t to_unix_ms(Time time) { return time.time_since_epoch().count(); }
Time from_unix_ms(std::int64_t ms) { return Time{milliseconds{ms}}; }

Time now() { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); }

}  // namespace hookswitch
