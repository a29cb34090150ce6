#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "model/call.hpp"

namespace hookswitch {

/// A place in an organisation's event stream: "<epoch>.<offset>". The epoch changes when history
/// was lost.
struct Cursor {
  std::string epoch;
  std::uint64_t offset = 0;
  std::string str() const { return epoch + "." + std::to_string(offset); }
  friend bool operator==(const Cursor&, const Cursor&) = default;
};

/// nullopt: not of that form.
std::optional<Cursor> parse_cursor(std::string_view text);

/// What a client is told (model.md §6).
struct Event {
  Cursor cursor;  ///< set by the journal's owner when the event is appended
  EventType type = EventType::call_started;
  std::string org;
  Time time{};
  std::optional<Call> call;  ///< the whole call as it then was; absent for events outside calls
  std::string leg;           ///< id of the leg that changed, empty if none
  std::vector<std::string> changed;  ///< ids of all legs that changed in this step
  std::vector<std::string>
      audience;          ///< users who may see it, decided when it was made (model.md §7)
  std::string absorbed;  ///< call.merged: the id that is now an alias
  std::string source;    ///< source.up, source.down, source.stale: the feed
  std::string reason;    ///< a word for people, where there is one

  friend bool operator==(const Event&, const Event&) = default;
};

/// One CloudEvents 1.0 object: exactly the frame that native clients get.
std::string encode(const Event& event);

/// Reads what `encode` wrote; `audience` travels beside it in the journal. Errors: bad_json,
/// bad_request.
Result<Event> decode_event(std::string_view json, std::vector<std::string> audience);

}  // namespace hookswitch
