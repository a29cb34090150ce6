#include "model/words.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace hookswitch {
namespace {

using Words = std::vector<std::string>;

/// The table from the first enumerator to `last`, each looked up back.
template <class Enum>
Words table(Enum last) {
  Words out;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(last); ++i) {
    const auto value = static_cast<Enum>(i);
    const std::string word{to_string(value)};
    EXPECT_EQ(from_word<Enum>(word), value) << word;
    out.push_back(word);
  }
  EXPECT_EQ(std::set<std::string>(out.begin(), out.end()).size(), out.size());
  for (const char* other : {"", " ", "UNKNOWN", "unknown ", "x"})
    EXPECT_EQ(from_word<Enum>(other), std::nullopt) << other;
  return out;
}

TEST(Words, FactTypesAreTheModels) {
  EXPECT_EQ(table(FactType::conference),
            (Words{"started",      "dialing",  "ringing",         "queued",
                   "answered",     "held",     "resumed",         "muted",
                   "unmuted",      "parked",   "transferred",     "transfer_failed",
                   "voicemail",    "ended",    "report",          "recording",
                   "dtmf",         "declined", "updated",         "presence",
                   "registration", "message",  "message_updated", "voicemail_count",
                   "conference"}));
}

TEST(Words, StatesAndDirectionsAreTheModels) {
  EXPECT_EQ(table(Direction::unknown), (Words{"inbound", "outbound", "internal", "unknown"}));
  EXPECT_EQ(table(CallState::ended), (Words{"dialing", "ringing", "connected", "held", "ended"}));
  EXPECT_EQ(table(LegState::terminated),
            (Words{"trying", "proceeding", "early", "confirmed", "held", "terminated"}));
  EXPECT_EQ(table(LegRole::callee), (Words{"caller", "callee"}));
  EXPECT_EQ(table(AnsweredBy::unknown), (Words{"user", "ivr", "queue", "voicemail", "unknown"}));
  EXPECT_EQ(table(KeyKind::session_id),
            (Words{"sip_call_id", "vendor_call_id", "vendor_leg_id", "session_id"}));
}

TEST(Words, DispositionsAreTheModels) {
  EXPECT_EQ(table(Disposition::reconciled),
            (Words{"answered", "no_answer", "busy", "rejected", "cancelled", "failed", "voicemail",
                   "transferred", "unknown", "answered_elsewhere", "redirected", "replaced",
                   "reconciled"}));
}

TEST(Words, EventTypesAreTheModelsWithADot) {
  EXPECT_EQ(table(EventType::source_stale), (Words{"call.started",
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
                                                   "source.stale"}));
}

}  // namespace
}  // namespace hookswitch
