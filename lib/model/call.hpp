#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/time.hpp"
#include "model/fact.hpp"
#include "model/party.hpp"
#include "model/words.hpp"

namespace hookswitch {

/// One party's attachment to a call. Ids "l1", "l2", … count within the call.
struct Leg {
  Text id;
  LegRole role = LegRole::callee;
  Text user;  ///< empty: not one of ours
  Text ext;
  Text number;
  LegState state = LegState::trying;
  std::optional<Time> ringing_at, answered_at, ended_at;
  std::optional<Disposition> end_reason;
  bool muted = false;
  friend bool operator==(const Leg&, const Leg&) = default;
};

/// An id by which a source knows the call.
struct CallKey {
  KeyKind kind = KeyKind::vendor_call_id;
  Text source;
  Text value;
  friend bool operator==(const CallKey&, const CallKey&) = default;
};

/// What is true now about one conversation (model.md §6 shows its JSON).
struct Call {
  Text id;
  Text org;
  CallState state = CallState::dialing;
  Direction direction = Direction::unknown;
  Party from, to, customer;
  Text did;
  Text queue;
  std::vector<Leg> legs;
  Time started_at{};
  std::optional<Time> answered_at, ended_at;
  std::optional<AnsweredBy> answered_by;
  std::optional<Disposition> disposition;
  std::optional<milliseconds> ring, talk, hold;  ///< set when ended
  std::vector<CallKey> ids;
  std::vector<Text> absorbed;  ///< call ids that are now names of this one
  std::map<std::string, std::string> headers, variables;
  Text custom_data;
  Text parked;      ///< the place (slot, orbit) where it waits; empty: not parked
  Text conference;  ///< id of the conference it is part of
  std::vector<Recording> recordings;
  std::vector<std::pair<Text, Text>> provenance;  ///< field -> source, sorted by field

  const Leg* find_leg(std::string_view leg_id) const;
  friend bool operator==(const Call&, const Call&) = default;
};

/// The users who are in the call: those with a living leg, or, of a call that has ended, those who
/// were in it to the end (model.md §7). Each once, in the order of their legs.
std::vector<Text> people_in(const Call& call);

/// Canonical JSON: members always in the same order, absent ones null or left out as model.md §6
/// shows.
void write_json(json::Writer& out, const Call& call);
/// Short form of a leg as in `data.leg` of an event.
void write_json(json::Writer& out, const Leg& leg);

/// Reads what write_json wrote (journal, state restored at start). Errors: bad_request.
Result<Call> call_from_json(const json::Value& object);

}  // namespace hookswitch
