#include "sources/hep/settings.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.hpp"

namespace hookswitch::hep {

Result<ListenAddress> parse_address(std::string_view text) {
  const Error error{Errc::bad_request, "must be an address and a port, as 127.0.0.1:9060"};
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return error;
  const auto port = parse_int(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return error;
  ListenAddress out;
  out.port = static_cast<std::uint16_t>(*port);
  std::string_view host = text.substr(0, colon);
  out.ipv6 = host.starts_with('[') && host.ends_with(']');
  if (out.ipv6) host = host.substr(1, host.size() - 2);
  out.host = host;
  unsigned char bytes[16];
  if (inet_pton(out.ipv6 ? AF_INET6 : AF_INET, out.host.c_str(), bytes) != 1) return error;
  out.loopback = out.ipv6 ? out.host == "::1" : bytes[0] == 127;
  return out;
}

std::vector<SettingsProblem> check(const SourceSettings& source) {
  std::vector<SettingsProblem> out;
  const auto address = parse_address(source.address);
  if (!address)
    out.push_back({"address", address.error().detail});
  else if (!address->loopback && source.auth_key.empty())
    out.push_back(
        {"auth_key_file", "is missing: anybody who reaches the address could tell of calls"});
  for (const auto& wrong : check_numbers(source.numbers)) out.push_back({wrong.key, wrong.what});
  return out;
}

bool same(const std::vector<SourceSettings>& a, const std::vector<SourceSettings>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const SourceSettings& x, const SourceSettings& y) {
                      return x.org == y.org && x.name == y.name && x.address == y.address &&
                             x.auth_key.reveal() == y.auth_key.reveal() && x.numbers == y.numbers;
                    });
}

}  // namespace hookswitch::hep
