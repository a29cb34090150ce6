#include "model/call.hpp"

#include <algorithm>

#include "model/json_fields.hpp"

namespace hookswitch {
namespace {

void write_or_null(json::Writer& out, std::string_view name, const std::optional<Time>& time) {
  out.key(name);
  if (time)
    out.string(to_rfc3339(*time));
  else
    out.null();
}

void write_or_null(json::Writer& out, std::string_view name, const std::string& text) {
  out.key(name);
  if (text.empty())
    out.null();
  else
    out.string(text);
}

template <class Enum>
void word_or_null(json::Writer& out, std::string_view name, const std::optional<Enum>& word) {
  out.key(name);
  if (word)
    out.string(to_string(*word));
  else
    out.null();
}

void write_party_always(json::Writer& out, std::string_view name, const Party& party) {
  if (party.empty())
    out.key(name).begin_object().end_object();
  else
    fields::write_party(out, name, party);
}

Leg leg_from_json(const json::Value& object, fields::Reader& parent) {
  Leg leg;
  fields::Reader in{object, "/legs"};
  in.text("id", leg.id);
  std::optional<LegRole> role;
  in.word("role", role);
  leg.role = role.value_or(LegRole::callee);
  in.text("user", leg.user);
  in.text("ext", leg.ext);
  in.text("number", leg.number);
  std::optional<LegState> state;
  in.word("state", state);
  leg.state = state.value_or(LegState::trying);
  in.time("ringing_at", leg.ringing_at);
  in.time("answered_at", leg.answered_at);
  in.time("ended_at", leg.ended_at);
  in.word("end_reason", leg.end_reason);
  in.boolean("muted", leg.muted);
  parent.adopt(in);
  return leg;
}

std::optional<milliseconds> read_ms(fields::Reader& in, std::string_view name) {
  std::optional<std::int64_t> ms;
  in.integer(name, ms);
  if (!ms) return std::nullopt;
  return milliseconds{*ms};
}

}  // namespace

const Leg* Call::find_leg(std::string_view leg_id) const {
  for (const auto& leg : legs)
    if (leg.id == leg_id) return &leg;
  return nullptr;
}

std::vector<Text> people_in(const Call& call) {
  std::vector<Text> out;
  for (const Leg& leg : call.legs) {
    const bool there =
        leg.state != LegState::terminated || (call.ended_at && leg.ended_at == call.ended_at);
    if (there && !leg.user.empty() && std::find(out.begin(), out.end(), leg.user) == out.end())
      out.push_back(leg.user);
  }
  return out;
}

void write_json(json::Writer& out, const Leg& leg) {
  using namespace fields;
  out.begin_object().member("id", leg.id).member("role", to_string(leg.role));
  write_text(out, "user", leg.user);
  write_text(out, "ext", leg.ext);
  write_text(out, "number", leg.number);
  out.member("state", to_string(leg.state));
  write_time(out, "ringing_at", leg.ringing_at);
  write_time(out, "answered_at", leg.answered_at);
  write_time(out, "ended_at", leg.ended_at);
  if (leg.end_reason) out.member("end_reason", to_string(*leg.end_reason));
  if (leg.muted) out.member("muted", true);
  out.end_object();
}

void write_json(json::Writer& out, const Call& call) {
  using namespace fields;
  out.begin_object()
      .member("id", call.id)
      .member("org", call.org)
      .member("state", to_string(call.state));
  out.member("direction", to_string(call.direction));
  write_party_always(out, "from", call.from);
  write_party_always(out, "to", call.to);
  write_or_null(out, "did", call.did);
  if (call.customer.empty())
    out.key("customer").null();
  else
    write_party(out, "customer", call.customer);
  out.key("queue");
  if (call.queue.empty())
    out.null();
  else
    out.begin_object().member("name", call.queue).end_object();
  out.key("legs").begin_array();
  for (const auto& leg : call.legs) write_json(out, leg);
  out.end_array();
  out.member("started_at", to_rfc3339(call.started_at));
  write_or_null(out, "answered_at", call.answered_at);
  word_or_null(out, "answered_by", call.answered_by);
  write_or_null(out, "ended_at", call.ended_at);
  word_or_null(out, "disposition", call.disposition);
  if (call.ring) out.member("ring_ms", static_cast<std::int64_t>(call.ring->count()));
  if (call.talk) out.member("talk_ms", static_cast<std::int64_t>(call.talk->count()));
  if (call.hold) out.member("hold_ms", static_cast<std::int64_t>(call.hold->count()));
  out.key("ids").begin_array();
  for (const auto& key : call.ids)
    out.begin_object()
        .member("kind", to_string(key.kind))
        .member("source", key.source)
        .member("value", key.value)
        .end_object();
  out.end_array();
  write_map(out, "headers", call.headers);
  write_map(out, "variables", call.variables);
  write_or_null(out, "custom_data", call.custom_data);
  if (!call.parked.empty())
    out.key("parked").begin_object().member("place", call.parked.str()).end_object();
  if (!call.conference.empty())
    out.key("conference").begin_object().member("id", call.conference.str()).end_object();
  out.key("recordings").begin_array();
  for (const auto& recording : call.recordings) {
    out.begin_object();
    write_text(out, "id", recording.id);
    write_text(out, "url", recording.url);
    out.end_object();
  }
  out.end_array();
  out.key("links").begin_array();
  for (const auto& id : call.absorbed)
    out.begin_object().member("kind", "absorbed").member("call", id).end_object();
  out.end_array();
  out.key("provenance").begin_object();
  for (const auto& [field, source] : call.provenance) out.member(field, source);
  out.end_object();
  out.end_object();
}

Result<Call> call_from_json(const json::Value& object) {
  Call call;
  fields::Reader in{object};
  in.text("id", call.id);
  in.text("org", call.org);
  std::optional<CallState> state;
  in.word("state", state);
  std::optional<Direction> direction;
  in.word("direction", direction);
  in.party("from", call.from);
  in.party("to", call.to);
  in.party("customer", call.customer);
  in.text("did", call.did);
  if (const json::Value* queue = in.object("queue")) {
    fields::Reader nested{*queue, "/queue"};
    nested.text("name", call.queue);
    in.adopt(nested);
  }
  if (const json::Value* legs = in.array("legs", kLegsPerCallMax))
    for (const auto& leg : legs->GetArray()) call.legs.push_back(leg_from_json(leg, in));
  std::optional<Time> started;
  in.time("started_at", started);
  in.time("answered_at", call.answered_at);
  in.word("answered_by", call.answered_by);
  in.time("ended_at", call.ended_at);
  in.word("disposition", call.disposition);
  call.ring = read_ms(in, "ring_ms");
  call.talk = read_ms(in, "talk_ms");
  call.hold = read_ms(in, "hold_ms");
  if (const json::Value* ids = in.array("ids", kKeysPerCallMax)) {
    for (const auto& item : ids->GetArray()) {
      fields::Reader nested{item, "/ids"};
      CallKey key;
      std::optional<KeyKind> kind;
      nested.word("kind", kind);
      nested.text("source", key.source);
      nested.text("value", key.value);
      in.adopt(nested);
      if (kind) {
        key.kind = *kind;
        call.ids.push_back(std::move(key));
      }
    }
  }
  in.text_map("headers", call.headers);
  in.text_map("variables", call.variables);
  in.text("custom_data", call.custom_data);
  if (const json::Value* recordings = in.array("recordings", kRecordingsPerCallMax)) {
    for (const auto& item : recordings->GetArray()) {
      fields::Reader nested{item, "/recordings"};
      Recording recording;
      nested.text("id", recording.id);
      nested.text("url", recording.url);
      in.adopt(nested);
      call.recordings.push_back(std::move(recording));
    }
  }
  if (const json::Value* links = in.array("links", kKeysPerCallMax))
    for (const auto& item : links->GetArray())
      if (const auto id = json::find_string(item, "call")) call.absorbed.emplace_back(*id);
  if (const json::Value* parked = in.object("parked")) {
    fields::Reader nested{*parked, "/parked"};
    nested.text("place", call.parked);
    in.adopt(nested);
  }
  if (const json::Value* conference = in.object("conference")) {
    fields::Reader nested{*conference, "/conference"};
    nested.text("id", call.conference);
    in.adopt(nested);
  }
  std::map<std::string, std::string> provenance;
  in.text_map("provenance", provenance);
  for (const auto& [field, source] : provenance) call.provenance.emplace_back(field, source);
  if (!state || !direction || !started) in.fail("", "lacks state, direction or started_at");
  if (in.problem()) return *in.problem();
  call.state = *state;
  call.direction = *direction;
  call.started_at = *started;
  return call;
}

}  // namespace hookswitch
