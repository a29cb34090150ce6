#include "sources/feed/ari_reader.hpp"

#include "base/json.hpp"

namespace hookswitch::feed {
namespace {

constexpr std::string_view kRequestId = "hookswitch-channels";
/// A channel holds some forty values.
constexpr std::size_t kValuesMax = 500'000;

constexpr json::Limits kLimits{kAriMessageBytesMax, kJsonDepthMax, kValuesMax};

std::string event(std::string_view type, const json::Value& channel, std::string_view when) {
  json::Writer out;
  out.begin_object().member("type", type);
  if (!when.empty()) out.member("timestamp", when);
  out.key("channel").value(channel).end_object();
  return out.str();
}

}  // namespace

std::string ari_list_request() {
  json::Writer out;
  out.begin_object()
      .member("type", "RESTRequest")
      .member("request_id", kRequestId)
      .member("method", "GET")
      .member("uri", "channels")
      .end_object();
  return out.str();
}

bool is_ari_answer(std::string_view message) {
  // Parsed only if the word is there; a caller may have it for a name.
  if (message.find("\"RESTResponse\"") == std::string_view::npos) return false;
  const auto document = json::parse(message, kLimits);
  return document && json::find_string(*document, "type") == "RESTResponse";
}

Result<std::vector<ListedChannel>> read_ari_list(std::string_view message) {
  const auto answer = json::parse(message, kLimits);
  if (!answer) return answer.error();
  if (json::find_string(*answer, "request_id") != kRequestId)
    return Error{Errc::bad_request, "an answer to nothing we asked"};
  if (json::find_int(*answer, "status_code") != 200)
    return Error{Errc::bad_request, "the list of channels is refused"};
  const auto body = json::find_string(*answer, "message_body");
  const auto channels = json::parse(body.value_or(""), kLimits);
  if (!channels) return channels.error();
  if (!channels->IsArray()) return Error{Errc::bad_request, "no list of channels"};
  std::vector<ListedChannel> out;
  for (const auto& channel : channels->GetArray()) {
    const auto id = json::find_string(channel, "id");
    if (!id || id->empty()) return Error{Errc::bad_request, "a channel without id"};
    const auto created = json::find_string(channel, "creationtime").value_or("");
    ListedChannel listed{std::string{*id}, {event("ChannelCreated", channel, created)}};
    const auto state = json::find_string(channel, "state");
    if (state == "Up" || state == "Ringing")
      listed.events.push_back(event("ChannelStateChange", channel, {}));
    out.push_back(std::move(listed));
  }
  return out;
}

}  // namespace hookswitch::feed
