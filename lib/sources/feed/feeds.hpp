#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "model/fact_sink.hpp"
#include "sources/feed/dial_settings.hpp"
#include "sources/feed/dialer.hpp"
#include "sources/feed/source_feed.hpp"

namespace hookswitch::feed {

/// All sources that tell by connections that stay open, and the one thread that their timers and
/// the connections that we open live on. start(), stop() and the destructor from one thread, the
/// rest from any.
class Feeds {
 public:
  Feeds(FactSink& sink, Registry& registry);
  ~Feeds();
  Feeds(const Feeds&) = delete;
  Feeds& operator=(const Feeds&) = delete;

  /// That of a source; made when it is asked for first.
  std::shared_ptr<SourceFeed> feed(const std::string& org, const std::string& name);
  /// Living legs of before this process. Before start().
  void know(const std::vector<Fact>& legs);
  /// A PBX that is connected to once started; `take` gets its events, on our thread. Before
  /// start().
  void dial(DialSettings settings, TakeEvent take);
  void start();
  /// No fact is submitted after it.
  void stop();
  /// The PBX is asked what lives; nothing happens while it is away.
  void ask(const std::string& org, const std::string& source);
  std::vector<FeedStatus> status() const;
  /// Increases while the thread turns; for the watchdog.
  std::uint64_t turns() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hookswitch::feed
