#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "model/words.hpp"

/// The published state tables (README.md shows the same rows; a test compares them). Code asks
/// them, it does not repeat them.
namespace hookswitch {

/// What can happen to a leg.
enum class LegStep : std::uint8_t { dial, far_end_rings, ring, answer, hold, resume, end };

struct LegRow {
  LegState from;
  LegStep step;
  LegState to;
};

/// Every (state, step) pair; `from == to` is "nothing new". A leg never falls in rank, but held and
/// confirmed share one.
inline constexpr std::array kLegSteps{
    LegRow{LegState::trying, LegStep::dial, LegState::proceeding},
    LegRow{LegState::trying, LegStep::far_end_rings, LegState::early},
    LegRow{LegState::trying, LegStep::ring, LegState::early},
    LegRow{LegState::trying, LegStep::answer, LegState::confirmed},
    LegRow{LegState::trying, LegStep::hold, LegState::held},
    LegRow{LegState::trying, LegStep::resume, LegState::confirmed},
    LegRow{LegState::trying, LegStep::end, LegState::terminated},
    LegRow{LegState::proceeding, LegStep::dial, LegState::proceeding},
    LegRow{LegState::proceeding, LegStep::far_end_rings, LegState::early},
    LegRow{LegState::proceeding, LegStep::ring, LegState::early},
    LegRow{LegState::proceeding, LegStep::answer, LegState::confirmed},
    LegRow{LegState::proceeding, LegStep::hold, LegState::held},
    LegRow{LegState::proceeding, LegStep::resume, LegState::confirmed},
    LegRow{LegState::proceeding, LegStep::end, LegState::terminated},
    LegRow{LegState::early, LegStep::dial, LegState::early},
    LegRow{LegState::early, LegStep::far_end_rings, LegState::early},
    LegRow{LegState::early, LegStep::ring, LegState::early},
    LegRow{LegState::early, LegStep::answer, LegState::confirmed},
    LegRow{LegState::early, LegStep::hold, LegState::held},
    LegRow{LegState::early, LegStep::resume, LegState::confirmed},
    LegRow{LegState::early, LegStep::end, LegState::terminated},
    LegRow{LegState::confirmed, LegStep::dial, LegState::confirmed},
    LegRow{LegState::confirmed, LegStep::far_end_rings, LegState::confirmed},
    LegRow{LegState::confirmed, LegStep::ring, LegState::confirmed},
    LegRow{LegState::confirmed, LegStep::answer, LegState::confirmed},
    LegRow{LegState::confirmed, LegStep::hold, LegState::held},
    LegRow{LegState::confirmed, LegStep::resume, LegState::confirmed},
    LegRow{LegState::confirmed, LegStep::end, LegState::terminated},
    LegRow{LegState::held, LegStep::dial, LegState::held},
    LegRow{LegState::held, LegStep::far_end_rings, LegState::held},
    LegRow{LegState::held, LegStep::ring, LegState::held},
    LegRow{LegState::held, LegStep::answer, LegState::confirmed},
    LegRow{LegState::held, LegStep::hold, LegState::held},
    LegRow{LegState::held, LegStep::resume, LegState::confirmed},
    LegRow{LegState::held, LegStep::end, LegState::terminated},
    LegRow{LegState::terminated, LegStep::dial, LegState::terminated},
    LegRow{LegState::terminated, LegStep::far_end_rings, LegState::terminated},
    LegRow{LegState::terminated, LegStep::ring, LegState::terminated},
    LegRow{LegState::terminated, LegStep::answer, LegState::terminated},
    LegRow{LegState::terminated, LegStep::hold, LegState::terminated},
    LegRow{LegState::terminated, LegStep::resume, LegState::terminated},
    LegRow{LegState::terminated, LegStep::end, LegState::terminated},
};
inline constexpr std::size_t kLegStepCount = 7;
static_assert(kLegSteps.size() == 6 * kLegStepCount, "every pair has an answer");

constexpr LegState after(LegState state, LegStep step) {
  return kLegSteps[static_cast<std::size_t>(state) * kLegStepCount + static_cast<std::size_t>(step)]
      .to;
}

/// How far a leg has come; a leg never moves to a lower rank.
constexpr int rank(LegState state) {
  constexpr std::array<int, 6> kRanks{0, 1, 2, 3, 3, 4};
  return kRanks[static_cast<std::size_t>(state)];
}

/// The call's state follows from its living legs: the first row that fits.
struct CallRow {
  LegState any_leg;
  CallState call;
};
inline constexpr std::array kCallStates{
    CallRow{LegState::held, CallState::held},
    CallRow{LegState::confirmed, CallState::connected},
    CallRow{LegState::early, CallState::ringing},
};  // none: dialing

/// The state of a call that has not ended, by its legs. `state_of`: a leg's.
template <class Legs, class StateOf>
CallState living_state(const Legs& legs, StateOf state_of) {
  for (const CallRow& row : kCallStates)
    for (const auto& leg : legs)
      if (state_of(leg) == row.any_leg) return row.call;
  return CallState::dialing;
}

}  // namespace hookswitch
