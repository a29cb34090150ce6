#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "calls/call_table.hpp"
#include "model/event.hpp"

/// What every client may rely on, whatever the sources did (model.md §5 and §7), checked on the
/// stream of events alone. Written against the contract, not against the fold.
namespace hookswitch::sim {

struct Problem {
  std::string rule;     ///< a short name, the same for all cases of that kind
  std::string call_id;  ///< the broker's
  std::string what;
};

class Invariants {
 public:
  using Report = std::function<void(Problem)>;
  explicit Invariants(Report report) : report_(std::move(report)) {}

  /// One step's events, in order.
  void see(const std::vector<Event>& events);
  /// What the table says now must be what was told last.
  void compare(const std::string& call_id, const Call& now);

  /// A call as the events told it.
  struct Told {
    Call call;
    bool ended = false, merged = false;
    std::map<std::string, LegState> legs;
    std::map<std::string, int> rang, answered, left;  ///< events per leg
    std::map<EventType, int> count;
    std::set<std::string> in_view;  ///< users whose own view of the call is open
    std::set<std::string> knew;     ///< users who have seen it
    std::vector<std::string> log;   ///< for people
  };
  const std::map<std::string, Told>& calls() const { return calls_; }

 private:
  void see(const Event& event, Told& told, bool first);
  void order(const Event& event, Told& told, bool first);
  void legs(const Event& event, Told& told);
  void leg_event(const Event& event, Told& told);
  void view(const Event& event, Told& told);
  void whole(const Event& event, const Told& told);
  void after_step(const std::string& id, const Call* before,
                  const std::vector<const Event*>& events);
  void complain(const char* rule, const std::string& call_id, std::string what) {
    report_({rule, call_id, std::move(what)});
  }

  Report report_;
  std::map<std::string, Told> calls_;
};

/// One line: states of the call and its legs, times and reasons.
std::string line_of(const Call& call);
std::string line_of(const Event& event);

}  // namespace hookswitch::sim
