#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "http/io_thread.hpp"
#include "http/listening.hpp"

namespace hookswitch::http {

/// One listening socket. Lives on the first io thread; what it accepts goes to all of them in turn.
/// Many are accepted per wake-up. When descriptors are used up, a reserve lets those who wait be
/// told so by an end of their connection, and the listener rests for a moment instead of spinning.
class Acceptor {
 public:
  using Threads = std::vector<std::shared_ptr<IoThread>>;

  /// Binds, or takes the inherited socket. Error bad_request with the address and the system's
  /// reason.
  static Result<std::unique_ptr<Acceptor>> open(const Listening& listening, const Threads& threads);

  /// "127.0.0.1:4711"
  const std::string& bound() const { return bound_; }
  void start() { wait(); }
  /// On the first io thread. Who has connected already is still taken on; in an inherited socket
  /// they wait for the next who has it.
  void stop();

 private:
  Acceptor(const Listening& listening, const Threads& threads, UniqueFd socket);
  void wait();
  void rest();
  void accept_many();
  /// Those who wait now, up to a limit. False: descriptors are used up, or worse.
  bool accept_waiting();
  /// False: descriptors are used up, or worse.
  bool accept_one(std::vector<std::vector<Accepted>>& batches);
  bool turn_one_away();

  const Listening& listening_;
  const Threads& threads_;
  Shared& shared_;
  Counter& errors_;
  Counter& turned_away_;
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer pause_;
  std::string bound_;
  UniqueFd reserve_;
  std::size_t next_ = 0;
  bool none_left_ = false;
};

}  // namespace hookswitch::http
