#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace hookswitch {

/// IP networks: "203.0.113.0/24", "2001:db8::/32", or one address. An IPv4 address that comes as
/// IPv6 (::ffff:203.0.113.5, RFC 4291 §2.5.5.2) is the IPv4 address.
class IpRanges {
 public:
  /// Error bad_request: is no network, or has bits set behind its length.
  Result<void> add(std::string_view text);
  /// False for what is no address.
  bool contains(std::string_view address) const;
  bool empty() const { return ranges_.empty(); }
  bool operator==(const IpRanges&) const = default;

 private:
  using Address = std::array<std::uint8_t, 16>;
  struct Range {
    Address first{};
    unsigned bits = 0;  ///< of 128
    bool operator==(const Range&) const = default;
  };
  static std::optional<Address> parse(std::string_view text);
  static Address masked(Address address, unsigned bits);

  std::vector<Range> ranges_;
};

/// Who really sent a request that came by `peer` with this X-Forwarded-For: from its end on, the
/// first that is no trusted proxy. What stands left of that anybody may have written. Empty: the
/// header is not as proxies write it.
std::string_view sender_behind(const IpRanges& trusted, std::string_view peer,
                               std::string_view forwarded_for);

}  // namespace hookswitch
