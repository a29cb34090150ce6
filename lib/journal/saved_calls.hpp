#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "journal/chunk.hpp"
#include "journal/database.hpp"

namespace hookswitch {

/// The newest state of every call, as a log: a commit writes the states that it changed behind the
/// others, in one row, and drops rows from the front, carrying what is still the newest of its call
/// along to the back. So a changed call costs its bytes, not a page somewhere in the file. The log
/// stays below twice what lives in it or kLogBytesMin. Owner: Journal.
class SavedCalls {
 public:
  static constexpr std::uint64_t kLogBytesMin = 16 * 1024 * 1024;  // read whole at start: 10 ms
  static constexpr std::size_t kRowBytesMax = 256 * 1024;          // but for one larger state
  static constexpr std::size_t kCarriedBytesMin = 64 * 1024;       // a commit's share of the work

  /// `log_bytes_min` is smaller in tests only.
  explicit SavedCalls(Database& database, std::uint64_t log_bytes_min = kLogBytesMin)
      : database_(database), log_bytes_min_(log_bytes_min) {}

  Result<void> prepare();
  /// Reads where everything is. Rows that are not what was written are left out and counted; the
  /// caller decides.
  Result<std::size_t> load();
  Result<std::map<std::string, std::string>> read_all();

  using States = std::map<std::string, std::string>;  ///< by id
  /// Inside of a transaction. What it did counts after keep(), and never was after drop().
  Result<void> write(const States& calls, const States& notes);
  void keep();
  void drop();

 private:
  struct Place {
    std::int64_t row = 0;
    std::size_t bytes = 0;
  };
  struct Row {
    std::int64_t id = 0;
    std::uint64_t bytes = 0;
    std::size_t living = 0;  ///< calls whose newest state is here
  };
  Result<void> add(std::string_view id, std::string_view state);
  Result<void> close_row();
  Result<void> carry(const States& calls, const States& notes, std::uint64_t budget);
  void place(const std::string& id, Place where);
  Row* row(std::int64_t id);

  Database& database_;
  std::uint64_t log_bytes_min_;
  Statement insert_, erase_, read_, walk_;
  std::unordered_map<std::string, Place> places_;
  std::deque<Row> rows_;
  std::uint64_t bytes_ = 0, living_bytes_ = 0;
  std::int64_t next_row_ = 1;

  // What the transaction under way has done.
  StateChunk chunk_;
  std::int64_t chunk_row_ = 0;
  std::vector<std::pair<std::string, Place>> new_places_;  ///< row 0: forgotten
  std::vector<Row> new_rows_;
  std::size_t dropped_rows_ = 0;
};

}  // namespace hookswitch
