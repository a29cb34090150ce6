#include "base/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>

namespace hookswitch::log {
namespace {

std::atomic<Level> g_level{Level::info};

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("hookswitch",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
  });
}

}  // namespace

std::string line(Level level, std::string_view event, Fields fields) {
  std::string out = fmt::format("<{}>{}", static_cast<int>(level), event);
  for (const auto& [name, value] : fields) {
    out += ' ';
    out += name;
    out += '=';
    if (is_plain(value)) {
      out += value;
      continue;
    }
    out += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
      } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
        // Beyond ASCII too: bidi controls and homoglyphs have no business in a terminal.
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
      } else {
        out += c;
      }
    }
    out += '"';
  }
  return out;
}

std::string masked(std::string_view number) {
  std::string out{number};
  const std::size_t head = out.starts_with('+') ? 5 : 4;
  if (out.size() <= head) return out;  // an extension, not a person's number
  for (std::size_t i = head; i + 2 < out.size(); ++i) out[i] = '*';
  return out;
}

void set_level(Level level) { g_level = level; }

void write(Level level, std::string_view event, Fields fields) {
  if (level > g_level.load(std::memory_order_relaxed)) return;
  logger().log(spdlog::level::info, "{}", line(level, event, fields));
}

}  // namespace hookswitch::log
