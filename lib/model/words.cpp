#include "model/words.hpp"

#include <array>
#include <cstddef>

namespace hookswitch {
namespace {

constexpr std::array<std::string_view, 25> kFactTypes{
    "started",      "dialing",  "ringing",         "queued",
    "answered",     "held",     "resumed",         "muted",
    "unmuted",      "parked",   "transferred",     "transfer_failed",
    "voicemail",    "ended",    "report",          "recording",
    "dtmf",         "declined", "updated",         "presence",
    "registration", "message",  "message_updated", "voicemail_count",
    "conference"};
constexpr std::array<std::string_view, 4> kDirections{"inbound", "outbound", "internal", "unknown"};
constexpr std::array<std::string_view, 5> kCallStates{"dialing", "ringing", "connected", "held",
                                                      "ended"};
constexpr std::array<std::string_view, 6> kLegStates{"trying",    "proceeding", "early",
                                                     "confirmed", "held",       "terminated"};
constexpr std::array<std::string_view, 2> kLegRoles{"caller", "callee"};
constexpr std::array<std::string_view, 13> kDispositions{
    "answered",   "no_answer", "busy",        "rejected", "cancelled",
    "failed",     "voicemail", "transferred", "unknown",  "answered_elsewhere",
    "redirected", "replaced",  "reconciled"};
constexpr std::array<std::string_view, 5> kAnsweredBy{"user", "ivr", "queue", "voicemail",
                                                      "unknown"};
constexpr std::array<std::string_view, 5> kKeyKinds{"sip_call_id", "vendor_call_id",
                                                    "vendor_leg_id", "session_id", "header"};
constexpr std::array<std::string_view, 33> kEventTypes{"call.started",
                                                       "call.ringing",
                                                       "call.answered",
                                                       "call.held",
                                                       "call.resumed",
                                                       "call.muted",
                                                       "call.unmuted",
                                                       "call.transferred",
                                                       "call.transfer_failed",
                                                       "call.parked",
                                                       "call.queued",
                                                       "leg.ended",
                                                       "call.updated",
                                                       "call.amended",
                                                       "call.merged",
                                                       "call.ended",
                                                       "call.report",
                                                       "presence.changed",
                                                       "registration.changed",
                                                       "login.changed",
                                                       "message.received",
                                                       "message.updated",
                                                       "voicemail.changed",
                                                       "conference.changed",
                                                       "pop.requested",
                                                       "action.requested",
                                                       "command.accepted",
                                                       "command.done",
                                                       "command.failed",
                                                       "command.unconfirmed",
                                                       "source.up",
                                                       "source.down",
                                                       "source.stale"};

template <class Enum, std::size_t N>
std::optional<Enum> look_up(const std::array<std::string_view, N>& words, std::string_view word) {
  for (std::size_t i = 0; i < N; ++i)
    if (words[i] == word) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace

static_assert(kFactTypes.size() == static_cast<std::size_t>(FactType::conference) + 1);
static_assert(kEventTypes.size() == static_cast<std::size_t>(EventType::source_stale) + 1);
static_assert(kDispositions.size() == static_cast<std::size_t>(Disposition::reconciled) + 1);

std::string_view to_string(FactType v) { return kFactTypes[static_cast<std::size_t>(v)]; }
std::string_view to_string(Direction v) { return kDirections[static_cast<std::size_t>(v)]; }
std::string_view to_string(CallState v) { return kCallStates[static_cast<std::size_t>(v)]; }
std::string_view to_string(LegState v) { return kLegStates[static_cast<std::size_t>(v)]; }
std::string_view to_string(LegRole v) { return kLegRoles[static_cast<std::size_t>(v)]; }
std::string_view to_string(Disposition v) { return kDispositions[static_cast<std::size_t>(v)]; }
std::string_view to_string(AnsweredBy v) { return kAnsweredBy[static_cast<std::size_t>(v)]; }
std::string_view to_string(KeyKind v) { return kKeyKinds[static_cast<std::size_t>(v)]; }
std::string_view to_string(EventType v) { return kEventTypes[static_cast<std::size_t>(v)]; }

template <>
std::optional<FactType> from_word(std::string_view w) {
  return look_up<FactType>(kFactTypes, w);
}
template <>
std::optional<Direction> from_word(std::string_view w) {
  return look_up<Direction>(kDirections, w);
}
template <>
std::optional<CallState> from_word(std::string_view w) {
  return look_up<CallState>(kCallStates, w);
}
template <>
std::optional<LegState> from_word(std::string_view w) {
  return look_up<LegState>(kLegStates, w);
}
template <>
std::optional<LegRole> from_word(std::string_view w) {
  return look_up<LegRole>(kLegRoles, w);
}
template <>
std::optional<Disposition> from_word(std::string_view w) {
  return look_up<Disposition>(kDispositions, w);
}
template <>
std::optional<AnsweredBy> from_word(std::string_view w) {
  return look_up<AnsweredBy>(kAnsweredBy, w);
}
template <>
std::optional<KeyKind> from_word(std::string_view w) {
  return look_up<KeyKind>(kKeyKinds, w);
}
template <>
std::optional<EventType> from_word(std::string_view w) {
  return look_up<EventType>(kEventTypes, w);
}

}  // namespace hookswitch
