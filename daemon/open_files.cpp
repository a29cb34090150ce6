#include "daemon/open_files.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace hookswitch {
namespace {

constexpr rlim_t kMost = 1'000'000;  // also for "no limit"
constexpr rlim_t kKeptMost = 1000;

}  // namespace

void raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // it then stays as it was, which is no reason not to start
}

std::size_t connections_possible() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 512;
  const rlim_t files = std::min(limit.rlim_max, kMost);
  return static_cast<std::size_t>(files - std::min(kKeptMost, files / 5));
}

}  // namespace hookswitch
