#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/tls.hpp"
#include "http/write_end.hpp"

namespace hookswitch::http {

/// One connection's bytes, plain or by TLS, over a non-blocking socket that it owns. It buffers
/// nothing. One thread.
class Stream : public WriteEnd {
 public:
  using Descriptor = boost::asio::posix::stream_descriptor;

  explicit Stream(Descriptor socket) : socket_(std::move(socket)) {}
  Stream(Descriptor socket, const TlsContext& tls);

  bool is_tls() const { return tls_.has_value(); }
  std::vector<std::string> client_names() const {
    return tls_ ? tls_->client_names() : std::vector<std::string>{};
  }
  /// TLS: before anything else. False: there is no connection.
  boost::asio::awaitable<bool> handshake();
  /// Waits until there may be something to read.
  boost::asio::awaitable<void> readable();
  /// There is something to read, be it the end. Looked at without taking it.
  bool holds_some() const;
  /// Bytes read; 0: the connection is over.
  boost::asio::awaitable<std::size_t> read_some(std::span<char> into);
  /// False: the connection is over.
  boost::asio::awaitable<bool> write_all(std::string_view bytes);

  /// Bytes read; 0: none are there; -1: the connection is over.
  long try_read(std::span<char> into);
  long try_write(std::span<const iovec> pieces) override;
  std::size_t promised() const override { return tls_ ? tls_->promised() : 0; }
  /// Bytes may be there although the socket is not readable.
  bool holds_more() const { return tls_ && tls_->holds_more(); }

  /// `then(error_code)` once, also when the stream is cut.
  template <class Then>
  void when_readable(Then then) {
    socket_.async_wait(Descriptor::wait_read, std::move(then));
  }
  template <class Then>
  void when_writable(Then then) {
    socket_.async_wait(Descriptor::wait_write, std::move(then));
  }

  /// Nothing more comes from us; what the kernel holds still goes out.
  void end_writing();
  /// Closes, and ends every wait. What the kernel holds still goes out, if the other end has sent
  /// nothing unread.
  void cut();
  /// Closes with a reset: what the kernel holds is thrown away.
  void reset();
  bool is_open() const { return socket_.is_open(); }
  /// The kernel may hold unacknowledged bytes for this long before it calls the connection dead.
  void limit_unacknowledged(std::chrono::milliseconds time);
  /// The kernel takes about this much for who does not read, instead of what it thinks best (some
  /// megabytes on a fast path): memory that no budget of ours would see.
  void limit_send_buffer(int bytes);

 private:
  Descriptor socket_;
  std::optional<TlsSession> tls_;
};

}  // namespace hookswitch::http
