#include "sources/sip/process.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace hookswitch::sip {

void limit_memory(std::size_t bytes) noexcept {
  if (kSanitized) return;
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur <= bytes)
    return;  // RLIM_INFINITY is the largest number
  limit.rlim_cur = bytes;
  limit.rlim_max = std::min<rlim_t>(limit.rlim_max, bytes);
  setrlimit(RLIMIT_AS, &limit);
}

}  // namespace hookswitch::sip
