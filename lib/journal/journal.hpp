#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "journal/stored.hpp"

namespace hookswitch {

/// What must be on disk before anyone is answered or told.
struct JournalBatch {
  std::vector<StoredEvent> events;             ///< offsets follow each other per organisation
  std::map<std::string, std::string> calls;    ///< call id -> saved state; empty text: forget it
  std::map<std::string, std::string> notes{};  ///< likewise, of whatever else must not be lost
  bool empty() const { return events.empty() && calls.empty() && notes.empty(); }
};

/// Instead of a path: a journal that ends with the process, for demos and measurements.
inline constexpr const char* kMemoryJournal = ":memory:";

struct JournalOptions {
  std::string path;
  milliseconds retention = std::chrono::hours{24};
  /// Above this the oldest events go whatever their age. Of the file; its log comes on top.
  std::uint64_t bytes_max = std::uint64_t{2} << 30;

  // For tests.
  const char* vfs = nullptr;          ///< SQLite's file layer by name; nullptr: its own
  bool has_checkpoint_thread = true;  ///< without it the same calls write the same bytes
  int checkpoint_frames = 1024;       ///< pages in the log: 8 MiB
  std::uint64_t check_whole_bytes_max =
      16 * 1024 * 1024;  ///< read every page of a file up to this at open
  std::uint64_t state_log_bytes_min = 16 * 1024 * 1024;

  bool is_in_memory() const { return path == kMemoryJournal; }
};

/// Events, durable and in order, and the state of the calls they led to: one SQLite file in WAL
/// mode with synchronous=FULL, so a commit is one sync. Files are 0600 and belong to one process
/// (`<path>.lock`). Broker thread only; one thread of its own moves the log into the file.
class Journal {
 public:
  /// Opens or makes the file (its directory must exist) and checks its tail, all that is said of
  /// organisations and calls, and the whole of a small file. One that is no journal or is damaged
  /// is moved aside as `<path>.damaged-<time>` and a new history begins, with a new epoch and the
  /// calls that could still be read; `notice()` says so. Errors: journal_io.
  static Result<std::unique_ptr<Journal>> open(JournalOptions options, Time now);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// All or nothing, on disk when it returns. Error journal_io: `problem()` says why, nothing of it
  /// is there after reopen(), and until then nothing more is taken (a failed sync is never tried
  /// twice on one descriptor). What was committed before can still be read.
  Result<void> commit(const JournalBatch& batch);

  /// Events of `org` after `offset`, oldest first, at most `events_max` and about `bytes_max` (at
  /// least one if there is one). Each is compared with its checksum and its neighbours: error
  /// journal_io for damage, which is then a problem().
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
  /// Notes, by name.
  Result<std::map<std::string, std::string>> load_notes();

  /// A bounded piece (some milliseconds) of what is due: events that retention lets go, and once a
  /// second the next stretch of the check of the whole file. True: more is due now. Errors:
  /// journal_io, as of commit() and read().
  Result<bool> tidy(Time now);

  /// Empty: commits are taken. Else why not, until reopen().
  const std::string& problem() const { return problem_; }
  /// Through new descriptors, without what failed. True: the history is what it was, to the event;
  /// false: it is another, as in open(). Error: still not; mostly what could be read before still
  /// can.
  Result<bool> reopen(Time now);

  /// What was found wrong at open; empty if nothing.
  const std::string& notice() const { return notice_; }
  /// Whole passes of the check since open.
  std::uint64_t checks() const { return checks_; }

 private:
  struct Store;
  struct Org {
    std::int64_t number = 0;
    std::uint64_t newest = 0, complete_after = 0;
    std::int64_t oldest_row = 0, oldest_time_ms = 0;  ///< row 0: no events are kept
  };
  using Orgs = std::map<std::string, Org>;
  /// Where the last good commit ends in the log.
  struct LogEnd {
    int frames = 0;          ///< 0: all is in the file
    std::uint32_t salt = 0;  ///< of this log, where it has frames
    /// False: the log could not be looked at after its last commit; nothing was tried since, so
    /// there is nothing to cut off.
    bool is_known = true;
  };

  explicit Journal(JournalOptions options);
  Result<void> open_store(Time now);
  Result<void> load(Store& store, Orgs& orgs, std::string& epoch);
  Result<void> load_org(Store& store, const std::string& name, Org& org);
  Result<void> check_rows(Store& store, const Orgs& orgs, std::size_t bytes_max);
  Result<void> set_aside(Time now, const std::string& why);
  void give_up_store();
  Result<void> cut_log();
  Result<void> begin_epoch();
  Result<void> in_transaction(const JournalBatch& batch, Orgs& changed, std::uint64_t budget);
  Result<void> write_events(const JournalBatch& batch, Orgs& changed, std::uint64_t& bytes);
  Result<void> drop_old(Orgs& changed, std::uint64_t budget);
  Org& changed_org(Orgs& changed, const std::string& name);
  bool is_due(const Org& org) const;
  const Org* oldest(const Orgs& changed, std::string& name) const;
  Result<std::map<std::string, std::string>> load_states(bool notes);
  Error damage(const std::string& what);
  Error fail(const Error& error);

  JournalOptions options_;
  std::unique_ptr<class FileLock> lock_;
  std::unique_ptr<Store> store_;
  std::string epoch_, notice_, problem_;
  bool damaged_ = false, is_too_large_ = false, is_due_ = false;
  Orgs orgs_;
  std::map<std::string, std::string> salvaged_;  ///< until they are stored
  LogEnd log_;                                   ///< of the last store, once it was given up
  bool is_uncut_ = false;                        ///< what failed still stands behind `log_`
  std::int64_t drop_before_ms_ = 0;
  int commits_until_size_ = 0;
  Time next_check_{};
  std::int64_t checked_row_ = 0;
  std::uint64_t checked_last_ = 0, checks_ = 0;
};

}  // namespace hookswitch
