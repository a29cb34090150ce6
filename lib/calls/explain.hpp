#pragma once

#include <optional>
#include <string>
#include <vector>

#include "calls/fold.hpp"
#include "calls/fusion.hpp"

namespace hookswitch {

inline constexpr std::size_t kNearMissesMax = 20;

/// Another call that has something in common with this one and still is not the same, and the first
/// condition that failed.
struct NearMiss {
  Text call;
  FusionVerdict failed = FusionVerdict::nothing_in_common;
};

/// nullopt: nothing in common, or it is the same call already.
std::optional<NearMiss> near_miss(const CallRecord& own, const CallRecord& other,
                                  const SourceBook& sources, milliseconds window);

/// The sentence of a rule; empty for a name that is none.
std::string_view sentence_of(std::string_view rule);
/// All names of rules, for documents and tests.
std::vector<std::string_view> rule_names();

/// Per decision: the rule, the evidence (fact, source, time), the confidence; for what did not
/// happen the first condition that failed. JSON (proto/schemas/explain.json).
std::string explain_call(const CallRecord& record, const SourceBook& sources,
                         const std::vector<NearMiss>& near);

}  // namespace hookswitch
