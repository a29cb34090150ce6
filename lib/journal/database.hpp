#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace hookswitch {

/// A connection to the file. Its prepared statements are finalised before it closes. Whoever opens
/// it uses it from one thread at a time.
class Database {
 public:
  Database() = default;
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// `create` makes the file if it is not there, for its owner only. `vfs`: nullptr, SQLite's own.
  Result<void> open(const std::string& path, const char* vfs, bool create);
  Result<void> run(const char* sql);
  /// The first column of the first row as text, "" without a row; an error is not "nothing there".
  Result<std::string> text(const char* sql);
  Result<std::int64_t> integer(const char* sql);

  /// Says what the last call met, and remembers whether it means damage.
  Error failure(const char* doing);
  Error failure(int rc, const char* doing);
  /// What is there is not what was written, as opposed to: cannot be read or written just now.
  bool damaged() const { return damaged_; }
  /// The last failure was one that only a spoilt head of a file gives at open: SQLite takes it for
  /// a format of the future or for one that may not be written.
  bool is_head_spoilt(const std::string& path) const;
  sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
  bool damaged_ = false;
  int last_failure_ = SQLITE_OK;
};

/// A prepared statement. Texts and blobs that are bound must live until it has been run.
class Statement {
 public:
  Result<void> prepare(Database& database, const char* sql);

  /// One use of it: bound, stepped, and reset at the end.
  class Use {
   public:
    explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
    ~Use() {
      sqlite3_reset(statement_);
      sqlite3_clear_bindings(statement_);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    Use& bind(int at, std::int64_t number) {
      sqlite3_bind_int64(statement_, at, number);
      return *this;
    }
    Use& bind_text(int at, std::string_view text) {
      sqlite3_bind_text64(statement_, at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
      return *this;
    }
    Use& bind_blob(int at, std::string_view bytes) {
      sqlite3_bind_blob64(statement_, at, bytes.data(), bytes.size(), SQLITE_STATIC);
      return *this;
    }
    int step() { return sqlite3_step(statement_); }
    bool run() { return step() == SQLITE_DONE; }
    std::int64_t integer(int column) { return sqlite3_column_int64(statement_, column); }
    /// Good until the next step.
    std::string_view bytes(int column) {
      const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
      return data == nullptr ? std::string_view{} : std::string_view{data, size};
    }

   private:
    sqlite3_stmt* statement_;
  };
  Use use() { return Use{statement_.get()}; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace hookswitch
