#include "journal/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
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
  // The whole is set apart, a first piece is written: a disk that takes no bytes has no room.
  const std::string zeros(std::min<std::size_t>(bytes, 256 * 1024), '\0');
  const int set_apart = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  const bool good = (set_apart == 0 || set_apart == EOPNOTSUPP) &&
                    ::write(fd, zeros.data(), zeros.size()) == static_cast<ssize_t>(zeros.size()) &&
                    ::fsync(fd) == 0;
  ::close(fd);
  ::unlink(path.c_str());
  return good;
}

}  // namespace hookswitch
