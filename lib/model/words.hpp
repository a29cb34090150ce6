#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

/// The words of the model: each enumerator is the wire word itself, one table each for JSON, log
/// and settings.
namespace hookswitch {

enum class FactType : std::uint8_t {
  started,
  dialing,
  ringing,
  queued,
  answered,
  held,
  resumed,
  muted,
  unmuted,
  parked,
  transferred,
  transfer_failed,
  voicemail,
  ended,
  report,
  recording,
  dtmf,
  declined,
  updated,
  presence,
  registration,
  message,
  message_updated,
  voicemail_count,
  conference,
};

/// Seen from the organisation.
enum class Direction : std::uint8_t { inbound, outbound, internal, unknown };

enum class CallState : std::uint8_t { dialing, ringing, connected, held, ended };

/// RFC 4235 §3.7.1 and hold, in rank order: a leg only moves up, but for held <-> confirmed.
enum class LegState : std::uint8_t { trying, proceeding, early, confirmed, held, terminated };

enum class LegRole : std::uint8_t { caller, callee };

/// Why a call ended; the words from `answered_elsewhere` on are for legs only.
enum class Disposition : std::uint8_t {
  answered,
  no_answer,
  busy,
  rejected,
  cancelled,
  failed,
  voicemail,
  transferred,
  unknown,
  answered_elsewhere,
  redirected,
  replaced,
  reconciled,
};

enum class AnsweredBy : std::uint8_t { user, ivr, queue, voicemail, unknown };

/// `header`: "<lower-case name>:<value>" of a header that the source's settings name as a key.
enum class KeyKind : std::uint8_t {
  sip_call_id,
  vendor_call_id,
  vendor_leg_id,
  session_id,
  header,
};

enum class EventType : std::uint8_t {
  call_started,
  call_ringing,
  call_answered,
  call_held,
  call_resumed,
  call_muted,
  call_unmuted,
  call_transferred,
  call_transfer_failed,
  call_parked,
  call_queued,
  leg_ended,
  call_updated,
  call_amended,
  call_merged,
  call_ended,
  call_report,
  presence_changed,
  registration_changed,
  login_changed,
  message_received,
  message_updated,
  voicemail_changed,
  conference_changed,
  pop_requested,
  action_requested,
  command_accepted,
  command_done,
  command_failed,
  command_unconfirmed,
  source_up,
  source_down,
  source_stale,
};

std::string_view to_string(FactType);
std::string_view to_string(Direction);
std::string_view to_string(CallState);
std::string_view to_string(LegState);
std::string_view to_string(LegRole);
std::string_view to_string(Disposition);
std::string_view to_string(AnsweredBy);
std::string_view to_string(KeyKind);
/// With the dot: "call.started".
std::string_view to_string(EventType);

/// nullopt: not a word of that table.
template <class Enum>
std::optional<Enum> from_word(std::string_view word);

template <>
std::optional<FactType> from_word(std::string_view);
template <>
std::optional<Direction> from_word(std::string_view);
template <>
std::optional<CallState> from_word(std::string_view);
template <>
std::optional<LegState> from_word(std::string_view);
template <>
std::optional<LegRole> from_word(std::string_view);
template <>
std::optional<Disposition> from_word(std::string_view);
template <>
std::optional<AnsweredBy> from_word(std::string_view);
template <>
std::optional<KeyKind> from_word(std::string_view);
template <>
std::optional<EventType> from_word(std::string_view);

}  // namespace hookswitch
