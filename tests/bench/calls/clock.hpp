#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace hookswitch::bench {

using Ticks = std::uint64_t;

/// A clock that is cheap enough for single facts. All before it is done, nothing after it begun.
inline Ticks ticks() {
#if defined(__x86_64__)
  _mm_lfence();
  const Ticks now = __rdtsc();
  _mm_lfence();
  return now;
#else
  return static_cast<Ticks>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// How long a tick is, and what reading the clock twice costs by itself.
struct Clock {
  double ns_per_tick = 1;
  Ticks own = 0;

  Clock() {
    using std::chrono::steady_clock;
    const auto began = steady_clock::now();
    const Ticks first = ticks();
    std::vector<Ticks> gaps;
    do {
      const Ticks one = ticks();
      gaps.push_back(ticks() - one);
    } while (steady_clock::now() - began < std::chrono::milliseconds{50});
    const Ticks last = ticks();
    const std::chrono::duration<double, std::nano> took = steady_clock::now() - began;
    ns_per_tick = took.count() / static_cast<double>(last - first);
    std::nth_element(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2),
                     gaps.end());
    own = gaps[gaps.size() / 2];
  }
  double ns(Ticks taken) const { return static_cast<double>(taken) * ns_per_tick; }
  Ticks net(Ticks from, Ticks to) const { return to - from > own ? to - from - own : 0; }
};

/// Times of single steps, in ticks.
class Samples {
 public:
  void add(Ticks taken) {
    all_.push_back(taken);
    sorted_ = false;
  }
  void add(const Samples& others) {
    all_.insert(all_.end(), others.all_.begin(), others.all_.end());
    sorted_ = false;
  }
  std::size_t size() const { return all_.size(); }
  /// 0 when there are none.
  Ticks quantile(double part) {
    if (all_.empty()) return 0;
    if (!std::exchange(sorted_, true)) std::sort(all_.begin(), all_.end());
    return all_[static_cast<std::size_t>(part * static_cast<double>(all_.size() - 1))];
  }
  Ticks median() { return quantile(0.5); }

 private:
  std::vector<Ticks> all_;
  bool sorted_ = false;
};

}  // namespace hookswitch::bench
