#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "model/event.hpp"

/// Standard Webhooks: how a receiver knows that a request is ours, and which it is.
namespace hookswitch {

/// The bytes of a key written `whsec_` and base64, 24 to 64 of them. Error bad_request with what is
/// wrong and how to make one.
Result<Secret> signing_key(const Secret& written);

/// The value of `webhook-signature`: one signature for each key, so that a receiver may have either
/// while a key is replaced. `seconds` is the time of the attempt.
std::string webhook_signature(const std::vector<Secret>& keys, std::string_view id,
                              std::int64_t seconds, std::string_view body);

/// The value of `webhook-id`: the same for every attempt at this message, another for every other
/// message and for every other sink. `part`: which of the messages that the event is told by.
std::string webhook_id(std::string_view org, std::string_view sink, const Cursor& cursor,
                       std::size_t part);

}  // namespace hookswitch
