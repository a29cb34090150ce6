#pragma once

#include "base/hash.hpp"
#include "base/text.hpp"
#include "sources/webhook/form.hpp"
#include "sources/webhook/hook.hpp"
#include "sources/webhook/time_text.hpp"
#include "sources/webhook/time_zone.hpp"

/// What one would write for one body of one vendor, knowing nothing else: the yardstick of the
/// engine. Reads what the engine reads (signature, form, numbers, times, all limits of the model),
/// with the same functions where the house has one for it.
namespace hookswitch::bench {

inline std::string_view header(const HookRequest& request, std::string_view name) {
  for (const auto& [known, value] : request.headers)
    if (known == name) return value;
  return {};
}

inline Result<Fact> finish(Fact fact, const HookOptions& options, const HookRequest& request) {
  read_numbers(fact, options.numbers);
  fact.org = options.org;
  fact.source = options.source;
  fact.received = request.received;
  return fact;
}

/// NOTIFY_START of Zadarma: a signed form.
inline Result<Fact> zadarma_start(const HookRequest& request, const HookOptions& options,
                                  const webhook::TimeZone* zone) {
  const auto fields = webhook::form_fields(request.body);
  if (!fields) return fields.error();
  const auto field = [&](std::string_view name) -> std::string_view {
    for (const auto& each : *fields)
      if (each.name == name) return each.value;
    return {};
  };
  std::string text{field("caller_id")};
  text.append(field("called_did")).append(field("call_start"));
  bool good = false;
  for (const auto& secret : options.secrets.at("API_SECRET"))
    good |= equal_constant_time(to_base64(to_hex(hmac(HashKind::sha1, secret.reveal(), text))),
                                header(request, "signature"));
  if (!good) return Error{Errc::signature_invalid, "no live secret fits"};
  if (field("event") != "NOTIFY_START") return Error{Errc::bad_request, "another event"};
  Fact out;
  out.type = FactType::started;
  out.direction = Direction::inbound;
  out.ids.call.emplace_back(field("pbx_call_id"));
  out.at = webhook::parse_time(field("call_start"), "%Y-%m-%d %H:%M:%S", zone);
  out.from.number = field("caller_id");
  out.did = field("called_did");
  return finish(std::move(out), options, request);
}

/// VoipWebhookRequest of ELMA365: JSON.
inline Result<Fact> elma_event(const HookRequest& request, const HookOptions& options) {
  const auto document = json::parse(request.body);
  if (!document) return document.error();
  const json::Value* event = json::find(*document, "event");
  if (event == nullptr) return Error{Errc::bad_request, "no event"};
  const auto text = [&](std::string_view name) {
    return json::find_string(*event, name).value_or("");
  };
  if (!equals_ignore_case(text("event"), "notify_start"))
    return Error{Errc::bad_request, "another event"};
  Fact out;
  out.type = FactType::ringing;
  out.direction = text("direction") == "in" ? Direction::inbound : Direction::outbound;
  out.ids.call.emplace_back(text("callId"));
  out.from.number = text("srcPhone");
  out.from.ext = text("srcPhoneExt");
  out.to.ext = text("dstPhone");
  out.agent.ext = text("dstPhone");
  if (text("disposition") != "unknown") out.disposition = Disposition::answered;
  return finish(std::move(out), options, request);
}

/// One native fact, member by member.
inline Result<Fact> native_fact(const HookRequest& request, const HookOptions& options) {
  const auto document = json::parse(request.body);
  if (!document) return document.error();
  auto fact = fact_from_json(*document);
  if (!fact) return fact.error();
  return finish(std::move(*fact), options, request);
}

}  // namespace hookswitch::bench
