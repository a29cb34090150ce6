#pragma once

#include <string>

#include "base/metrics.hpp"
#include "daemon/broker.hpp"
#include "sources/feed/source_feed.hpp"
#include "sources/webhook/hook.hpp"

namespace hookswitch {

/// Makes facts of what comes by a connection that stays open: each event is a request to the hook
/// of its source, and counted as one. Any thread.
class FeedIntake {
 public:
  FeedIntake(Broker& broker, Registry& registry);

  /// One event, after those before it. `ask` holds it as its body, and what proves it. An error
  /// (Hook::handle's) is of this event alone: it is counted and nothing is told of it.
  Result<void> take(const Hook& hook, HookRequest ask, feed::SourceFeed& feed);

 private:
  Broker& broker_;
  Registry& registry_;
  Counter& unmatched_;
};

}  // namespace hookswitch
