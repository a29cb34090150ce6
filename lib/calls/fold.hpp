#pragma once

#include <optional>
#include <string>
#include <vector>

#include "calls/record.hpp"
#include "directory/directory.hpp"
#include "model/event.hpp"
#include "model/fact.hpp"

namespace hookswitch {

/// How far a leg has come; a leg never moves to a lower rank, and held and confirmed share one.
int rank(LegState state) noexcept;

/// Why a call or leg ended, as far as a fact tells: its own word, else the SIP status (RFC 3261
/// §21), else the Q.850 cause.
std::optional<Disposition> told_reason(const Fact& fact);

/// One fact (or tick) folded into one call. Lives for one step; appends what clients are to be
/// told. Total: every (state, fact) pair has an answer, most of them "nothing new".
class Fold {
 public:
  Fold(CallRecord& record, const Directory& directory, std::vector<Event>& events);

  /// `is_new`: the table has just made the record for this fact. Returns whether anything changed.
  bool apply(const Fact& fact, bool is_new, milliseconds settle);
  /// The settle time passed or the silence limit was reached; `reason` is for the legs that still
  /// live.
  void end_by_tick(Time now, Disposition leg_reason);
  /// Takes over what only the call that is being absorbed knew. Legs and keys are the table's.
  void absorb(const CallRecord& gone);
  /// Tells that `absorbed` is now this call.
  void tell_merged(const std::string& absorbed, Time at);

 private:
  struct Who {
    LegRole role = LegRole::callee;
    std::string ext, user, number;
  };

  // what a fact says of the call as a whole
  void learn(const Fact& fact);
  void fill(Party& into, const Party& from, const char* field);
  void fill(std::string& into, const std::string& from);
  void take(std::map<std::string, std::string>& into,
            const std::map<std::string, std::string>& from);
  std::size_t text_bytes() const;
  Direction direction_of(const Fact& fact) const;

  // which leg it is about
  std::optional<Who> who(const Fact& fact) const;
  std::optional<std::size_t> find(const Fact& fact, const Who& who) const;
  /// nothing: there is none and no room for another.
  std::optional<std::size_t> find_or_add(const Fact& fact, const Who& who);
  std::optional<std::size_t> by_leg_id(const Fact& fact) const;
  std::optional<std::size_t> target(const Fact& fact, bool add);
  std::size_t caller();
  std::size_t add_leg(const Who& who);
  void name_leg(std::size_t at, const Who& who);

  // steps
  void on_dialing(const Fact& fact);
  void on_ringing(const Fact& fact);
  void on_answered(const Fact& fact);
  void on_hold(const Fact& fact, bool held);
  void happened(EventType type, const Fact& fact);
  void on_mute(const Fact& fact, bool muted);
  void on_ended(const Fact& fact, milliseconds settle);
  void on_report(const Fact& fact);
  void confirm_callee(std::size_t at, Time when);
  void moved(const Leg& leg);
  void end_leg(std::size_t at, Disposition reason, Time when);
  void end_call(Disposition disposition, Time when);
  Disposition reason_of_end(const Fact& fact) const;

  bool callee_lives() const;
  bool is_person(const Leg& leg) const;
  CallState derived_state() const;
  void settle_state();
  void emit(EventType type, Time when, std::optional<std::size_t> leg = {},
            std::vector<std::string> changed = {}, std::string reason = {});

  CallRecord& record_;
  Call& call_;
  const Directory& directory_;
  std::vector<Event>& events_;
  std::string source_;
  bool changed_ = false;  ///< something a client could see
  std::vector<std::string>
      just_ended_;  ///< legs that ended in this step and have had no leg.ended of their own
  std::vector<std::string> moved_;  ///< legs whose state changed and that no event has named yet
  std::size_t told_before_;         ///< events_.size() at the start
};

}  // namespace hookswitch
