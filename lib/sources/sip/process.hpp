#pragma once

#include <cstddef>

namespace hookswitch::sip {

inline constexpr std::size_t kWorkerMemoryDefault =
    512 * 1024 * 1024;  // 1000 subscriptions were seen to take 37 MiB

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

/// Limits the address space of this process, unless a lower limit is set already or a sanitizer
/// needs its terabytes. Async-signal-safe.
void limit_memory(std::size_t bytes) noexcept;

}  // namespace hookswitch::sip
