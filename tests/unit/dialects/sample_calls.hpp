#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "dialects/dialect.hpp"

/// Calls and events as the fold makes them, and a look into frames. For the tests of the page
/// dialects.
namespace hookswitch::samples {

inline Time at(int seconds) {
  return *parse_rfc3339("2026-11-20T15:00:00.000Z") + std::chrono::seconds{seconds};
}

inline Cursor cursor() { return {"3f9c1a7e", 1532}; }

inline PageUser alice() {
  return {"acme", "alice", "101", "Alice Agent", "alice@example.com", "+12025550110", "US"};
}
inline PageUser bob() {
  return {"acme", "bob", "102", "Bob Agent", "bob@example.com", "+12025550110", "US"};
}

inline Leg leg(std::string id, LegRole role, const PageUser& user, LegState state) {
  Leg out;
  out.id = std::move(id);
  out.role = role;
  out.user = user.id;
  out.ext = user.ext;
  out.state = state;
  return out;
}

inline Leg outside_leg(std::string id, LegRole role, std::string number, LegState state) {
  Leg out;
  out.id = std::move(id);
  out.role = role;
  out.number = std::move(number);
  out.state = state;
  return out;
}

inline Call base_call(Direction direction) {
  Call call;
  call.id = "01KAG3Q8M0000000000000000A";
  call.org = "acme";
  call.direction = direction;
  call.started_at = at(1);
  call.ids.push_back({KeyKind::sip_call_id, "hq", "a84b4c76e66710@192.0.2.10"});
  return call;
}

/// Jane rings at Alice: l1 is Jane, l2 is Alice's telephone, ringing since second 2.
inline Call ringing_call() {
  Call call = base_call(Direction::inbound);
  call.state = CallState::ringing;
  call.from = {"+12025550143", "12025550143", "", "Jane Doe", ""};
  call.to = {"+12025550110", "", "", "", ""};
  call.did = "+12025550110";
  call.customer = {"+12025550143", "", "", "Jane Doe", ""};
  call.legs = {outside_leg("l1", LegRole::caller, "+12025550143", LegState::confirmed),
               leg("l2", LegRole::callee, alice(), LegState::early)};
  call.legs[1].ringing_at = at(2);
  return call;
}

inline Call answered(Call call, std::size_t leg_index, Time when) {
  call.state = CallState::connected;
  call.legs[leg_index].state = LegState::confirmed;
  call.legs[leg_index].answered_at = when;
  if (!call.answered_at) call.answered_at = when;
  call.answered_by = AnsweredBy::user;
  return call;
}

inline Call talking_call() { return answered(ringing_call(), 1, at(7)); }

inline Call with_leg_ended(Call call, std::size_t leg_index, Time when, Disposition reason) {
  call.legs[leg_index].state = LegState::terminated;
  call.legs[leg_index].ended_at = when;
  call.legs[leg_index].end_reason = reason;
  return call;
}

inline Call ended(Call call, Time when, Disposition why) {
  for (std::size_t i = 0; i < call.legs.size(); ++i)
    if (call.legs[i].state != LegState::terminated)
      call = with_leg_ended(std::move(call), i, when, why);
  call.state = CallState::ended;
  call.ended_at = when;
  call.disposition = why;
  return call;
}

/// Alice calls Jane: l1 is Alice's telephone, l2 is Jane.
inline Call dialing_call() {
  Call call = base_call(Direction::outbound);
  call.state = CallState::dialing;
  call.from = {"+12025550110", "", "101", "", ""};
  call.to = {"+12025550143", "", "", "Jane Doe", ""};
  call.legs = {leg("l1", LegRole::caller, alice(), LegState::trying),
               outside_leg("l2", LegRole::callee, "+12025550143", LegState::trying)};
  return call;
}

/// Alice calls Bob: l1 is Alice's telephone, l2 is Bob's, ringing since second 2.
inline Call internal_call() {
  Call call = base_call(Direction::internal);
  call.state = CallState::ringing;
  call.from = {"", "", "101", "Alice Agent", ""};
  call.to = {"", "", "102", "Bob Agent", ""};
  call.legs = {leg("l1", LegRole::caller, alice(), LegState::confirmed),
               leg("l2", LegRole::callee, bob(), LegState::early)};
  call.legs[1].ringing_at = at(2);
  return call;
}

/// Calls as the hub hands them to a dialect.
inline LiveCalls shared(const std::vector<Call>& calls) {
  LiveCalls out;
  for (const Call& call : calls) out.push_back(std::make_shared<const Call>(call));
  return out;
}

/// A step of `call` that changed `changed`, the first of which is the event's leg.
inline Event event(EventType type, Call call, std::vector<Text> changed, int second = 10) {
  Event out;
  out.cursor = cursor();
  out.type = type;
  out.org = "acme";
  out.time = at(second);
  out.call = std::make_shared<const Call>(std::move(call));
  if (!changed.empty() && type != EventType::call_started && type != EventType::call_ended)
    out.leg = changed.front();
  out.changed = std::move(changed);
  return out;
}

/// A frame, parsed: every frame must be strict JSON.
struct Frame {
  explicit Frame(const std::string& text) {
    auto parsed = json::parse(text);
    if (parsed) document = std::move(*parsed);
  }

