#pragma once

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
  /// Sends what is queued, then closes with the code of `why` (kOutcomes) and its name as the
  /// reason.
  virtual void close(Errc why) = 0;
};

}  // namespace hookswitch
