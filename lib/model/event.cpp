#include "model/event.hpp"

#include "base/text.hpp"
#include "model/json_fields.hpp"

namespace hookswitch {

std::optional<Cursor> parse_cursor(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot > 32) return std::nullopt;
  const auto offset = parse_int(text.substr(dot + 1));
  if (!offset || *offset < 0 || text[dot + 1] == '-' || text[dot + 1] == '+') return std::nullopt;
  return Cursor{std::string{text.substr(0, dot)}, static_cast<std::uint64_t>(*offset)};
}

std::string encode(const Event& event) {
  json::Writer out;
  const std::string cursor = event.cursor.str();
  out.begin_object().member("specversion", "1.0").member("id", cursor).member("cursor", cursor);
  out.member("source", "/orgs/" + event.org).member("type", to_string(event.type));
  if (event.call) out.member("subject", event.call->id);
  out.member("time", to_rfc3339(event.time)).member("datacontenttype", "application/json");
  out.key("data").begin_object();
  if (event.call) {
    out.key("call");
    write_json(out, *event.call);
    if (const Leg* leg = event.call->find_leg(event.leg)) {
      out.key("leg");
      write_json(out, *leg);
    }
    if (!event.changed.empty()) {
      out.key("changed").begin_array();
      for (const auto& id : event.changed) out.string(id);
      out.end_array();
    }
  }
  fields::write_text(out, "absorbed", event.absorbed);
  fields::write_text(out, "source", event.source);
  fields::write_text(out, "reason", event.reason);
  out.end_object().end_object();
  return out.str();
}

Result<Event> decode_event(std::string_view text, std::vector<std::string> audience) {
  auto document =
      json::parse(text, {.bytes_max = kOwnJsonBytesMax, .values_max = kOwnJsonBytesMax});
  if (!document) return document.error();
  Event event;
  event.audience = std::move(audience);
  fields::Reader in{*document};
  std::string cursor, source;
  in.text("cursor", cursor);
  in.text("source", source);
  std::optional<EventType> type;
  in.word("type", type);
  std::optional<Time> time;
  in.time("time", time);
  const json::Value* data = in.object("data");
  const auto place = parse_cursor(cursor);
  if (in.problem()) return *in.problem();
  if (!type || !time || data == nullptr || !place || !source.starts_with("/orgs/"))
    return Error{Errc::bad_request, "not an event of ours"};
  event.cursor = *place;
  event.type = *type;
  event.time = *time;
  event.org = source.substr(6);
  if (const json::Value* call = json::find(*data, "call")) {
    auto read = call_from_json(*call);
    if (!read) return read.error();
    event.call = std::move(*read);
  }
  if (const json::Value* leg = json::find(*data, "leg"))
    if (const auto id = json::find_string(*leg, "id")) event.leg = *id;
  fields::Reader extra{*data, "/data"};
  extra.texts("changed", event.changed, kLegsPerCallMax);
  extra.text("absorbed", event.absorbed);
  extra.text("source", event.source);
  extra.text("reason", event.reason);
  if (extra.problem()) return *extra.problem();
  return event;
}

}  // namespace hookswitch
