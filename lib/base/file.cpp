#include "base/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hookswitch {

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const auto fail = [&](const char* why) {
    return Error{Errc::bad_request, fmt::format("cannot read {}: {}", path, why)};
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(std::strerror(errno));
  struct stat info {};
  std::string out;
  const char* why = nullptr;
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) why = "is no file";
  for (char block[16 * 1024]; why == nullptr;) {
    const ssize_t size = ::read(fd, block, sizeof block);
    if (size == 0) break;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) why = std::strerror(errno);
    if (size > 0) out.append(block, static_cast<std::size_t>(size));
    if (out.size() > bytes_max) why = "is too large";
  }
  ::close(fd);
  if (why != nullptr) return fail(why);
  return out;
}

}  // namespace hookswitch
