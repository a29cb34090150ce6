#include "dialects/dialect.hpp"

#include <array>
#include <utility>

#include "dialects/participation.hpp"

namespace hookswitch {
namespace {

constexpr std::array<std::pair<Dialect, std::string_view>, 5> kSubprotocols{{
    {Dialect::native, "hookswitch.v1"},
    {Dialect::cloudevents, "cloudevents.json"},
    {Dialect::rc_embeddable, "rc-embeddable"},
    {Dialect::opencti_dialpad, "opencti-dialpad"},
    {Dialect::elma365, "elma365"},
}};

}  // namespace

std::optional<Dialect> dialect_of_subprotocol(std::string_view name) {
  for (const auto& [dialect, word] : kSubprotocols)
    if (word == name) return dialect;
  return std::nullopt;
}

std::string_view subprotocol(Dialect dialect) {
  return kSubprotocols[static_cast<std::size_t>(dialect)].second;
}

bool is_page(Dialect dialect) {
  return dialect != Dialect::native && dialect != Dialect::cloudevents;
}

void keep_last_cursor(std::vector<std::string>& frames) {
  static constexpr std::string_view kCursor = ",\"hookswitch\":{\"cursor\":";
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    const auto at = frames[i].rfind(kCursor);
    if (at == std::string::npos) continue;
    frames[i].resize(at);
    frames[i] += '}';
  }
}

std::vector<std::string> page_messages(Dialect dialect, const Event& event, const PageUser& user,
                                       TelephonyStatus before, TelephonyStatus after) {
  switch (dialect) {
    case Dialect::rc_embeddable:
      return dialects::rc_embeddable::messages(event, user, before, after);
    case Dialect::opencti_dialpad:
      return dialects::opencti_dialpad::messages(event, user, before, after);
    case Dialect::elma365:
      return dialects::elma365::messages(event, user, before, after);
    case Dialect::native:
    case Dialect::cloudevents:
      break;
  }
  return {};
}

std::vector<std::string> state_burst(Dialect dialect, const PageUser& user, const LiveCalls& live,
                                     TelephonyStatus status, const Cursor& cursor, bool resumed) {
  switch (dialect) {
    case Dialect::rc_embeddable:
      return dialects::rc_embeddable::burst(user, live, status, cursor, resumed);
    case Dialect::opencti_dialpad:
      return dialects::opencti_dialpad::burst(user, live, cursor, resumed);
    case Dialect::elma365:
      return dialects::elma365::burst(user, live, cursor, resumed);
    case Dialect::native:
    case Dialect::cloudevents:
      break;
  }
  return {};
}

PageRequest read_page_message(Dialect dialect, const json::Value& frame, const PageUser& user,
                              const LiveCalls& live, const Cursor& cursor) {
  switch (dialect) {
    case Dialect::rc_embeddable:
      return dialects::rc_embeddable::read(frame, user, live, cursor);
    case Dialect::opencti_dialpad:
      return dialects::opencti_dialpad::read(frame);
    case Dialect::elma365:  // a page of this dialect only listens
    case Dialect::native:
    case Dialect::cloudevents:
      break;
  }
  return {};
}

}  // namespace hookswitch
