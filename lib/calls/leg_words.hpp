#pragma once

#include <algorithm>
#include <string>

#include "calls/record.hpp"
#include "model/fact.hpp"

/// What fold.cpp and fold_legs.cpp both ask of a leg, a party or a word. Internal to this room.
namespace hookswitch::leg_words {

inline constexpr char kSeparator = '\x1f';

inline bool lives(const Leg& leg) { return leg.state != LegState::terminated; }
inline bool talking(const Leg& leg) {
  return leg.state == LegState::confirmed || leg.state == LegState::held;
}
inline bool names_line(const Party& party) { return !party.ext.empty() && party.number.empty(); }

/// Words that only a leg can end with.
inline bool of_leg_only(Disposition word) { return word > Disposition::unknown; }

inline std::string leg_key(const Fact& fact) { return fact.source + kSeparator + fact.ids.leg; }

inline bool has_key_of(const LegMemory& memory, const std::string& source) {
  return std::any_of(memory.keys.begin(), memory.keys.end(),
                     [&](const auto& key) { return key.starts_with(source + kSeparator); });
}

}  // namespace hookswitch::leg_words
