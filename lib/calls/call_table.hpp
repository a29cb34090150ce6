#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "calls/record.hpp"
#include "directory/directory.hpp"
#include "model/event.hpp"
#include "model/fact.hpp"

namespace hookswitch {

struct CallLimits {
  milliseconds settle{
      500};  ///< an unanswered call whose last callee is gone may ring elsewhere within this
  std::chrono::minutes tuple_guard{
      240};  ///< a fact without ids joins no call that has been silent for longer
  std::chrono::minutes keep_ended{
      10};  ///< late facts and look-ups find an ended call for this long
  std::chrono::minutes unanswered_silence{15};  ///< then it is a ghost: its end was lost
  std::chrono::hours answered_silence{12};
};

/// What one step did: what clients are to be told, and which calls' saved state changed or went.
struct Step {
  std::vector<Event> events;
  std::set<std::string> touched;
};

/// All calls: finds the call of a fact by its keys (union by key, else the tuple rule), folds it
/// in, and lets calls go when they are over. Pure: no clock, no I/O; time comes with the fact or
/// the tick. One thread (the broker).
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

  /// Calls of `org` that have not ended, oldest first.
  std::vector<const Call*> live(const std::string& org) const;
  /// Where each living leg stands that `source` has told of by an id, as facts of that source.
  std::vector<Fact> living_legs(const std::string& org, const std::string& source) const;
  /// By call id, absorbed call id, or any id a source gave; nullptr when unknown or forgotten.
  const Call* find(const std::string& org, const std::string& any_id) const;
  std::size_t live_count() const { return live_count_; }
  std::size_t size() const { return records_.size(); }

  /// Saved state of a call; empty text when it is forgotten.
  std::string save(const std::string& call_id) const;
  /// Drops everything and takes these saved calls. The ids of those that could not be read: they
  /// are lost, the others are not.
  std::vector<std::string> restore(const std::map<std::string, std::string>& saved);

  std::uint64_t facts_ignored() const {
    return facts_ignored_;
  }  ///< facts that told nothing new or were about no call

 private:
  CallRecord* match(const Fact& fact, const std::vector<CallKey>& keys, Step& step);
  /// A fact that begins something, after the end of the call that its keys lead to, and with an id
  /// of its own.
  bool is_next_call(const Fact& fact, const CallRecord& ended) const;
  Time silence_ends(const CallRecord& record) const;
  void not_live(const CallRecord& record);
  CallRecord* match_tuple(const Fact& fact, const std::string& tuple);
  CallRecord& merge(CallRecord& one, CallRecord& two, Time at, Step& step);
  CallRecord& create(const Fact& fact);
  void index(CallRecord& record, const std::string& text, Step& step);
  void forget(const std::string& call_id, Step& step);

  std::shared_ptr<const Directory> directory_;
  IdSequence ids_;
  CallLimits limits_;
  std::map<std::string, CallRecord> records_;            // by call id: sorted by start
  std::unordered_map<std::string, std::string> by_key_;  // index text -> call id
  std::unordered_map<std::string, std::string> alias_;   // absorbed call id -> call id
  std::map<Time, std::set<std::string>> settling_;
  std::unordered_map<std::string, std::set<std::string>>
      live_;                       // org -> ids of calls that have not ended
  std::set<std::string> sources_;  // every source that has told of a call
  std::multimap<Time, std::string>
      checks_;  // when to see whether a call has been silent for too long
  std::size_t live_count_ = 0;
  std::uint64_t facts_ignored_ = 0;
};

}  // namespace hookswitch
