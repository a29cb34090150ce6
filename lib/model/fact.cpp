#include "model/fact.hpp"

#include <fmt/format.h>

#include "model/json_fields.hpp"

namespace hookswitch {
namespace {

void read_ids(fields::Reader& in, FactIds& out) {
  const json::Value* object = in.object("ids");
  if (object == nullptr) return;
  fields::Reader ids{*object, "/ids"};
  ids.texts("call", out.call, 16);
  ids.text("leg", out.leg, kIdBytesMax);
  ids.texts("sip", out.sip, 16);
  ids.text("session", out.session, kIdBytesMax);
  ids.text("parent", out.parent, kIdBytesMax);
  ids.texts("replaces", out.replaces, 16);
  in.adopt(ids);
}

void read_agent(fields::Reader& in, Agent& out) {
  const json::Value* object = in.object("agent");
  if (object == nullptr) return;
  fields::Reader agent{*object, "/agent"};
  agent.text("ext", out.ext, kIdBytesMax);
  agent.text("id", out.id, kIdBytesMax);
  agent.text("name", out.name);
  agent.text("email", out.email, kIdBytesMax);
  in.adopt(agent);
}

void read_transfer(fields::Reader& in, Transfer& out) {
  const json::Value* object = in.object("transfer");
  if (object == nullptr) return;
  fields::Reader transfer{*object, "/transfer"};
  transfer.text("kind", out.kind, 16);
  if (!out.kind.empty() && out.kind != "blind" && out.kind != "attended")
    transfer.fail("kind", "is not a known word");
  transfer.party("to", out.to);
  if (const json::Value* other = transfer.object("other")) {
    fields::Reader nested{*other, "/transfer/other"};
    nested.texts("call", out.other_calls, 16);
    transfer.adopt(nested);
  }
  in.adopt(transfer);
}

template <class Reader, class Fill>
void read_nested(fields::Reader& in, std::string_view name, Fill fill) {
  if (const json::Value* object = in.object(name)) {
    Reader nested{*object, fmt::format("/{}", name)};
    fill(nested);
    in.adopt(nested);
  }
}

}  // namespace

Result<Fact> fact_from_json(const json::Value& object) {
  Fact fact;
  fields::Reader in{object};
  std::optional<FactType> type;
  in.word("type", type);
  if (!type) in.fail("type", "is missing");
  read_ids(in, fact.ids);
  in.word("direction", fact.direction);
  in.party("from", fact.from);
  in.party("to", fact.to);
  in.text("did", fact.did, kIdBytesMax);
  read_agent(in, fact.agent);
  in.party("customer", fact.customer);
  read_nested<fields::Reader>(in, "queue", [&](auto& queue) { queue.text("name", fact.queue); });
  in.integer("seq", fact.seq);
  in.time("at", fact.at);
  std::optional<std::int64_t> duration, cause, sip_status;
  in.integer("duration_ms", duration);
  if (duration && *duration >= 0) fact.duration = milliseconds{*duration};
  in.word("disposition", fact.disposition);
  in.integer("cause", cause);
  if (cause && *cause > 0 && *cause < 10'000) fact.cause = static_cast<int>(*cause);
  in.integer("sip_status", sip_status);
  if (sip_status && *sip_status >= 100 && *sip_status < 700)
    fact.sip_status = static_cast<int>(*sip_status);
  in.text("reason", fact.reason);
  in.text_map("headers", fact.headers);
  in.text_map("variables", fact.variables);
  in.text("custom_data", fact.custom_data);
  read_nested<fields::Reader>(in, "recording", [&](auto& recording) {
    recording.text("id", fact.recording.id, kIdBytesMax);
    recording.text("url", fact.recording.url);
  });
  read_transfer(in, fact.transfer);
  read_nested<fields::Reader>(in, "conference", [&](auto& conference) {
    conference.text("id", fact.conference, kIdBytesMax);
  });
  in.boolean("state_report", fact.state_report);
  if (in.problem()) return *in.problem();
  fact.type = *type;
  return fact;
}

Result<std::vector<Fact>> facts_from_json(const json::Value& document) {
  std::vector<Fact> out;
  const auto add = [&](const json::Value& item) -> std::optional<Error> {
    auto fact = fact_from_json(item);
    if (!fact) return fact.error();
    out.push_back(std::move(*fact));
    return std::nullopt;
  };
  if (!document.IsArray()) {
    if (auto problem = add(document)) return *problem;
    return out;
  }
  if (document.Size() > kFactsPerRequestMax)
    return Error{Errc::too_many_fields, "too many facts in one request"};
  for (const auto& item : document.GetArray())
    if (auto problem = add(item)) return *problem;
  return out;
}

void write_json(json::Writer& out, const Fact& fact) {
  using namespace fields;
  const auto list = [&](std::string_view name, const std::vector<Text>& items) {
    if (items.empty()) return;
    out.key(name).begin_array();
    for (const auto& item : items) out.string(item);
    out.end_array();
  };
  out.begin_object().member("type", to_string(fact.type));
  if (!fact.ids.empty()) {
    out.key("ids").begin_object();
    list("call", fact.ids.call);
    write_text(out, "leg", fact.ids.leg);
    list("sip", fact.ids.sip);
    write_text(out, "session", fact.ids.session);
    write_text(out, "parent", fact.ids.parent);
    list("replaces", fact.ids.replaces);
    out.end_object();
  }
  if (fact.direction) out.member("direction", to_string(*fact.direction));
  write_party(out, "from", fact.from);
  write_party(out, "to", fact.to);
  write_text(out, "did", fact.did);
  if (!fact.agent.empty()) {
    out.key("agent").begin_object();
    write_text(out, "ext", fact.agent.ext);
    write_text(out, "id", fact.agent.id);
    write_text(out, "name", fact.agent.name);
    write_text(out, "email", fact.agent.email);
    out.end_object();
  }
  write_party(out, "customer", fact.customer);
  if (!fact.queue.empty()) out.key("queue").begin_object().member("name", fact.queue).end_object();
  if (fact.seq) out.member("seq", *fact.seq);
  write_time(out, "at", fact.at);
  if (fact.duration) out.member("duration_ms", static_cast<std::int64_t>(fact.duration->count()));
  if (fact.disposition) out.member("disposition", to_string(*fact.disposition));
  if (fact.cause) out.member("cause", *fact.cause);
  if (fact.sip_status) out.member("sip_status", *fact.sip_status);
  write_text(out, "reason", fact.reason);
  if (!fact.headers.empty()) write_map(out, "headers", fact.headers);
  if (!fact.variables.empty()) write_map(out, "variables", fact.variables);
  write_text(out, "custom_data", fact.custom_data);
  if (!fact.recording.empty()) {
    out.key("recording").begin_object();
    write_text(out, "id", fact.recording.id);
    write_text(out, "url", fact.recording.url);
    out.end_object();
  }
  if (fact.transfer != Transfer{}) {
    out.key("transfer").begin_object();
    write_text(out, "kind", fact.transfer.kind);
    write_party(out, "to", fact.transfer.to);
    if (!fact.transfer.other_calls.empty()) {
      out.key("other").begin_object();
      list("call", fact.transfer.other_calls);
      out.end_object();
    }
    out.end_object();
  }
  if (!fact.conference.empty())
    out.key("conference").begin_object().member("id", fact.conference).end_object();
  if (fact.state_report) out.member("state_report", true);
  out.end_object();
}

}  // namespace hookswitch
