#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/invariants.hpp"
#include "sim/pbx_model.hpp"

namespace hookswitch::sim {

/// A rule that did not hold, and for which real calls.
struct Finding {
  std::string rule;
  std::set<int> real;
  std::string what;
};

/// Which real calls the events of a broker's call speak of, by their marks.
std::set<int> marks_of(const Call& call);

/// How the calls of the broker stand to the real ones.
struct Matching {
  std::map<int, std::set<std::string>> of_real;  ///< surviving calls that speak of it
};
Matching match(const Invariants& told);

/// Compares the final call with the real one: state, disposition, who rang and answered, why each
/// leg ended, times and durations. For profiles without loss.
std::vector<Finding> against_truth(const World& world, const RealCall& real,
                                   const Invariants::Told& told);

}  // namespace hookswitch::sim
