#pragma once

#include "daemon/settings/section.hpp"
#include "daemon/settings/settings.hpp"

namespace hookswitch {

/// `[[listen]]`: addresses, TLS, parts, and the names and origins of browsers.
void read_listen(Section& root, Settings& out);
/// IP networks that stand at `key`.
void read_ranges(Section& in, const char* key, const std::vector<std::string>& texts,
                 IpRanges& out);
/// `[http]`: limits of connections and requests.
void read_http(Section in, http::ServerOptions& out);
/// `[delivery]`: what a client may leave lying.
void read_delivery(Section in, Settings& out);

}  // namespace hookswitch
