#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "model/event.hpp"

namespace hookswitch {

/// What a client asked for: lists are OR, members AND, an empty list means "any" (interfaces.md
/// §3).
struct Filter {
  std::vector<std::string> users, ext, queues, calls, types, directions, sources;

  /// Does the event match? People and lines count while their leg lives or ends in this very step.
  bool matches(const Event& event) const;
  /// For snapshots: everything but `types`.
  bool matches(const Call& call) const;
};

/// Errors: bad_message for an unknown member, a member that is no list of texts, or more than
/// kFilterValuesMax values.
Result<Filter> filter_from_json(const json::Value& object);

}  // namespace hookswitch
