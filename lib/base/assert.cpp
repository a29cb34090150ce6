#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace hookswitch {

void assert_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "<2>assertion_failed expression=\"%s\" at=%s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace hookswitch
