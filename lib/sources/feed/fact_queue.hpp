#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "model/fact_sink.hpp"

namespace hookswitch::feed {

/// What one source may have on its way before it is full: some seconds of the busiest PBX seen, and
/// well under its share of the broker's own queue.
struct QueueLimits {
  std::size_t events = 2000;
  std::size_t bytes = 4 * 1024 * 1024;
  std::size_t under_way = 256;  ///< handed to the sink and not yet answered
};

/// The facts of one source on their way to the sink: in order, and none is lost. What the sink
/// refuses for now (overload, journal_io) waits and is offered again; facts that were under way at
/// that moment may come before it. Memory is bounded by its user, who asks is_full() before it
/// reads on. Any thread.
class FactQueue : public std::enable_shared_from_this<FactQueue> {
 public:
  /// `rest`: something was refused; retry() should be called in a moment. Called on any thread,
  /// without a lock; may be empty.
  FactQueue(FactSink& sink, QueueLimits limits, std::function<void()> rest);

  /// Takes the facts of one event, whatever its limits say.
  void push(std::vector<Fact> facts, SourceInputPtr input);
  /// At one of its limits. Then `when_room` is called once, on any thread, as soon as it is half
  /// empty.
  bool is_full(std::function<void()> when_room);
  bool is_full() const;
  /// Offers again what was refused.
  void retry();
  /// Nothing is handed to the sink any more; what waits is dropped.
  void close();
  /// Events that are not durable yet.
  std::size_t size() const;

 private:
  struct Item {
    std::vector<Fact> facts;
    SourceInputPtr input;
    std::size_t bytes = 0;
  };
  using Number = std::uint64_t;

  void submit();
  void answered(Number number, std::optional<Errc> why);
  bool over(std::size_t part) const;

  FactSink& sink_;
  const QueueLimits limits_;
  const std::function<void()> rest_;

  mutable std::mutex mutex_;
  std::map<Number, Item> waiting_, under_way_;
  std::vector<std::function<void()>> when_room_;
  Number next_ = 0;
  std::size_t bytes_ = 0;  ///< of both
  bool submitting_ = false, resting_ = false, closed_ = false;
};

}  // namespace hookswitch::feed
