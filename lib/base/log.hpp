#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

/// One line an event: `<priority>event_word key=value …` on stderr, as journald reads it
/// (sd-daemon(3)). Any thread. A peer must not be able to write lines at info or above at will:
/// count, log the first.
namespace hookswitch::log {

enum class Level { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

using Field = std::pair<std::string_view, std::string>;
using Fields = std::initializer_list<Field>;

/// The line as it is written, without line end. Values that hold anything but plain characters are
/// quoted and escaped, so that outside text cannot forge a second line or field.
std::string line(Level level, std::string_view event, Fields fields);

/// "+12025550143" -> "+1202*****43": enough to find a call by, not enough to know a person by.
std::string masked(std::string_view number);

/// Lines above this level are dropped. Default info.
void set_level(Level level);

void write(Level level, std::string_view event, Fields fields);
inline void error(std::string_view event, Fields fields = {}) {
  write(Level::error, event, fields);
}
inline void warning(std::string_view event, Fields fields = {}) {
  write(Level::warning, event, fields);
}
inline void notice(std::string_view event, Fields fields = {}) {
  write(Level::notice, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
inline void debug(std::string_view event, Fields fields = {}) {
  write(Level::debug, event, fields);
}

}  // namespace hookswitch::log
