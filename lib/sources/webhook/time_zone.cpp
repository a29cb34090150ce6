#include "sources/webhook/time_zone.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace hookswitch::webhook {
namespace {

constexpr std::size_t kFileBytesMax = 64 * 1024;  // the largest zone file of tzdata is 4 KiB
constexpr std::int64_t kDay = 86'400;

/// Big-endian bytes, taken from the front; any shortage makes every later read zero and `good`
/// false.
struct Bytes {
  std::string_view left;
  bool good = true;

  std::string_view take(std::size_t count) {
    if (count > left.size()) {
      good = false;
      left = {};
      return {};
    }
    const auto out = left.substr(0, count);
    left.remove_prefix(count);
    return out;
  }
  std::uint64_t number(std::size_t count) {
    std::uint64_t out = 0;
    for (const char c : take(count)) out = out << 8 | static_cast<unsigned char>(c);
    return out;
  }
};

struct Header {
  char version = 0;
  std::size_t isut = 0, isstd = 0, leap = 0, times = 0, types = 0, chars = 0;
};

std::optional<Header> read_header(Bytes& in) {
  if (in.take(4) != "TZif") return std::nullopt;
  Header out;
  const auto version = in.take(1);
  if (!version.empty()) out.version = version.front();
  in.take(15);
  out.isut = in.number(4);
  out.isstd = in.number(4);
  out.leap = in.number(4);
  out.times = in.number(4);
  out.types = in.number(4);
  out.chars = in.number(4);
  if (!in.good) return std::nullopt;
  return out;
}

std::size_t size_of_data(const Header& h, std::size_t time_size) {
  return h.times * (time_size + 1) + h.types * 6 + h.chars + h.leap * (time_size + 4) + h.isstd +
         h.isut;
}

// POSIX TZ text, taken from the front.

bool take_char(std::string_view& in, char c) {
  if (in.empty() || in.front() != c) return false;
  in.remove_prefix(1);
  return true;
}

std::optional<int> take_number(std::string_view& in) {
  int out = 0, digits = 0;
  for (; !in.empty() && in.front() >= '0' && in.front() <= '9' && digits < 4;
       ++digits, in.remove_prefix(1))
    out = out * 10 + (in.front() - '0');
  if (digits == 0) return std::nullopt;
  return out;
}

bool take_name(std::string_view& in) {
  if (take_char(in, '<')) {
    const auto end = in.find('>');
    if (end == std::string_view::npos) return false;
    in.remove_prefix(end + 1);
    return true;
  }
  std::size_t size = 0;
  while (size < in.size() && ((in[size] | 0x20) >= 'a' && (in[size] | 0x20) <= 'z')) ++size;
  in.remove_prefix(size);
  return size >= 3;
}

/// [+-]h[h][:mm[:ss]]
std::optional<std::int64_t> take_clock(std::string_view& in) {
  const bool minus = take_char(in, '-');
  if (!minus) take_char(in, '+');
  std::int64_t out = 0, unit = 3600;
  for (int i = 0; i < 3; ++i, unit /= 60) {
    if (i > 0 && !take_char(in, ':')) break;
    const auto part = take_number(in);
    if (!part || *part > 167) return std::nullopt;
    out += *part * unit;
  }
  return minus ? -out : out;
}

std::optional<DstEdge> take_edge(std::string_view& in) {
  DstEdge out;
  if (take_char(in, 'M')) {
    const auto month = take_number(in);
    if (!month || !take_char(in, '.')) return std::nullopt;
    const auto week = take_number(in);
    if (!week || !take_char(in, '.')) return std::nullopt;
    const auto day = take_number(in);
    if (!day || *month < 1 || *month > 12 || *week < 1 || *week > 5 || *day > 6)
      return std::nullopt;
    out.month = *month;
    out.week = *week;
    out.day = *day;
  } else {
    out.kind =
        take_char(in, 'J') ? DstEdge::Kind::julian_without_leap_day : DstEdge::Kind::day_of_year;
    const auto day = take_number(in);
    if (!day || *day > 365) return std::nullopt;
    out.day = *day;
  }
  if (take_char(in, '/')) {
    const auto at = take_clock(in);
    if (!at) return std::nullopt;
    out.at_seconds = *at;
  }
  return out;
}

/// Local seconds since 1970 of the edge in that year.
std::int64_t edge_in(const DstEdge& edge, std::chrono::year year) {
  using namespace std::chrono;
  sys_days day;
  if (edge.kind == DstEdge::Kind::month_week_day) {
    const year_month in{year, month{static_cast<unsigned>(edge.month)}};
    const weekday wanted{static_cast<unsigned>(edge.day)};
    day = edge.week == 5 ? sys_days{in / wanted[last]}
                         : sys_days{in / wanted[static_cast<unsigned>(edge.week)]};
  } else {
    const bool skips = edge.kind == DstEdge::Kind::julian_without_leap_day;
    int index = skips ? edge.day - 1 : edge.day;
    if (skips && year.is_leap() && edge.day >= 60) ++index;
    day = sys_days{year / January / 1} + days{index};
  }
  return day.time_since_epoch().count() * kDay + edge.at_seconds;
}

}  // namespace

