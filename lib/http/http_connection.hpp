#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "http/io_thread.hpp"
#include "http/listening.hpp"
#include "http/stream.hpp"

namespace hookswitch::http {

/// One connection speaking HTTP/1.1 until it is closed or becomes a channel. Lives as long as its
/// run().
class HttpConnection {
 public:
  HttpConnection(Accepted accepted, std::shared_ptr<IoThread> io);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  boost::asio::awaitable<void> run();
  /// Cuts it off if what it waits for has taken too long.
  void tick(IoThread::Clock::time_point now);
  void cut() {
    stream_.cut();
    counted_ = {};  // whoever still has to answer may outlive the metrics
  }

 private:
  struct Incoming;

  /// Returns when a first byte is there, or the end. Until then it may be cut off by a stop.
  boost::asio::awaitable<void> first_byte();
  /// False: the connection is done with.
  boost::asio::awaitable<bool> one_request();
  /// Size of the head that is in the buffer; 0: there will be none.
  boost::asio::awaitable<std::size_t> read_head();
  boost::asio::awaitable<bool> read_body(Incoming& incoming);
  boost::asio::awaitable<bool> read_more(std::size_t size_max);
  /// Waits for the handler's answer, which may come from any thread.
  boost::asio::awaitable<Response> answer(Request request);
  boost::asio::awaitable<bool> write(Response response, bool keep, bool without_body);
  boost::asio::awaitable<void> refuse(Errc why);
  /// Closing over unread bytes would reset the connection before the other end has read the answer.
  boost::asio::awaitable<void> linger();
  boost::asio::awaitable<void> open_websocket(Request request);
  boost::asio::awaitable<void> open_event_stream(Request request);
  std::string early() const;
  /// Who sent it, and how.
  void set_sender(Request& request) const;
  void expire_after(std::chrono::milliseconds time);

  const std::shared_ptr<IoThread> owner_;
  IoThread& io_;
  Shared& shared_;
  const Listening& listening_;
  const std::shared_ptr<const TlsContext> tls_;  ///< only to begin with
  Counted counted_;
  InHand in_hand_;
  Stream stream_;
  boost::beast::flat_buffer buffer_;
  std::string peer_;
  std::vector<std::string> client_names_;
  IoThread::Clock::time_point deadline_ = IoThread::Clock::time_point::max();
  bool late_;  ///< came when the server was stopping
  bool first_ = true, expired_ = false;
};

/// The whole life of an accepted connection.
boost::asio::awaitable<void> serve(Accepted accepted, std::shared_ptr<IoThread> io);

}  // namespace hookswitch::http
