#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/metrics.hpp"
#include "base/time.hpp"
#include "calls/call_table.hpp"
#include "directory/directory.hpp"
#include "model/event.hpp"
#include "recorder/options.hpp"
#include "recorder/raw_input.hpp"
#include "recorder/record.hpp"
#include "recorder/segments.hpp"

namespace hookswitch {

/// Keeps what went into the call table and what came out of it, as JSON lines in segment files, so
/// that a call can be looked at and played again later (README.md of this room shows the lines).
/// Bounded by bytes and by age: the oldest segment goes. Written with write(2), never synced: what
/// is recorded survives the process, not the power. A write that fails costs the lines of that
/// turn, never the broker: counted, told on entry and on recovery, and gone on with in the next
/// segment.
///
/// The broker's thread only, which calls it so, in this order:
///   - `settings(now, limits, sources)` and `directory(now, directory, orgs)` at the start, and
///   again
///     whenever the table is given other source rules or another directory, between two turns;
///   - in a turn, for every request: `raw()` if its source handed the raw input in, then, after
///   each
///     CallTable::apply, `fact(fact, touched)` with what that one fact touched (a Step of its own);
///     after CallTable::tick, `tick(now, touched)`, and after CallTable::source_restarted,
///     `restart(now, org, source, touched)`, again with what that alone touched;
///   - when the commit is durable, `event(event, frame)` for each event in order, with its cursor
///     set and exactly as it is encoded for clients, then `flush(now)`;
///   - when the commit failed, `discard()`: the facts did not count, their sources send them again.
///   - `flush(now)` also when a turn brought nothing, so that old segments go.
/// All of them do nothing when the options say off.
class Recorder {
 public:
  Recorder(RecorderOptions options, Registry& registry);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  bool on() const { return options_.on(); }

  /// `sources`: every one that has rules or can be asked.
  void settings(Time at, const CallLimits& limits,
                const std::vector<record::SourceSettings>& sources);
  /// `orgs`: the ids of all organisations, as a directory does not list them.
  void directory(Time at, const Directory& directory, const std::vector<std::string>& orgs);
  /// The number to hand to `fact` for the facts that were made of this input; they must follow
  /// before the next raw(). 0: off.
  std::uint64_t raw(const RawInput& raw);
  /// `touched`: call ids, in any order.
  template <class Range>
  void fact(const Fact& fact, const Range& touched, std::uint64_t raw = 0) {
    if (!on()) return;
    line_.clear();
    line_.begin_object().member("in", "fact");
    record::write_fact(line_, fact);
    if (raw != 0) line_.member("raw", static_cast<std::int64_t>(raw));
    record::write_calls(line_, touched);
    end_line();
  }
  /// Nothing touched: nothing recorded.
  template <class Range>
  void tick(Time at, const Range& touched) {
    if (!on() || touched.begin() == touched.end()) return;
    line_.clear();
    line_.begin_object().member("in", "tick").member("t", to_unix_ms(at));
    record::write_calls(line_, touched);
    end_line();
  }
  template <class Range>
  void restart(Time at, std::string_view org, std::string_view source, const Range& touched) {
    if (!on()) return;
    line_.clear();
    line_.begin_object().member("in", "restart").member("t", to_unix_ms(at));
    line_.member("org", org).member("source", source);
    record::write_calls(line_, touched);
    end_line();
  }
  void event(const Event& event, std::string_view frame);

  /// Forgets what was handed in since the last flush; the directory stays.
  void discard();
  /// Writes what was handed in since the last flush and removes what is too old or too much.
  void flush(Time now);

 private:
  void end_line();
  bool open_segment(Time now);
  bool write(std::string_view text);
  void close_segment();
  void fail(Time now, const std::string& why);
  void make_room(Time now, std::uint64_t bytes);
  void take_stock();

  RecorderOptions options_;
  Counter& errors_;
  Gauge& bytes_;
  std::string settings_, directory_;  ///< lines; every segment starts with them
  bool head_changed_ = false;         ///< since they were last written
  std::uint64_t raws_ = 0;
  json::Writer line_;
  std::string pending_;  ///< whole lines, not yet written
  bool lost_ = false;    ///< lines are missing since the last that was written

  bool stock_taken_ = false;
  std::deque<segments::Segment> segments_;  ///< oldest first; the open one is the last
  std::uint64_t total_ = 0;
  int fd_ = -1;
  Time opened_{};
  Time retry_at_{};
  bool failing_ = false;
};

}  // namespace hookswitch
