#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/metrics.hpp"
#include "sources/feed/dial_settings.hpp"
#include "sources/feed/source_feed.hpp"

namespace boost::asio {
class io_context;
}

namespace hookswitch::feed {

/// Takes one event of the PBX, as JSON.
using TakeEvent = std::function<void(const DialSettings& source, std::string event)>;

/// Keeps one connection to one PBX: connects, logs in, reads all the time, asks what lives, and
/// comes again when it ends. The PBX is never made to wait: when the feed is full the connection is
/// given up, and made again once there is room; what was missed is then asked for. On the thread of
/// its io_context.
class Dialer {
 public:
  using Clock = std::chrono::steady_clock;

  Dialer(boost::asio::io_context& io, DialSettings settings, std::shared_ptr<SourceFeed> feed,
         TakeEvent take, Registry& registry);
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  void start();
  /// About once a second.
  void tick(Clock::time_point at);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// When to connect again after failures, without chance: 500 ms, doubling to 30 s; from the start
/// once a connection has lived for a minute; a minute where we were refused, for a PBX bans who
/// keeps trying.
class BackOff {
 public:
  /// The pause after a connection that lived for `lived`; zero: it was not let in.
  std::chrono::milliseconds next(std::chrono::milliseconds lived, bool refused);

 private:
  std::chrono::milliseconds pause_{0};
};

}  // namespace hookswitch::feed
