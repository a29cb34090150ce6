#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "base/metrics.hpp"
#include "daemon/api.hpp"
#include "daemon/broker.hpp"
#include "daemon/feed_intake.hpp"
#include "daemon/settings/settings.hpp"
#include "http/server.hpp"
#include "http_client/client.hpp"
#include "sinks/sinks.hpp"
#include "sources/feed/feeds.hpp"
#include "sources/sip/supervisor.hpp"

namespace hookswitch {

/// The running daemon: wires the rooms, handles signals, stops in order. Main thread.
class App {
 public:
  /// `listeners`: those of the settings, some with a socket that was inherited.
  App(std::shared_ptr<const Settings> settings, std::vector<http::Listener> listeners);
  ~App();

  /// Runs until SIGTERM or SIGINT; the exit status (0, or 1 when it could not start).
  int run();

 private:
  bool start();
  void stop();
  void reload();
  void watch();
  void dial();
  Readiness readiness() const;
  bool alive() const { return alive_; }
  std::shared_ptr<const Settings> settings() const;

  // In start order; destroyed in reverse.
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;  ///< under mutex_ once the threads run
  Registry registry_;
  Broker broker_;
  feed::Feeds feeds_;
  FeedIntake intake_;
  http_client::Client outgoing_;
  Sinks sinks_;
  Api api_;
  http::Server server_;
  SipSupervisor sip_;
  std::atomic<bool> alive_{true};
  std::chrono::steady_clock::time_point started_;
  std::uint64_t broker_turns_ = 0, server_turns_ = 0, feeds_turns_ = 0, outgoing_turns_ = 0;
  std::chrono::steady_clock::time_point broker_turned_, server_turned_, feeds_turned_,
      outgoing_turned_;
};

}  // namespace hookswitch
