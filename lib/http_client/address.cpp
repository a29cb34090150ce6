#include "http_client/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "base/text.hpp"

namespace hookswitch::http_client {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/// What is not public, of IPv4 (IANA IPv4 Special-Purpose Address Registry, and the one public
/// address that answers as a cloud's host: Azure's 168.63.129.16).
constexpr const char* kNotPublicV4[] = {
    "0.0.0.0/8",       "10.0.0.0/8",     "100.64.0.0/10",  "127.0.0.0/8",     "168.63.129.16/32",
    "169.254.0.0/16",  "172.16.0.0/12",  "192.0.0.0/24",   "192.0.2.0/24",    "192.31.196.0/24",
    "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4"};

/// Of IPv6 only 2000::/3 is public at all; and of that not these.
constexpr const char* kNotPublicV6[] = {"2001::/23", "2001:db8::/32", "2620:4f:8000::/48",
                                        "3fff::/20"};
constexpr const char* kGlobalV6 = "2000::/3";
constexpr const char* kNat64 = "64:ff9b::/96";
constexpr const char* k6to4 = "2002::/16";

template <std::size_t N>
std::vector<IpRange> ranges(const char* const (&texts)[N]) {
  std::vector<IpRange> out;
  for (const char* text : texts) {
    const auto range = parse_ip_range(text);
    HS_ASSERT(range);
    out.push_back(*range);
  }
  return out;
}

IpRange range(const char* text) {
  const auto out = parse_ip_range(text);
  HS_ASSERT(out);
  return *out;
}

bool any_contains(const std::vector<IpRange>& list, const IpAddress& address) {
  return std::any_of(list.begin(), list.end(),
                     [&](const IpRange& each) { return each.contains(address); });
}

IpAddress v4_at(const IpAddress& address, std::size_t at) {
  IpAddress out;
  std::copy(kMapped.begin(), kMapped.end(), out.bytes.begin());
  std::copy_n(address.bytes.begin() + static_cast<std::ptrdiff_t>(at), 4, out.bytes.begin() + 12);
  return out;
}

/// The IPv4 address that packets to this IPv6 address would end at.
std::optional<IpAddress> inside(const IpAddress& address) {
  static const IpRange nat64 = range(kNat64), six_to_four = range(k6to4);
  if (nat64.contains(address)) return v4_at(address, 12);
  if (six_to_four.contains(address)) return v4_at(address, 2);
  // ISATAP (RFC 5214 §6.1): the interface's half begins 0000:5efe or 0200:5efe.
  const auto& b = address.bytes;
  if ((b[8] & 0xfd) == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe) return v4_at(address, 12);
  return std::nullopt;
}

}  // namespace

bool IpAddress::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes.begin()); }

std::string IpAddress::str() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (is_v4())
    ::inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  else
    ::inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string terminated{text};
  if (terminated.size() != std::strlen(terminated.c_str())) return std::nullopt;
  IpAddress out;
  if (text.find(':') != std::string_view::npos) {
    if (::inet_pton(AF_INET6, terminated.c_str(), out.bytes.data()) != 1) return std::nullopt;
    return out;
  }
  // inet_pton takes leading zeros in no part, but say so ourselves.
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = std::min(rest.find('.'), rest.size());
    if (end > 1 && rest.front() == '0') return std::nullopt;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  std::copy(kMapped.begin(), kMapped.end(), out.bytes.begin());
  if (::inet_pton(AF_INET, terminated.c_str(), out.bytes.data() + 12) != 1) return std::nullopt;
  return out;
}

bool IpRange::contains(const IpAddress& address) const {
  const std::size_t whole = bits / 8;
  if (!std::equal(first.bytes.begin(), first.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.bytes.begin()))
    return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
  return (first.bytes[whole] & mask) == (address.bytes[whole] & mask);
}

Result<IpRange> parse_ip_range(std::string_view text) {
  const Error bad{Errc::bad_request, "is no block of addresses like 10.0.0.0/8"};
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return bad;
  const auto address = parse_ip(text.substr(0, slash));
  const std::string_view length = text.substr(slash + 1);
  const auto bits = parse_int(length);
  if (!address || !bits || length.size() > 3 || (length.size() > 1 && length.front() == '0'))
    return bad;
  const bool v4 = text.find(':') == std::string_view::npos;
  if (*bits < 0 || *bits > (v4 ? 32 : 128)) return bad;
  IpRange out{*address, static_cast<unsigned>(*bits) + (v4 ? 96 : 0)};
  for (unsigned bit = out.bits; bit < 128; ++bit)
    if ((out.first.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0)
      return Error{Errc::bad_request, "has bits beyond its length"};
  return out;
}

bool AddressPolicy::allows(const IpAddress& address) const {
  static const auto not_public_v4 = ranges(kNotPublicV4), not_public_v6 = ranges(kNotPublicV6);
  static const auto global_v6 = range(kGlobalV6);
  if (any_contains(exempt_, address)) return true;
  if (address.is_v4()) return !any_contains(not_public_v4, address);
  if (const auto v4 = inside(address); v4 && !allows(*v4)) return false;
  static const IpRange nat64 = range(kNat64);
  if (nat64.contains(address)) return true;  // what is inside was public
  return global_v6.contains(address) && !any_contains(not_public_v6, address);
}

}  // namespace hookswitch::http_client
