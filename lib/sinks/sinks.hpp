#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/sink.hpp"

namespace hookswitch {

inline constexpr std::size_t kLettersShown = 100;  // dead letters in one answer

/// The sinks of the settings, by name. Any thread; the work is done on that of Outgoing, which is
/// started before and stopped after.
class Sinks {
 public:
  /// JSON, or why not. Called on the thread of Outgoing.
  using Answer = std::function<void(Result<std::string>)>;

  Sinks(http_client::Outgoing& out, ReadPast past, std::string folder, Registry& registry);
  ~Sinks();
  Sinks(const Sinks&) = delete;
  Sinks& operator=(const Sinks&) = delete;

  /// These and no others from now on: one that goes on keeps its place, one that goes ends what it
  /// has under way and remembers its place, one that comes begins where it was.
  void configure(std::vector<SinkSettings> settings, std::shared_ptr<const Directory> directory);
  /// Blocks until every sink knows its place, or for `most`: events after that are posted.
  void wait_for_places(std::chrono::milliseconds most);
  /// The organisation has new events. Cheap; the broker's thread.
  void told(const std::string& org);
  /// Posts nothing more, waits for what is under way, at most so long, and remembers all places.
  void stop(std::chrono::milliseconds most);

  /// {"sinks":[…]} of one organisation.
  void list(const std::string& org, Answer answer);
  /// {"letters":[…],"more":bool} after the first `from`, at most kLettersShown.
  void letters(const std::string& org, const std::string& name, std::size_t from, Answer answer);
  /// {"since":cursor}. Errors: not_found, cursor_gone, overload.
  void replay(const std::string& org, const std::string& name, const Cursor& since, Answer answer);
  /// {"letters":count} that are sent again; no ids: all. Errors: not_found.
  void redeliver(const std::string& org, const std::string& name, std::vector<std::string> ids,
                 Answer answer);

 private:
  struct Entry {
    std::shared_ptr<Sink> sink;
    bool is_leaving = false;
  };
  std::shared_ptr<Sink> find(const std::string& org, const std::string& name) const;
  void take(std::vector<SinkSettings> settings, std::shared_ptr<const Directory> directory);
  void drop_left();
  void await_idle(std::chrono::steady_clock::time_point until, std::function<void()> done);

  SinkParts parts_;
  std::map<std::string, Entry> sinks_;  ///< of the thread of Outgoing
  std::mutex mutex_;
  std::set<std::string> orgs_;  ///< under mutex_: those with sinks
  std::set<std::string> told_;  ///< under mutex_: those to be told
};

}  // namespace hookswitch
