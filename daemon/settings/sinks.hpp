#pragma once

#include "daemon/settings/section.hpp"
#include "daemon/settings/settings.hpp"

namespace hookswitch {

/// [[sink]]
void read_sinks(Section& root, Settings& out);

}  // namespace hookswitch
