#pragma once

#include <string>

#include "base/error.hpp"

namespace hookswitch {

/// The whole of a regular file of at most `bytes_max` bytes. Error bad_request with path and
/// reason, also for folders.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

}  // namespace hookswitch
