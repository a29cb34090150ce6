#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch::http {

/// What a server that keeps no context answers to the value of Sec-WebSocket-Extensions: the
/// parameters of permessage-deflate for the first offer that it can keep (RFC 7692 §7.1). nullopt:
/// there is none, and nothing is deflated. One frame is deflated once for all, so nobody's window
/// can be smaller than 32 KiB, and no message leans on the one before.
std::optional<std::string_view> deflate_answer(std::string_view offers);

enum class Inflated : std::uint8_t { whole, bad, too_big };

/// The payload of one message (RFC 7692 §7.2.2) into `out`. bad: it is no deflated message;
/// too_big: more than `bytes_max` come of it. Any thread.
Inflated inflate_message(std::string_view payload, std::size_t bytes_max, std::string& out);

}  // namespace hookswitch::http