  /// The value at "call/from", or null.
  const json::Value& operator[](std::string_view path) const {
    static const json::Value kNothing;
    const json::Value* at = &document;
    while (!path.empty() && at != nullptr) {
      const auto slash = path.find('/');
      at = json::find(*at, path.substr(0, slash));
      path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    }
    return at == nullptr ? kNothing : *at;
  }
  std::string text(std::string_view path) const {
    const json::Value& value = (*this)[path];
    return value.IsString() ? std::string{json::text(value)} : "(no text)";
  }
  std::int64_t number(std::string_view path) const {
    const json::Value& value = (*this)[path];
    return value.IsInt64() ? value.GetInt64() : -1;
  }
  bool has(std::string_view path) const { return &(*this)[path] != &(*this)["no such member"]; }

  json::Document document;
};

/// "rc-call-ring-notify" of each frame, or the method, or the top-level member.
inline std::vector<std::string> types(const std::vector<std::string>& frames) {
  std::vector<std::string> out;
  for (const auto& text : frames) {
    const Frame frame{text};
    if (frame.has("type"))
      out.push_back(frame.text("type"));
    else if (frame.has("method"))
      out.push_back(frame.text("method"));
    else
      out.push_back(frame.document.IsObject() ? frame.document.MemberBegin()->name.GetString()
                                              : "(no frame)");
  }
  return out;
}

/// The rc-call-* frames only.
inline std::vector<std::string> call_types(const std::vector<std::string>& frames) {
  std::vector<std::string> out;
  for (auto& type : types(frames))
    if (type.starts_with("rc-call-")) out.push_back(std::move(type));
  return out;
}

/// The first frame of that type, or an empty one.
inline Frame frame_of(const std::vector<std::string>& frames, std::string_view type) {
  const auto names = types(frames);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == type) return Frame{frames[i]};
  return Frame{""};
}

/// One organisation's stream as one user's page sees it, with the presence board that the hub would
/// keep.
struct Page {
  Dialect dialect;
  PageUser user;
  PresenceBoard board{};

  std::vector<std::string> tell(const Event& what) {
    TelephonyStatus before = board.status(user.org, user.id);
    TelephonyStatus after = before;
    for (const auto& change : board.apply(what))
      if (change.user == user.id) after = change.after;
    return page_messages(dialect, what, user, before, after);
  }
};

inline PageRequest read(Dialect dialect, std::string_view frame,
                        const std::vector<Call>& live = {}) {
  const auto parsed = json::parse(frame);
  return parsed ? read_page_message(dialect, *parsed, alice(), shared(live), cursor())
                : PageRequest{};
}

}  // namespace hookswitch::samples
