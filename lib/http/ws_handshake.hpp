#pragma once

#include <optional>
#include <string>

#include "http/message.hpp"

namespace hookswitch::http {

/// Whether a request of HTTP/1.1 asks to become a WebSocket (RFC 6455 §4.2.1: 1, 3, 4).
bool asks_for_websocket(const Request& request);

/// The answer to one that asks but may not: 426 to another version than 13, 400 to a missing or
/// broken key, a missing version, a field twice, or a body. nothing: it may pass. RFC 6455 §4.2.1,
/// §4.4.
std::optional<Response> refuse_websocket(const Request& request);

/// All offers of subprotocols in one field, as RFC 6455 §11.3.4 lets them come in several.
void join_subprotocols(Request& request);

/// What Sec-WebSocket-Extensions of the answer says, if permessage-deflate may be used and an offer
/// of it can be kept (ws_deflate.hpp).
std::optional<std::string_view> agree_on_deflate(const Request& request);

/// The head that opens it (§4.2.2). `subprotocol`: empty for none.
std::string websocket_answer(const Request& request, const std::string& subprotocol,
                             const Headers& more);

}  // namespace hookswitch::http
