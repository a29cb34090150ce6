#include "sources/webhook/places.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace hookswitch::webhook {
namespace {

/// The byte after the closing quote of the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return std::min(at + 1, text.size());
}

constexpr std::size_t kDoubledMax = 100;  // only the first is told

struct Level {
  bool object;
  std::string pointer;
  std::string key;
  std::size_t index = 0;
  bool has_key = false;
};

}  // namespace

std::string blank_comments(std::string_view text) {
  std::string out{text};
  for (std::size_t i = 0; i < out.size();) {
    if (out[i] == '"') {
      i = end_of_string(out, i);
    } else if (out[i] == '/' && i + 1 < out.size() && out[i + 1] == '/') {
      for (; i < out.size() && out[i] != '\n'; ++i) out[i] = ' ';
    } else {
      ++i;
    }
  }
  return out;
}

int line_at(std::string_view text, std::size_t offset) {
  return 1 + static_cast<int>(std::count(
                 text.begin(),
                 text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size())), '\n'));
}

std::string escape_token(std::string_view token) {
  std::string out;
  for (const char c : token) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

Places::Places(std::string_view text) {
  std::vector<Level> levels;
  int line = 1;
  lines[""] = 1;
  const auto pointer_here = [&] {
    if (levels.empty()) return std::string{};
    const Level& top = levels.back();
    return top.pointer + "/" + (top.object ? escape_token(top.key) : std::to_string(top.index));
  };
  // False at the first pointer that is too long.
  const auto note = [&](int at_line, bool is_key) {
    const std::string pointer = pointer_here();
    if (pointer.size() > kPointerBytesMax) {
      too_long = levels.back().pointer;
      return false;
    }
    if (!lines.try_emplace(pointer, at_line).second && is_key) doubled.push_back(pointer);
    return lines.size() < kJsonValuesMax && doubled.size() < kDoubledMax;
  };
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (c == '"') {
      const std::size_t end = end_of_string(text, i);
      const int key_line = line;
      if (!levels.empty() && levels.back().object && !levels.back().has_key) {
        levels.back().key =
            std::string{text.substr(i + 1, end - i - 2 < text.size() ? end - i - 2 : 0)};
        levels.back().has_key = true;
        if (!note(key_line, true)) return;
      } else if (!note(line, false)) {
        return;
      }
      line += static_cast<int>(std::count(text.begin() + static_cast<std::ptrdiff_t>(i),
                                          text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      i = end;
      continue;
    }
    if (c == '{' || c == '[') {
      if (!note(line, false)) return;
      if (levels.size() >= kJsonDepthMax) return;
      levels.push_back(Level{c == '{', pointer_here(), {}});
    } else if ((c == '}' || c == ']') && !levels.empty()) {
      levels.pop_back();
    } else if (c == ',' && !levels.empty()) {
      ++levels.back().index;
      levels.back().has_key = false;
    } else if (c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')) {
      if (!note(line, false)) return;
    }
    ++i;
  }
}

int Places::line(std::string_view pointer) const {
  for (;;) {
    if (const auto it = lines.find(pointer); it != lines.end()) return it->second;
    const auto slash = pointer.rfind('/');
    if (slash == std::string_view::npos) return 1;
    pointer = pointer.substr(0, slash);
  }
}

}  // namespace hookswitch::webhook
