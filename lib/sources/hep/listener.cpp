#include "sources/hep/listener.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sources/hep/hep_frame.hpp"

namespace hookswitch::hep {
namespace {

NumberPlan plan_of(const SourceSettings& settings) {
  NumberPlan out = settings.numbers;
  out.short_is_extension = true;
  return out;
}

bool bind_to(int fd, const ListenAddress& address) {
  if (address.ipv6) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(address.port);
    inet_pton(AF_INET6, address.host.c_str(), &to.sin6_addr);
    return bind(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
  return bind(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

}  // namespace

std::unique_ptr<Listener> Listener::create(const SourceSettings& settings, std::string& why) {
  const auto address = parse_address(settings.address);
  if (!address) {
    why = address.error().detail;
    return nullptr;
  }
  const int fd =
      socket(address->ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || !bind_to(fd, *address)) {
    why = std::string{"the address cannot be bound: "} + std::strerror(errno);
    if (fd >= 0) close(fd);
    return nullptr;
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  return std::unique_ptr<Listener>{new Listener{settings, fd}};
}

Listener::Listener(const SourceSettings& settings, int fd)
    : fd_(fd),
      auth_key_(settings.auth_key),
      tracker_(plan_of(settings)),
      buffer_(kPacketBytesMax) {}

Listener::~Listener() { close(fd_); }

void Listener::read(bool drop, Time now, std::vector<Fact>& out) {
  for (int packets = 0; packets < kPacketsPerTurn; ++packets) {
    const ssize_t size = recv(fd_, buffer_.data(), buffer_.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;
    if (drop) {
      ++counts_.packets;
      ++counts_.unread;
    } else {
      take({buffer_.data(), static_cast<std::size_t>(size)}, now, out);
    }
  }
}

void Listener::take(std::string_view packet, Time now, std::vector<Fact>& out) {
  ++counts_.packets;
  const auto frame = read_frame(packet);
  if (!frame) {
    ++counts_.malformed;
    return;
  }
  if (!has_key(*frame, auth_key_)) {
    ++counts_.key;
    return;
  }
  if (frame->protocol != kProtocolSip) return;  // RTCP, logs and the like share the mirror
  text_ = frame->payload;
  const auto message = read_sip(text_);
  if (!message) {
    ++counts_.malformed;
    return;
  }
  auto at = frame->captured;
  if (at && (*at > now + kClockTolerance || *at < now - kClockTolerance)) at.reset();
  if (tracker_.feed(*message, frame->correlation, at, now, out) == Seen::over_limit)
    ++counts_.limit;
}

Counts Listener::counts() const {
  Counts out = counts_;
  out.calls = static_cast<std::int64_t>(tracker_.sessions());
  return out;
}

}  // namespace hookswitch::hep
