#include <algorithm>

#include "dialects/participation.hpp"

namespace hookswitch::dialects::rc_embeddable {
namespace {

/// Clients loop for ever on a time that is missing, zero or text: a time is always a number above
/// 0.
std::int64_t page_time(Time time) { return std::max<std::int64_t>(to_unix_ms(time), 1); }

std::string telephony_session_id(const Call& call) { return "s-" + call.id; }
std::string session_id(const Call& call) {
  return std::to_string(stable_number("session", call.id));
}

std::string party_id(const Call& call, const Leg& leg) {
  const std::string_view id = leg.id;
  return "p-" + call.id + "-" + std::string{id.starts_with('l') ? id.substr(1) : id};
}

std::string_view direction(const Participation& part) {
  return part.outbound() ? "Outbound" : "Inbound";
}

/// Both sides as the user's telephone would show them.
struct Sides {
  Text from, from_name, to, to_name;
};

Sides sides(const Call& call, const Participation& part, const PageUser& user) {
  const bool internal = call.direction == Direction::internal;
  const Text own_ext = first_of({part.first().ext, user.ext});
  Sides out;
  if (part.outbound()) {
    out.from =
        first_of({internal ? own_ext : call.from.number, own_ext, address(call.from), user.number});
    out.from_name = first_of({user.name, caller_name(call)});
    out.to = internal ? internal_address(call.to) : address(call.to);
    out.to_name = called_name(call);
  } else {
    out.from = internal ? internal_address(call.from) : address(call.from);
    if (out.from.empty()) out.from = "anonymous";
    out.from_name = caller_name(call);
    out.to = first_of(
        {internal ? own_ext : call.to.number, call.did, own_ext, address(call.to), user.number});
    out.to_name = first_of({user.name, called_name(call)});
  }
  return out;
}

struct SessionText {
  std::string_view status;  ///< after "webphone-session-"
  bool held = false;
  std::optional<Time> start = std::nullopt, end = std::nullopt;
  bool fresh = false;  ///< an outbound call of which the network has said nothing yet
};

/// The call object of the rc-call-* family.
void write_session(json::Writer& out, const Call& call, const Participation& part,
                   const PageUser& user, const SessionText& text) {
  const Sides side = sides(call, part, user);
  const std::int64_t created = page_time(part.began(call));
  out.begin_object().member("id", part.id(call));
  if (!text.fresh) {
    const auto sip = std::find_if(call.ids.begin(), call.ids.end(), [](const CallKey& key) {
      return key.kind == KeyKind::sip_call_id;
    });
    if (sip != call.ids.end()) out.member("callId", sip->value);
  }
  out.member("direction", direction(part));
  out.member("callStatus", "webphone-session-" + std::string{text.status});
  out.member("to", side.to).member("toUserName", side.to_name);
  out.member("from", side.from).member("fromUserName", side.from_name);
  out.key("startTime");
  if (text.start)
    out.integer(page_time(*text.start));
  else
    out.null();
  out.member("creationTime", created);
  out.member("isOnHold", text.held).member("isOnMute", part.live && part.lead->muted);
  for (const auto* flag : {"isOnFlip", "isOnTransfer", "isToVoicemail", "isForwarded", "isReplied"})
    out.member(flag, false);
  out.member("recordStatus", "webphone-record-idle").member("minimized", false);
  out.key("partyData");
  if (text.fresh) {
    out.null();
  } else {
    out.begin_object().member("partyId", party_id(call, part.first()));
    out.member("sessionId", telephony_session_id(call)).end_object();
  }
  out.member("lastActiveTime", created).member("cached", false).member("removed", false);
  out.key("callQueueName");
  if (call.queue.empty() || part.outbound())
    out.null();
  else
    out.string(call.queue + " - ");
  out.member("warmTransferSessionId", "");
  if (part.outbound() && call.direction != Direction::internal && !call.from.number.empty())
    out.member("fromNumber", call.from.number);
  if (text.end) out.member("endTime", page_time(*text.end));
  out.end_object();
}

/// When the user began to talk; nullopt: did not.
std::optional<Time> talk_start(const Call& call, const Participation& part,
                               std::optional<Time> now = {}) {
  if (!part.answered) return std::nullopt;
  if (part.answered_at) return part.answered_at;
  if (call.answered_at) return call.answered_at;
  return now ? now : call.started_at;
}

std::string rc_call(Step step, const Event& event, const Participation& part, const PageUser& user,
                    TelephonyStatus before) {
  const Call& call = *event.call;
  std::string_view type;
  SessionText text;
  text.held = part.lead->state == LegState::held;
  // Clients hang on a session that neither rings nor ended and has no start: whoever holds or mutes
  // is in a call.
  text.start = talk_start(call, part, event.time);
  if (!text.start && step != Step::end) text.start = event.time;
  switch (step) {
    case Step::ring:
      type = "rc-call-ring-notify";
      text = {.status = "connecting"};
      break;
    case Step::init:
      type = "rc-call-init-notify";
      text = {.status = "setup", .fresh = true};
      break;
    case Step::start:
      type = "rc-call-start-notify";
      text = {.status = "connected", .start = text.start};
      break;
    case Step::hold:
      type = "rc-call-hold-notify";
      text.status = "onHold";
      text.held = true;
      break;
    case Step::resume:
      type = "rc-call-resume-notify";
      text.status = "connected";
      text.held = false;
      break;
    case Step::mute:
      type = "rc-call-mute-notify";
      text.status = part.lead->muted
                        ? "onMute"
                        : "connected";  // also when held: that is how the vendor says unmuted
      break;
    case Step::end: {
      type = "rc-call-end-notify";
      // The vendor tells the status before the end. All the user's calls were held if the user as a
      // whole was.
      text.held = part.answered && before == TelephonyStatus::OnHold;
      text.status = !part.answered ? "connecting" : text.held ? "onHold" : "connected";
      text.end = part.lead->ended_at ? part.lead->ended_at : call.ended_at;
      if (!text.end) text.end = event.time;
      break;
    }
  }
  json::Writer out;
  out.begin_object().member("type", type).key("call");
  write_session(out, call, part, user, text);
  return finish(out, event.cursor);
}

/// The call object of the presence family: sides are objects here, and the start is the call's own.
std::string active_call(const Call& call, const Participation& part, const PageUser& user,
                        const Cursor& cursor) {
  const Sides side = sides(call, part, user);
  const TelephonyStatus status = status_of(call, part);
  json::Writer out;
  out.begin_object().member("type", "rc-active-call-notify").key("call").begin_object();
  out.member("direction", direction(part));
  out.key("from")
      .begin_object()
      .member("phoneNumber", side.from)
      .end_object()
      .member("fromName", side.from_name);
  out.key("to")
      .begin_object()
      .member("phoneNumber", side.to)
      .end_object()
      .member("toName", side.to_name);
  out.member("telephonyStatus", to_string(status))
      .member("queueCall", !part.outbound() && !call.queue.empty());
  out.member("sessionId", session_id(call))
      .member("startTime", page_time(part.began(call)))
      .member("offset", 0);
  out.member("partyId", party_id(call, part.first()))
      .member("telephonySessionId", telephony_session_id(call));
  if (status == TelephonyStatus::NoCall) out.member("terminationType", "final");
  out.end_object();
  return finish(out, cursor);
}

std::string_view status_code(const Call& call, const Leg& leg, bool answered) {
  if (leg.state == LegState::terminated || call.state == CallState::ended) return "Disconnected";
  if (leg.state == LegState::held) return "Hold";
  if (answered) return "Answered";
  return leg.state == LegState::trying ? "Setup" : "Proceeding";
}

std::string_view status_reason(const Leg& leg) {
  switch (leg.end_reason.value_or(Disposition::unknown)) {
    case Disposition::no_answer:
      return "NoAnswer";
    case Disposition::busy:
      return "TargetBusy";
    case Disposition::rejected:
      return "Rejected";
    case Disposition::cancelled:
      return "Cancelled";
    case Disposition::redirected:
      return "CallRedirected";
    case Disposition::voicemail:
      return "Voicemail";
    default:
      return {};  // the rest has no word that says no more than is known
  }
}

void write_side(json::Writer& out, std::string_view key, const Party& party, const Text& name,
                const Text& user) {
  out.key(key).begin_object();
  const Text number = address(party);
  if (!number.empty()) out.member("phoneNumber", number);
  if (!name.empty()) out.member("name", name);
  if (!party.ext.empty()) out.member("extensionNumber", party.ext);
  if (!user.empty()) out.member("extensionId", user);
  out.end_object();
}

/// `part` is set for the user's own party, which may have several legs.
void write_party(json::Writer& out, const Call& call, const Leg& leg, const Participation* part,
                 const PageUser& user) {
  const bool callee = leg.role == LegRole::callee;
  const Leg& first = part != nullptr ? part->first() : leg;
  const bool answered = callee ? leg.state == LegState::confirmed : caller_is_through(call);
  out.begin_object();
  if (!leg.user.empty()) out.member("accountId", call.org).member("extensionId", leg.user);
  out.member("id", party_id(call, first)).member("direction", callee ? "Inbound" : "Outbound");
  Party to = call.to;
  if (callee && !leg.number.empty()) to.number = leg.number;
  if (callee && !leg.ext.empty()) to.ext = leg.ext;
  Party from = call.from;
  if (!callee && from.ext.empty()) from.ext = leg.ext;
  const std::string_view own_name = part != nullptr ? user.name : std::string_view{};
  write_side(out, "to", to,
             callee ? first_of({own_name, leg.user.empty() ? called_name(call) : Text{}})
                    : called_name(call),
             callee ? leg.user : Text{});
  write_side(out, "from", from,
             callee ? caller_name(call) : first_of({own_name, caller_name(call)}),
             callee ? Text{} : leg.user);
  const std::string_view code = status_code(call, leg, answered);
  const std::string_view reason = code == "Disconnected" ? status_reason(leg) : std::string_view{};
  out.key("status").begin_object().member("code", code);
  if (!reason.empty()) out.member("reason", reason);
  out.member("rcc", false).end_object();
  const bool missed = callee && code == "Disconnected" && !leg.answered_at &&
                      (reason == "NoAnswer" || reason == "Cancelled");
  out.member("missedCall", missed)
      .member("standAlone", false)
      .member("muted", leg.muted)
      .end_object();
}

/// The whole session as it is now, after every change of a party.
std::string telephony_session(const Call& call, const Participation& part, const PageUser& user,
                              const Cursor& cursor) {
  json::Writer out;
  out.begin_object()
      .member("type", "rc-telephony-session-notify")
      .key("telephonySession")
      .begin_object();
  out.member("sequence", static_cast<std::int64_t>(cursor.offset))
      .member("sessionId", session_id(call));
  out.key("parties").begin_array();
  for (const auto& leg : call.legs) {
    if (!part.contains(leg.id))
      write_party(out, call, leg, nullptr, user);
    else if (&leg == &part.first())
      write_party(out, call, *part.lead, &part, user);
  }
  out.end_array();
  out.key("origin").begin_object().member("type", "Call").end_object();
  out.member("id", telephony_session_id(call))
      .member("extensionId", user.id)
      .member("accountId", user.org);
  out.member("creationTime", to_rfc3339(call.started_at)).end_object();
  return finish(out, cursor);
}

/// What a person set by hand is not known here: the vendor's neutral words.
void write_presence(json::Writer& out, TelephonyStatus status) {
  out.member("telephonyStatus", to_string(status))
      .member("userStatus", "Available")
      .member("dndStatus", "TakeAllCalls");
}

std::string sync_presence(TelephonyStatus status, const Cursor& cursor) {
  json::Writer out;
  out.begin_object().member("type", "rc-adapter-syncPresence");
  write_presence(out, status);
  out.member("presenceOption", "Available");
  return finish(out, cursor);
}

std::string push_adapter_state(TelephonyStatus status, const Cursor& cursor) {
  json::Writer out;
  out.begin_object().member("type", "rc-adapter-pushAdapterState");
  out.key("size").begin_object().member("width", 300).member("height", 500).end_object();
  out.member("minimized", false).member("closed", false);
  out.key("position").begin_object().member("translateX", 0).member("translateY", 0);
  out.member("minTranslateX", 0).member("minTranslateY", 0).end_object();
  write_presence(out, status);
  return finish(out, cursor);
}

std::string login_status(bool logged_in, const PageUser& user, const Cursor& cursor) {
  json::Writer out;
  out.begin_object().member("type", "rc-login-status-notify").member("loggedIn", logged_in);
  if (logged_in) {
    if (!user.number.empty() || !user.ext.empty())
      out.member("loginNumber", user.number + "*" + user.ext);
    if (!user.country.empty()) out.member("contractedCountryCode", user.country);
  }
  out.member("admin", false).key("features").begin_object();
  if (logged_in) {
    for (const auto* absent : {"sms", "meeting", "glip", "smartNote"}) out.member(absent, false);
    out.member("call", true).member("ringSenseInsights", false);
  }
  out.end_object().key("isFreshLogin");
  if (logged_in)
    out.boolean(false);
  else
    out.null();
  return finish(out, cursor);
}

std::string region_settings(const PageUser& user, const Cursor& cursor) {
  json::Writer out;
  out.begin_object()
      .member("type", "rc-region-settings-notify")
      .member("countryCode", user.country);
  out.member("areaCode", "");
  return finish(out, cursor);
}

std::string calling_settings(const Cursor& cursor) {
  json::Writer out;
  out.begin_object().member("type", "rc-calling-settings-notify").member("callWith", "browser");
  out.member("callingMode", "webphone");
  return finish(out, cursor);
}

std::string webphone_connection(const Cursor& cursor) {
  json::Writer out;
  out.begin_object().member("type", "rc-webphone-connection-status-notify");
  out.member("connectionStatus", "connectionStatus-connected");
  return finish(out, cursor);
}

std::string dialer_status(const Cursor& cursor) {
  json::Writer out;
  out.begin_object().member("type", "rc-dialer-status-notify").member("ready", true);
  return finish(out, cursor);
}

/// The session as a snapshot shows it: no step happened.
SessionText snapshot_text(const Call& call, const Participation& part) {
  switch (status_of(call, part)) {
    case TelephonyStatus::OnHold:
      return {.status = "onHold",
              .held = true,
              .start = talk_start(call, part).value_or(part.began(call))};
    case TelephonyStatus::CallConnected:
      return {.status = "connected", .start = talk_start(call, part)};
    default:
      break;
  }
  if (part.outbound()) return {.status = "setup", .fresh = true};
  return {.status = "connecting"};
}

/// Events after which some party of the call is not as it was.
bool changes_a_party(EventType type) {
  switch (type) {
    case EventType::call_ringing:
    case EventType::call_answered:
    case EventType::call_held:
    case EventType::call_resumed:
    case EventType::call_muted:
    case EventType::call_unmuted:
    case EventType::call_transferred:
    case EventType::call_parked:
    case EventType::leg_ended:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::vector<std::string> messages(const Event& event, const PageUser& user, TelephonyStatus before,
                                  TelephonyStatus after) {
  std::vector<std::string> out;
  const auto now = moments(event, user.id, before, after);
  for (const auto& [step, part] : now) out.push_back(rc_call(step, event, part, user, before));
  for (std::size_t i = 0; i < now.size(); ++i) {
    // Muting is no telephony status; of two steps of one session the last tells it.
    const bool told_later =
        std::any_of(now.begin() + static_cast<std::ptrdiff_t>(i) + 1, now.end(),
                    [&](const Moment& m) { return m.part.first().id == now[i].part.first().id; });
    if (now[i].step != Step::mute && !told_later)
      out.push_back(active_call(*event.call, now[i].part, user, event.cursor));
  }
  if (event.call)
    for (const auto& part : participations(*event.call, user.id)) {
      const bool involved = std::any_of(now.begin(), now.end(), [&](const Moment& moment) {
        return moment.part.first().id == part.first().id;
      });
      if (involved || (part.live && changes_a_party(event.type)))
        out.push_back(telephony_session(*event.call, part, user, event.cursor));
    }
  if (before != after) out.push_back(sync_presence(after, event.cursor));
  return out;
}

std::vector<std::string> burst(const PageUser& user, const LiveCalls& live, TelephonyStatus status,
                               const Cursor& cursor, bool resumed) {
  std::vector<std::string> out{push_adapter_state(status, cursor)};
  if (!resumed) out.push_back(login_status(false, user, cursor));
  out.push_back(login_status(true, user, cursor));
  if (!user.country.empty()) out.push_back(region_settings(user, cursor));
  out.push_back(calling_settings(cursor));
  out.push_back(webphone_connection(cursor));
  out.push_back(dialer_status(cursor));
  out.push_back(sync_presence(status, cursor));
  if (resumed) return out;
  for (const auto& shared : live) {
    const Call& call = *shared;
    for (const auto& part : participations(call, user.id)) {
      if (!part.live) continue;
      if (!part.outbound() && status_of(call, part) == TelephonyStatus::Ringing) {
        json::Writer ring;
        ring.begin_object().member("type", "rc-call-ring-notify").key("call");
        write_session(ring, call, part, user, {.status = "connecting"});
        out.push_back(finish(ring, cursor));
      }
      out.push_back(active_call(call, part, user, cursor));
      out.push_back(telephony_session(call, part, user, cursor));
    }
  }
  return out;
}

std::string sessions_sync(const PageUser& user, const LiveCalls& live, const Cursor& cursor) {
  json::Writer out;
  out.begin_object().member("type", "rc-webphone-sessions-sync").key("calls").begin_array();
  for (const auto& call : live)
    for (const auto& part : participations(*call, user.id))
      if (part.live) write_session(out, *call, part, user, snapshot_text(*call, part));
  out.end_array();
  return finish(out, cursor);
}

}  // namespace hookswitch::dialects::rc_embeddable
