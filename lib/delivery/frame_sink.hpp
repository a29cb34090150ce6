#pragma once

#include <string_view>

#include "base/encoded_frame.hpp"
#include "base/error.hpp"

namespace hookswitch {

/// The far end of one client as the hub and the session know it: a socket in the daemon, a vector
/// in tests. Any thread.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// Queues the frame. A client over its byte or age budget is closed with slow_client by the sink
  /// itself.
  virtual void send(const Frame& frame) = 0;
  /// Asks for one on_drained() of the session once everything queued so far is on its way.
  virtual void notify_drained() = 0;
  /// Sends what is queued, then closes with the code of `why` (kOutcomes). The reason is its name,
  /// and behind a blank the cursor up to which the client has been offered everything, where there
  /// is one.
  virtual void close(Errc why, std::string_view cursor) = 0;
};

}  // namespace hookswitch
