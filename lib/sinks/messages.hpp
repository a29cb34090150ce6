#pragma once

#include <string>
#include <vector>

#include "directory/directory.hpp"
#include "journal/stored.hpp"
#include "model/event.hpp"
#include "sinks/sink_settings.hpp"

namespace hookswitch {

/// One body to post, and what it is part of.
struct SinkMessage {
  std::string id;     ///< webhook-id
  std::string lane;   ///< messages of one lane are posted one after the other: a call's
  std::string after;  ///< a lane that must be empty before: the call that became part of this one
  std::string type, call;
  Cursor cursor;
  Frame frame;       ///< the body of the native shape
  std::string text;  ///< ... of another
  std::string_view body() const { return frame ? frame->text() : std::string_view{text}; }
};

/// What a sink posts for a stored event, in order; empty when it is none of its business. In the
/// ELMA365 shape one for each person who has a part in it, with the members of the event at the
/// top, where the vendor's sample script reads them. Error bad_json: bytes of ours that we cannot
/// read.
Result<std::vector<SinkMessage>> sink_messages(const SinkSettings& sink, const Directory& directory,
                                               const std::string& epoch, const StoredEvent& stored);

}  // namespace hookswitch
