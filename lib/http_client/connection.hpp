#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http_client/outgoing.hpp"

namespace hookswitch::http_client {

/// One connection to one address, with TLS or without. Its operations end with an error when it is
/// cut. One thread.
class Connection {
 public:
  using Clock = std::chrono::steady_clock;
  /// What a request must share with the one before it to go over the same connection, beside its
  /// address policy.
  struct Key {
    bool tls;
    std::string host;
    std::uint16_t port;
    const TlsTrust* trust;
    auto operator<=>(const Key&) const = default;
  };

  Connection(boost::asio::io_context& io, Key key, std::shared_ptr<const TlsTrust> trust);

  boost::asio::awaitable<boost::system::error_code> connect(const IpAddress& address);
  /// Proves the host; then nobody else reads what goes over it.
  boost::asio::awaitable<boost::system::error_code> handshake();
  boost::asio::awaitable<boost::system::error_code> write(std::string_view bytes);
  /// Bytes read, at least one; 0 with an error, also at the end.
  boost::asio::awaitable<std::size_t> read(std::span<char> into, boost::system::error_code& failed);
  /// The other end has neither closed it nor said anything since.
  bool is_quiet();
  void cut();

  const Key& key() const { return key_; }
  const IpAddress& address() const { return address_; }
  Clock::time_point idle_since{};

 private:
  Key key_;
  std::shared_ptr<const TlsTrust> trust_;  // before what uses it
  IpAddress address_;
  boost::asio::ip::tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
};

}  // namespace hookswitch::http_client