std::shared_ptr<const TimeZone> TimeZone::parse(std::string_view tzif) {
  if (tzif.size() > kFileBytesMax) return nullptr;
  Bytes in{tzif};
  const auto first = read_header(in);
  if (!first || first->version < '2') return nullptr;
  in.take(size_of_data(*first, 4));
  const auto header = read_header(in);
  if (!header || header->types == 0 || header->types > 256 ||
      size_of_data(*header, 8) > in.left.size())
    return nullptr;

  auto zone = std::make_shared<TimeZone>();
  for (std::size_t i = 0; i < header->times; ++i)
    zone->changes_.push_back(static_cast<std::int64_t>(in.number(8)));
  const auto indexes = in.take(header->times);
  std::vector<std::int64_t> types;
  for (std::size_t i = 0; i < header->types; ++i) {
    types.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(in.number(4))));
    in.take(2);
  }
  zone->offsets_.push_back(types.front());
  for (const char index : indexes) {
    const auto at = static_cast<unsigned char>(index);
    if (at >= types.size()) return nullptr;
    zone->offsets_.push_back(types[at]);
  }
  in.take(header->chars + header->leap * 12 + header->isstd + header->isut);
  if (!in.good || !std::is_sorted(zone->changes_.begin(), zone->changes_.end())) return nullptr;
  if (take_char(in.left, '\n')) {
    const auto rule = in.left.substr(0, in.left.find('\n'));
    if (!rule.empty() && !(zone->rule_ = parse_rule(rule))) return nullptr;
  }
  return zone;
}

std::shared_ptr<const TimeZone> TimeZone::load(std::string_view name) {
  if (name == "UTC") {
    auto zone = std::make_shared<TimeZone>();
    zone->offsets_.push_back(0);
    return zone;
  }
  // The name becomes a path: no way out of the folder.
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '/';
  };
  if (name.empty() || name.size() > 64 || name.front() == '/' ||
      !std::all_of(name.begin(), name.end(), allowed))
    return nullptr;
  std::ifstream file{"/usr/share/zoneinfo/" + std::string{name}, std::ios::binary};
  if (!file) return nullptr;
  std::string bytes(kFileBytesMax + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return parse(bytes);
}

std::optional<TimeZone::Rule> TimeZone::parse_rule(std::string_view text) {
  Rule out;
  if (!take_name(text)) return std::nullopt;
  const auto standard = take_clock(text);
  if (!standard) return std::nullopt;
  out.standard = -*standard;  // POSIX counts westward
  if (text.empty()) return out;
  if (!take_name(text)) return std::nullopt;
  out.daylight = out.standard + 3600;
  if (!text.empty() && text.front() != ',') {
    const auto daylight = take_clock(text);
    if (!daylight) return std::nullopt;
    out.daylight = -*daylight;
  }
  if (!take_char(text, ',') || !(out.start = take_edge(text))) return std::nullopt;
  if (!take_char(text, ',') || !(out.end = take_edge(text)) || !text.empty()) return std::nullopt;
  return out;
}

std::int64_t TimeZone::rule_offset_at(const Rule& rule, std::int64_t utc_seconds) {
  if (!rule.start) return rule.standard;
  using namespace std::chrono;
  const auto local = floor<days>(sys_seconds{seconds{utc_seconds + rule.standard}});
  const auto year = year_month_day{local}.year();
  const std::int64_t start = edge_in(*rule.start, year) - rule.standard;
  const std::int64_t end = edge_in(*rule.end, year) - rule.daylight;
  // South of the equator daylight saving runs over the new year.
  const bool daylight = start < end ? utc_seconds >= start && utc_seconds < end
                                    : utc_seconds >= start || utc_seconds < end;
  return daylight ? rule.daylight : rule.standard;
}

std::int64_t TimeZone::offset_at(std::int64_t utc_seconds) const {
  if (rule_ && (changes_.empty() || utc_seconds >= changes_.back()))
    return rule_offset_at(*rule_, utc_seconds);
  const auto after = std::upper_bound(changes_.begin(), changes_.end(), utc_seconds);
  return offsets_[static_cast<std::size_t>(after - changes_.begin())];
}

Time TimeZone::to_utc(std::chrono::local_time<milliseconds> local) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(local).time_since_epoch().count();
  const std::int64_t before = offset_at(seconds - kDay), after = offset_at(seconds + kDay);
  std::int64_t offset = before;
  if (offset_at(seconds - before) != before && offset_at(seconds - after) == after) offset = after;
  return Time{local.time_since_epoch() - std::chrono::seconds{offset}};
}

}  // namespace hookswitch::webhook
