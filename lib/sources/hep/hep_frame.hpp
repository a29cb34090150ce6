#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "base/time.hpp"

namespace hookswitch::hep {

inline constexpr std::size_t kPacketBytesMax =
    65'535;                                    // a UDP datagram; the length field is 16 bit
inline constexpr std::size_t kChunksMax = 64;  // HEPv3 names about 25

/// One packet of a mirror. Views point into the bytes that were read.
struct Frame {
  std::uint8_t protocol = 0;          ///< chunk 0x000b; 1 is SIP
  std::optional<Time> captured;       ///< chunks 0x0009 and 0x000a, by the mirror's clock
  std::optional<std::uint32_t> node;  ///< chunk 0x000c, the capture agent
  std::string_view auth_key;          ///< chunk 0x000e
  std::string_view payload;           ///< chunk 0x000f
  std::string_view correlation;       ///< chunk 0x0011
};

inline constexpr std::uint8_t kProtocolSip = 1;

/// Reads one HEPv3 packet: "HEP3", the length of the whole, then chunks of vendor, type, length and
/// value. Chunks of other vendors and types are passed over; of a chunk that comes twice the first
/// counts. What follows the told length is ignored. Error: bad_message with one of a closed set of
/// words: "no HEPv3", "length", "chunk", "compressed", "no payload". Pure, never throws.
Result<Frame> read_frame(std::string_view bytes);

/// Whether the packet brings this key; an empty key is brought by all. The time it takes tells
/// its length at most.
bool has_key(const Frame& frame, const Secret& key);

}  // namespace hookswitch::hep
