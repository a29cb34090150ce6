#pragma once

#include <cstdint>
#include <string_view>

namespace hookswitch {

/// CRC32C (RFC 3720 appendix B.4) of `data`, going on from `before` (the sum of what stands before
/// it). Finds every flipped bit, every pair of them and every burst of up to 32. Any thread.
std::uint32_t crc32c(std::string_view data, std::uint32_t before = 0);
/// The same by a table, for processors without the instruction; here for tests.
std::uint32_t crc32c_by_table(std::string_view data, std::uint32_t before = 0);

}  // namespace hookswitch
