#pragma once

#include "daemon/settings/section.hpp"
#include "daemon/settings/settings.hpp"

namespace hookswitch {

/// `[auth]`: what is taken as proof of who a client is.
void read_auth(Section in, Settings& out);
/// `[[token]]`: static tokens by their hash. After the organisations and people.
void read_tokens(Section& root, const Directory& directory, Settings& out);

/// The end of the problem that a configuration without any proof has. Who makes a static token for
/// it has to get past it.
inline constexpr std::string_view kNobodyCouldConnect = "nobody could connect";

}  // namespace hookswitch
