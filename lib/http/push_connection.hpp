#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/channel_writer.hpp"
#include "http/io_thread.hpp"
#include "http/mailbox.hpp"
#include "http/stream.hpp"

namespace hookswitch::http {

/// A socket that messages are pushed to: what WebSockets and event streams have in common. Owned by
/// its io thread, and on that thread only, but for lose_frame(). It lives until its socket is
/// closed and nobody holds its channel any more.
///
/// open → closing (the farewell is queued; what the handler says is not heeded) → ended (nothing
/// more from us; the other end is read to its end, so that it gets our last bytes) → cut.
class PushConnection {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint32_t kNoLetter = UINT32_MAX;

  PushConnection(Stream stream, Counted counted, IoThread& io, Gauge& gauge);
  virtual ~PushConnection() = default;
  PushConnection(const PushConnection&) = delete;
  PushConnection& operator=(const PushConnection&) = delete;

  /// Says `answer`, then opens the channel. `early`: what the client sent behind its request.
  void start(std::string answer, Opening opening, std::string early);

  /// Any thread: the mailbox was full. What was missed must be fetched by resuming.
  void lose_frame() { lost_frame_.store(true, std::memory_order_relaxed); }

  // The turn: letters are taken first, then each who has mail ends it once.
  bool has_mail() const { return in_turn_; }
  void take_letter(Letters& turn, std::uint32_t index);
  void end_turn(Clock::time_point now);

  /// About once a second, and more often where the limits are shorter. May end the connection's
  /// life.
  void tick(Clock::time_point now, bool tell_handler);
  /// Closes it behind all that is on its way to it.
  void close_behind_mail(Errc why);
  /// Ends it at once.
  void cut();

  std::size_t place = 0;  ///< the io thread's own

 protected:
  // How the two kinds differ.
  virtual Form form() const = 0;
  virtual std::string ping() const = 0;
  /// What is said last; may be nothing.
  virtual std::string last_words(const Farewell& farewell) const = 0;
  /// Whether the other end has a last word after ours.
  virtual bool awaits_farewell() const = 0;
  /// Bytes came. They may be changed.
  virtual void on_bytes(std::span<char> bytes) = 0;
  /// For how long the other end may send nothing at all; zero: for ever.
  virtual std::chrono::milliseconds silence_max() const = 0;

  bool is_open() const { return open_; }
  bool heeds() const { return open_ && !closing_; }
  ChannelHandler& handler() { return *handler_; }
  IoThread& io() const { return io_; }
  /// Behind all that is queued.
  void say(std::string bytes);
  /// The same, but instead of the last that waits.
  void say_pong(std::string bytes);
  /// Counts it, says farewell behind what is queued, and ends.
  void close(const Farewell& farewell);
  void close(Errc why) { close(Farewell{why}); }
  /// The same with words of one's own; `end`: without a last word of the other end.
  void close_with(std::string last_words, bool end);
  /// Nothing more of the other end is wanted: ends when all is written.
  void end_when_written();

 private:
  struct Handle;

  void read();
  /// `at_once`: there may be bytes that the socket knows nothing of.
  void read_later(bool at_once);
  void read_on();
  void take_mail(Clock::time_point now);
  using Write = ChannelWriter::Progress (ChannelWriter::*)(WriteEnd&, std::string,
                                                           Clock::time_point);
  void say_by(Write write, std::string bytes);
  void after_write(ChannelWriter::Progress progress);
  /// Ends its life if it may.
  void leave_if_done();
  void end();
  void finish();
  bool over_budget(Clock::time_point now) const;

  IoThread& io_;
  Gauge& gauge_;
  Stream stream_;
  Counted counted_;
  std::unique_ptr<ChannelHandler> handler_;
  ChannelWriter writer_;
  Clock::time_point heard_, pinged_, closing_since_{};
  std::uint32_t first_letter_ = kNoLetter, last_letter_ = kNoLetter;
  std::uint8_t waits_ = 0;  ///< operations of ours that have not come back
  bool in_turn_ = false, writing_ = false;
  bool open_ = false, closing_ = false, ending_ = false, ended_ = false;
  bool drain_wanted_ = false, released_ = false;
  bool paused_ = false;  ///< nothing is read: the handler takes no more
  std::unique_ptr<Farewell> close_wanted_;
  std::atomic<bool> lost_frame_{false};
};

}  // namespace hookswitch::http
