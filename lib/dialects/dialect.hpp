#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "dialects/presence.hpp"
#include "model/call.hpp"
#include "model/event.hpp"

/// Event -> what a page is told; what a page says -> a request. Pure: no I/O, no clock, no state
/// but PresenceBoard. Any thread.
namespace hookswitch {

enum class Dialect : std::uint8_t { native, cloudevents, rc_embeddable, opencti_dialpad, elma365 };

/// The dialect of a WebSocket subprotocol; nullopt: not one of ours.
std::optional<Dialect> dialect_of_subprotocol(std::string_view name);
/// "hookswitch.v1", "cloudevents.json", "rc-embeddable", "opencti-dialpad", "elma365".
std::string_view subprotocol(Dialect dialect);
/// True for the dialects whose frames a page can `postMessage` as they are.
bool is_page(Dialect dialect);

/// Whose point of view. Empty members are "not known".
struct PageUser {
  std::string org, id, ext, name, email;
  std::string number;   ///< the organisation's main number, E.164
  std::string country;  ///< ISO 3166-1 alpha-2
};

/// Frames for `user`'s page, in the order clients expect: each one complete JSON text with a last
/// member
/// `"hookswitch":{"cursor":"…"}`. Empty when the event is nothing to that user, or the dialect is
/// no page dialect. `before` and `after` are the user's status around the event
/// (PresenceBoard::apply).
///
/// What happened is read from the event alone: `leg` names the leg of a step's event, `changed` the
/// legs that a `call.ended` ended. Legs of one user that overlap in time are one participation: two
/// ringing telephones are one ring. Legs that end in one step are expected to be told in leg order.
std::vector<std::string> page_messages(Dialect dialect, const Event& event, const PageUser& user,
                                       TelephonyStatus before, TelephonyStatus after);

/// Takes the cursor out of all but the last of the frames of one event or burst: a page that loses
/// its connection in the middle of them then comes back from before all, not from after.
void keep_last_cursor(std::vector<std::string>& frames);

/// First frames of a connection. `live` are the user's calls as of `cursor`. With `resumed` nothing
/// is sent that would pop a screen again or look like a log-out: no ring, no active call, no
/// `loggedIn:false`.
std::vector<std::string> state_burst(Dialect dialect, const PageUser& user, const LiveCalls& live,
                                     TelephonyStatus status, const Cursor& cursor, bool resumed);

/// What one frame of a page asks for.
struct PageRequest {
  enum class Kind : std::uint8_t {
    ignore,   ///< unknown, malformed or out of place: pages get no errors in these dialects
    reply,    ///< send `replies`
    command,  ///< run `command` (interfaces.md words) with `params_json`
  };
  Kind kind = Kind::ignore;
  std::vector<std::string> replies;
  std::string command;
  std::string params_json;  ///< one JSON object; calls are named by `call_id` and `leg_id`
};

/// Reads one frame of the dialect's other direction. Total: any JSON value is answered.
PageRequest read_page_message(Dialect dialect, const json::Value& frame, const PageUser& user,
                              const LiveCalls& live, const Cursor& cursor);

}  // namespace hookswitch
