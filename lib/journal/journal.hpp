#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/encoded_frame.hpp"
#include "base/error.hpp"
#include "base/shared_text.hpp"
#include "base/time.hpp"

namespace hookswitch {

/// One event as it is kept: the very bytes that native clients get, and who may see them.
struct StoredEvent {
  Text org;
  std::uint64_t offset = 0;
  Time time{};  ///< our clock at the commit: retention goes by it, not by what a source says
  std::vector<Text> audience;
  Frame body;
};

/// What must be on disk before anyone is answered or told.
struct JournalBatch {
  std::vector<StoredEvent> events;           ///< offsets follow each other per organisation
  std::map<std::string, std::string> calls;  ///< call id -> saved state; empty text: forget it
  bool empty() const { return events.empty() && calls.empty(); }
};

/// Events, durable and in order, and the state of the calls they led to: one SQLite file in WAL
/// mode with synchronous=FULL, so a commit is one fdatasync. The file is 0600 and belongs to one
/// process (locked). Broker thread only.
class Journal {
 public:
  /// Opens or makes the file (its directory must exist) and checks it. A file that is no journal or
  /// is damaged is moved aside as
  /// `<path>.damaged-<time>` and a new one with a new epoch begins; `notice()` says so. Errors:
  /// journal_io.
  static Result<std::unique_ptr<Journal>> open(const std::string& path, Time now);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// All or nothing, on disk when it returns. Error journal_io: whether it is there is not known
  /// before the file has been opened again, which must be done (a failed sync is never tried twice
  /// on one descriptor).
  Result<void> commit(const JournalBatch& batch);

  /// Events of `org` after `offset`, oldest first, at most `events_max` and about `bytes_max` (at
  /// least one if there is one).
  Result<std::vector<StoredEvent>> read(const std::string& org, std::uint64_t offset,
                                        std::size_t events_max, std::size_t bytes_max);

  /// Names this history; another epoch means that cursors of before say nothing.
  const std::string& epoch() const { return epoch_; }
  /// Offset of the newest event of `org`; 0 when there is none.
  std::uint64_t newest(const std::string& org) const;
  /// The smallest offset after which nothing is missing: a resume from below it is too old.
  std::uint64_t complete_after(const std::string& org) const;
  /// Saved calls, by id.
  Result<std::map<std::string, std::string>> load_calls();

  /// Deletes up to `limit` events older than `before`, oldest first; how many went. Errors:
  /// journal_io.
  Result<std::size_t> prune(Time before, std::size_t limit);

  /// What was found wrong at open; empty if nothing.
  const std::string& notice() const { return notice_; }

 private:
  struct Database;
  explicit Journal(std::unique_ptr<Database> database);
  Result<void> load();

  std::unique_ptr<Database> database_;
  std::string epoch_, notice_;
  std::map<std::string, std::uint64_t> newest_, complete_after_;
};

}  // namespace hookswitch
