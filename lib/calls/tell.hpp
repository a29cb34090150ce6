#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "calls/fold.hpp"
#include "model/event.hpp"

namespace hookswitch {

/// A call as clients may see it now: the truth (whole_call()), with ids, and never behind what they
/// were told.
std::shared_ptr<const Call> show(const CallRecord& record, Call truth, const SourceBook& sources);

/// What there was before a step.
struct Before {
  std::shared_ptr<const Call> call;  ///< as shown; nullptr: a new call
  std::optional<Truth> truth;        ///< not there: the newest note came in order ...
  std::size_t happenings = 0;        ///< ... and these had happened already
};

/// What brought a change.
struct Cause {
  const Note* note = nullptr;
  Text recording;  ///< id or URL, if a recording was announced by a fact of its own
};

/// Tells the step from `before` to `after`: only legal steps (model.md §7 a, b), everything that
/// has changed, corrections as such. Names the new legs and notes in `record` what was told.
/// `truth` gives its call and legs away. Appends to `events`.
void tell(CallRecord& record, const Before& before, Truth& truth, const SourceBook& sources,
          const Cause& cause, std::vector<Event>& events);

/// The same after `gone` has been taken into `record`: one `call.merged`, then what the union of
/// the two changed. `shown_gone` is the absorbed call as it was told last, under its own id.
void tell_merged(CallRecord& record, const Before& before,
                 const std::shared_ptr<const Call>& shown_gone, Truth& truth,
                 const SourceBook& sources, Time at, std::vector<Event>& events);

}  // namespace hookswitch
