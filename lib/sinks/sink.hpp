#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.hpp"
#include "delivery/history.hpp"
#include "directory/directory.hpp"
#include "http_client/outgoing.hpp"
#include "sinks/messages.hpp"
#include "sinks/sink_settings.hpp"
#include "sinks/sink_store.hpp"

namespace hookswitch {

inline constexpr std::size_t kSinkHeldMax = 1024;  // messages of one sink in memory
inline constexpr std::size_t kSinkHeldBytesMax =
    8 * 1024 * 1024;                                // ... and of at most these bodies
inline constexpr std::size_t kSinkPageEvents = 64;  // read from the journal at once
inline constexpr std::size_t kSinkPageBytes = 256 * 1024;

/// The past, on the thread that it belongs to. False: not at the moment, `read` is dropped.
using ReadPast = std::function<bool(std::function<void(History&)> read)>;

/// What sinks share. Lives longer than they do.
struct SinkParts {
  http_client::Outgoing& out;
  ReadPast past;
  std::string folder;  ///< of SinkStore
  Registry& registry;
};

/// Events of one organisation, posted to one receiver: at least once, those of one call one after
/// the other, others beside it. Reads the journal, so a receiver that is slow or away costs a
/// bounded amount of memory and nobody else anything. A response of 2xx is acceptance, 410 ends it
/// until enable(), anything else is tried again (Standard Webhooks, "Delivery success and
/// failure"), more and more seldom; after `attempts` the message is a dead letter. When nobody
/// answers as it should, messages are not tried one beside the other: one is, until it is taken.
/// Thread of Outgoing.
class Sink : public std::enable_shared_from_this<Sink> {
 public:
  Sink(SinkSettings settings, std::shared_ptr<const Directory> directory, SinkParts& parts);

  /// Begins where it was; the first time with what comes from now on.
  void start();
  /// There may be events that it has not read.
  void told();
  /// Takes the settings and, if the receiver had said 410, begins again.
  void reconfigure(SinkSettings settings, std::shared_ptr<const Directory> directory);
  /// Posts nothing more and remembers its place; is_idle() once nothing is under way.
  void stop();
  bool is_idle() const { return in_flight_ == 0; }
  /// Whether it knows where it is: once true, it misses nothing.
  bool has_place() const { return has_place_; }

  /// Everything after `cursor` once more, once what is under way has ended. Error cursor_gone: of
  /// another history, too old, or not there yet; `done` gets the outcome.
  void replay(const Cursor& cursor, std::function<void(std::optional<Errc>)> done);
  /// Dead letters once more, all or those of these ids; how many there are to be sent.
  std::size_t redeliver(const std::vector<std::string>& ids);
  const SinkStore& store() const { return store_; }
  const SinkSettings& settings() const { return settings_; }
  /// Writes one object: what GET /v1/sinks shows of it.
  void describe(json::Writer& out) const;

 private:
  struct Metrics {
    Metrics(Registry& registry, const std::string& sink);
    Counter &accepted, &attempts, &dead, &dead_dropped, &gaps;
    Gauge &dead_now, &behind, &held, &disabled;
  };
  struct Item {
    SinkMessage message;
    unsigned attempts = 0;
    std::uint64_t streak = 0;  ///< in which it failed last
    bool is_letter = false;    ///< a dead letter that is sent again
  };
  enum class LaneState : std::uint8_t { ready, blocked, in_flight, waiting };
  struct Lane {
    std::deque<Item> items;
    LaneState state = LaneState::ready;
  };
  struct Page {
    std::string epoch;
    std::uint64_t complete_after = 0, newest = 0;
    bool is_good = false;
    std::vector<StoredEvent> events;
  };

  void fill();
  void take(Page page, std::uint64_t from, std::uint64_t generation);
  void take_events(Page& page);
  bool find_place(const Page& page, std::uint64_t from);
  void add(Item item);
  void pump();
  void send(const std::string& name, Lane& lane);
  void answered(const std::string& name, const http_client::Outcome& outcome);
  void accepted(const std::string& name, Lane& lane);
  void refused(const std::string& name, Lane& lane, const std::string& reason,
               std::optional<std::chrono::seconds> retry_after);
  bool bury(const Item& item, const std::string& reason);
  /// Its first message is dealt with.
  void finish(const std::string& name, Lane& lane);
  void make_ready(const std::string& name, Lane& lane);
  void wait(const std::string& name, Lane& lane, std::chrono::milliseconds delay);
  /// `is_asked`: by the receiver; else by us, until somebody takes something.
  void pause(std::chrono::milliseconds delay, bool is_asked);
  void end_pause();
  void note_failure(const std::string& name);
  void end_outage();
  std::chrono::milliseconds backoff(unsigned failures) const;
  bool is_full() const { return held_ >= kSinkHeldMax || held_bytes_ >= kSinkHeldBytesMax; }
  void rewind();
  void changed();
  void save();
  void show();

  SinkSettings settings_;
  std::shared_ptr<const Directory> directory_;
  SinkParts& parts_;
  Metrics metrics_;
  SinkStore store_;

  Progress place_;
  bool has_place_ = false;
  std::uint64_t read_ = 0, newest_ = 0;
  bool reading_ = false, may_have_more_ = true;
  std::uint64_t generation_ = 0;  ///< of `read_`: what was read for another is dropped

  std::map<std::string, Lane> lanes_;
  std::deque<std::string> ready_;                    ///< lanes whose first message may go
  std::multimap<std::string, std::string> blocked_;  ///< lane -> lane that waits for its end
  std::map<std::uint64_t, std::size_t> parts_left_;  ///< of events told by several messages
  std::size_t held_ = 0, held_bytes_ = 0, in_flight_ = 0;

  std::uint64_t streak_ = 0;      ///< goes up with every acceptance
  unsigned failures_in_row_ = 0;  ///< since the last one
  std::string failed_lane_;
  bool several_failed_ = false, outage_ = false;
  std::uint64_t pauses_ = 0;
  bool paused_ = false, pause_is_asked_ = false, disabled_ = false, stopped_ = false;
  std::string last_failure_;
  Time last_failure_at_{};
  std::optional<Cursor> rewind_to_;
  bool dirty_ = false, save_scheduled_ = false;
};

}  // namespace hookswitch
