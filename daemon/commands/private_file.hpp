#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace hookswitch {

/// Writes a file of mode 0600 beside `path` and puts it in its place, so that there is never half
/// of it. Error bad_request with path and reason.
Result<void> write_private_file(const std::string& path, std::string_view text);

}  // namespace hookswitch
