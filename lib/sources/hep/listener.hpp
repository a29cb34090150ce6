#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/fact.hpp"
#include "sources/hep/call_tracker.hpp"
#include "sources/hep/settings.hpp"

namespace hookswitch::hep {

inline constexpr int kPacketsPerTurn = 512;  // then others of the process have their turn
inline constexpr int kReceiveBufferBytes = 4 * 1024 * 1024;  // a second of 20,000 messages, cut
inline constexpr milliseconds kClockTolerance{60'000};  // a mirror's clock is believed within it

/// What came in since the start.
struct Counts {
  std::int64_t packets = 0;
  std::int64_t key = 0;        ///< refused: without the key
  std::int64_t malformed = 0;  ///< refused: no HEPv3, or no SIP of RFC 3261
  std::int64_t limit = 0;      ///< not tracked: too many calls, legs or branches
  std::int64_t unread = 0;     ///< dropped because the daemon took no more
  std::int64_t calls = 0;      ///< sessions now
  friend bool operator==(const Counts&, const Counts&) = default;
};

/// The UDP socket of one source, and its tracker. One thread.
class Listener {
 public:
  /// nullptr with `why` when the address cannot be bound. The settings have passed check().
  static std::unique_ptr<Listener> create(const SourceSettings& settings, std::string& why);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  int fd() const { return fd_; }
  /// Takes what has come, kPacketsPerTurn at most; with `drop` it is only counted.
  void read(bool drop, Time now, std::vector<Fact>& out);
  /// One packet, as if it had come. For read(), and tests.
  void take(std::string_view packet, Time now, std::vector<Fact>& out);
  void tick(Time now, std::vector<Fact>& out) { tracker_.tick(now, out); }
  void restore(const Fact& fact, Time now) { tracker_.restore(fact, now); }
  Counts counts() const;

 private:
  Listener(const SourceSettings& settings, int fd);

  const int fd_;
  const Secret auth_key_;
  CallTracker tracker_;
  Counts counts_;
  std::vector<char> buffer_;
  std::string text_;
};

}  // namespace hookswitch::hep
