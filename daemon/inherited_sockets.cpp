#include "daemon/inherited_sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
constexpr long long kMost = 64;

std::string text_of(int family, const void* address, unsigned port) {
  char host[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(family, address, host, sizeof host);
  return family == AF_INET6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string listening_address(int fd) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return {};
  sockaddr_storage local{};
  size = sizeof local;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) != 0) return {};
  if (local.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(local);
    return text_of(AF_INET, &v4.sin_addr, ntohs(v4.sin_port));
  }
  if (local.ss_family != AF_INET6) return {};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(local);
  return text_of(AF_INET6, &v6.sin6_addr, ntohs(v6.sin6_port));
}

/// As listening_address() writes it: an IPv6 address has many spellings.
std::string usual_form(const std::string& address) {
  const auto colon = address.rfind(':');
  in6_addr v6{};
  if (!address.starts_with('[') || colon < 2 ||
      ::inet_pton(AF_INET6, address.substr(1, colon - 2).c_str(), &v6) != 1)
    return address;
  return text_of(
      AF_INET6, &v6,
      static_cast<unsigned>(parse_int(std::string_view{address}.substr(colon + 1)).value_or(0)));
}

}  // namespace

std::vector<InheritedSocket> take_inherited_sockets() {
  const char* count_text = std::getenv("LISTEN_FDS");
  const char* pid_text = std::getenv("LISTEN_PID");
  std::vector<InheritedSocket> out;
  if (count_text != nullptr && pid_text != nullptr && parse_int(pid_text) == ::getpid()) {
    const auto count = std::clamp(parse_int(count_text).value_or(0), 0LL, kMost);
    for (int fd = kFirst; fd < kFirst + static_cast<int>(count); ++fd) {
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
      out.push_back({fd, listening_address(fd)});
    }
  }
  for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) ::unsetenv(name);
  return out;
}

std::vector<http::Listener> with_sockets(std::vector<http::Listener> listeners,
                                         const std::vector<InheritedSocket>& sockets,
                                         Problems& problems) {
  for (const auto& [fd, address] : sockets) {
    const auto at = std::find_if(listeners.begin(), listeners.end(), [&](const auto& listener) {
      return listener.fd < 0 && usual_form(listener.address) == address;
    });
    if (address.empty())
      problems.push_back(fmt::format("socket unit: descriptor {} is no listening TCP socket", fd));
    else if (at == listeners.end())
      problems.push_back(
          fmt::format("socket unit: {} is the address of no [[listen]] that is free", address));
    else
      at->fd = fd;
  }
  return listeners;
}

}  // namespace hookswitch
