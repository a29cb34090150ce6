#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.hpp"
#include "calls/bearers.hpp"
#include "calls/fusion.hpp"
#include "calls/keys.hpp"
#include "calls/record.hpp"
#include "calls/source_book.hpp"
#include "directory/directory.hpp"
#include "model/event.hpp"
#include "model/fact.hpp"

namespace hookswitch {

struct Merged;
struct Truth;

struct CallLimits {
  milliseconds settle{500};  ///< a call whose last callee is gone may ring elsewhere within this
  milliseconds fusion_window{3000};  ///< facts of two sources this far apart may be of one call
  std::chrono::minutes tuple_guard{
      240};  ///< a fact without ids joins no call that has been silent for longer
  std::chrono::minutes keep_ended{
      10};  ///< late facts and look-ups find an ended call for this long
  std::chrono::minutes unanswered_silence{15};  ///< then it may be a ghost: its end was lost
  std::chrono::hours answered_silence{12};
  std::chrono::seconds check_time{30};  ///< a source that is asked has this long to answer
};

/// A source is to be asked whether it still knows a call that has been silent for too long.
struct Check {
  Text org, source, call;
};

/// What one step did: what clients are to be told, and which calls' saved state changed or went.
struct Step {
  std::vector<Event> events;
  std::vector<Text> touched;  ///< may name a call more than once
  std::vector<Check> checks;
};

/// All calls: finds the call of a fact by its keys (union by key, else the tuple rule, else fusion
/// with what another source tells), takes the fact into its record, tells what that changed, and
/// lets calls go when they are over. Pure: no clock, no I/O; time comes with the fact or the tick.
/// One thread (the broker).
class CallTable {
 public:
  CallTable(std::shared_ptr<const Directory> directory, std::uint64_t id_seed,
            CallLimits limits = {});

  void apply(const Fact& fact, Step& step);
  void tick(Time now, Step& step);
  /// When a call has something to settle; nothing: a tick a second is enough.
  std::optional<Time> next_settle() const;
  void set_directory(std::shared_ptr<const Directory> directory) {
    directory_ = std::move(directory);
  }
  void set_source_rules(const std::string& org, const std::string& source, SourceRules rules) {
    sources_.set_rules(org, source, std::move(rules));
  }
  /// Says of which (organisation, source) it can be asked whether a call still lives; those calls
  /// are checked before they are taken for ghosts (Step::checks). None by default.
  void set_checkable(std::function<bool(const Text& org, const Text& source)> checkable) {
    checkable_ = std::move(checkable);
  }
  /// Call ids from elsewhere: a replay gives the recorded ones.
  void set_ids(std::function<std::string(Time)> next_id) { next_id_ = std::move(next_id); }
  /// The source has lost its state and begins anew (a PBX restart): its calls are verified, not
  /// announced again. Those it does not confirm within CallLimits::check_time end `reconciled`.
  void source_restarted(const std::string& org, const std::string& source, Time now, Step& step);

  /// Calls of `org` that have not ended, oldest first.
  std::vector<std::shared_ptr<const Call>> live(const std::string& org) const;
  /// Where each living leg stands that `source` has told of by an id, as facts of that source.
  std::vector<Fact> living_legs(const std::string& org, const std::string& source) const;
  /// By call id, absorbed call id, or any id a source gave; nullptr when unknown or forgotten.
  std::shared_ptr<const Call> find(const std::string& org, const std::string& any_id) const;
  /// Why it is one call, and each event came to be: JSON (proto/schemas/explain.json). Empty text
  /// when the call is unknown.
  std::string explain(const std::string& org, const std::string& any_id) const;
  std::size_t live_count() const { return live_count_; }
  std::size_t size() const { return count_; }

  /// Saved state of a call; empty text when it is forgotten.
  std::string save(const std::string& call_id) const;
  /// Drops everything and takes these saved calls. The ids of those that could not be read: they
  /// are lost, the others are not.
  std::vector<std::string> restore(const std::map<std::string, std::string>& saved);

  std::uint64_t facts_ignored() const {
    return facts_ignored_;
  }  ///< facts that told nothing new or were about no call

 private:
  using Slot = Bearers::Slot;
  static constexpr Slot kNone = ~Slot{0};

  struct Match {
    Slot slot = kNone;
    JoinedBy rule = JoinedBy::first_fact;
  };

  /// `merged`: what of it is still to be told.
  Match match(const Fact& fact, const FactKeys& keys, std::optional<Merged>& merged, Step& step);
  Match match_tuple(const Fact& fact, const Text& tuple) const;
  Match match_fusion(const Fact& fact, SourceIndex source, const FactKeys& keys);
  bool is_next_call(const Fact& fact, SourceIndex source, const FactKeys& keys,
                    const CallRecord& ended) const;
  bool may_merge(const CallRecord& one, const CallRecord& two, Time at) const;
  /// `fact`: what ties them together, if it was a fact and not fusion.
  Slot merge(Slot one, Slot two, const Joined& why, const Fact* fact, std::optional<Merged>& merged,
             Step& step);
  void tell_merge(Slot slot, std::optional<Merged>& merged, Step& step);
  Slot create(const Fact& fact, JoinedBy rule, SourceIndex source);
  /// Whether it said anything new.
  bool take_fact(Slot slot, const Fact& fact, SourceIndex source, JoinedBy rule,
                 std::optional<Merged>& merged, Step& step);
  void seek_other_source(Slot slot, Step& step);
  Slot other_source_call(const FusionSight& sight, const Text& org, const CallRecord& own,
                         std::uint8_t& confidence) const;
  void see(Slot slot, std::size_t note);
  void watch_for_fusion(const Text& org);
  void end_by_tick(Slot slot, Time now, Disposition why, Step& step);
  void settled(Slot slot, const Truth& truth, bool was_ended);

  std::shared_ptr<const Call> shown(Slot slot) const;
  Slot find_key(const FactKey& key) const;
  Slot find_call_id(const std::string& id) const;
  Slot find_any(const std::string& org, const std::string& any_id) const;
  bool owns(const CallRecord& record, const Key& key) const;
  static bool goes_first(const CallRecord& one, const CallRecord& two);
  void add_key(Slot slot, const FactKey& key, Step& step);
  void add_tuple(Slot slot, const Text& tuple, Step& step);
  void plan_check(Slot slot);
  Time silence_ends(const CallRecord& record) const;
  void not_live(Slot slot);
  void now_live(Slot slot);
  void forget(Slot slot, Step& step);
  void touch(Slot slot, Step& step) const { step.touched.push_back(records_[slot]->id); }

  std::shared_ptr<const Directory> directory_;
  IdSequence ids_;
  CallLimits limits_;
  SourceBook sources_;
  std::function<bool(const Text&, const Text&)> checkable_;
  std::function<std::string(Time)> next_id_;
  std::vector<std::unique_ptr<CallRecord>> records_;  // by slot; empty ones are in free_
  std::vector<Slot> free_;
  std::vector<std::uint32_t> live_at_;  // by slot: where in live_ of its organisation
  Bearers by_key_;                      // keys, tuples, call ids, absorbed ids
  std::unordered_map<std::string, std::vector<Slot>> live_;  // org -> calls that have not ended
  std::set<std::pair<Time, Slot>> settling_;
  std::map<Time, std::vector<Slot>> checks_;  // by minute: who may have been silent for too long
  FusionIndex fusion_;
  std::unordered_set<std::string> watched_;  ///< organisations whose sightings are in fusion_
  std::size_t count_ = 0, live_count_ = 0;
  std::uint64_t facts_ignored_ = 0;
};

}  // namespace hookswitch
