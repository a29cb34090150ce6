#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/encoded_frame.hpp"
#include "model/event.hpp"

namespace hookswitch {

/// One message of an event stream (WHATWG HTML §9.2): `id`, `event` and one line of `data`, for
/// which `json` must have no line end, as compact JSON never has.
Frame stream_frame(const Cursor& cursor, std::string_view type, std::string_view json);

/// Its beginning, up to where the JSON goes; behind that belong two line ends.
std::string stream_head(const Cursor& cursor, std::string_view type);

/// A block that dispatches nothing and sets what a browser sends as Last-Event-ID (§9.2.6).
Frame stream_place(const Cursor& cursor);

/// An event that has been published, and its bytes for each kind of connection: made once, shared
/// by all who get it. Broker thread.
class ToldEvent {
 public:
  ToldEvent(Event event, Frame native) : event_(std::move(event)), native_(std::move(native)) {}

  const Event& event() const { return event_; }
  /// As the journal keeps it.
  const Frame& native() const { return native_; }
  /// As an event stream has it.
  const Frame& stream() const {
    if (!stream_) stream_ = stream_frame(event_.cursor, to_string(event_.type), native_->text());
    return stream_;
  }

 private:
  Event event_;
  Frame native_;
  mutable Frame stream_;
};

}  // namespace hookswitch
