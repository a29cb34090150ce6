#pragma once

#include <string>
#include <string_view>

#include "recorder/bundle.hpp"

namespace hookswitch {

/// Makes a bundle of the call that `any_id` names (call id, absorbed call id, or an id that a
/// source gave; the newest call that bears it) from the recording in `folder`, which the daemon may
/// be writing to. With the call come the calls it absorbed. The bundle is played back before it is
/// handed out: if other calls bear on this one, their inputs are taken along (`notes` says so); if
/// even then it does not replay, `known_problem` says where. Errors: not_found (no such call in the
/// recording, or its beginning is no longer there), bad_request (a file cannot be read).
Result<Bundle> capture(const std::string& folder, std::string_view any_id,
                       const std::string& version);

}  // namespace hookswitch
