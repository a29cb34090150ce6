#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"

namespace hookswitch {

/// 26 characters of Crockford base 32: 48 bits of milliseconds, 80 bits that tell ids of one moment
/// apart. Sorts by time. Pure: the same arguments give the same id, so a recording replays to the
/// same ids.
std::string make_ulid(Time time, std::uint64_t high, std::uint64_t low);

/// Makes call ids. Deterministic for a given seed: the daemon seeds it from the system, tests and
/// replay by hand.
class IdSequence {
 public:
  explicit IdSequence(std::uint64_t seed) : seed_(seed) {}
  /// A new id, never given before by this object; `time` is when the thing began.
  std::string next(Time time);

 private:
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
};

/// `bytes` random bytes from the operating system as lower-case hex. For tokens, epochs, session
/// ids.
std::string random_hex(std::size_t bytes);
std::uint64_t random_u64();

}  // namespace hookswitch
