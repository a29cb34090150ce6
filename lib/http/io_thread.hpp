#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "http/channel_writer.hpp"
#include "http/mailbox.hpp"
#include "http/shared.hpp"

namespace hookswitch::http {

class HttpConnection;

/// One io_context with its thread, the connections that live there, and their mailbox. Shared by
/// whoever holds a channel or an answer to give: it must outlive them, even if the server is gone.
/// stop() ends every operation, so that no connection keeps the thread that keeps it.
class IoThread : public std::enable_shared_from_this<IoThread> {
 private:
  const std::shared_ptr<Shared> owner_;  // before `io`: what is destroyed with it still counts

 public:
  using Clock = std::chrono::steady_clock;

  explicit IoThread(std::shared_ptr<Shared> shared_state);
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  void start();
  /// Cuts every connection off and lets what waits for them see it.
  void stop();

  // any thread
  void put(PushConnection& to, const Frame& frame);
  void put(PushConnection& to, Farewell farewell);
  void put(PushConnection& to, Letter::Kind kind);

  // this thread
  void add(std::unique_ptr<PushConnection> connection);
  /// Each behind what is on its way to it.
  void close_channels(Errc why);
  /// Everything has been cut off: what comes now would never end.
  bool over() const { return over_; }
  /// Ends its life. Not while it has a part in the turn.
  void remove(PushConnection& connection);
  /// The frames of the turn from letter `first` on, as this kind of channel writes them; the same
  /// as last time are not gathered again. Valid until the next call.
  Batch batch(std::uint32_t first, Form form);
  /// Lent to who reads, for as long as it does.
  std::span<char> read_buffer() { return read_buffer_; }

  boost::asio::io_context io{1};
  Shared& shared;
  std::atomic<std::uint64_t> turns{0};
  std::unordered_set<HttpConnection*> requests;

 private:
  void wake();
  void tick();
  void cut_all();
  void begin_turn();
  /// Writes to some of the connections that got something, and lets others be read in between.
  void write_some();

  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
  boost::asio::steady_timer ticker_;
  Clock::time_point second_{};  ///< when the handlers were last told of the time
  std::thread thread_;
  std::promise<void> ended_;
  std::vector<PushConnection*> channels_;  ///< owned
  std::vector<char> read_buffer_;

  Mailbox mailbox_;
  Letters turn_;
  std::vector<PushConnection*> receivers_;  ///< of this turn
  std::size_t written_to_ = 0;              ///< so many of them
  bool in_turn_ = false, mail_waits_ = false, over_ = false;
  Clock::time_point turn_began_{}, rest_until_{};
  boost::asio::steady_timer rest_;
  std::vector<std::uint32_t> gathered_, gathering_;  ///< frames of the last batch, and of the next
  Form gathered_form_ = Form::text;
  std::vector<Batch::Piece> pieces_;
  std::string joined_;
};

}  // namespace hookswitch::http
