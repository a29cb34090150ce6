#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "sources/webhook/hook.hpp"

namespace hookswitch {

/// What a dialect says of repeats of one request.
struct DeliveryRules {
  /// Headers, in lower case, that a proof takes a signed value or time from. A replay has them as
  /// they were; others it may have changed.
  std::vector<std::string> signed_headers;
};
DeliveryRules delivery_rules(const DialectProgram& program);

/// Names a delivery, 16 bytes: by the vendor's id if it told one, else by what was sent: method,
/// path, query, signed headers and body. To be kept apart by source.
std::string delivery_key(const DeliveryRules& rules, const HookRequest& request,
                         const std::string& vendor_id);

/// Whether two requests with this outcome and the same key can only be one delivery: it has an id,
/// a signed time, or facts that say when or as which in order and no dialect that says that this
/// means nothing. Else they may be two occurrences
/// that look alike: hold, resume, hold.
bool is_repeat_for_sure(const HookOutcome& outcome);

}  // namespace hookswitch
