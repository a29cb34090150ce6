#include "journal/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hookswitch {

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

std::string FileLock::take(const std::string& path) {
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) return std::string{"cannot make the lock file: "} + std::strerror(errno);
  // Of the open file, not of the process: a second opener in this process is refused as well.
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return "";
  return errno == EWOULDBLOCK ? "the journal is in use by another process" : std::strerror(errno);
}

bool has_room(const std::string& path, std::size_t bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const std::string zeros(bytes, '\0');
  const bool good =
      ::write(fd, zeros.data(), bytes) == static_cast<ssize_t>(bytes) && ::fsync(fd) == 0;
  ::close(fd);
  ::unlink(path.c_str());
  return good;
}

}  // namespace hookswitch
