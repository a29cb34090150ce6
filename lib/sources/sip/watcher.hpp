#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "model/fact.hpp"
#include "sources/sip/protocol.hpp"

struct su_root_s;  // sofia's su_root_t

namespace hookswitch::sip {

/// What a Watcher tells. Called on the worker's one thread.
class WatcherOwner {
 public:
  virtual void on_facts(std::size_t source, std::vector<Fact> facts) = 0;
  /// `why` is one of our own words or what the peer said, cleaned and cut.
  virtual void on_log(const char* level, const char* event, std::size_t source,
                      std::string_view why) = 0;

 protected:
  ~WatcherOwner() = default;
};

/// The subscriptions of one source on one sofia user agent. Inside the worker process only; one
/// thread, that of `root`. Destroy it only with the process: sofia may still hold handles.
class Watcher {
 public:
  /// The settings have passed check(). nullptr when no socket could be opened.
  static std::unique_ptr<Watcher> create(su_root_s* root, std::size_t index,
                                         const SourceSettings& settings, WatcherOwner& owner);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher();

  void restore(const Fact& fact);
  /// Asks for the state of these extensions again; what lives is told, also when it is no news. One
  /// that has no subscription at the moment tells it when it has one. Unknown ones are ignored.
  void refresh(const std::vector<std::string>& extensions);
  /// Sends at most `budget` SUBSCRIBEs that are due and ends what has settled; returns how many
  /// were sent.
  int turn(int budget);
  Health health() const;
  /// Unsubscribes all. stopped() turns true when every answer is in.
  void stop();
  bool stopped() const;

  struct Impl;

 private:
  explicit Watcher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hookswitch::sip
