#include "calls/record.hpp"

#include "base/json.hpp"

namespace hookswitch {
namespace {

std::optional<Time> time_member(const json::Value& object, std::string_view name) {
  const auto ms = json::find_int(object, name);
  return ms ? std::optional{from_unix_ms(*ms)} : std::nullopt;
}

void write_time(json::Writer& out, std::string_view name, const std::optional<Time>& time) {
  if (time) out.member(name, to_unix_ms(*time));
}

void write_texts(json::Writer& out, std::string_view name, const std::vector<std::string>& texts) {
  out.key(name).begin_array();
  for (const auto& text : texts) out.string(text);
  out.end_array();
}

std::vector<std::string> texts_member(const json::Value& object, std::string_view name) {
  std::vector<std::string> out;
  if (const json::Value* list = json::find(object, name); list != nullptr && list->IsArray())
    for (const auto& text : list->GetArray())
      if (text.IsString()) out.emplace_back(json::text(text));
  return out;
}

}  // namespace

std::string save_record(const CallRecord& record) {
  json::Writer out;
  out.begin_object().key("call");
  write_json(out, record.call);
  out.key("memory").begin_array();
  for (const auto& leg : record.memory) {
    out.begin_object();
    write_texts(out, "keys", leg.keys);
    out.member("observed", leg.observed);
    write_time(out, "toggled_at", leg.toggled_at);
    write_time(out, "held_since", leg.held_since);
    out.member("held_ms", static_cast<std::int64_t>(leg.held.count())).end_object();
  }
  out.end_array();
  write_texts(out, "index", record.index);
  out.member("last_fact", to_unix_ms(record.last_fact));
  write_time(out, "settle_at", record.settle_at);
  if (record.told_duration)
    out.member("told_duration_ms", static_cast<std::int64_t>(record.told_duration->count()));
  write_texts(out, "told_once", record.told_once);
  write_texts(out, "told_recordings", record.told_recordings);
  out.member("to_voicemail", record.to_voicemail).end_object();
  return out.str();
}

Result<CallRecord> load_record(std::string_view text) {
  auto document =
      json::parse(text, {.bytes_max = kOwnJsonBytesMax, .values_max = kOwnJsonBytesMax});
  if (!document) return document.error();
  const json::Value* call = json::find(*document, "call");
  const json::Value* memory = json::find(*document, "memory");
  if (call == nullptr || memory == nullptr || !memory->IsArray())
    return Error{Errc::bad_request, "no call or memory"};
  auto read = call_from_json(*call);
  if (!read) return read.error();
  CallRecord record;
  record.call = std::move(*read);
  for (const auto& item : memory->GetArray()) {
    LegMemory leg;
    leg.keys = texts_member(item, "keys");
    leg.observed = json::find_bool(item, "observed").value_or(false);
    leg.toggled_at = time_member(item, "toggled_at");
    leg.held_since = time_member(item, "held_since");
    leg.held = milliseconds{json::find_int(item, "held_ms").value_or(0)};
    record.memory.push_back(std::move(leg));
  }
  if (record.memory.size() != record.call.legs.size())
    return Error{Errc::bad_request, "legs and memory differ"};
  record.index = texts_member(*document, "index");
  record.last_fact = time_member(*document, "last_fact").value_or(Time{});
  record.settle_at = time_member(*document, "settle_at");
  if (const auto ms = json::find_int(*document, "told_duration_ms"))
    record.told_duration = milliseconds{*ms};
  record.told_once = texts_member(*document, "told_once");
  record.told_recordings = texts_member(*document, "told_recordings");
  record.to_voicemail = json::find_bool(*document, "to_voicemail").value_or(false);
  return record;
}

}  // namespace hookswitch
