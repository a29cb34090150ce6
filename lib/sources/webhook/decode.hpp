#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "sources/webhook/evaluate.hpp"
#include "sources/webhook/hook.hpp"

namespace hookswitch::webhook {

/// Everything but the body: method, path, query, headers. Errors: bad_request, bad_encoding,
/// too_many_fields, too_deep.
std::optional<Error> open_request(const HookRequest& request, RequestDocument& out);

inline constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

/// Turns the body into `out.body` and `out.raw_form`. Errors: unsupported_media_type, bad_json,
/// bad_encoding, bad_request, too_deep, too_many_fields, body_too_large. `trace` may be nullptr.
std::optional<Error> decode_body(const HookRequest& request, const std::vector<Decoding>& steps,
                                 RequestDocument& out, HookTrace* trace = nullptr);

/// The media type in lower case, without parameters; empty if there is none.
std::string media_type(const HookRequest& request);

}  // namespace hookswitch::webhook
