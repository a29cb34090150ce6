#include "sinks/messages.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "dialects/dialect.hpp"
#include "sinks/signature.hpp"

namespace hookswitch {
namespace {

/// {"event":{…},"hookswitch":{…}} -> {…}; {"callRecord":{…},"hookswitch":{…}} ->
/// {"callRecord":{…}}.
std::string bare(std::string_view frame) {
  const auto document = json::parse(frame, {.bytes_max = frame.size() + 1});
  if (!document) return {};
  json::Writer out;
  if (const json::Value* event = json::find(*document, "event")) {
    out.value(*event);
    return out.str();
  }
  const json::Value* record = json::find(*document, "callRecord");
  if (record == nullptr) return {};
  out.begin_object().key("callRecord").value(*record).end_object();
  return out.str();
}

std::vector<std::string> elma365_bodies(const Directory& directory, const Event& event) {
  std::vector<std::string> out;
  if (!event.call) return out;
  std::vector<std::string> people;
  for (const auto& leg : event.call->legs)
    if (!leg.user.empty() && std::find(people.begin(), people.end(), leg.user) == people.end())
      people.push_back(leg.user);
  for (const auto& id : people) {
    PageUser user{.org = event.org,
                  .id = id,
                  .ext = {},
                  .name = {},
                  .email = {},
                  .number = {},
                  .country = {}};
    if (const User* known = directory.find_user(event.org, id);
        known != nullptr && !known->extensions.empty())
      user.ext = known->extensions.front();
    // What a person was before is not known here; it matters only for who comes into a call late.
    for (const auto& frame : page_messages(Dialect::elma365, event, user, TelephonyStatus::NoCall,
                                           TelephonyStatus::NoCall))
      if (auto body = bare(frame); !body.empty()) out.push_back(std::move(body));
  }
  return out;
}

}  // namespace

Result<std::vector<SinkMessage>> sink_messages(const SinkSettings& sink, const Directory& directory,
                                               const std::string& epoch,
                                               const StoredEvent& stored) {
  auto event = decode_event(stored.body->text(), stored.audience);
  if (!event) return event.error();
  std::vector<SinkMessage> out;
  if (!sink.filter.matches(*event)) return out;
  SinkMessage one;
  one.cursor = {epoch, stored.offset};
  one.type = to_string(event->type);
  if (event->call) one.call = event->call->id.str();
  one.lane = event->call ? "call " + one.call : "source " + event->source;
  if (!event->absorbed.empty()) one.after = "call " + event->absorbed.str();
  const auto add = [&] {
    one.id = webhook_id(sink.org, sink.name, one.cursor, out.size());
    out.push_back(one);
  };
  if (sink.shape == SinkShape::native) {
    one.frame = stored.body;
    add();
    return out;
  }
  for (auto& body : elma365_bodies(directory, *event)) {
    one.text = std::move(body);
    add();
  }
  return out;
}

}  // namespace hookswitch
