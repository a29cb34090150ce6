#pragma once

#include <cstdint>
#include <string>

namespace hookswitch {

/// A page of 8 KiB holds most of what one event and one call need.
inline constexpr std::uint64_t kJournalPageBytes = 8192;
inline constexpr std::uint64_t kWalHeaderBytes = 32;

/// What SQLite's write-ahead log beside the file will give back, and what it will not
/// (https://www.sqlite.org/fileformat2.html#walformat).
struct WalReport {
  std::string error;             ///< why the log cannot be read; then the rest says nothing
  std::uint64_t good_bytes = 0;  ///< up to the end of the last whole commit
  std::uint64_t good_frames = 0;
  bool has_header = false;  ///< a whole one; else SQLite ignores what stands behind it
  std::uint32_t salt = 0;   ///< changes whenever the log begins anew; of the header
  /// Something of this log stands behind what can be read: the end of a commit that was under way,
  /// or the last one spoilt. SQLite drops it silently.
  bool is_tail_dropped = false;
  /// More than one commit cannot be read. Each was synced before the next began, so this is damage
  /// to what was acknowledged, not a crash.
  bool is_damaged = false;
};

/// Reads the log beside `database` as it is on disk. A log that is not there is empty; one that
/// cannot be read has an `error`, never "empty".
WalReport examine_wal(const std::string& database);

/// The salt in the first `kWalHeaderBytes` of a log.
std::uint32_t wal_salt(const unsigned char* header);

/// Cuts the log to `bytes` and syncs it; true also if there is none.
bool cut_wal(const std::string& path, std::uint64_t bytes);

}  // namespace hookswitch
