#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http_client/address.hpp"

namespace hookswitch::http_client {

inline constexpr std::size_t kUrlBytesMax = 2048;  // what proxies and servers take

/// An address on the web that means the same to every reader of it.
struct Url {
  bool tls = false;
  std::string host;  ///< in lower case; an IPv6 address without brackets
  std::uint16_t port = 0;
  std::string target;                ///< path and query, begins with '/'
  std::optional<IpAddress> address;  ///< where the host is one

  /// For the Host header: the port only where it is not the scheme's own.
  std::string authority() const;
  /// "https://example.com:8443": without path and query, which may hold a secret.
  std::string origin() const;
};

/// RFC 3986 without what two readers could read differently: `http` or `https`, ASCII, no user or
/// password, no fragment, no backslash, escapes whole. The host is a name by RFC 1123 in ASCII
/// (`xn--` for others) that does not end in a dot or in a label that begins with a digit, or an address as parse_ip() takes
/// it. Error bad_request with the reason, which holds nothing of the text. Pure.
Result<Url> parse_url(std::string_view text);

}  // namespace hookswitch::http_client
