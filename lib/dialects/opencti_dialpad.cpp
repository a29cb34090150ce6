#include <algorithm>

#include "base/limits.hpp"
#include "dialects/participation.hpp"

namespace hookswitch::dialects::opencti_dialpad {
namespace {

constexpr std::size_t kCustomDataCharactersMax =
    2000;  // the vendor's limit; longer is refused, not cut

void begin(json::Writer& out, std::string_view method) {
  // The version is text: clients compare it with "1.0".
  out.begin_object()
      .member("api", "opencti_dialpad")
      .member("version", "1.0")
      .member("method", method);
}

std::int64_t user_number(const PageUser& user) { return stable_number("user", user.org, user.id); }

std::string user_authentication(const PageUser& user, const Cursor& cursor) {
  json::Writer out;
  begin(out, "user_authentication");
  out.key("payload")
      .begin_object()
      .member("user_authenticated", true)
      .member("user_id", user_number(user));
  out.end_object();
  return finish(out, cursor);
}

Text internal_number(const Call& call, const Participation& part, const PageUser& user) {
  const Text called = call.direction == Direction::internal ? Text{} : call.to.number;
  return first_of({called, call.did, part.first().ext, user.ext});
}

std::string call_ringing(bool on, const Call& call, const Participation& part, const PageUser& user,
                         const Cursor& cursor) {
  const Text external =
      call.direction == Direction::internal ? internal_address(call.from) : address(call.from);
  const Text internal = internal_number(call, part, user);
  json::Writer out;
  begin(out, "call_ringing");
  out.key("payload").begin_object().member("state", on ? "on" : "off");
  out.member("id", stable_number("call", part.id(call)));
  if (!external.empty()) {
    out.key("contact").begin_object();
    out.member("id", std::to_string(stable_number("contact", call.org,
                                                  external)));  // text here, a number below
    out.member("phone", external)
        .member("type", "local")
        .member("name", caller_name(call))
        .member("email", "");
    out.end_object();
  }
  out.key("target").begin_object().member("id", user_number(user)).member("phone", internal);
  out.member("type", "user").member("name", user.name).member("email", user.email).end_object();
  if (!internal.empty()) out.member("internal_number", internal);
  if (!external.empty()) out.member("external_number", external);
  out.end_object();
  return finish(out, cursor);
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

/// Identity type and id come together or not at all.
bool write_identity(json::Writer& params, const json::Value& payload, bool& written) {
  const json::Value* id = json::find(payload, "identity_id");
  const json::Value* type = json::find(payload, "identity_type");
  written = false;
  if ((id == nullptr || id->IsNull()) && (type == nullptr || type->IsNull())) return true;
  if (id == nullptr || type == nullptr || !id->IsInt64() || !type->IsString()) return false;
  const auto word = json::text(*type);
  if (word != "Office" && word != "OfficeGroup" && word != "CallCenter") return false;
  params.member("identity_type", word).member("identity_id", id->GetInt64());
  return written = true;
}

PageRequest initiate_call(const json::Value& payload) {
  const auto number = json::find_string(payload, "phone_number");
  if (!number || number->empty() || number->size() > kIdBytesMax) return {};
  const auto custom_data = json::find_string(payload, "custom_data");
  if (custom_data && characters(*custom_data) > kCustomDataCharactersMax) return {};
  json::Writer params;
  params.begin_object().member("phone_number", *number);
  params.member("enable_current_tab",
                json::find_bool(payload, "enable_current_tab").value_or(true));
  bool identity = false;
  if (!write_identity(params, payload, identity)) return {};
  const auto caller_id = json::find_string(payload, "outbound_caller_id");
  if (!identity && caller_id && !caller_id->empty() && caller_id->size() <= kIdBytesMax)
    params.member("outbound_caller_id", *caller_id);
  if (custom_data && !custom_data->empty()) params.member("custom_data", *custom_data);
  params.end_object();
  return {PageRequest::Kind::command, {}, "initiate_call", params.str()};
}

}  // namespace

std::vector<std::string> messages(const Event& event, const PageUser& user, TelephonyStatus before,
                                  TelephonyStatus after) {
  std::vector<std::string> out;
  for (const auto& [step, part] : moments(event, user.id, before, after)) {
    if (part.outbound() || !part.rang) continue;
    const bool stopped = step == Step::start || (step == Step::end && !part.answered);
    if (step == Step::ring || stopped)
      out.push_back(call_ringing(step == Step::ring, *event.call, part, user, event.cursor));
  }
  return out;
}

std::vector<std::string> burst(const PageUser& user, const LiveCalls& live, const Cursor& cursor,
                               bool resumed) {
  std::vector<std::string> out{user_authentication(user, cursor)};
  if (resumed) return out;
  for (const auto& call : live)
    for (const auto& part : participations(*call, user.id))
      if (part.rang && status_of(*call, part) == TelephonyStatus::Ringing)
        out.push_back(call_ringing(true, *call, part, user, cursor));
  return out;
}

PageRequest read(const json::Value& frame) {
  const auto api = json::find_string(frame, "api");
  const auto method = json::find_string(frame, "method");
  if (!api || *api != "opencti_dialpad" || !method) return {};
  if (*method == "enable_current_tab")
    return {PageRequest::Kind::command, {}, "enable_current_tab", "{}"};
  // The second name is what some clients send.
  if (*method == "hang_up_all_calls" || *method == "end_all_calls")
    return {PageRequest::Kind::command, {}, "hang_up", R"({"all":true})"};
  const json::Value* payload = json::find(frame, "payload");
  if (*method == "initiate_call" && payload != nullptr) return initiate_call(*payload);
  return {};
}

}  // namespace hookswitch::dialects::opencti_dialpad
