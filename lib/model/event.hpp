#pragma once

#include <cstdint>
#include <memory>
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

/// One field whose told value was wrong, as JSON texts ("null" where there was none).
struct Amendment {
  std::string field;  ///< "disposition", "legs.l2.answered_at", …
  std::string was, is;
  friend bool operator==(const Amendment&, const Amendment&) = default;
};

/// Who handed the call to whom, of call.transferred and call.transfer_failed.
struct TransferTold {
  Text kind;      ///< "blind", "attended" or empty
  Text from_leg;  ///< leg id of who transferred, if known
  Party to;
  friend bool operator==(const TransferTold&, const TransferTold&) = default;
};

/// What a client is told (model.md §6).
struct Event {
  Cursor cursor;  ///< set by the journal's owner when the event is appended
  EventType type = EventType::call_started;
  Text org;
  Time time{};
  std::shared_ptr<const Call>
      call;                    ///< the whole call as it then was; nullptr for events outside calls
  Text leg;                    ///< id of the leg that changed, empty if none
  std::vector<Text> changed;   ///< ids of all legs that changed in this step
  std::vector<Text> audience;  ///< users who may see it, decided when it was made (model.md §7)
  std::optional<TransferTold> transfer;
  std::vector<Amendment> amended;  ///< call.amended, call.report: what was told and is not so
  Text absorbed;                   ///< call.merged: the id that is now an alias
  std::string source;              ///< source.up, source.down, source.stale: the feed
  std::string reason;              ///< a word for people, where there is one
};
/// Equal in every member; calls by value.
bool operator==(const Event& a, const Event& b);

/// One CloudEvents 1.0 object: exactly the frame that native clients get.
std::string encode(const Event& event);

/// Reads what `encode` wrote; `audience` travels beside it in the journal. Errors: bad_json,
/// bad_request.
Result<Event> decode_event(std::string_view json, std::vector<Text> audience);

}  // namespace hookswitch
