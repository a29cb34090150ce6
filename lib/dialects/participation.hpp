#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialects/dialect.hpp"

/// One user's part in a call, and what an event did to it. Shared by the page dialects; not for
/// other rooms.
namespace hookswitch::dialects {

/// Legs of one user and role that overlap in time: to a page they are one session. The pointers
/// belong to the call.
struct Participation {
  LegRole role = LegRole::callee;
  std::vector<const Leg*> legs;  ///< in the order in which they began, never empty; a callee's only
                                 ///< once it rang or was answered
  const Leg* lead =
      nullptr;  ///< the one that says the most: talking, else held, else ringing, else ended last
  bool live = false;
  bool rang = false;      ///< a callee's telephone rang, as told by a ringing time
  bool answered = false;  ///< callee: one of the legs was; caller: the far side was
  std::optional<Time> answered_at;

  bool outbound() const { return role == LegRole::caller; }
  bool contains(std::string_view leg_id) const;
  const Leg& first() const { return *legs.front(); }
  /// When it began: the caller with the call, the callee with the first ring.
  Time began(const Call& call) const;
  /// "<call id>-<leg id>" of its first leg: stable while it lives, new when the user is called
  /// again later.
  std::string id(const Call& call) const { return call.id + "-" + first().id; }
};

std::vector<Participation> participations(const Call& call, std::string_view user);

/// The far side answered: that, not the caller's own leg, is what puts a caller through.
bool caller_is_through(const Call& call);

TelephonyStatus status_of(const Call& call, const Participation& part);

enum class Step : std::uint8_t { ring, init, start, hold, resume, mute, end };

/// One thing that the event did to one participation.
struct Moment {
  Step step;
  Participation part;
};

/// In the order in which a page is told. Empty when the user has no part in it.
std::vector<Moment> moments(const Event& event, std::string_view user, TelephonyStatus before,
                            TelephonyStatus after);

/// 1 .. 2^53-1, the same for the same texts for ever: an id where a dialect wants a number that
/// JavaScript can hold.
std::int64_t stable_number(std::string_view kind, std::string_view a, std::string_view b = {});

/// What a display shows for a party: number, else extension, else the text as received.
Text address(const Party& party);
/// With the extension first, as colleagues call each other.
Text internal_address(const Party& party);
/// The caller's name, from the party or the customer record of the same number.
Text caller_name(const Call& call);
Text called_name(const Call& call);
/// The first that is not empty.
Text first_of(std::initializer_list<std::string_view> candidates);

/// Ends a frame: writes the cursor as the last member and closes the object.
std::string finish(json::Writer& out, const Cursor& cursor);

/// `{"call_id":…,"leg_id":…` left open, for the parameters of a command about one participation.
json::Writer& begin_target(json::Writer& out, const Call& call, const Participation& part);

namespace rc_embeddable {
std::vector<std::string> messages(const Event& event, const PageUser& user, TelephonyStatus before,
                                  TelephonyStatus after);
std::vector<std::string> burst(const PageUser& user, const LiveCalls& live, TelephonyStatus status,
                               const Cursor& cursor, bool resumed);
PageRequest read(const json::Value& frame, const PageUser& user, const LiveCalls& live,
                 const Cursor& cursor);
/// `rc-webphone-sessions-sync`: every session of the user as it is now.
std::string sessions_sync(const PageUser& user, const LiveCalls& live, const Cursor& cursor);
}  // namespace rc_embeddable

namespace opencti_dialpad {
std::vector<std::string> messages(const Event& event, const PageUser& user, TelephonyStatus before,
                                  TelephonyStatus after);
std::vector<std::string> burst(const PageUser& user, const LiveCalls& live, const Cursor& cursor,
                               bool resumed);
PageRequest read(const json::Value& frame);
}  // namespace opencti_dialpad

namespace elma365 {
std::vector<std::string> messages(const Event& event, const PageUser& user, TelephonyStatus before,
                                  TelephonyStatus after);
std::vector<std::string> burst(const PageUser& user, const LiveCalls& live, const Cursor& cursor,
                               bool resumed);
}  // namespace elma365

}  // namespace hookswitch::dialects
