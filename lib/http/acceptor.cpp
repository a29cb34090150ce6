#include "http/acceptor.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/text.hpp"
#include "http/http_connection.hpp"

namespace hookswitch::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsAtOnce = 256;
constexpr std::chrono::milliseconds kRest{100};

std::string system_reason(int error) {
  return error_code{error, boost::system::system_category()}.message();
}

UniqueFd open_reserve() { return UniqueFd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; }

std::optional<tcp::endpoint> parse_address(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  error_code error;
  const auto ip = asio::ip::make_address(host, error);
  const long long port = parse_int(address.substr(colon + 1)).value_or(-1);
  if (error || port < 0 || port > 65535) return std::nullopt;
  return tcp::endpoint{ip, static_cast<std::uint16_t>(port)};
}

std::string address_of(const sockaddr_storage& address, bool with_port) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return with_port ? fmt::format("{}:{}", text, ntohs(v4.sin_port)) : text;
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return with_port ? fmt::format("[{}]:{}", text, ntohs(v6.sin6_port)) : text;
  }
  return {};
}

Result<UniqueFd> bind_to(const std::string& address) {
  const auto endpoint = parse_address(address);
  if (!endpoint) return Error{Errc::bad_request, address + ": is no address with port"};
  UniqueFd out{::socket(endpoint->protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP)};
  const int on = 1;
  const bool listens =
      out && ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      ::bind(out.get(), endpoint->data(), static_cast<socklen_t>(endpoint->size())) == 0 &&
      ::listen(out.get(), kBacklog) == 0;
  if (!listens) return Error{Errc::bad_request, address + ": " + system_reason(errno)};
  return out;
}

/// The number of an inherited socket is only that: what it is must be looked at.
Result<UniqueFd> inherit(const Listener& asked) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(asked.fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0)
    return Error{Errc::bad_request,
                 fmt::format("descriptor {}: {}", asked.fd, system_reason(errno))};
  if (listens == 0)
    return Error{Errc::bad_request, fmt::format("descriptor {}: does not listen", asked.fd)};
  return UniqueFd{asked.fd};
}

}  // namespace

Result<std::unique_ptr<Acceptor>> Acceptor::open(const Listening& listening,
                                                 const Threads& threads) {
  auto socket =
      listening.options.fd >= 0 ? inherit(listening.options) : bind_to(listening.options.address);
  if (!socket) return socket.error();
  std::unique_ptr<Acceptor> out{new Acceptor{listening, threads, std::move(*socket)}};
  return out;
}

Acceptor::Acceptor(const Listening& listening, const Threads& threads, UniqueFd socket)
    : listening_(listening),
      threads_(threads),
      shared_(threads.front()->shared),
      errors_(shared_.registry.counter("hookswitch_http_accept_errors_total",
                                       "Failed accepts (descriptors used up, …).")),
      turned_away_(shared_.registry.counter("hookswitch_http_turned_away_total",
                                            "Connections closed at once: too many.")),
      socket_(threads.front()->io),
      pause_(threads.front()->io),
      reserve_(open_reserve()) {
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &size);
  bound_ = address_of(local, true);
  if (bound_.empty()) bound_ = listening.options.address;
  error_code ignored;
  socket_.assign(socket.release(), ignored);
}

void Acceptor::stop() {
  if (!socket_.is_open()) return;
  if (listening_.options.fd < 0) {
    bool well = true;
    for (int i = 0; well && i < kBacklog / kAcceptsAtOnce; ++i)
      well = accept_waiting() && !none_left_;
  }
  error_code ignored;
  socket_.close(ignored);
  pause_.cancel();
}

void Acceptor::wait() {
  socket_.async_wait(decltype(socket_)::wait_read, [this](error_code error) {
    if (!error && socket_.is_open()) accept_many();
  });
}

void Acceptor::rest() {
  pause_.expires_after(kRest);
  pause_.async_wait([this](error_code error) {
    if (!error && socket_.is_open()) accept_many();
  });
}

void Acceptor::accept_many() {
  if (accept_waiting())
    wait();
  else
    rest();
}

bool Acceptor::accept_waiting() {
  std::vector<std::vector<Accepted>> batches(threads_.size());
  none_left_ = false;
  bool well = true;
  for (int i = 0; well && !none_left_ && i < kAcceptsAtOnce; ++i) well = accept_one(batches);
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (batches[i].empty()) continue;
    // From the thread it will live on, so that all of it happens there. The io_context must not
    // hold its own thread, so not a shared pointer.
    asio::post(threads_[i]->io, [io = threads_[i].get(), batch = std::move(batches[i])]() mutable {
      for (auto& each : batch)
        asio::co_spawn(io->io, serve(std::move(each), io->shared_from_this()), asio::detached);
    });
  }
  return well;
}

bool Acceptor::accept_one(std::vector<std::vector<Accepted>>& batches) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  UniqueFd socket{::accept4(socket_.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                            SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (!socket) {
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) return none_left_ = true;
    errors_.add();
    if (error == EMFILE || error == ENFILE) {
      bool came = true;
      for (int i = 0; came && i < kAcceptsAtOnce; ++i) came = turn_one_away();
      return false;
    }
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM;
  }
  if (shared_.connections.value() >= static_cast<std::int64_t>(shared_.options.connections_max)) {
    turned_away_.add();
    return true;
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  batches[next_++ % batches.size()].push_back({std::move(socket), address_of(peer, false),
                                               &listening_, Counted{shared_.connections},
                                               InHand{shared_.in_hand}});
  return true;
}

bool Acceptor::turn_one_away() {
  if (!reserve_) reserve_ = open_reserve();
  if (!reserve_) return false;
  reserve_.reset();
  UniqueFd socket{::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC)};
  const bool came = static_cast<bool>(socket);
  socket.reset();  // its place is the reserve's
  reserve_ = open_reserve();
  if (came) turned_away_.add();
  return came;
}

}  // namespace hookswitch::http
