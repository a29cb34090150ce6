#pragma once

#include <string>
#include <string_view>

#include "journal/checkpointer.hpp"
#include "journal/chunk.hpp"
#include "journal/database.hpp"
#include "journal/file_lock.hpp"
#include "journal/journal.hpp"
#include "journal/saved_calls.hpp"
#include "journal/wal.hpp"

namespace hookswitch {

inline constexpr int kOffsetBits =
    40;  // a million million events of each of eight million organisations

inline std::int64_t event_row(std::int64_t org, std::uint64_t offset) {
  return org << kOffsetBits | static_cast<std::int64_t>(offset);
}
inline std::int64_t org_of_row(std::int64_t row) { return row >> kOffsetBits; }
inline std::uint64_t offset_of_row(std::int64_t row) {
  return static_cast<std::uint64_t>(row) & ((std::uint64_t{1} << kOffsetBits) - 1);
}

/// Notes are kept among the calls, under names that no call has.
inline constexpr std::string_view kNotePrefix = "note:";

/// One row of events as it comes out of the file. The chunk is good until the next step.
struct EventRow {
  ChunkKey key;
  std::string_view chunk;
  /// Of columns id, last, time, chunk.
  explicit EventRow(Statement::Use& row)
      : key{org_of_row(row.integer(0)), offset_of_row(row.integer(0)),
            static_cast<std::uint64_t>(row.integer(1)), row.integer(2)},
        chunk(row.bytes(3)) {}
};

/// Everything that is made anew when the file is opened anew.
struct Journal::Store {
  explicit Store(const JournalOptions& options)
      : calls(database, options.state_log_bytes_min),
        checkpoints(database, options.has_checkpoint_thread, options.checkpoint_frames) {}

  Result<void> open(const JournalOptions& options);
  Result<void> prepare();
  /// After a commit: what the log is now, read through the descriptor that wrote it.
  Result<void> note_log();

  Database database;
  Statement begin, commit, rollback, insert_event, read_events, walk_events, newest_event,
      next_event, event_size, erase_event, put_head;
  SavedCalls calls;
  LogEnd log;  ///< after the last good commit
  Checkpointer checkpoints;
};

/// The sum of what is said of one organisation.
std::int64_t head_sum(std::string_view org, std::int64_t number, std::uint64_t newest,
                      std::uint64_t complete_after);

}  // namespace hookswitch
