#include "bench/calls/counting.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace hookswitch::bench {
namespace {

Heap counted;
bool counting = false;

void* take(void* block) {
  if (block == nullptr) std::abort();
  if (counting) {
    ++counted.allocations;
    counted.bytes += static_cast<std::int64_t>(malloc_usable_size(block));
  }
  return block;
}

void give(void* block) {
  if (counting && block != nullptr)
    counted.bytes -= static_cast<std::int64_t>(malloc_usable_size(block));
  std::free(block);
}

}  // namespace

Heap heap() { return counted; }
void count_heap(bool on) { counting = on; }

}  // namespace hookswitch::bench

// The array, nothrow and sized forms of the library end in these.
void* operator new(std::size_t bytes) { return hookswitch::bench::take(std::malloc(bytes)); }
void* operator new(std::size_t bytes, std::align_val_t align) {
  const auto to = static_cast<std::size_t>(align);
  return hookswitch::bench::take(std::aligned_alloc(to, (bytes + to - 1) / to * to));
}
void operator delete(void* block) noexcept { hookswitch::bench::give(block); }
void operator delete(void* block, std::size_t) noexcept { hookswitch::bench::give(block); }
void operator delete(void* block, std::align_val_t) noexcept { hookswitch::bench::give(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  hookswitch::bench::give(block);
}
