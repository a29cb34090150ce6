#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal/stored.hpp"

namespace hookswitch {

/// What a row of events says of itself beside the chunk. It is part of the chunk's sum: a good
/// chunk in a wrong place is found.
struct ChunkKey {
  std::int64_t org = 0;  ///< the organisation's number in this file
  std::uint64_t first = 0, last = 0;
  std::int64_t time_ms = 0;  ///< of the youngest event
};

/// Events of one organisation that became durable together, as one blob:
/// `sum:4 { time_ms:8 audience_bytes:4 body_bytes:4 { user_bytes:4 user }* body }*`, little-endian,
/// `sum` the CRC32C of the key and of all that follows.
class EventChunk {
 public:
  explicit EventChunk(std::int64_t org) : key_{org, 0, 0, 0} {}
  void add(const StoredEvent& event);
  /// Writes the sum; nothing may be added any more.
  std::string_view seal();
  const ChunkKey& key() const { return key_; }
  bool empty() const { return key_.first == 0; }
  std::size_t bytes() const { return bytes_.size(); }

 private:
  ChunkKey key_;
  std::string bytes_ = std::string(4, '\0');
};

/// Events of a chunk above `offset`, at most `events_max` and about `bytes_max`, added to `out`.
/// False: the chunk is not what was written; `out` is as it was.
bool read_events(std::string_view chunk, const ChunkKey& key, const Text& org, std::uint64_t offset,
                 std::size_t events_max, std::size_t bytes_max, std::vector<StoredEvent>& out);
/// Whether sum and lengths are right.
bool is_good(std::string_view chunk, const ChunkKey& key);

/// One saved call in a row of states; empty text: the call is forgotten.
struct SavedCall {
  std::string_view id, state;
};

/// Saved calls as one blob: `sum:4 { id_bytes:4 state_bytes:4 id state }*`; `row` is part of the
/// sum.
class StateChunk {
 public:
  void add(std::string_view id, std::string_view state);
  std::string_view seal(std::int64_t row);
  bool empty() const { return bytes_.size() == 4; }
  std::size_t bytes() const { return bytes_.size(); }

 private:
  std::string bytes_ = std::string(4, '\0');
};

/// Nothing: the chunk is not what was written. The texts point into it.
std::optional<std::vector<SavedCall>> read_states(std::string_view chunk, std::int64_t row);

}  // namespace hookswitch
