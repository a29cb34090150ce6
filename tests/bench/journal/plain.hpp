#pragma once

#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "journal/journal.hpp"

namespace hookswitch::bench {

/// What anybody would write first: a row an event, a row a call, one transaction a batch, SQLite's
/// own checkpoints. The floor of the comparison.
class PlainSqlite {
 public:
  explicit PlainSqlite(const std::string& path) {
    must(sqlite3_open(path.c_str(), &handle_));
    run("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE events(org TEXT, offset INTEGER, time INTEGER, audience TEXT, body TEXT,"
        " PRIMARY KEY(org, offset)) WITHOUT ROWID;"
        "CREATE TABLE calls(id TEXT PRIMARY KEY, state TEXT) WITHOUT ROWID;");
    begin_ = prepare("BEGIN");
    commit_ = prepare("COMMIT");
    event_ = prepare("INSERT INTO events VALUES(?1,?2,?3,?4,?5)");
    call_ = prepare("INSERT OR REPLACE INTO calls VALUES(?1,?2)");
    forget_ = prepare("DELETE FROM calls WHERE id=?1");
  }
  ~PlainSqlite() {
    for (auto* statement : {begin_, commit_, event_, call_, forget_}) sqlite3_finalize(statement);
    sqlite3_close(handle_);
  }
  PlainSqlite(const PlainSqlite&) = delete;
  PlainSqlite& operator=(const PlainSqlite&) = delete;

  void commit(const JournalBatch& batch) {
    step(begin_);
    for (const auto& event : batch.events) {
      const std::string audience = "[\"" + event.audience.front().str() + "\"]";
      text(event_, 1, event.org);
      sqlite3_bind_int64(event_, 2, static_cast<std::int64_t>(event.offset));
      sqlite3_bind_int64(event_, 3, to_unix_ms(event.time));
      text(event_, 4, audience);
      text(event_, 5, event.body->text());
      step(event_);
    }
    for (const auto& [id, state] : batch.calls) {
      auto* statement = state.empty() ? forget_ : call_;
      text(statement, 1, id);
      if (!state.empty()) text(statement, 2, state);
      step(statement);
    }
    step(commit_);
  }

 private:
  void must(int rc) {
    if (rc == SQLITE_OK || rc == SQLITE_DONE) return;
    std::fprintf(stderr, "plain SQLite: %s\n", sqlite3_errmsg(handle_));
    std::exit(1);
  }
  void run(const char* sql) { must(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr)); }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* out = nullptr;
    must(sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &out, nullptr));
    return out;
  }
  static void text(sqlite3_stmt* statement, int at, std::string_view value) {
    sqlite3_bind_text64(statement, at, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void step(sqlite3_stmt* statement) {
    must(sqlite3_step(statement));
    sqlite3_reset(statement);
  }

  sqlite3* handle_ = nullptr;
  sqlite3_stmt *begin_ = nullptr, *commit_ = nullptr, *event_ = nullptr, *call_ = nullptr,
               *forget_ = nullptr;
};

}  // namespace hookswitch::bench
