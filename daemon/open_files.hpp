#pragma once

#include <cstddef>

namespace hookswitch {

/// Raises the limit of open files to what the system lets this process have. Before the settings
/// are loaded.
void raise_open_files();

/// Connections that the limit leaves room for, once it is raised: some descriptors stay for the
/// journal, the recording, the SIP process and those who look into us.
std::size_t connections_possible();

}  // namespace hookswitch
