#pragma once

#include <string_view>

namespace hookswitch {

/// Text of a file built into the binary, by its name below proto/web or config:
/// "console/index.html", "dialects/zadarma.json". Empty when there is none of that name. Any
/// thread.
std::string_view asset(std::string_view name);

}  // namespace hookswitch
