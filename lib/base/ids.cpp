#include "base/ids.hpp"

#include <sys/random.h>

#include <array>
#include <span>

#include "base/assert.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr char kCrockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Spreads the counter over all bits, so that ids of two daemons with different seeds do not meet.
std::uint64_t mix(std::uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

void fill_random(std::span<unsigned char> out) {
  HS_ASSERT(getrandom(out.data(), out.size(), 0) == static_cast<ssize_t>(out.size()));
}

}  // namespace

std::string make_ulid(Time time, std::uint64_t high, std::uint64_t low) {
  std::string out(26, '0');
  auto ms = static_cast<std::uint64_t>(to_unix_ms(time)) & 0xffffffffffffULL;
  for (std::size_t i = 10; i-- > 0; ms >>= 5) out[i] = kCrockford[ms & 31];
  for (std::size_t i = 18; i-- > 10; high >>= 5) out[i] = kCrockford[high & 31];
  for (std::size_t i = 26; i-- > 18; low >>= 5) out[i] = kCrockford[low & 31];
  return out;
}

std::string IdSequence::next(Time time) {
  ++count_;
  return make_ulid(time, mix(seed_ ^ count_), mix(seed_ + 0x5851f42d4c957f2dULL * count_));
}

std::string random_hex(std::size_t bytes) {
  std::array<unsigned char, 64> raw{};
  HS_ASSERT(bytes <= raw.size());
  fill_random(std::span{raw}.first(bytes));
  return to_hex({reinterpret_cast<const char*>(raw.data()), bytes});
}

std::uint64_t random_u64() {
  std::uint64_t out = 0;
  fill_random({reinterpret_cast<unsigned char*>(&out), sizeof out});
  return out;
}

}  // namespace hookswitch
