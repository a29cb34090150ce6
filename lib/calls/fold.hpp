#pragma once

#include <boost/container/small_vector.hpp>
#include <optional>
#include <string>
#include <vector>

#include "calls/leg_steps.hpp"
#include "calls/order.hpp"
#include "calls/record.hpp"
#include "model/event.hpp"

namespace hookswitch {

/// A leg and what the fold knows of it beyond what clients see. `leg.id` is empty: ids are given
/// when it is told (tell.hpp).
struct FoldLeg {
  Leg leg;
  boost::container::small_vector<std::pair<SourceIndex, Text>, 2> keys;  ///< vendor leg ids
  std::uint64_t parts = 0;        ///< bits of the parts that told of it
  std::uint8_t conversation = 0;  ///< 0, or the consult call it belongs to
  std::uint8_t attempt = 0;       ///< counts the tries to reach one line
  bool observed = false;  ///< a source reports this very leg, it is not only implied by the others
  std::int64_t end_seq = Note::kNoSeq;  ///< of the fact that ended it
  bool inferred_end = false;            ///< its own source has not said that it is over
  bool rings_itself = false;  ///< a caller's own phone that is called first (click-to-dial)
  bool machine = false;       ///< an IVR, a queue, a voice box: nobody of ours
  /// Hold as each source tells it: who has told of more changes is further along.
  boost::container::small_vector<std::pair<SourceIndex, std::uint16_t>, 2> hold_changes;
  std::uint16_t hold_changes_max = 0;
  std::optional<Time> held_since;
  milliseconds held{0};
};

/// Something that leaves no state behind by which a repeat could be known.
struct Happening {
  EventType type = EventType::call_queued;
  Time at{};
  std::optional<std::size_t> leg;
  Text kind;
  Party to;
  std::string mark;  ///< what tells two of them of one leg apart
};

/// What a call's notes come to. `call` has everything but ids.
struct Truth {
  Call call;  ///< without id, ids, absorbed and leg ids; its legs are in `legs`
  boost::container::small_vector<FoldLeg, 4> legs;
  std::vector<Happening> happenings;
  std::optional<Time> settle_from;  ///< by our clock: since when nobody is left to ring
  bool ended = false;
  bool patient = false;
  std::uint8_t end_confidence = 0;  ///< of the disposition, as Note::confidence
};

/// The call with its legs in it.
Call whole_call(const Truth& truth);
Call whole_call(Truth&& truth);

/// One decision of the fold, for `explain`.
struct Decision {
  std::uint16_t note = 0;
  std::string rule;  ///< a name of rule_names() in explain.hpp
  std::optional<std::size_t> leg;
  std::string why;
};
using Trace = std::vector<Decision>;

/// The state machine over all notes of a call in their canonical order. Total: every (state, note)
/// pair has an answer, most of them "nothing new". Pure.
Truth fold(const CallRecord& record, const SourceBook& sources, Trace* trace = nullptr);

/// A call before its newest note, where that note came in order: its legs and happenings are the
/// first ones of the truth after it.
struct Earlier {
  Call call;  ///< without id, ids, absorbed and leg ids
  std::size_t happenings = 0;
};

/// The fold before and after the newest note, at little more than the price of one: most facts come
/// in order, and then all steps but the last are common to both. False: they do not; nothing is
/// done.
bool fold_step(const CallRecord& record, const SourceBook& sources, Earlier& before, Truth& after);

}  // namespace hookswitch
