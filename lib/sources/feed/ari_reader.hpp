#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "sources/feed/source_feed.hpp"

/// Asterisk's ARI over a WebSocket that Asterisk opens (res_ari, `outbound_websocket`): every text
/// message is one event, or the answer to a request that we sent over the same socket ("ARI REST
/// over WebSocket"). Pure.
namespace hookswitch::feed {

/// An answer about some hundred channels, as JSON in a string.
inline constexpr std::size_t kAriMessageBytesMax = 4 * 1024 * 1024;

/// The request that lists all channels of the Asterisk. A read-only ARI user may.
std::string ari_list_request();

/// Whether the message answers a request, and is no event.
bool is_ari_answer(std::string_view message);

/// The channels of the answer to ari_list_request(), each with what ChannelCreated and
/// ChannelStateChange would have said. Errors: those of json::parse, bad_request for another
/// answer, a status that is not 200, or a channel without id.
Result<std::vector<ListedChannel>> read_ari_list(std::string_view message);

}  // namespace hookswitch::feed
