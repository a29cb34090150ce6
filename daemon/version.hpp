#pragma once

namespace hookswitch {

/// From CMake: the release and, where known, the commit it was built from.
extern const char* const kVersion;
extern const char* const kCommit;

}  // namespace hookswitch
