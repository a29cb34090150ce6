#include "base/secret.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/file.hpp"

namespace hookswitch {

Result<Secret> read_secret_file(const std::string& path, std::size_t bytes_max) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return Error{Errc::bad_request, fmt::format("cannot read {}: {}", path, std::strerror(errno))};
  if ((info.st_mode & 0007) != 0)
    return Error{Errc::bad_request,
                 fmt::format("{} may be read by others; run: chmod o= {}", path, path)};
  auto read = read_file(path, bytes_max);
  if (!read) return read.error();
  std::string bytes = std::move(*read);
  if (bytes.ends_with('\n')) bytes.pop_back();
  if (bytes.ends_with('\r')) bytes.pop_back();
  if (bytes.empty()) return Error{Errc::bad_request, fmt::format("{} is empty", path)};
  return Secret{std::move(bytes)};
}

}  // namespace hookswitch
