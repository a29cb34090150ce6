#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "delivery/history.hpp"
#include "delivery/told_event.hpp"
#include "dialects/dialect.hpp"

namespace hookswitch {

/// What pages are told of an event: made once for each dialect and person, shared by the person's
/// pages. Knows people's telephony status, of organisations that have a page only. Broker thread.
class PageView {
 public:
  explicit PageView(const History& history) : history_(history) {}

  /// A page of the organisation has come, or gone.
  void join(const std::string& org);
  void leave(const std::string& org);
  /// An event, before it is delivered to anybody.
  void take(const Event& event);
  /// What the person's pages are told of the event taken last. Lives until the next take().
  const std::vector<Frame>& frames(Dialect dialect, const PageUser& user, const Event& event);
  /// The same of an event of the past.
  std::vector<Frame> past_frames(Dialect dialect, const PageUser& user, const Event& event) const;
  TelephonyStatus status(const std::string& org, const std::string& user) const;
  /// The calls have been read from the journal again.
  void begin_anew();

 private:
  struct Org {
    std::size_t pages = 0;
    PresenceBoard board;
  };
  struct Made {
    Dialect dialect;
    std::string user;
    std::vector<Frame> frames;
  };

  const History& history_;
  std::unordered_map<std::string, Org> orgs_;
  std::vector<PresenceBoard::Change> moves_;  ///< of the event taken last
  std::vector<Made> made_;                    ///< likewise
};

}  // namespace hookswitch
