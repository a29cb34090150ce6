#pragma once

#include <vector>

#include "sim/pbx_model.hpp"

namespace hookswitch::sim {

inline constexpr int kUsers = 200;
inline constexpr int kFirstExt = 1000;

/// What `count` callers and 200 users do, one story a call. The style decides which stories its
/// source can tell at all.
std::vector<RealCall> write_calls(Dice& dice, const Style& style, int count);

}  // namespace hookswitch::sim
