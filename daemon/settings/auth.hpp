#pragma once

#include "daemon/settings/section.hpp"
#include "daemon/settings/settings.hpp"

namespace hookswitch {

/// `[auth]`: what is taken as proof of who a client is.
void read_auth(Section in, Settings& out);

}  // namespace hookswitch
