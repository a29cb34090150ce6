#include <algorithm>
#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "http_client/url.hpp"

/// A URL of any bytes is refused, or means one thing: taken apart and put together it is the same,
/// its host cannot be taken for another, and nothing in it ends a line of HTTP.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  using namespace hookswitch::http_client;
  const std::string text{reinterpret_cast<const char*>(data), size};
  static const AddressPolicy policy;
  (void)parse_ip_range(text);
  if (const auto ip = parse_ip(text)) {
    HS_ASSERT(parse_ip(ip->str()) == ip);
    (void)policy.allows(*ip);
  }
  const auto url = parse_url(text);
  if (!url) {
    HS_ASSERT(!url.error().detail.empty());
    return 0;
  }
  for (const auto& part : {url->host, url->target, url->authority()})
    HS_ASSERT(std::all_of(part.begin(), part.end(), [](char c) { return c > 0x20 && c < 0x7f; }));
  HS_ASSERT(!url->host.empty() && url->port != 0 && url->target.front() == '/');
  HS_ASSERT(url->host.find_first_of("@%\\/?#[] ") == std::string::npos);
  HS_ASSERT(!url->host.ends_with('.'));
  const auto again = parse_url(url->origin() + url->target);
  HS_ASSERT(again && again->host == url->host && again->port == url->port);
  HS_ASSERT(again->target == url->target && again->tls == url->tls);
  HS_ASSERT(again->address == url->address);
  // A host that is no address looks like none.
  if (!url->address)
    HS_ASSERT(url->host.find_first_not_of("0123456789.abcdefx") != std::string::npos ||
              (url->host[url->host.rfind('.') + 1] >= 'a'));
  return 0;
}
