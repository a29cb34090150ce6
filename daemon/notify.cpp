#include "daemon/notify.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/text.hpp"

namespace hookswitch {

void notify_systemd(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // abstract namespace
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
  ::close(fd);
}

void notify_reloading() {
  timespec at{};
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  notify_systemd(
      fmt::format("RELOADING=1\nMONOTONIC_USEC={}", at.tv_sec * 1'000'000 + at.tv_nsec / 1000));
}

std::optional<std::chrono::milliseconds> watchdog_pause() {
  const char* text = std::getenv("WATCHDOG_USEC");
  const char* pid = std::getenv("WATCHDOG_PID");
  if (text == nullptr || (pid != nullptr && parse_int(pid) != ::getpid())) return std::nullopt;
  const auto usec = parse_int(text);
  if (!usec || *usec < 2000) return std::nullopt;
  return std::chrono::milliseconds{*usec / 2000};
}

}  // namespace hookswitch
