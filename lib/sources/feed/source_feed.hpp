#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "model/fact_sink.hpp"
#include "sources/feed/fact_queue.hpp"

namespace hookswitch::feed {

/// One channel of a PBX as it answers when asked what lives.
struct ListedChannel {
  std::string leg;                  ///< its vendor leg id, as the events' facts have it
  std::vector<std::string> events;  ///< what its events would have said of it, oldest first
};

struct FeedStatus {
  std::string org, name;
  bool up = false;
  std::string reason;  ///< why not
};

/// One source that tells by a connection that stays open: what its connections share. Any thread.
class SourceFeed {
 public:
  using Clock = std::chrono::steady_clock;
  using Connection = std::uint64_t;

  SourceFeed(std::string org, std::string name, FactSink& sink, Registry& registry,
             QueueLimits limits = {}, std::function<void()> rest = {});

  const std::string& org() const { return org_; }
  const std::string& name() const { return name_; }

  /// The facts of one event, after those of the one before. None is dropped: see queue().
  void tell(std::vector<Fact> facts, SourceInputPtr input);
  FactQueue& queue() { return *queue_; }

  /// A leg that lived before this process did.
  void know(const Fact& leg);

  /// A connection is there and authentic. `ask` is called, on any thread, when it should list what
  /// lives.
  Connection connected(std::function<void()> ask);
  /// The source is away when no connection is left; that is told to the sink only if it lasts.
  void disconnected(Connection connection, const std::string& reason);
  /// Why there is no connection; while there is one it is ignored.
  void set_reason(const std::string& reason);
  /// Asks one connection for all that lives; without one nothing happens.
  void ask();

  /// Whether a new connection should ask what lives. Not after two that ended over the question (an
  /// answer too large ends a WebSocket): then one listens without.
  bool may_ask();
  /// A connection ended before its question was answered.
  void answer_missing();
  /// A list is being made from now on: what is heard after this is not of the past.
  std::uint64_t list_begins();
  /// The whole list has come. Who is known and listed is confirmed to the sink; calls that nobody
  /// of the list is in are doubted if it is the first `of_connection`. Gives back, by place, those
  /// that no fact has told of: their events are still to be told.
  std::vector<std::size_t> listed(const std::vector<ListedChannel>& channels, std::uint64_t began,
                                  bool of_connection);

  /// About once a second.
  void tick(Clock::time_point at);
  FeedStatus status() const;
  /// Whether there has ever been a connection.
  bool was_connected() const;
  void close() { queue_->close(); }

 private:
  const std::string org_, name_;
  FactSink& sink_;
  Gauge &connections_, &waiting_;
  Counter& connects_;
  const std::shared_ptr<FactQueue> queue_;

  mutable std::mutex mutex_;
  std::map<Connection, std::function<void()>> asks_;
  std::map<std::string, std::uint64_t, std::less<>> legs_;  ///< living ones, by when last heard of
  std::uint64_t heard_ = 0;
  Connection next_ = 0;
  int unanswered_ = 0;
  std::string reason_ = "not connected yet";
  std::optional<bool> told_;
  std::optional<Clock::time_point> down_since_;
};

}  // namespace hookswitch::feed
