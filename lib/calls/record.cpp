#include "calls/record.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "model/json_fields.hpp"

namespace hookswitch {
namespace {

using fields::Reader;

void write_texts(json::Writer& out, std::string_view name, const std::vector<Text>& texts) {
  if (texts.empty()) return;
  out.key(name).begin_array();
  for (const Text& text : texts) out.string(text);
  out.end_array();
}

void write_ms(json::Writer& out, std::string_view name, const std::optional<Time>& time) {
  if (time) out.member(name, to_unix_ms(*time));
}

std::optional<Time> read_ms(Reader& in, std::string_view name) {
  std::optional<std::int64_t> ms;
  in.integer(name, ms);
  return ms ? std::optional{from_unix_ms(*ms)} : std::nullopt;
}

std::int64_t read_int(Reader& in, std::string_view name, std::int64_t fallback = 0) {
  std::optional<std::int64_t> value;
  in.integer(name, value);
  return value.value_or(fallback);
}

constexpr std::size_t kMany = 1024;

/// Runs `read` for each object of the array `name`.
template <class Read>
void each(Reader& in, std::string_view name, Read read) {
  const json::Value* list = in.array(name, kMany);
  if (list == nullptr) return;
  for (const auto& item : list->GetArray()) {
    Reader nested{item, "/" + std::string{name}};
    read(nested, item);
    in.adopt(nested);
  }
}

void write_mention(json::Writer& out, const Mention& mention) {
  using namespace fields;
  out.begin_object().member("part", static_cast<int>(mention.part));
  if (mention.direction != Direction::unknown)
    out.member("direction", to_string(mention.direction));
  if (mention.has_agent) out.member("agent", true);
  write_text(out, "leg", mention.leg);
  write_text(out, "agent_ext", mention.agent_ext);
  write_text(out, "agent_user", mention.agent_user);
  write_text(out, "from_user", mention.from_user);
  write_text(out, "to_user", mention.to_user);
  write_text(out, "did", mention.did);
  write_party(out, "from", mention.from);
  write_party(out, "to", mention.to);
  out.end_object();
}

Mention read_mention(Reader& in) {
  Mention out;
  out.part = static_cast<std::uint8_t>(read_int(in, "part"));
  std::optional<Direction> direction;
  in.word("direction", direction);
  out.direction = direction.value_or(Direction::unknown);
  in.boolean("agent", out.has_agent);
  in.text("leg", out.leg);
  in.text("agent_ext", out.agent_ext);
  in.text("agent_user", out.agent_user);
  in.text("from_user", out.from_user);
  in.text("to_user", out.to_user);
  in.text("did", out.did);
  in.party("from", out.from);
  in.party("to", out.to);
  return out;
}

/// Extras are members of a fact, so its JSON does.
void write_extras(json::Writer& out, const Extras& extras) {
  Fact fact;
  fact.customer = extras.customer;
  fact.queue = extras.queue;
  fact.custom_data = extras.custom_data;
  fact.reason = extras.reason;
  fact.conference = extras.conference;
  fact.recording = extras.recording;
  fact.transfer = extras.transfer;
  if (extras.duration.count() > 0) fact.duration = extras.duration;
  fact.headers = extras.headers;
  fact.variables = extras.variables;
  write_json(out, fact);
}

Extras read_extras(Fact fact) {
  Extras out;
  out.customer = std::move(fact.customer);
  out.queue = std::move(fact.queue);
  out.custom_data = std::move(fact.custom_data);
  out.reason = std::move(fact.reason);
  out.conference = std::move(fact.conference);
  out.recording = std::move(fact.recording);
  out.transfer = std::move(fact.transfer);
  out.duration = fact.duration.value_or(milliseconds{0});
  out.headers = std::move(fact.headers);
  out.variables = std::move(fact.variables);
  return out;
}

void write_note(json::Writer& out, const Note& note) {
  out.begin_object().member("type", to_string(note.type));
  out.member("mention", static_cast<int>(note.mention));
  if (note.extras != Note::kNoExtras) out.member("extras", static_cast<int>(note.extras));
  out.member("at", to_unix_ms(note.at));
  if (note.received != note.at) out.member("received", to_unix_ms(note.received));
  if (note.has_seq()) out.member("seq", note.seq);
  if (note.joined_by != JoinedBy::first_fact) out.member("by", static_cast<int>(note.joined_by));
  if (note.reason) out.member("reason", to_string(*note.reason));
  if (note.confidence != 0) out.member("confidence", static_cast<int>(note.confidence));
  if (note.told_at) out.member("told", true);
  if (note.state_report) out.member("report", true);
  if (note.early) out.member("early", true);
  out.end_object();
}

Note read_note(Reader& in) {
  Note out;
  std::optional<FactType> type;
  in.word("type", type);
  if (!type) in.fail("type", "is missing");
  out.type = type.value_or(FactType::updated);
  out.mention = static_cast<std::uint8_t>(read_int(in, "mention"));
  out.extras = static_cast<std::uint8_t>(read_int(in, "extras", Note::kNoExtras));
  out.at = from_unix_ms(read_int(in, "at"));
  out.received = read_ms(in, "received").value_or(out.at);
  out.seq = read_int(in, "seq", Note::kNoSeq);
  out.joined_by = static_cast<JoinedBy>(read_int(in, "by"));
  in.word("reason", out.reason);
  out.confidence = static_cast<std::uint8_t>(read_int(in, "confidence"));
  in.boolean("told", out.told_at);
  in.boolean("report", out.state_report);
  in.boolean("early", out.early);
  return out;
}

/// Numbers inside a record must lead somewhere in it.
bool is_sound(const CallRecord& record) {
  for (std::size_t i = 0; i < record.parts.size(); ++i)  // names lead to an earlier part
    if (record.parts[i].same_as != Part::kItself && record.parts[i].same_as >= i) return false;
  for (const Mention& mention : record.mentions)
    if (mention.part >= record.parts.size()) return false;
  for (const Note& note : record.notes)
    if (note.mention >= record.mentions.size() ||
        (note.extras != Note::kNoExtras && note.extras >= record.extras.size()) ||
        note.joined_by > JoinedBy::tick)
      return false;
  return !record.id.empty() && !record.org.empty() && !record.notes.empty() &&
         record.notes.size() <= kNotesPerCallMax;
}

}  // namespace

void prefetch(const CallRecord& record) {
  constexpr std::size_t kLine = 64;
  const auto all = [](const auto& list) {
    const char* at = reinterpret_cast<const char*>(list.data());
    const std::size_t bytes = list.size() * sizeof *list.data();
    for (std::size_t i = 0; i < bytes; i += kLine) __builtin_prefetch(at + i);
  };
  for (std::size_t i = 0; i < sizeof record; i += kLine)
    __builtin_prefetch(reinterpret_cast<const char*>(&record) + i);
  all(record.keys);
  all(record.mentions);
  all(record.notes);
  all(record.parts);
  all(record.legs);
  for (const Key& key : record.keys) key.value.prefetch();
  for (const Mention& mention : record.mentions)
    for (const Text* text :
         {&mention.from.number, &mention.from.name, &mention.from.presented, &mention.to.number,
          &mention.to.ext, &mention.to.presented, &mention.did, &mention.agent_ext})
      text->prefetch();
}

std::string save_record(const CallRecord& record, const SourceBook& sources) {
  json::Writer out;
  out.begin_object().member("id", record.id).member("org", record.org);
  out.key("parts").begin_array();
  for (const Part& part : record.parts) {
    out.begin_object();
    fields::write_text(out, "source", sources[part.source].name);
    fields::write_text(out, "id", part.id);
    if (part.handed_on) out.member("handed_on", true);
    if (part.same_as != Part::kItself) out.member("same_as", static_cast<int>(part.same_as));
    out.end_object();
  }
  out.end_array().key("mentions").begin_array();
  for (const Mention& mention : record.mentions) write_mention(out, mention);
  out.end_array().key("extras").begin_array();
  for (const auto& extras : record.extras) write_extras(out, *extras);
  out.end_array().key("notes").begin_array();
  for (const Note& note : record.notes) write_note(out, note);
  out.end_array().key("keys").begin_array();
  for (const Key& key : record.keys)
    out.begin_object()
        .member("kind", to_string(key.kind))
        .member("source", sources[key.source].name)
        .member("value", key.value)
        .end_object();
  out.end_array();
  out.key("tuples").begin_array();
  for (const Text& tuple : record.tuples) {  // without the source's number, which may change
    const std::string& text = tuple.str();
    const auto cut = text.find('\x1f');
    const auto source = static_cast<SourceIndex>(parse_int(text.substr(0, cut)).value_or(0));
    out.begin_object()
        .member("source", sources[source].name)
        .member("of", std::string_view{text}.substr(cut))
        .end_object();
  }
  out.end_array();
  write_texts(out, "absorbed", record.absorbed);
  out.key("joined").begin_array();
  for (const Joined& joined : record.joined) {
    out.begin_object()
        .member("by", static_cast<int>(joined.rule))
        .member("confidence", static_cast<int>(joined.confidence))
        .member("at", to_unix_ms(joined.at));
    fields::write_text(out, "source", sources[joined.source].name);
    fields::write_text(out, "with", joined.with);
    fields::write_text(out, "evidence", joined.evidence);
    out.end_object();
  }
  out.end_array().key("legs").begin_array();
  for (const ToldLeg& leg : record.legs) {
    out.begin_object()
        .member("number", static_cast<int>(leg.number))
        .member("state", to_string(leg.state));
    if (leg.end_reason) out.member("end_reason", to_string(*leg.end_reason));
    if (leg.ended_at != Time{}) out.member("ended_at", to_unix_ms(leg.ended_at));
    out.end_object();
  }
  out.end_array().member("legs_named", static_cast<int>(record.legs_named));
  write_texts(out, "told_recordings", record.told_recordings);
  out.member("last_fact", to_unix_ms(record.last_fact));
  out.member("told", record.told)
      .member("answered", record.answered)
      .member("patient", record.patient);
  if (record.ended)
    out.member("ended_at", to_unix_ms(record.ended_at))
        .member("disposition", to_string(record.disposition));
  write_ms(out, "settle_at", record.settle_at);
  write_ms(out, "check_until", record.check_until);
  out.end_object();
  return out.str();
}

Result<CallRecord> load_record(std::string_view text, SourceBook& sources) {
  auto document =
      json::parse(text, {.bytes_max = kOwnJsonBytesMax, .values_max = kOwnJsonBytesMax});
  if (!document) return document.error();
  CallRecord record;
  Reader in{*document};
  in.text("id", record.id);
  in.text("org", record.org);
  const auto source_of = [&](Reader& nested) {
    std::string name;
    nested.text("source", name);
    return name.empty() ? SourceBook::kBroker : sources.index(record.org, name);
  };
  each(in, "parts", [&](Reader& part, const json::Value&) {
    Part out{source_of(part), {}};
    part.text("id", out.id);
    part.boolean("handed_on", out.handed_on);
    out.same_as = static_cast<std::uint8_t>(read_int(part, "same_as", Part::kItself));
    record.parts.push_back(std::move(out));
  });
  each(in, "mentions", [&](Reader& mention, const json::Value&) {
    record.mentions.push_back(read_mention(mention));
  });
  each(in, "extras", [&](Reader& extras, const json::Value& object) {
    auto fact = fact_from_json(object);
    if (!fact) return extras.fail("", fact.error().detail);
    record.extras.push_back(std::make_shared<const Extras>(read_extras(std::move(*fact))));
  });
  each(in, "notes",
       [&](Reader& note, const json::Value&) { record.notes.push_back(read_note(note)); });
  each(in, "keys", [&](Reader& key, const json::Value&) {
    std::optional<KeyKind> kind;
    key.word("kind", kind);
    Key out{kind.value_or(KeyKind::vendor_call_id), source_of(key), {}};
    key.text("value", out.value);
    record.keys.push_back(std::move(out));
  });
  each(in, "tuples", [&](Reader& tuple, const json::Value&) {
    const SourceIndex source = source_of(tuple);
    std::string of;
    tuple.text("of", of);
    record.tuples.emplace_back(std::to_string(source) + of);
  });
  in.texts("absorbed", record.absorbed, kMany);
  each(in, "joined", [&](Reader& joined, const json::Value&) {
    Joined out;
    const std::int64_t by = read_int(joined, "by");
    out.rule = by < 0 || by > static_cast<int>(JoinedBy::tick) ? JoinedBy::first_fact
                                                               : static_cast<JoinedBy>(by);
    out.confidence = static_cast<std::uint8_t>(read_int(joined, "confidence"));
    out.source = source_of(joined);
    out.at = from_unix_ms(read_int(joined, "at"));
    joined.text("with", out.with);
    joined.text("evidence", out.evidence);
    record.joined.push_back(std::move(out));
  });
  each(in, "legs", [&](Reader& leg, const json::Value&) {
    ToldLeg out;
    out.number = static_cast<std::uint8_t>(read_int(leg, "number"));
    std::optional<LegState> state;
    leg.word("state", state);
    out.state = state.value_or(LegState::trying);
    leg.word("end_reason", out.end_reason);
    if (const auto ended = read_ms(leg, "ended_at")) out.ended_at = *ended;
    record.legs.push_back(out);
  });
  record.legs_named = static_cast<std::uint8_t>(read_int(in, "legs_named"));
  in.texts("told_recordings", record.told_recordings, kMany);
  record.last_fact = from_unix_ms(read_int(in, "last_fact"));
  in.boolean("told", record.told);
  in.boolean("answered", record.answered);
  in.boolean("patient", record.patient);
  if (const auto ended = read_ms(in, "ended_at")) {
    record.ended = true;
    record.ended_at = *ended;
    std::optional<Disposition> disposition;
    in.word("disposition", disposition);
    record.disposition = disposition.value_or(Disposition::unknown);
  }
  record.settle_at = read_ms(in, "settle_at");
  record.check_until = read_ms(in, "check_until");
  if (in.problem()) return *in.problem();
  if (!is_sound(record)) return Error{Errc::bad_request, "its parts do not fit together"};
  return record;
}

}  // namespace hookswitch
