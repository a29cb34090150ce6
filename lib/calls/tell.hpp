#pragma once

#include <memory>
#include <vector>

#include "calls/fold.hpp"
#include "model/event.hpp"

namespace hookswitch {

/// A call as clients may see it now: the truth, with ids, and never behind what they were told.
/// `truth` gives its call away.
std::shared_ptr<const Call> show(const CallRecord& record, Truth& truth, const SourceBook& sources);

/// What brought a change.
struct Cause {
  const Note* note = nullptr;
  Text recording;  ///< id or URL, if a recording was announced by a fact of its own
};

/// Tells the step from `before` to `after`: only legal steps (model.md §7 a, b), everything that
/// has changed, corrections as such. Names the new legs and notes in `record` what was told.
/// `before`: nullptr for a new call. Appends to `events`.
void tell(CallRecord& record, const std::shared_ptr<const Call>& before, const Truth& truth_before,
          Truth& truth, const SourceBook& sources, const Cause& cause, std::vector<Event>& events);

/// The same after `gone` has been taken into `record`: one `call.merged`, then what the union of
/// the two changed. `shown_gone` is the absorbed call as it was told last, under its own id.
void tell_merged(CallRecord& record, const std::shared_ptr<const Call>& before,
                 const Truth& truth_before, const std::shared_ptr<const Call>& shown_gone,
                 Truth& truth, const SourceBook& sources, Time at, std::vector<Event>& events);

}  // namespace hookswitch
