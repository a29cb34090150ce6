#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "model/call.hpp"

namespace hookswitch {

/// What the fold remembers of a leg beyond what clients see.
struct LegMemory {
  std::vector<std::string> keys;  ///< "<source>\x1f<vendor leg id>"
  bool observed = false;  ///< a source reports this very leg, it is not only implied by the others
  std::optional<Time>
      toggled_at;  ///< when held/resumed last changed, so that an older report does not undo it
  std::optional<Time> held_since;
  milliseconds held{0};
};

/// A call and the fold's memory of it. `memory[i]` belongs to `call.legs[i]`.
struct CallRecord {
  Call call;
  std::vector<LegMemory> memory;
  std::vector<std::string> index;  ///< keys under which the table finds this record
  Time last_fact{};
  std::optional<Time>
      settle_at;  ///< the last callee is gone; ends then unless another rings before
  std::optional<milliseconds> told_duration;
  bool to_voicemail = false;
  std::vector<std::string> told_once;  ///< happenings without a state of their own (parked,
                                       ///< transferred, …) that were told
  std::vector<std::string>
      told_recordings;  ///< ids or URLs of recordings that a fact of their own has announced

  bool ended() const { return call.state == CallState::ended; }
};

/// Everything needed to go on after a restart.
std::string save_record(const CallRecord& record);
/// Errors: bad_json, bad_request.
Result<CallRecord> load_record(std::string_view text);

}  // namespace hookswitch
