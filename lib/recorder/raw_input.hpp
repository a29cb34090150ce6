#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/time.hpp"

namespace hookswitch {

/// What a source sent, before it was made facts of: a webhook request, or the body of a NOTIFY.
struct RawInput {
  std::string org, source;
  Time received{};
  std::string method, target;  ///< "POST", "/v1/hooks/cloud?x=1"; "NOTIFY" and the watched line
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// Whether something of this name proves who somebody is: Authorization, Cookie, X-Api-Key, token,
/// Signature, … Case plays no part; too many rather than too few.
bool names_a_secret(std::string_view name);

/// Writes `"t","org","source","method","target","headers","body"` into an open object. Values whose
/// name names_a_secret() are written as "(not kept)": headers, query parameters, form fields and
/// JSON members at any depth. A body that is no UTF-8 is written as `"body_base64"`; one above
/// kRawBodyBytesMax, or of a kind in which secrets cannot be found, is `"body_left_out":true`.
void write_raw(json::Writer& out, const RawInput& raw);

inline constexpr std::size_t kRawBodyBytesMax = 256 * 1024;  // what a listener takes by default

}  // namespace hookswitch
