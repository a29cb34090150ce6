#include "recorder/redact_document.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "base/json.hpp"
#include "base/text.hpp"
#include "recorder/redact_names.hpp"

namespace hookswitch {
namespace {

using Map = std::function<std::string(Telling, std::string_view)>;

constexpr std::size_t kWordBytesMax = 48;
constexpr std::size_t kPhoneDigitsLeast = 5;

/// "callState", "call_state", "X-Call-State": "callstate".
std::string plain(std::string_view member) {
  std::string out;
  for (const char c : to_lower(member))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  return out;
}

template <std::size_t n>
bool has_any(const std::string& name, const std::array<const char*, n>& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const char* part) { return name.find(part) != std::string::npos; });
}

bool is_proof(const std::string& name) {
  static constexpr std::array kParts{"authorization", "cookie",   "signature", "token", "secret",
                                     "password",      "apikey",   "hmac",      "sign",  "auth",
                                     "credential",    "passcode", "nonce"};
  return has_any(name, kParts);
}

bool is_of_a_person(const std::string& name) {
  static constexpr std::array kParts{"name",    "mail",    "user",    "agent",   "customer",
                                     "contact", "title",   "company", "text",    "comment",
                                     "subject", "message", "note",    "address", "label",
                                     "tag",     "owner",   "operator"};
  return has_any(name, kParts);
}

/// Members whose values a vendor lists in its documentation.
bool is_of_a_kind(const std::string& name) {
  static constexpr std::array kParts{
      "event", "type",    "state",       "status", "direction", "disposition", "reason",
      "cause", "action",  "kind",        "method", "version",   "result",      "mode",
      "cmd",   "command", "contenttype", "accept", "encoding",  "location"};
  return has_any(name, kParts);
}

/// A word, and nothing that could be a number, an address or an id.
bool is_word(std::string_view text) {
  return text.size() <= kWordBytesMax && digits_of(text).size() < 4 &&
         text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
             "_-./;=,*") == std::string_view::npos;
}

bool is_near(std::string_view digits, Time around) {
  const auto number = parse_int(digits);
  if (!number || digits.size() < 10 || digits.size() > 19) return false;
  long long seconds = *number;
  for (std::size_t n = 10; n < digits.size(); ++n) seconds /= 10;
  const bool has_unit =
      digits.size() == 10 || digits.size() == 13 || digits.size() == 16 || digits.size() == 19;
  const long long apart = seconds - to_unix_ms(around) / 1000;
  return has_unit && apart > -400LL * 86'400 && apart < 400LL * 86'400;
}

/// "2025-11-20T15:00:00Z", "2025-11-20 15:00:00", "20251120T150000Z", "20.11.2025 15:00".
bool is_time(std::string_view text) {
  if (text.size() < 8 || text.size() > 40 || digits_of(text).size() < 8) return false;
  if (text.find_first_not_of("0123456789-:./ TZ+") != std::string_view::npos) return false;
  const bool is_dated = text.starts_with("20") &&
                        (text[4] == '-' || text[4] == '/' || (text.size() > 8 && text[8] == 'T'));
  const bool is_backwards = text.size() >= 10 && (text[2] == '.' || text[2] == '/') &&
                            text[5] == text[2] && text.substr(6, 2) == "20";
  return is_dated || is_backwards;
}

Telling telling(const std::string& name, std::string_view text) {
  if (looks_like_number(text)) return Telling::number;
  if (text.find("://") != std::string_view::npos) return Telling::url;
  if (text.find('@') != std::string_view::npos) return Telling::email;
  if (is_of_a_person(name)) return Telling::name;
  if (name.ends_with("id") || name.ends_with("uuid") || name.ends_with("sid")) return Telling::id;
  return text.find(' ') == std::string_view::npos ? Telling::id : Telling::text;
}

std::string replaced(const std::string& name, std::string_view text, Time around, const Map& map) {
  if (trim(text).empty()) return std::string{text};
  if (is_time(text) || is_near(text, around)) return std::string{text};
  if (text.find_first_not_of("0123456789") == std::string_view::npos &&
      text.size() < 3)  // counts, flags
    return std::string{text};
  if (!is_of_a_person(name) && is_of_a_kind(name) && is_word(text)) return std::string{text};
  const auto kind = telling(name, text);
  return map(kind, kind == Telling::email ? to_lower(text) : std::string{text});
}

void write(json::Writer& out, const json::Value& value, const std::string& name, Time around,
           const Map& map);

void write_object(json::Writer& out, const json::Value& value, Time around, const Map& map) {
  out.begin_object();
  for (const auto& member : value.GetObject()) {
    const auto name = json::text(member.name);
    const bool tells =
        digits_of(name).size() >= kPhoneDigitsLeast || name.find('@') != std::string_view::npos;
    out.key(tells ? map(Telling::text, name) : std::string{name});
    const auto word = plain(name);
    if (is_proof(word) && !member.value.IsObject() && !member.value.IsArray())
      out.string("(not kept)");
    else
      write(out, member.value, word, around, map);
  }
  out.end_object();
}

void write(json::Writer& out, const json::Value& value, const std::string& name, Time around,
           const Map& map) {
  if (value.IsObject()) return write_object(out, value, around, map);
  if (value.IsArray()) {
    out.begin_array();
    for (const auto& item : value.GetArray()) write(out, item, name, around, map);
    out.end_array();
  } else if (value.IsString()) {
    out.string(replaced(name, json::text(value), around, map));
  } else if (value.IsInt64() || value.IsUint64()) {
    // A number of a line or a person, written without quotes.
    const std::string text = json::to_string(value);
    const bool tells = digits_of(text).size() >= kPhoneDigitsLeast && !is_near(text, around);
    if (tells)
      out.string(map(Telling::number, text));
    else
      out.value(value);
  } else {
    out.value(value);
  }
}

}  // namespace

Result<std::string> redact_document(std::string_view document, Time around) {
  const auto parsed = json::parse(document, {.bytes_max = document.size() + 1});
  if (!parsed) return parsed.error();
  Pseudonyms names;
  json::Writer first;
  write(first, *parsed, {}, around, [&](Telling kind, std::string_view text) {
    names.add(kind, text);
    return std::string{text};
  });
  names.assign();
  json::Writer out;
  write(out, *parsed, {}, around, [&](Telling, std::string_view text) { return names.of(text); });
  return out.str();
}

}  // namespace hookswitch
