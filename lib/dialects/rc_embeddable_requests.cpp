#include <algorithm>
#include <array>

#include "base/limits.hpp"
#include "dialects/participation.hpp"

namespace hookswitch::dialects::rc_embeddable {
namespace {

using Kind = PageRequest::Kind;

/// A text of the page that is used as it is, so it has a bound.
std::optional<std::string_view> short_text(const json::Value& object, std::string_view name) {
  const auto text = json::find_string(object, name);
  if (!text || text->empty() || text->size() > kIdBytesMax) return std::nullopt;
  return text;
}

struct Target {
  const Call* call = nullptr;
  Participation part;
  TelephonyStatus status = TelephonyStatus::NoCall;
};

std::vector<Target> targets(const LiveCalls& live, const PageUser& user) {
  std::vector<Target> out;
  for (const auto& call : live)
    for (auto& part : participations(*call, user.id))
      if (part.live) {
        const TelephonyStatus status = status_of(*call, part);
        out.push_back({call.get(), std::move(part), status});
      }
  return out;
}

bool named(const Target& target, std::string_view id) {
  if (target.part.id(*target.call) == id) return true;
  // Later widgets name a call by its SIP Call-ID.
  return std::any_of(target.call->ids.begin(), target.call->ids.end(), [&](const CallKey& key) {
    return key.kind == KeyKind::sip_call_id && key.value == id;
  });
}

/// Without an id: the ringing session for what is done to a ringing one, else the one that is
/// talked on, else the last.
const Target* choose(const std::vector<Target>& all, bool ringing) {
  const Target* found = nullptr;
  for (const auto& target : all) {
    const bool rings = !target.part.outbound() && target.status == TelephonyStatus::Ringing;
    if (rings != ringing) continue;
    if (found == nullptr || target.status == TelephonyStatus::CallConnected ||
        found->status != TelephonyStatus::CallConnected)
      found = &target;
  }
  return found;
}

struct Action {
  std::string_view page, command;
  bool ringing;  ///< meant for a ringing session when none is named
};

constexpr std::array kActions{
    Action{"answer", "answer", true},   Action{"reject", "reject", true},
    Action{"hangup", "hang_up", false}, Action{"hold", "hold", false},
    Action{"unhold", "resume", false},  Action{"mute", "mute", false},
    Action{"unmute", "unmute", false},  Action{"transfer", "transfer", false},
    Action{"dtmf", "dtmf", false},
};

PageRequest record_error(std::string_view call_id, const Cursor& cursor) {
  json::Writer out;
  out.begin_object().member("type", "rc-control-call-error").member("error", "RecordError");
  out.member("message", "Recording cannot be switched from here").member("callId", call_id);
  return {Kind::reply, {finish(out, cursor)}, {}, {}};
}

/// Adds what the action needs from `options`; false: it is not there.
bool write_options(json::Writer& params, std::string_view command, const json::Value* options) {
  if (command != "transfer" && command != "dtmf") return true;
  if (options == nullptr) return false;
  if (command == "transfer") {
    const auto to = short_text(*options, "transferNumber");
    if (to) params.member("to", *to).member("kind", "blind");
    return to.has_value();
  }
  const auto digits = short_text(*options, "dtmf");
  if (!digits || digits->find_first_not_of("0123456789*#ABCDabcd,") != std::string_view::npos)
    return false;
  params.member("digits", *digits);
  return true;
}

PageRequest control_call(const json::Value& frame, const PageUser& user, const LiveCalls& live,
                         const Cursor& cursor) {
  const auto word = json::find_string(frame, "callAction");
  if (!word) return {};
  const auto action = std::find_if(kActions.begin(), kActions.end(),
                                   [&](const Action& a) { return a.page == *word; });
  const bool record = *word == "startRecord" || *word == "stopRecord";
  if (action == kActions.end() && !record) return {};
  const auto all = targets(live, user);
  const Target* target = nullptr;
  if (const json::Value* id = json::find(frame, "callId"); id != nullptr && !id->IsNull()) {
    if (!id->IsString()) return {};
    for (const auto& candidate : all)
      if (target == nullptr && named(candidate, json::text(*id))) target = &candidate;
  } else {
    target = choose(all, action != kActions.end() && action->ringing);
  }
  if (target == nullptr) return {};
  if (record) return record_error(target->part.id(*target->call), cursor);
  json::Writer params;
  begin_target(params, *target->call, target->part);
  if (!write_options(params, action->command, json::find(frame, "options"))) return {};
  params.end_object();
  return {Kind::command, {}, std::string{action->command}, params.str()};
}

PageRequest new_call(const json::Value& frame, const PageUser& user, const LiveCalls& live) {
  const auto number = short_text(frame, "phoneNumber");
  if (!number || !json::find_bool(frame, "toCall").value_or(false))
    return {};  // to show a number needs no broker
  // A second click on a number that is being called is not a second call.
  for (const auto& target : targets(live, user))
    if (target.part.outbound() &&
        (target.call->to.number == *number || target.call->to.ext == *number ||
         target.call->to.presented == *number))
      return {};
  json::Writer params;
  params.begin_object().member("phone_number", *number);
  if (const auto caller_id = short_text(frame, "callerId"))
    params.member("outbound_caller_id", *caller_id);
  params.end_object();
  return {Kind::command, {}, "initiate_call", params.str()};
}

/// True when the member is absent or one of `words`; then `out` is the word or empty.
bool optional_word(const json::Value& frame, std::string_view name,
                   std::initializer_list<std::string_view> words, std::string_view& out) {
  const json::Value* value = json::find(frame, name);
  if (value == nullptr || value->IsNull()) return true;
  if (!value->IsString()) return false;
  out = json::text(*value);
  return std::find(words.begin(), words.end(), out) != words.end();
}

PageRequest set_presence(const json::Value& frame) {
  std::string_view user_status, dnd_status;
  // One wrong word and the vendor ignores the whole message.
  if (!optional_word(frame, "userStatus", {"Offline", "Busy", "Available"}, user_status)) return {};
  if (!optional_word(frame, "dndStatus",
                     {"TakeAllCalls", "DoNotAcceptAnyCalls", "DoNotAcceptDepartmentCalls",
                      "TakeDepartmentCallsOnly"},
                     dnd_status))
    return {};
  if (user_status.empty() && dnd_status.empty()) return {};
  json::Writer params;
  params.begin_object();
  if (!user_status.empty()) params.member("user_status", user_status);
  if (!dnd_status.empty()) params.member("dnd_status", dnd_status);
  params.end_object();
  return {Kind::command, {}, "set_presence", params.str()};
}

PageRequest navigate_to(const json::Value& frame, const Cursor& cursor) {
  const auto path = short_text(frame, "path");
  if (!path || !path->starts_with('/'))
    return {};  // "goBack" needs a history, which only the page has
  json::Writer out;
  out.begin_object().member("type", "rc-route-changed-notify").member("path", *path);
  return {Kind::reply, {finish(out, cursor)}, {}, {}};
}

/// No path is served here; the page gets the vendor's own answer at once instead of a time-out.
PageRequest message_request(const json::Value& frame, const Cursor& cursor) {
  const auto id = short_text(frame, "requestId");
  if (!id || !short_text(frame, "path")) return {};
  json::Writer out;
  out.begin_object().member("type", "rc-adapter-message-response").member("responseId", *id);
  out.key("response").begin_object().member("data", "no matched path").end_object();
  return {Kind::reply, {finish(out, cursor)}, {}, {}};
}

}  // namespace

PageRequest read(const json::Value& frame, const PageUser& user, const LiveCalls& live,
                 const Cursor& cursor) {
  const auto type = json::find_string(frame, "type");
  if (!type) return {};
  if (*type == "rc-adapter-new-call") return new_call(frame, user, live);
  if (*type == "rc-adapter-control-call") return control_call(frame, user, live, cursor);
  if (*type == "rc-adapter-webphone-sessions-sync")
    return {Kind::reply, {sessions_sync(user, live, cursor)}, {}, {}};
  if (*type == "rc-adapter-set-presence") return set_presence(frame);
  if (*type == "rc-adapter-navigate-to") return navigate_to(frame, cursor);
  if (*type == "rc-adapter-message-request") return message_request(frame, cursor);
  return {};  // log-in and log-out are the adapter's; the rest is between the page and its own
              // widget
}

}  // namespace hookswitch::dialects::rc_embeddable
