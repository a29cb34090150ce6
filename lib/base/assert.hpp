#pragma once

namespace hookswitch {

/// Prints expression and place on stderr and aborts. The journal brings clients back after the
/// restart.
[[noreturn]] void assert_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace hookswitch

/// For our own bugs only, never for outside data. Always compiled in.
#define HS_ASSERT(expression)          \
  ((expression) ? static_cast<void>(0) \
                : ::hookswitch::assert_failed(#expression, __FILE__, __LINE__))
