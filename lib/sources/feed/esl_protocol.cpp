#include "sources/feed/esl_protocol.hpp"

#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"

namespace hookswitch::feed {
namespace {

constexpr std::string_view kEvents =
    "event json CHANNEL_CREATE CHANNEL_ORIGINATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA "
    "CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_PARK "
    "CHANNEL_UNPARK CHANNEL_UUID CHANNEL_HANGUP_COMPLETE RECORD_STOP";
constexpr std::size_t kAnswersMax = 16;  ///< beyond it the other end does not listen

/// What a row of the list is in the words of an event.
struct Pair {
  std::string_view column, field;
};
constexpr Pair kColumns[] = {
    {"uuid", "Unique-ID"},
    {"call_uuid", "Channel-Call-UUID"},
    {"direction", "Call-Direction"},
    {"name", "Channel-Name"},
    {"cid_name", "Caller-Caller-ID-Name"},
    {"cid_num", "Caller-Caller-ID-Number"},
    {"dest", "Caller-Destination-Number"},
    {"callstate", "Channel-Call-State"},
};

std::string event(std::string_view name, const json::Value& row, std::string_view answer_state,
                  std::string_view at_us) {
  json::Writer out;
  out.begin_object().member("Event-Name", name);
  for (const auto& [column, field] : kColumns)
    if (const auto value = json::find_string(row, column); value && !value->empty())
      out.member(field, *value);
  if (json::find_string(row, "call_uuid").value_or("").empty())
    out.member("Channel-Call-UUID", json::find_string(row, "uuid").value_or(""));
  if (!answer_state.empty()) out.member("Answer-State", answer_state);
  if (!at_us.empty()) out.member("Event-Date-Timestamp", at_us);
  out.end_object();
  return out.str();
}

ListedChannel listed(const json::Value& row, std::string_view uuid) {
  ListedChannel out{std::string{uuid}, {}};
  const auto created = parse_int(json::find_string(row, "created_epoch").value_or(""));
  const std::string at = created && *created > 0 ? std::to_string(*created) + "000000" : "";
  out.events.push_back(event("CHANNEL_CREATE", row, "ringing", at));
  const auto state = json::find_string(row, "callstate").value_or("");
  if (state == "RINGING" || state == "EARLY")
    out.events.push_back(event("CHANNEL_PROGRESS", row, "ringing", {}));
  if (state == "ACTIVE" || state == "HELD" || state == "UNHELD")
    out.events.push_back(event("CHANNEL_ANSWER", row, "answered", {}));
  if (state == "HELD") out.events.push_back(event("CHANNEL_HOLD", row, "answered", {}));
  return out;
}

}  // namespace

Result<std::vector<ListedChannel>> read_esl_list(std::string_view text) {
  const auto document =
      json::parse(trim(text), {EslReader::kAnswerBytesMax, kJsonDepthMax, 1'000'000});
  if (!document) return document.error();
  if (!document->IsObject() || json::find(*document, "row_count") == nullptr)
    return Error{Errc::bad_request, "no list of channels"};
  std::vector<ListedChannel> out;
  const auto* rows = json::find(*document, "rows");
  if (rows == nullptr) return out;  // none lives
  if (!rows->IsArray()) return Error{Errc::bad_request, "no list of channels"};
  for (const auto& row : rows->GetArray()) {
    const auto uuid = json::find_string(row, "uuid");
    if (!uuid || uuid->empty()) return Error{Errc::bad_request, "a channel without uuid"};
    out.push_back(listed(row, *uuid));
  }
  return out;
}

EslProtocol::EslProtocol(std::string username, Secret password)
    : username_(std::move(username)), password_(std::move(password)) {}

void EslProtocol::on_bytes(std::string_view bytes, FeedStep& step) {
  while (!step.end) {
    auto frame = reader_.next(bytes);
    if (reader_.failed()) {
      step.end = FeedEnd{"what it says is no event socket"};
      return;
    }
    if (!frame) return;
    on_frame(std::move(*frame), step);
  }
}

void EslProtocol::say(const std::string& command, Asked what, FeedStep& step) {
  auto& queue = what == Asked::auth || what == Asked::events ? replies_ : answers_;
  if (queue.size() >= kAnswersMax) {
    step.end = FeedEnd{"it does not answer"};
    return;
  }
  queue.push_back(what);
  step.send += command + "\n\n";
}

void EslProtocol::on_frame(EslFrame frame, FeedStep& step) {
  if (frame.type == "auth/request") {
    const std::string password{password_.reveal()};
    say(username_.empty() ? "auth " + password : "userauth " + username_ + ":" + password,
        Asked::auth, step);
  } else if (frame.type == "command/reply") {
    on_reply(frame, step);
  } else if (frame.type == "api/response") {
    on_answer(frame, step);
  } else if (frame.type == "text/event-json") {
    if (live_) step.events.push_back(std::move(frame.body));
  } else if (frame.type == "text/disconnect-notice") {
    step.end = FeedEnd{"it said goodbye"};
  } else if (frame.type == "text/rude-rejection") {
    step.end = FeedEnd{"its access list keeps us out", true};
  }
}

void EslProtocol::on_reply(const EslFrame& frame, FeedStep& step) {
  if (replies_.empty()) return;
  const Asked what = replies_.front();
  replies_.pop_front();
  const bool good = frame.reply.starts_with("+OK");
  if (what == Asked::auth) {
    if (good) return say(std::string{kEvents}, Asked::events, step);
    step.end = FeedEnd{"it refuses the password", true};
    return;
  }
  if (!good) {
    step.end = FeedEnd{"it refuses to tell its events", true};
    return;
  }
  live_ = step.logged_in = true;
  ask(step);
}

void EslProtocol::on_answer(const EslFrame& frame, FeedStep& step) {
  if (answers_.empty()) return;
  const Asked what = answers_.front();
  answers_.pop_front();
  if (what != Asked::list) return;
  listing_ = false;
  auto list = read_esl_list(frame.body);
  if (list)
    step.list = std::move(*list);
  else
    step.note = "show channels: " + list.error().detail;
}

void EslProtocol::ask(FeedStep& step) {
  if (!live_ || listing_) return;
  listing_ = step.asked = true;
  say("api show channels as json", Asked::list, step);
}

void EslProtocol::keep_alive(FeedStep& step) {
  if (live_) say("api uptime", Asked::sign_of_life, step);
}

}  // namespace hookswitch::feed
