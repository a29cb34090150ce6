#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace hookswitch::http_client {

/// An IPv4 or IPv6 address. An IPv4 address is kept in its mapped form (::ffff:a.b.c.d, RFC 4291
/// §2.5.5.2), so the same address never has two values.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  bool is_v4() const;
  /// "192.0.2.1", "2001:db8::1": a mapped address shows as IPv4.
  std::string str() const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

/// Four decimal parts without leading zeros, or any form of RFC 4291 §2.2 without a zone. nullopt:
/// neither; whatever else libraries take for an address (127.1, 0x7f000001, 017700000001) is none.
std::optional<IpAddress> parse_ip(std::string_view text);

/// A block of addresses: "10.0.0.0/8", "fd00::/8".
struct IpRange {
  IpAddress first;
  unsigned bits = 128;  ///< of the mapped form: 96 more than IPv4 says
  bool contains(const IpAddress& address) const;
};
/// Error bad_request: no such block, or the address has bits beyond the length.
Result<IpRange> parse_ip_range(std::string_view text);

/// Which addresses we connect to. Refused is all that is not the public internet: loopback,
/// private, link-local (and with it what clouds answer metadata under), carrier-grade NAT,
/// multicast, unspecified, benchmarking, documentation, reserved (IANA's special-purpose
/// registries), and every IPv6 form with such an IPv4 address inside: mapped, compatible,
/// translated, NAT64, 6to4, ISATAP. Immutable once filled; any thread.
class AddressPolicy {
 public:
  AddressPolicy() = default;
  /// `exempt`: what the operator lets us reach although it is not public.
  explicit AddressPolicy(std::vector<IpRange> exempt) : exempt_(std::move(exempt)) {}

  bool allows(const IpAddress& address) const;

 private:
  std::vector<IpRange> exempt_;
};

}  // namespace hookswitch::http_client
