#include "base/ip_ranges.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/text.hpp"

namespace hookswitch {

std::optional<IpRanges::Address> IpRanges::parse(std::string_view text) {
  if (text.size() > INET6_ADDRSTRLEN) return std::nullopt;
  const std::string copy{text};
  Address out{};
  if (::inet_pton(AF_INET6, copy.c_str(), out.data()) == 1) return out;
  in_addr v4{};
  if (::inet_pton(AF_INET, copy.c_str(), &v4) != 1) return std::nullopt;
  out = {};
  out[10] = out[11] = 0xff;
  std::memcpy(out.data() + 12, &v4, sizeof v4);
  return out;
}

IpRanges::Address IpRanges::masked(Address address, unsigned bits) {
  for (unsigned i = 0; i < address.size(); ++i) {
    const unsigned kept = std::clamp(bits, 8 * i, 8 * i + 8) - 8 * i;
    address[i] = static_cast<std::uint8_t>(address[i] & (0xff00U >> kept));
  }
  return address;
}

Result<void> IpRanges::add(std::string_view text) {
  const auto slash = text.find('/');
  const auto host = text.substr(0, slash);
  const auto first = parse(host);
  if (!first) return Error{Errc::bad_request, "is no IP address or network"};
  const bool is_v4 = host.find(':') == std::string_view::npos;
  const unsigned most = is_v4 ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const auto length = parse_int(text.substr(slash + 1));
    if (!length || *length < 0 || *length > most)
      return Error{Errc::bad_request, "has no good length after its /"};
    bits = static_cast<unsigned>(*length);
  }
  if (is_v4) bits += 96;
  if (masked(*first, bits) != *first)
    return Error{Errc::bad_request, "has bits set behind its length: what network is meant?"};
  ranges_.push_back({*first, bits});
  return {};
}

bool IpRanges::contains(std::string_view address) const {
  const auto known = parse(address);
  return known && std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
           return masked(*known, range.bits) == range.first;
         });
}

std::string_view sender_behind(const IpRanges& trusted, std::string_view peer,
                               std::string_view forwarded_for) {
  std::string_view sender = peer;
  while (!forwarded_for.empty() && trusted.contains(sender)) {
    const auto comma = forwarded_for.rfind(',');
    sender = trim(forwarded_for.substr(comma == std::string_view::npos ? 0 : comma + 1));
    // Some write a port, and brackets around IPv6.
    if (sender.starts_with('['))
      sender = sender.substr(1, sender.find(']') - 1);
    else if (std::count(sender.begin(), sender.end(), ':') == 1)
      sender = sender.substr(0, sender.find(':'));
    IpRanges one;
    if (!one.add(sender) || sender.find('/') != std::string_view::npos) return {};
    forwarded_for =
        comma == std::string_view::npos ? std::string_view{} : forwarded_for.substr(0, comma);
  }
  return sender;
}

}  // namespace hookswitch
