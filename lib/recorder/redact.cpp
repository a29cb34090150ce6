#include "recorder/redact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "base/text.hpp"
#include "model/words.hpp"
#include "recorder/record.hpp"
#include "recorder/redact_names.hpp"

namespace hookswitch {
namespace {

using Map = std::function<std::string(Telling, std::string_view)>;

template <class... Words>
bool is_word_of(std::string_view text) {
  return (from_word<Words>(text).has_value() || ...);
}

/// Words of the model: they tell nothing of anybody.
bool is_word(std::string_view text) {
  static constexpr std::array kOthers{"1.0", "application/json", "blind", "attended", "early"};
  return is_word_of<FactType, Direction, CallState, LegState, LegRole, Disposition, AnsweredBy,
                    KeyKind, EventType>(text) ||
         std::find(kOthers.begin(), kOthers.end(), text) != kOthers.end();
}

/// What networks put in the place of a number or name that they do not tell.
bool is_withheld(std::string_view text) {
  static constexpr std::array kWords{"anonymous", "unknown",     "restricted", "private",
                                     "withheld",  "unavailable", "blocked",    "hidden"};
  const std::string lower = to_lower(text);
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

/// Members whose values are words by contract, also words that are newer than this file.
bool is_word_at(std::string_view name, std::string_view text) {
  static constexpr std::array kNames{"in",          "type",      "kind",        "state",
                                     "role",        "direction", "disposition", "end_reason",
                                     "answered_by", "rule"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() && text.size() <= 32 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.") == std::string_view::npos;
}

bool is_leg_id(std::string_view text) {
  return text.size() > 1 && text.size() < 8 && text.front() == 'l' &&
         std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_hex_id(std::string_view text) { return text.size() == 32 && from_hex(text).has_value(); }

std::string replaced(Telling kind, std::string_view text, const Map& map);

/// "sip:101@pbx.example.com:5060;user=phone", "tel:+12025550143": who and where, each by itself.
std::string replaced_address(std::string_view text, const Map& map) {
  const auto at = std::min(text.find('@'), text.size());
  const auto colon = text.substr(0, at).find(':');
  const auto who_at = colon == std::string_view::npos ? 0 : colon + 1;
  const auto who = text.substr(who_at, at - who_at);
  std::string out{text.substr(0, who_at)};
  if (!who.empty()) out += map(looks_like_number(who) ? Telling::number : Telling::id, who);
  if (at == text.size()) return out;
  const auto host = text.substr(at + 1, text.find_first_of(":;?>", at) - at - 1);
  return out + "@" + (host.empty() ? std::string{} : map(Telling::host, host));
}

/// "a;remote=b": names stay, values are replaced each by itself.
std::string replaced_list(std::string_view text, const Map& map) {
  std::string out;
  for (;;) {
    const auto end = text.find(';');
    const auto part = text.substr(0, end);
    const auto equals = part.find('=');
    const auto value_at = equals == std::string_view::npos ? 0 : equals + 1;
    out += part.substr(0, value_at);
    out += replaced(Telling::id, part.substr(value_at), map);
    if (end == std::string_view::npos) return out;
    out += ';';
    text.remove_prefix(end + 1);
  }
}

/// "*21*101#": the digits, each run by itself.
std::string replaced_code(std::string_view text, const Map& map) {
  std::string out;
  while (!text.empty()) {
    const auto run = text.find_first_not_of("0123456789");
    if (run != 0) out += map(Telling::number, text.substr(0, run));
    if (run == std::string_view::npos) break;
    out += text[run];
    text.remove_prefix(run + 1);
  }
  return out;
}

std::string replaced(Telling kind, std::string_view text, const Map& map) {
  if (text.empty()) return {};
  switch (kind) {
    case Telling::org:
    case Telling::source:
    case Telling::call_id:
    case Telling::url:
    case Telling::host:
    case Telling::hex_id:
    case Telling::epoch:
      return map(kind, text);
    case Telling::email:
    case Telling::number:
    case Telling::user:
    case Telling::name:
    case Telling::id:
    case Telling::text:
      break;
  }
  if (is_hex_id(text)) {
    const bool nil = text.find_first_not_of('0') == std::string_view::npos;
    return nil ? std::string{text} : map(Telling::hex_id, to_lower(text));
  }
  // Digits are the same digits wherever they stand: an extension may also be somebody's id.
  if (looks_like_number(text)) return map(Telling::number, text);
  if (text.find_first_not_of("0123456789*#") == std::string_view::npos)
    return replaced_code(text, map);
  const bool withheld = kind == Telling::number || kind == Telling::name;
  if (withheld && is_withheld(text)) return std::string{text};
  if (text.starts_with("sip:") || text.starts_with("sips:") || text.starts_with("tel:"))
    return replaced_address(text, map);
  if (kind == Telling::id && text.find(';') != std::string_view::npos)
    return replaced_list(text, map);
  // Addresses are looked up whatever their case.
  const bool mail = text.find('@') != std::string_view::npos &&
                    text.find_first_of(" :;") == std::string_view::npos;
  if (kind == Telling::email || (mail && kind != Telling::id))
    return map(Telling::email, to_lower(text));
  return map(kind == Telling::number ? Telling::id : kind, text);
}

/// Where a text stands: its member, the member around that, and the object it is in.
struct Place {
  std::string_view name, around;
  const json::Value* object = nullptr;
  bool in_list = false;
};

std::string replaced_id(std::string_view text, const Place& at, const Map& map) {
  // A header that is a key: "x-cid:1234".
  const bool header =
      at.object != nullptr && json::find_string(*at.object, "kind") == std::string_view{"header"};
  const auto colon = header ? text.find(':') : std::string_view::npos;
  if (colon == std::string_view::npos) return replaced(Telling::id, text, map);
  return std::string{text.substr(0, colon + 1)} +
         replaced(Telling::text, text.substr(colon + 1), map);
}

std::string replaced_cursor(std::string_view text, const Map& map) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return replaced(Telling::id, text, map);
  return map(Telling::epoch, text.substr(0, dot)) + std::string{text.substr(dot)};
}

std::string replaced_at(const Place& at, std::string_view text, const Map& map) {
  const auto as = [&](Telling kind) { return replaced(kind, text, map); };
  const auto name = at.name, around = at.around;
  if (text == "?") return std::string{text};  // a place that the fold does not know
  if (around == "headers" || around == "variables") return as(Telling::text);
  if (around == "provenance") return as(Telling::source);
  if (name == "org" || (name == "id" && around == "orgs")) return as(Telling::org);
  if (name == "source")
    return text.starts_with("/orgs/") ? "/orgs/" + map(Telling::org, text.substr(6))
                                      : as(Telling::source);
  if (name == "user" || name == "audience") return as(Telling::user);
  if (name == "id" && (around == "users" || around == "agent")) return as(Telling::user);
  if (name == "id" && around == "call") return as(Telling::call_id);
  if (name == "cursor" || (name == "id" && around.empty())) return replaced_cursor(text, map);
  if (name == "subject" || name == "absorbed" || name == "calls" || name == "created")
    return as(Telling::call_id);
  if (name == "call") return as(at.in_list ? Telling::id : Telling::call_id);
  for (const char* number : {"number", "presented", "ext", "extensions", "did", "place", "parked"})
    if (name == number) return as(Telling::number);
  if (name == "name" && around == "sources") return as(Telling::source);
  if (name == "key_headers") return std::string{text};
  if (name == "name" || name == "queue") return as(Telling::name);
  if (name == "email") return as(Telling::email);
  if (name == "aor") return replaced_address(text, map);
  if (name == "url") return as(Telling::url);
  if (name == "value" || name == "sip" || name == "session" || name == "parent" ||
      name == "replaces")
    return replaced_id(text, at, map);
  if ((name == "id" || name == "leg" || name == "changed") && around != "ids" && is_leg_id(text))
    return std::string{text};
  if (name == "id" || name == "leg") return as(Telling::id);
  if (name == "field") return std::string{text};
  if (name == "country" && text.size() == 2) return std::string{text};
  if (is_word_at(name, text) || is_word(text)) return std::string{text};
  if (parse_rfc3339(text)) return std::string{text};
  return as(Telling::text);
}

bool tells(std::string_view member) {
  return digits_of(member).size() >= 5 || member.find('@') != std::string_view::npos;
}

void write(json::Writer& out, const json::Value& value, const Place& at, const Map& map);

void write_object(json::Writer& out, const json::Value& value, const Place& at, const Map& map) {
  out.begin_object();
  const auto field = json::find_string(value, "field");
  for (const auto& item : value.GetObject()) {
    const auto name = json::text(item.name);
    out.key(tells(name) ? replaced(Telling::text, name, map) : std::string{name});
    Place inner{name, at.name, &value, false};
    if (field && (name == "old" || name == "new")) {  // "legs.l2.user" of an amendment
      const auto dot = field->rfind('.');
      inner.name = dot == std::string_view::npos ? *field : field->substr(dot + 1);
      const auto before = field->substr(0, dot == std::string_view::npos ? 0 : dot);
      inner.around = before.substr(before.rfind('.') + 1);
    }
    write(out, item.value, inner, map);
  }
  out.end_object();
}

void write(json::Writer& out, const json::Value& value, const Place& at, const Map& map) {
  if (value.IsObject()) return write_object(out, value, at, map);
  if (value.IsArray()) {
    out.begin_array();
    for (const auto& item : value.GetArray()) {
      Place inner = at;
      inner.in_list = true;
      write(out, item, inner, map);
    }
    out.end_array();
  } else if (value.IsString()) {
    out.string(replaced_at(at, json::text(value), map));
  } else {
    out.value(value);
  }
}

/// The frame, member for member. Error: it is not as we write frames.
Result<std::string> replaced_frame(const std::string& frame, const Map& map) {
  const auto parsed = json::parse(frame, own_line_limits());
  if (!parsed || json::to_string(*parsed) != frame)
    return Error{Errc::bad_request, "an event is not as this version writes it"};
  json::Writer out;
  write(out, *parsed, {}, map);
  return out.str();
}

Result<Bundle> replaced_bundle(const Bundle& bundle, const Map& map) {
  // Events are JSON within JSON: they go by themselves, the rest as the text it is written as.
  Bundle shell = bundle;
  shell.events.clear();
  shell.notes.clear();
  shell.known_problem.clear();
  shell.version.clear();
  for (auto& input : shell.inputs) input.raw.clear();
  std::string text;
  const std::string lines = write_bundle(shell);
  for (std::string_view rest = lines; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto parsed = json::parse(rest.substr(0, end), own_line_limits());
    if (!parsed) return parsed.error();
    json::Writer out;
    write(out, *parsed, {}, map);
    text += out.view();
    text += '\n';
    rest.remove_prefix(end + 1);
  }
  auto out = read_bundle(text);
  if (!out) return out.error();
  out->version = bundle.version;
  out->notes = bundle.notes;
  out->known_problem = bundle.known_problem;
  out->redacted = true;
  for (const auto& event : bundle.events) {
    auto frame = replaced_frame(event.frame, map);
    if (!frame) return frame.error();
    BundleEvent told{std::move(*frame), map(Telling::call_id, event.call), {}};
    for (const auto& user : event.audience)
      told.audience.push_back(replaced(Telling::user, user, map));
    out->events.push_back(std::move(told));
  }
  return out;
}

/// Texts too long and too particular to stand there by chance.
bool is_telling(const std::string& text, Telling kind) {
  switch (kind) {
    case Telling::number:
      return digits_of(text).size() >= 10;
    case Telling::name:
      return text.size() >= 8 && text.find(' ') != std::string::npos;
    case Telling::email:
    case Telling::url:
      return text.size() >= 8;
    case Telling::id:
    case Telling::call_id:
    case Telling::hex_id:
      return text.size() >= 16;
    default:
      return false;
  }
}

Result<Pseudonyms> pseudonyms_of(const Bundle& bundle) {
  Pseudonyms out;
  const auto collected = replaced_bundle(bundle, [&](Telling kind, std::string_view text) {
    out.add(kind, text);
    return std::string{text};
  });
  if (!collected) return collected.error();
  out.assign();
  return out;
}

}  // namespace

Result<Bundle> redact(const Bundle& bundle) {
  const auto names = pseudonyms_of(bundle);
  if (!names) return names.error();
  auto out =
      replaced_bundle(bundle, [&](Telling, std::string_view text) { return names->of(text); });
  if (!out) return out.error();
  const std::string bytes = write_bundle(*out);
  for (const auto& [text, kind] : names->texts())
    if (is_telling(text, kind) && names->of(text) != text && bytes.find(text) != std::string::npos)
      return Error{Errc::internal_error, "something that was to be hidden is still there"};
  for (const auto& note : names->notes()) out->notes.push_back(note);
  const auto raws = std::count_if(bundle.inputs.begin(), bundle.inputs.end(),
                                  [](const auto& input) { return !input.raw.empty(); });
  if (raws > 0) out->notes.push_back(fmt::format("{} raw inputs were dropped", raws));
  return out;
}

std::vector<std::string> private_texts(const Bundle& bundle) {
  std::vector<std::string> out;
  if (const auto names = pseudonyms_of(bundle))
    for (const auto& [text, kind] : names->texts()) out.push_back(text);
  return out;
}

}  // namespace hookswitch
