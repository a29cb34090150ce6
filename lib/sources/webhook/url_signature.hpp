#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sources/webhook/hook.hpp"

/// What vendors sign who put the URL they called and the fields of the form together. `public_url`
/// is the source's as the vendor was told it; the request brings the rest of the path and the
/// query.
namespace hookswitch::webhook {

/// The URL the sender called; empty if `public_url` is.
std::string called_url(std::string_view public_url, const HookRequest& request);

/// The texts that Twilio may have signed: with and without the port, since its own services differ
/// in that. After the URL come names and values of the form's fields, sorted, each value of a name
/// once; for any other body the query's `bodySHA256` must be the body's, and nothing else follows.
/// Empty: the body cannot have been signed.
std::vector<std::string> twilio_texts(std::string_view public_url, const HookRequest& request);

/// What Plivo signs in version 3: the URL with its query sorted, for POST the fields sorted, and
/// `nonce`. nullopt: cannot have been signed.
std::optional<std::string> plivo_v3_text(std::string_view public_url, const HookRequest& request,
                                         std::string_view nonce);

}  // namespace hookswitch::webhook
