#include "sources/sip/protocol.hpp"

#include "base/json.hpp"

namespace hookswitch::sip {
namespace {

constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kSourcesMax = 1024;

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

std::string framed(const json::Writer& out) {
  const std::string_view body = out.view();
  if (body.size() > kFrameBytesMax) return {};
  std::string frame;
  frame.reserve(kHeaderBytes + body.size());
  for (int shift = 24; shift >= 0; shift -= 8)
    frame += static_cast<char>((body.size() >> shift) & 0xff);
  return frame.append(body);
}

std::int64_t number(std::size_t value) { return static_cast<std::int64_t>(value); }

void write(json::Writer& out, const NumberPlan& numbers) {
  out.member("country", numbers.country)
      .member("intl_prefix", numbers.intl_prefix)
      .member("e164_without_plus", numbers.e164_without_plus)
      .key("strip_prefixes")
      .begin_array();
  for (const std::string& prefix : numbers.strip_prefixes) out.string(prefix);
  out.end_array();
}

void write(json::Writer& out, const SourceSettings& source) {
  out.begin_object()
      .member("org", source.org)
      .member("name", source.name)
      .member("server", source.server);
  out.member("domain", source.domain)
      .member("username", source.username)
      .member("password", source.password.reveal());
  out.member("realm", source.realm)
      .member("expires_s", source.expires_s)
      .key("watch")
      .begin_array();
  for (const std::string& ext : source.watch) out.string(ext);
  out.end_array();
  write(out, source.numbers);
  out.end_object();
}

void write(json::Writer& out, const hep::SourceSettings& source) {
  out.begin_object()
      .member("org", source.org)
      .member("name", source.name)
      .member("address", source.address)
      .member("auth_key", source.auth_key.reveal());
  write(out, source.numbers);
  out.end_object();
}

void write_fact(json::Writer& out, const char* op, std::size_t source, const Fact& fact) {
  out.member("op", op).member("source", number(source)).key("fact");
  write_json(out, fact);
}

Error wrong(const char* member) {
  return Error{Errc::bad_message, std::string{"wrong or missing member "} + member};
}

std::string text(const json::Value& object, const char* name) {
  return std::string{json::find_string(object, name).value_or("")};
}

std::optional<std::size_t> source_index(const json::Value& object) {
  const auto index = json::find_int(object, "source");
  if (!index || *index < 0 || *index >= number(kSourcesMax)) return std::nullopt;
  return static_cast<std::size_t>(*index);
}

bool read_numbers(const json::Value& object, NumberPlan& out) {
  out.country = text(object, "country");
  out.intl_prefix = text(object, "intl_prefix");
  out.e164_without_plus = json::find_bool(object, "e164_without_plus").value_or(false);
  const json::Value* strip = json::find(object, "strip_prefixes");
  if (strip == nullptr) return true;
  if (!strip->IsArray() || strip->Size() > kStripPrefixesMax) return false;
  for (const auto& prefix : strip->GetArray()) {
    if (!prefix.IsString()) return false;
    out.strip_prefixes.emplace_back(json::text(prefix));
  }
  return true;
}

Result<SourceSettings> read_source(const json::Value& object) {
  if (!object.IsObject()) return wrong("sources");
  SourceSettings out;
  out.org = text(object, "org");
  out.name = text(object, "name");
  out.server = text(object, "server");
  out.domain = text(object, "domain");
  out.username = text(object, "username");
  out.password = Secret{text(object, "password")};
  out.realm = text(object, "realm");
  const auto expires = json::find_int(object, "expires_s");
  if (!expires || *expires < 0 || *expires > kExpiresMax) return wrong("expires_s");
  out.expires_s = static_cast<int>(*expires);
  const json::Value* watch = json::find(object, "watch");
  if (watch == nullptr || !watch->IsArray() || watch->Size() > kWatchedMax) return wrong("watch");
  for (const auto& ext : watch->GetArray()) {
    if (!ext.IsString()) return wrong("watch");
    out.watch.emplace_back(json::text(ext));
  }
  if (!read_numbers(object, out.numbers)) return wrong("strip_prefixes");
  return out;
}

Result<hep::SourceSettings> read_hep(const json::Value& object) {
  if (!object.IsObject()) return wrong("hep");
  hep::SourceSettings out;
  out.org = text(object, "org");
  out.name = text(object, "name");
  out.address = text(object, "address");
  out.auth_key = Secret{text(object, "auth_key")};
  if (!read_numbers(object, out.numbers)) return wrong("strip_prefixes");
  return out;
}

template <class Frame>
Result<Frame> read_fact(const json::Value& object) {
  const auto source = source_index(object);
  const json::Value* value = json::find(object, "fact");
  if (!source) return wrong("source");
  if (value == nullptr) return wrong("fact");
  auto fact = fact_from_json(*value);
  if (!fact) return fact.error();
  return Frame{*source, std::move(*fact)};
}

Result<Configure> read_configure(const json::Value& object) {
  const json::Value* sources = json::find(object, "sources");
  if (sources == nullptr || !sources->IsArray() || sources->Size() > kSourcesMax)
    return wrong("sources");
  Configure out;
  for (const auto& item : sources->GetArray()) {
    auto source = read_source(item);
    if (!source) return source.error();
    out.sources.push_back(std::move(*source));
  }
  const json::Value* mirrored = json::find(object, "hep");
  if (mirrored == nullptr) return out;
  if (!mirrored->IsArray() || mirrored->Size() > kSourcesMax) return wrong("hep");
  for (const auto& item : mirrored->GetArray()) {
    auto source = read_hep(item);
    if (!source) return source.error();
    out.hep.push_back(std::move(*source));
  }
  return out;
}

Result<Refresh> read_refresh(const json::Value& object) {
  const auto source = source_index(object);
  const json::Value* extensions = json::find(object, "extensions");
  if (!source) return wrong("source");
  if (extensions == nullptr || !extensions->IsArray() || extensions->Size() > kWatchedMax)
    return wrong("extensions");
  Refresh out{*source, {}};
  for (const auto& ext : extensions->GetArray()) {
    if (!ext.IsString()) return wrong("extensions");
    out.extensions.emplace_back(json::text(ext));
  }
  return out;
}

Result<Health> read_health(const json::Value& object) {
  const auto source = source_index(object);
  const auto up = json::find_bool(object, "up");
  if (!source) return wrong("source");
  if (!up) return wrong("up");
  const auto count = [&](const char* name) { return json::find_int(object, name).value_or(0); };
  return Health{*source,
                *up,
                text(object, "reason"),
                count("watched"),
                count("subscriptions_active"),
                count("notifies"),
                count("anomalies")};
}

Result<HepCounts> read_counts(const json::Value& object) {
  const auto source = source_index(object);
  if (!source) return wrong("source");
  const auto count = [&](const char* name) { return json::find_int(object, name).value_or(0); };
  return HepCounts{*source,
                   {count("packets"), count("key"), count("malformed"), count("limit"),
                    count("unread"), count("calls")}};
}

LogLine read_log(const json::Value& object) {
  return {text(object, "level"), text(object, "event"), source_index(object), text(object, "why")};
}

Result<json::Document> read_object(std::string_view frame) {
  auto document = json::parse(frame, {.bytes_max = kFrameBytesMax});
  if (document && !document->IsObject())
    return Error{Errc::bad_message, "a frame must be an object"};
  return document;
}

/// The variant that holds what was read, or why it could not be.
template <class Variant, class T>
Result<Variant> widen(Result<T> read) {
  if (!read) return read.error();
  return Result<Variant>{boost::system::in_place_value, std::in_place_type<T>, std::move(*read)};
}

}  // namespace

std::string encode(const ToWorker& message) {
  json::Writer out;
  out.begin_object();
  std::visit(Overloaded{
                 [&](const Configure& m) {
                   out.member("op", "configure").key("sources").begin_array();
                   for (const SourceSettings& source : m.sources) write(out, source);
                   out.end_array();
                   if (m.hep.empty()) return;
                   out.key("hep").begin_array();
                   for (const hep::SourceSettings& source : m.hep) write(out, source);
                   out.end_array();
                 },
                 [&](const Known& m) { write_fact(out, "known", m.source, m.fact); },
                 [&](const Start&) { out.member("op", "start"); },
                 [&](const Stop&) { out.member("op", "stop"); },
                 [&](const Ping& m) { out.member("op", "ping").member("n", m.n); },
                 [&](const Refresh& m) {
                   out.member("op", "refresh").member("source", number(m.source));
                   out.key("extensions").begin_array();
                   for (const std::string& ext : m.extensions) out.string(ext);
                   out.end_array();
                 },
             },
             message);
  out.end_object();
  return framed(out);
}

std::string encode(const ToDaemon& message) {
  json::Writer out;
  out.begin_object();
  std::visit(
      Overloaded{
          [&](const FactFrame& m) { write_fact(out, "fact", m.source, m.fact); },
          [&](const Health& m) {
            out.member("op", "health")
                .member("source", number(m.source))
                .member("up", m.up)
                .member("reason", m.reason);
            out.member("watched", m.watched).member("subscriptions_active", m.subscriptions_active);
            out.member("notifies", m.notifies).member("anomalies", m.anomalies);
          },
          [&](const HepCounts& m) {
            const hep::Counts& counts = m.counts;
            out.member("op", "hep").member("source", number(m.source));
            out.member("packets", counts.packets).member("key", counts.key);
            out.member("malformed", counts.malformed).member("limit", counts.limit);
            out.member("unread", counts.unread).member("calls", counts.calls);
          },
          [&](const Pong& m) { out.member("op", "pong").member("n", m.n); },
          [&](const LogLine& m) {
            out.member("op", "log").member("level", m.level).member("event", m.event);
            if (m.source) out.member("source", number(*m.source));
            out.member("why", m.why);
          },
      },
      message);
  out.end_object();
  return framed(out);
}

Result<ToWorker> decode_to_worker(std::string_view frame) {
  const auto document = read_object(frame);
  if (!document) return document.error();
  const auto op = json::find_string(*document, "op").value_or("");
  if (op == "configure") return widen<ToWorker>(read_configure(*document));
  if (op == "known") return widen<ToWorker>(read_fact<Known>(*document));
  if (op == "start") return ToWorker{Start{}};
  if (op == "stop") return ToWorker{Stop{}};
  if (op == "refresh") return widen<ToWorker>(read_refresh(*document));
  if (op == "ping") return ToWorker{Ping{json::find_int(*document, "n").value_or(0)}};
  return wrong("op");
}

Result<ToDaemon> decode_to_daemon(std::string_view frame) {
  const auto document = read_object(frame);
  if (!document) return document.error();
  const auto op = json::find_string(*document, "op").value_or("");
  if (op == "fact") return widen<ToDaemon>(read_fact<FactFrame>(*document));
  if (op == "health") return widen<ToDaemon>(read_health(*document));
  if (op == "hep") return widen<ToDaemon>(read_counts(*document));
  if (op == "pong") return ToDaemon{Pong{json::find_int(*document, "n").value_or(0)}};
  if (op == "log") return widen<ToDaemon>(Result<LogLine>{read_log(*document)});
  return wrong("op");
}

void FrameReader::feed(std::string_view bytes) {
  if (failed_) return;
  buffer_.erase(0, read_);
  read_ = 0;
  buffer_.append(bytes);
}

std::optional<std::string_view> FrameReader::next() {
  const std::string_view left = std::string_view{buffer_}.substr(read_);
  if (failed_ || left.size() < kHeaderBytes) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < kHeaderBytes; ++i)
    length = length << 8 | static_cast<unsigned char>(left[i]);
  if (length == 0 || length > kFrameBytesMax) {
    failed_ = true;
    return std::nullopt;
  }
  if (left.size() - kHeaderBytes < length) return std::nullopt;
  read_ += kHeaderBytes + length;
  return left.substr(kHeaderBytes, length);
}

}  // namespace hookswitch::sip
