#include "http_client/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "http_client/trust.hpp"

namespace hookswitch::http_client {

namespace asio = boost::asio;
using asio::redirect_error;
using asio::use_awaitable;
using boost::system::error_code;

Connection::Connection(asio::io_context& io, Key key, std::shared_ptr<const TlsTrust> trust)
    : key_(std::move(key)), trust_(std::move(trust)), socket_(io) {}

asio::awaitable<error_code> Connection::connect(const IpAddress& address) {
  address_ = address;
  error_code failed;
  asio::ip::tcp::endpoint to;
  if (address.is_v4()) {
    asio::ip::address_v4::bytes_type bytes;
    std::copy_n(address.bytes.begin() + 12, 4, bytes.begin());
    to = {asio::ip::address_v4{bytes}, key_.port};
  } else {
    asio::ip::address_v6::bytes_type bytes;
    std::copy(address.bytes.begin(), address.bytes.end(), bytes.begin());
    to = {asio::ip::address_v6{bytes}, key_.port};
  }
  socket_.close(failed);
  failed = {};
  co_await socket_.async_connect(to, redirect_error(use_awaitable, failed));
  error_code ignored;
  if (!failed) socket_.set_option(asio::ip::tcp::no_delay{true}, ignored);
  co_return failed;
}

asio::awaitable<error_code> Connection::handshake() {
  error_code failed;
  tls_.emplace(socket_, trust_->impl().context);
  tls_->set_verify_callback(asio::ssl::host_name_verification(key_.host), failed);
  // RFC 6066 §3: a name, never an address.
  if (!parse_ip(key_.host) &&
      SSL_set_tlsext_host_name(tls_->native_handle(), key_.host.c_str()) != 1)
    failed = asio::error::invalid_argument;
  if (!failed)
    co_await tls_->async_handshake(asio::ssl::stream_base::client,
                                   redirect_error(use_awaitable, failed));
  co_return failed;
}

asio::awaitable<error_code> Connection::write(std::string_view bytes) {
  error_code failed;
  if (tls_)
    co_await asio::async_write(*tls_, asio::buffer(bytes), redirect_error(use_awaitable, failed));
  else
    co_await asio::async_write(socket_, asio::buffer(bytes), redirect_error(use_awaitable, failed));
  co_return failed;
}

asio::awaitable<std::size_t> Connection::read(std::span<char> into, error_code& failed) {
  const auto buffer = asio::buffer(into.data(), into.size());
  std::size_t size = 0;
  if (tls_)
    size = co_await tls_->async_read_some(buffer, redirect_error(use_awaitable, failed));
  else
    size = co_await socket_.async_read_some(buffer, redirect_error(use_awaitable, failed));
  co_return size;
}

bool Connection::is_quiet() {
  char byte = 0;
  const auto size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void Connection::cut() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace hookswitch::http_client
