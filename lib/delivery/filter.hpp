#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "model/event.hpp"

namespace hookswitch {

/// What a client asked for: lists are OR, members AND, an empty list means "any" (interfaces.md
/// §3).
struct Filter {
  std::vector<std::string> users, ext, queues, calls, types, directions, sources;

  /// Does the event match? People and lines count while their leg lives or ends in this very step
  /// (leg_counts); a call also by the ids that are now names of it.
  bool matches(const Event& event) const;
  /// For snapshots: everything but `types`.
  bool matches(const Call& call) const;
  /// Whether it names values of one member and nothing else.
  bool is_of_one_member() const {
    return !users.empty() + !ext.empty() + !queues.empty() + !calls.empty() + !types.empty() +
               !directions.empty() + !sources.empty() ==
           1;
  }
  /// Could an event of this type match? `call.*` is every type that begins with `call.`.
  bool matches(EventType type) const;
};

/// Whether a leg's person and line count in a step of the call that changed these legs: it lives,
/// or it ended in this step, or with the call.
bool leg_counts(const Call& call, const Leg& leg, const std::vector<Text>& changed);

/// Errors: bad_message for an unknown member, a member that is no list of texts, an empty list or
/// text, a direction that is none, or more than kFilterValuesMax values.
Result<Filter> filter_from_json(const json::Value& object);

/// What a request for an event stream asks for by its query.
struct StreamQuery {
  std::optional<Filter> filter;  ///< nothing: everything that the token may see
  std::optional<std::string> since;
};
/// `ext user queue call types direction source`, each a list with commas and given any number of
/// times, and `since`, once. Errors: bad_request for any other name, for what filter_from_json
/// refuses, and for a broken escape.
Result<StreamQuery> read_stream_query(std::string_view query);

}  // namespace hookswitch
