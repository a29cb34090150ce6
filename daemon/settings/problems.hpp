#pragma once

#include <string>
#include <vector>

namespace hookswitch {

/// Everything that is wrong with a configuration, one `file:line:column: key: what is wrong` each,
/// in the order of the file.
using Problems = std::vector<std::string>;

}  // namespace hookswitch
