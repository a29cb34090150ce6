#include "daemon/commands/private_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace hookswitch {

Result<void> write_private_file(const std::string& path, std::string_view text) {
  const std::string beside = fmt::format("{}.{}", path, ::getpid());
  const auto fail = [&](int why) {
    ::unlink(beside.c_str());
    return Error{Errc::bad_request, fmt::format("cannot write {}: {}", path, std::strerror(why))};
  };
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return Error{Errc::bad_request, fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  while (!text.empty()) {
    const ssize_t size = ::write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      const int why = errno;
      ::close(fd);
      return fail(why);
    }
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  if (::close(fd) != 0 || ::rename(beside.c_str(), path.c_str()) != 0) return fail(errno);
  return {};
}

}  // namespace hookswitch
