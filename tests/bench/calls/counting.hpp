#pragma once

#include <cstdint>

/// This program's operator new and delete, which count while they are told to. One thread.
namespace hookswitch::bench {

struct Heap {
  std::uint64_t allocations = 0;
  std::int64_t bytes = 0;  ///< taken less given back, as malloc rounds them up
};

/// What was counted since the program began.
Heap heap();
/// Off at first, so that timed parts pay for one untaken branch only. `bytes` means something over
/// a span in which it stays on and only what was allocated in that span is freed.
void count_heap(bool on);

}  // namespace hookswitch::bench
