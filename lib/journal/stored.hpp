#pragma once

#include <cstdint>
#include <vector>

#include "base/encoded_frame.hpp"
#include "base/shared_text.hpp"
#include "base/time.hpp"

namespace hookswitch {

/// One event as it is kept: the very bytes that native clients get, and who may see them.
struct StoredEvent {
  Text org;
  std::uint64_t offset = 0;
  Time time{};  ///< our clock at the commit: retention goes by it, not by what a source says
  std::vector<Text> audience;
  Frame body;
};

}  // namespace hookswitch
