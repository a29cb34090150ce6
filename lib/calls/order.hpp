#pragma once

#include <boost/container/small_vector.hpp>
#include <chrono>
#include <cstdint>

#include "calls/record.hpp"

namespace hookswitch {

/// Facts without a time of their own may overtake each other by this much.
inline constexpr std::chrono::milliseconds kReorderWindow{2000};

/// The clocks of two sources of one call may differ by this much.
inline constexpr std::chrono::milliseconds kSkewMax{10'000};

/// How far along a call a fact of this type belongs (model.md §5, "state rank"); toggles share one
/// rank, and what belongs nowhere has none (-1).
int rank(FactType type) noexcept;
/// Whether a leg begins with it.
bool begins(FactType type) noexcept;

/// Whether two mentions of one source are about the same leg, or one of them about the whole call.
bool same_subject(const Mention& a, const Mention& b);

/// A note in its place.
struct Placed {
  std::uint16_t note;
  std::int16_t rank;
  Time at;  ///< when it happened, as far as the order of the facts allows
};
using Order = boost::container::small_vector<Placed, 16>;

/// The notes in the order in which they happened, the same whatever order they came in
/// (model.md §5): of one source by its own sequence; else by time; a fact without a time that
/// arrives within kReorderWindow after a later state of the same leg happened before it.
Order canonical_order(const CallRecord& record, const SourceBook& sources);

}  // namespace hookswitch
