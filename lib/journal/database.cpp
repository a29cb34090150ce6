#include "journal/database.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hookswitch {

Result<void> Database::open(const std::string& path, const char* vfs, bool create) {
  const mode_t before = ::umask(0077);  // events hold names and numbers
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
  const int rc = sqlite3_open_v2(path.c_str(), &handle_, flags, vfs);
  ::umask(before);
  if (rc != SQLITE_OK) return failure("open");
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_busy_timeout(handle_, 1000);
  // Closing must not write: after a failed sync nothing may be tried again on this descriptor.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return {};
}

Error Database::failure(const char* doing) {
  return failure(handle_ != nullptr ? sqlite3_extended_errcode(handle_) : SQLITE_NOMEM, doing);
}

Error Database::failure(int rc, const char* doing) {
  damaged_ = damaged_ || (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
  last_failure_ = rc & 0xff;
  return Error{Errc::journal_io,
               fmt::format("{}: {} ({})", doing,
                           handle_ != nullptr ? sqlite3_errmsg(handle_) : "no memory", rc)};
}

bool Database::is_head_spoilt(const std::string& path) const {
  return last_failure_ == SQLITE_ERROR ||
         (last_failure_ == SQLITE_READONLY && ::access(path.c_str(), W_OK) == 0);
}

Result<void> Database::run(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure(sql);
  return {};
}

Result<std::string> Database::text(const char* sql) {
  Statement statement;
  if (auto prepared = statement.prepare(*this, sql); !prepared) return prepared.error();
  auto row = statement.use();
  const int rc = row.step();
  if (rc == SQLITE_ROW) return std::string{row.bytes(0)};
  if (rc == SQLITE_DONE) return std::string{};
  return failure(rc, sql);
}

Result<std::int64_t> Database::integer(const char* sql) {
  Statement statement;
  if (auto prepared = statement.prepare(*this, sql); !prepared) return prepared.error();
  auto row = statement.use();
  const int rc = row.step();
  if (rc == SQLITE_ROW) return row.integer(0);
  if (rc == SQLITE_DONE) return std::int64_t{0};
  return failure(rc, sql);
}

Result<void> Statement::prepare(Database& database, const char* sql) {
  sqlite3_stmt* out = nullptr;
  const int rc =
      sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &out, nullptr);
  statement_.reset(out);
  if (rc != SQLITE_OK) return database.failure(rc, "prepare");
  return {};
}

}  // namespace hookswitch
