#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "calls/note.hpp"
#include "directory/directory.hpp"
#include "model/call.hpp"

namespace hookswitch {

/// A strong key of a call (model.md §4.1). Vendor ids belong to one source, the others to the
/// organisation: two PBXs may report one dialog.
struct Key {
  KeyKind kind = KeyKind::vendor_call_id;
  SourceIndex source = SourceBook::kBroker;  ///< who told it first
  Text value;
};

/// A leg as clients know it: its number ("l2") and how far they were told it has come. What was
/// told of a leg is never taken back, whatever late facts make of it (model.md §7 b).
struct ToldLeg {
  std::uint8_t number = 0;
  LegState state = LegState::trying;
  std::optional<Disposition> end_reason;
  Time ended_at{};
};

/// Why two calls became one, or why this one began: for `explain`.
struct Joined {
  JoinedBy rule = JoinedBy::first_fact;
  std::uint8_t confidence = 100;  ///< per cent
  SourceIndex source = SourceBook::kBroker;
  Time at{};
  Text with;      ///< call id that was absorbed, if there was one
  Text evidence;  ///< the value that was shared
};

/// All that is known of one call. Its truth is not stored: `fold` makes it of the notes, the same
/// whatever order they came in.
struct CallRecord {
  Text id, org;
  std::vector<Part> parts;
  std::vector<Mention> mentions;
  std::vector<std::shared_ptr<const Extras>> extras;
  std::vector<Note> notes;  ///< in the order of arrival
  std::vector<Key> keys;
  std::vector<Text> tuples;    ///< tuple texts under which it is found
  std::vector<Text> absorbed;  ///< ids of calls that are now names of this one
  std::vector<Joined> joined;
  std::vector<ToldLeg> legs;  ///< of the legs that `fold` makes, in its order
  std::uint8_t legs_named = 0;
  std::vector<Text> told_recordings;  ///< those a fact of their own has announced

  // What the table asks often; kept by CallTable after each change.
  Time last_fact{};
  bool told = false;      ///< clients know of it; before, it is only kept for what may come
  bool ended = false;     ///< told so; never false again
  bool answered = false;  ///< a person's leg was
  bool patient = false;   ///< may be silent for hours: answered, queued or parked
  Time ended_at{};
  Disposition disposition = Disposition::unknown;  ///< as told first
  std::optional<Time>
      settle_at;  ///< nobody is left to ring; over unless somebody else rings before
  std::optional<Time> check_until;  ///< its source has been asked whether it still lives; over then
};

/// A call that was not heard of for a while is in no cache. What the next steps read of it is
/// fetched at once, not piece by piece.
void prefetch(const CallRecord& record);

/// Makes room for one more without doubling: most calls have a few of each, and there are many
/// calls.
template <class List>
void grow_by_one(List& list) {
  if (list.size() == list.capacity() && list.size() < 8) list.reserve(list.size() + 1);
}

/// Takes what `fact` says into the record. nullopt: it says nothing that is not known, or the
/// call's limits are reached (`kNotesPerCallMax`, …); else where the note is.
std::optional<std::size_t> add_note(CallRecord& record, const Fact& fact, SourceIndex source,
                                    JoinedBy joined_by, const Directory& directory);
/// Whether that source has told of the call.
bool told_by(const CallRecord& record, SourceIndex source);
/// Takes over all notes of another record.
void add_notes_of(CallRecord& record, const CallRecord& gone);
/// Several call ids in one fact are names of one call.
void tie_names(CallRecord& record, const Fact& fact, SourceIndex source);
/// The part that all names of one call stand for.
std::uint8_t root_part(const CallRecord& record, std::uint8_t part);
/// The calls of its source that an attended transfer ties together are conversations of their own
/// up to it.
void mark_handed_on(CallRecord& record, const Fact& transfer, SourceIndex source);

/// Everything needed to go on after a restart. Sources are saved by name.
std::string save_record(const CallRecord& record, const SourceBook& sources);
/// Errors: bad_json, bad_request.
Result<CallRecord> load_record(std::string_view text, SourceBook& sources);

}  // namespace hookswitch
