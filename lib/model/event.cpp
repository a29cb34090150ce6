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

bool operator==(const Event& a, const Event& b) {
  const bool same_call = (a.call == nullptr) == (b.call == nullptr) &&
                         (a.call == b.call || (a.call != nullptr && *a.call == *b.call));
  return same_call && a.cursor == b.cursor && a.type == b.type && a.org == b.org &&
         a.time == b.time && a.leg == b.leg && a.changed == b.changed && a.audience == b.audience &&
         a.transfer == b.transfer && a.amended == b.amended && a.absorbed == b.absorbed &&
         a.source == b.source && a.reason == b.reason;
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
  if (event.transfer) {
    out.key("transfer").begin_object();
    fields::write_text(out, "kind", event.transfer->kind);
    const Leg* from = event.call ? event.call->find_leg(event.transfer->from_leg) : nullptr;
    if (from != nullptr) {
      out.key("from").begin_object().member("leg", from->id);
      fields::write_text(out, "user", from->user);
      fields::write_text(out, "ext", from->ext);
      fields::write_text(out, "number", from->number);
      out.end_object();
    }
    fields::write_party(out, "to", event.transfer->to);
    out.end_object();
  }
  if (!event.amended.empty()) {
    out.key("amended").begin_array();
    for (const auto& one : event.amended)
      out.begin_object()
          .member("field", one.field)
          .key("old")
          .raw(one.was, rapidjson::kStringType)
          .key("new")
          .raw(one.is, rapidjson::kStringType)
          .end_object();
    out.end_array();
  }
  fields::write_text(out, "absorbed", event.absorbed);
  fields::write_text(out, "source", event.source);
  fields::write_text(out, "reason", event.reason);
  out.end_object().end_object();
  return out.str();
}

Result<Event> decode_event(std::string_view text, std::vector<Text> audience) {
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
    event.call = std::make_shared<const Call>(std::move(*read));
  }
  if (const json::Value* transfer = json::find(*data, "transfer")) {
    TransferTold told;
    fields::Reader nested{*transfer, "/data/transfer"};
    nested.text("kind", told.kind);
    nested.party("to", told.to);
    if (const json::Value* from = nested.object("from"))
      if (const auto leg = json::find_string(*from, "leg")) told.from_leg = *leg;
    if (nested.problem()) return *nested.problem();
    event.transfer = std::move(told);
  }
  if (const json::Value* amended = json::find(*data, "amended");
      amended != nullptr && amended->IsArray())
    for (const auto& item : amended->GetArray()) {
      const auto field = json::find_string(item, "field");
      const json::Value *was = json::find(item, "old"), *is = json::find(item, "new");
      if (!field || was == nullptr || is == nullptr)
        return Error{Errc::bad_request, "an amendment lacks field, old or new"};
      event.amended.push_back({std::string{*field}, json::to_string(*was), json::to_string(*is)});
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
