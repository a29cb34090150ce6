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

/// A merge that is still to be told.
struct Merged {
  Before before;                         ///< the survivor, with its truth
  std::shared_ptr<const Call> gone;      ///< as it was told last, under its own id
  std::vector<Happening> gone_happened;  ///< told under that id
  Time at{};
};

/// The same after another call has been taken into `record`: one `call.merged`, then what the union
/// of the two changed, and `cause`, the fact that made them one (note: nullptr if none did).
void tell_merged(CallRecord& record, const Merged& merged, Truth& truth, const SourceBook& sources,
                 const Cause& cause, std::vector<Event>& events);

}  // namespace hookswitch
