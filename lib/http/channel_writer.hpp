#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoded_frame.hpp"
#include "http/write_end.hpp"

namespace hookswitch::http {

/// How a connection writes a frame: its text alone, or with the header of RFC 6455, or with that
/// and by permessage-deflate (RFC 7692).
enum class Form : std::uint8_t { text, framed, deflated };

/// What one connection gets in one turn, in order. Everything it names stays where it is while the
/// turn lasts.
struct Batch {
  struct Piece {
    std::string_view bytes;
    const Frame* owner;    ///< keeps `bytes`; copied only if they have to wait
    bool goes_on = false;  ///< they are the rest of the frame that the piece before began
  };
  std::span<const Piece> pieces;
  std::string_view joined;  ///< all pieces in one; empty: nobody has joined them
};

/// The one writer of a connection: tries at once what is new, keeps what the socket does not take.
/// Frames go out whole and in order, so a control frame is one more piece. Holds memory only while
/// something waits. One thread.
class ChannelWriter {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Progress { all, waiting, failed };

  /// Writes as much as goes, if nothing waits already. waiting: something does now, call resume()
  /// when the socket is writable.
  Progress write(WriteEnd& end, const Batch& batch, Clock::time_point now);
  Progress write(WriteEnd& end, std::string bytes, Clock::time_point now);
  /// The same for an answer to a ping: it takes the place of one that has not begun to go out, so
  /// that one waits at most beside what has (RFC 6455 §5.5.3: the newest ping alone may be
  /// answered).
  Progress write_pong(WriteEnd& end, std::string bytes, Clock::time_point now);
  Progress resume(WriteEnd& end);

  /// Forgets what has not begun to go out.
  void drop_unbegun(const WriteEnd& end);

  bool empty() const { return queue_.empty(); }
  /// Bytes that wait.
  std::size_t bytes() const { return bytes_; }
  /// Those of them behind the first frame that waits, whatever its size is.
  std::size_t bytes_behind_first() const;
  /// Since when the first of them does. Only when not empty.
  Clock::time_point since() const { return queue_[first_].since; }

 private:
  struct Waiting {
    Frame owner;
    std::string_view bytes;  ///< what is left of it
    Clock::time_point since;
    bool begun = false;    ///< some of its frame is written
    bool goes_on = false;  ///< as in Piece
  };
  /// All but the first `done` bytes of the batch have to wait.
  void keep(const Batch& batch, std::size_t done, Clock::time_point now);
  void taken(std::size_t size);
  /// The first that has neither begun to go out nor been promised.
  std::size_t first_unbegun(const WriteEnd& end) const;

  static constexpr std::size_t kNone = SIZE_MAX;
  std::vector<Waiting> queue_;
  std::size_t first_ = 0;     ///< before it, all is written
  std::size_t pong_ = kNone;  ///< the last that waits
  std::size_t bytes_ = 0;
};

}  // namespace hookswitch::http
