#pragma once

#include <functional>
#include <memory>

#include "daemon/feed_intake.hpp"
#include "http/server.hpp"
#include "sources/feed/source_feed.hpp"
#include "sources/webhook/hook.hpp"

namespace hookswitch {

/// The subprotocol by which an Asterisk that dials us is known.
inline constexpr std::string_view kAriProtocol = "ari";

/// The hook of the source as of now; nullptr when there is none any more.
using HookNow = std::function<std::shared_ptr<const Hook>()>;

/// A WebSocket that an Asterisk has opened: each text message is an event for the hook of its
/// source. Nothing that was read is dropped; while the broker takes no more, no more is read.
/// `opening`: what it was opened with; every event is proven by it, so a secret that is taken back
/// ends the connection. One that has just opened is asked what lives. On the socket's io thread.
std::unique_ptr<http::ChannelHandler> make_ari_socket(std::shared_ptr<http::Channel> socket,
                                                      std::shared_ptr<feed::SourceFeed> feed,
                                                      HookNow hook, HookRequest opening,
                                                      FeedIntake& intake);

}  // namespace hookswitch
