#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sources/feed/source_feed.hpp"

namespace hookswitch::feed {

/// Why a connection is given up, in words without any data of the other end.
struct FeedEnd {
  std::string reason;
  bool refused = false;  ///< we are not let in: trying again soon would be an attack
};

/// What is to be done after a protocol has been given something. Added to, never cleared.
struct FeedStep {
  std::string send;
  std::vector<std::string> events;                 ///< bodies for the hook, in order
  bool logged_in = false;                          ///< from now on every event comes
  bool asked = false;                              ///< `send` holds the question what lives
  std::optional<std::vector<ListedChannel>> list;  ///< the whole answer to it
  std::string note;                                ///< for the log
  std::optional<FeedEnd> end;
};

/// One connection to a PBX, seen from the protocol: bytes in, what to do out. Pure; hostile bytes
/// end it at worst. Memory is bounded by what its reader and one list may hold.
class FeedProtocol {
 public:
  virtual ~FeedProtocol() = default;
  virtual void on_bytes(std::string_view bytes, FeedStep& step) = 0;
  /// Asks what lives, unless that is being answered already or cannot be.
  virtual void ask(FeedStep& step) = 0;
  /// Has the other end say something.
  virtual void keep_alive(FeedStep& step) = 0;
  /// Messages that were passed over as too large or no messages.
  virtual std::size_t skipped() const = 0;
};

/// What one list may hold before it is given up: ten thousand channels of a kilobyte.
inline constexpr std::size_t kListBytesMax = 16 * 1024 * 1024;

}  // namespace hookswitch::feed
