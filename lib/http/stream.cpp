#include "http/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

namespace hookswitch::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

bool would_wait(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

/// The pieces' front as one text; copied only when it lies in several.
std::string_view join(std::span<const iovec> pieces, std::size_t size_max) {
  static thread_local std::array<char, TlsSession::kRecordBytesMax> record;
  const std::string_view first{static_cast<const char*>(pieces[0].iov_base), pieces[0].iov_len};
  if (pieces.size() == 1 || first.size() >= size_max) return first;
  std::size_t size = 0;
  for (const iovec& piece : pieces) {
    const std::size_t part = std::min(piece.iov_len, size_max - size);
    std::memcpy(record.data() + size, piece.iov_base, part);
    size += part;
    if (size == size_max) break;
  }
  return {record.data(), size};
}

}  // namespace

Stream::Stream(Descriptor socket, const TlsContext& tls) : socket_(std::move(socket)) {
  tls_.emplace(tls, socket_.native_handle());
}

asio::awaitable<bool> Stream::handshake() {
  for (;;) {
    // OpenSSL has the bare number: of a stream that was cut, it may be another connection's by now.
    if (!socket_.is_open()) co_return false;
    const TlsSession::Step step = tls_->handshake();
    if (step == TlsSession::Step::done) co_return true;
    if (step == TlsSession::Step::failed) co_return false;
    const auto [error] = co_await socket_.async_wait(
        step == TlsSession::Step::reading ? Descriptor::wait_read : Descriptor::wait_write, kToken);
    if (error || !socket_.is_open()) co_return false;
  }
}

asio::awaitable<void> Stream::readable() {
  (void)co_await socket_.async_wait(Descriptor::wait_read, kToken);
}

bool Stream::holds_some() const {
  if (!socket_.is_open() || holds_more()) return true;
  char byte = 0;
  auto& socket = const_cast<Descriptor&>(socket_);
  return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
         !would_wait(errno);
}

asio::awaitable<std::size_t> Stream::read_some(std::span<char> into) {
  if (!tls_) {
    const auto [error, size] =
        co_await socket_.async_read_some(asio::buffer(into.data(), into.size()), kToken);
    co_return error ? 0 : size;
  }
  for (;;) {
    const long size = try_read(into);
    if (size != 0) co_return size < 0 ? 0 : static_cast<std::size_t>(size);
    const auto [error] = co_await socket_.async_wait(Descriptor::wait_read, kToken);
    if (error || !socket_.is_open()) co_return 0;
  }
}

asio::awaitable<bool> Stream::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const iovec one{const_cast<char*>(bytes.data()), bytes.size()};
    const long took = try_write({&one, 1});
    if (took < 0) co_return false;
    bytes.remove_prefix(static_cast<std::size_t>(took));
    if (took > 0) continue;
    const auto [error] = co_await socket_.async_wait(Descriptor::wait_write, kToken);
    if (error || !socket_.is_open()) co_return false;
  }
  co_return true;
}

long Stream::try_read(std::span<char> into) {
  if (!socket_.is_open()) return -1;
  if (tls_) return tls_->read(into);
  const auto size = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  if (size > 0) return size;
  return size < 0 && would_wait(errno) ? 0 : -1;
}

long Stream::try_write(std::span<const iovec> pieces) {
  if (!socket_.is_open()) return -1;
  if (tls_)
    return tls_->write(join(pieces, std::max(tls_->promised(), TlsSession::kRecordBytesMax)));
  constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
  ssize_t size = 0;
  if (pieces.size() == 1) {
    size = ::send(socket_.native_handle(), pieces[0].iov_base, pieces[0].iov_len, kFlags);
  } else {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    size = ::sendmsg(socket_.native_handle(), &message, kFlags);
  }
  if (size >= 0) return size;
  return would_wait(errno) ? 0 : -1;
}

void Stream::end_writing() {
  if (!socket_.is_open()) return;
  if (tls_) tls_->end();
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

void Stream::cut() {
  error_code ignored;
  if (socket_.is_open()) socket_.close(ignored);
}

void Stream::reset() {
  if (!socket_.is_open()) return;
  const linger at_once{1, 0};
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  cut();
}

void Stream::limit_send_buffer(int bytes) {
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

void Stream::limit_unacknowledged(std::chrono::milliseconds time) {
  const auto value = static_cast<unsigned>(time.count());
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value);
}

}  // namespace hookswitch::http
