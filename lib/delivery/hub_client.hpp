#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/grant.hpp"
#include "base/limits.hpp"
#include "delivery/ack_window.hpp"
#include "delivery/filter.hpp"
#include "delivery/frame_sink.hpp"
#include "delivery/leases.hpp"
#include "delivery/subscription_index.hpp"
#include "dialects/dialect.hpp"
#include "model/event.hpp"

namespace hookswitch {

/// A client's wish, as its session read and checked it.
struct Attach {
  ClientId id = 0;
  std::string session;
  std::shared_ptr<FrameSink> sink;
  Grant grant;
  Dialect dialect = Dialect::native;
  bool stream = false;     ///< an event stream: frames are its messages; native only
  std::size_t window = 0;  ///< events it may leave unacknowledged; 0: it does not acknowledge
  std::chrono::milliseconds ping{kPingTime};  ///< how often the socket pings, to be told
  std::optional<Cursor> since;
  bool asked_since = false;  ///< `since` was there, even if it could not be read
  std::optional<Tab> tab;    ///< not there: it takes no part in leases
  std::optional<SubscriptionIndex::Filters> filters;  ///< not there: everything the grant may see
};

/// A welcomed client, as the hub keeps it: it is offered every event exactly once and in order,
/// either as the event is published or from the past.
struct HubClient : SubscriptionIndex::Member {
  enum class Phase : std::uint8_t {
    live,      ///< it is offered events as they are published
    replay,    ///< it is offered those of the past, a page at a time
    held_back  ///< its window is full: it is offered nothing until it acknowledges
  };
  Phase phase = Phase::replay;
  Dialect dialect = Dialect::native;
  bool stream = false;
  bool everything = false;   ///< no filter was given
  std::uint64_t offset = 0;  ///< unless live: the last event that it was offered
  std::uint64_t told = 0;    ///< of an event stream: the place that its last message told
  std::shared_ptr<FrameSink> sink;
  Grant grant;
  SubscriptionIndex::Filters filters;
  std::optional<AckWindow> acks;
  std::unique_ptr<PageUser> page;         ///< of page dialects
  std::vector<std::string> after_replay;  ///< answers that wait for its end
  ClientId id = 0;
  std::string session;
  std::chrono::milliseconds ping{};

  /// The one decision whether an event is for this client.
  bool wants(const Event& event) const;
};

}  // namespace hookswitch
