#include "journal/journal.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cstdio>

#include "base/ids.hpp"
#include "base/json.hpp"

namespace hookswitch {
namespace {

constexpr int kSchemaVersion = 1;
constexpr off_t kCheckBytesMax = 256 * 1024 * 1024;
constexpr const char* kSchema = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events(org TEXT NOT NULL, offset INTEGER NOT NULL, time INTEGER NOT NULL, audience TEXT NOT NULL,
                    body TEXT NOT NULL, PRIMARY KEY(org, offset)) WITHOUT ROWID;
CREATE TABLE calls(id TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE heads(org TEXT PRIMARY KEY, newest INTEGER NOT NULL, complete_after INTEGER NOT NULL) WITHOUT ROWID;
)sql";

std::string audience_text(const std::vector<Text>& users) {
  json::Writer out;
  out.begin_array();
  for (const auto& user : users) out.string(user);
  out.end_array();
  return out.str();
}

std::vector<Text> audience_from(std::string_view text) {
  std::vector<Text> out;
  if (auto document = json::parse(text); document && document->IsArray())
    for (const auto& user : document->GetArray())
      if (user.IsString()) out.emplace_back(json::text(user));
  return out;
}

std::string_view column_text(sqlite3_stmt* statement, int column) {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return {bytes == nullptr ? "" : bytes,
          static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
}

/// A prepared statement that is reset when it goes out of use.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  ~Statement() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& bind(int at, std::string_view text) {
    sqlite3_bind_text64(statement_, at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Statement& bind(int at, std::int64_t number) {
    sqlite3_bind_int64(statement_, at, number);
    return *this;
  }
  int step() { return sqlite3_step(statement_); }
  std::string_view text(int column) { return column_text(statement_, column); }
  std::int64_t integer(int column) { return sqlite3_column_int64(statement_, column); }

 private:
  sqlite3_stmt* statement_;
};

}  // namespace

struct Journal::Database {
  sqlite3* handle = nullptr;
  bool damaged = false;  ///< what is there is no journal, as opposed to: cannot be read just now
  sqlite3_stmt *insert_event = nullptr, *read_events = nullptr, *put_call = nullptr,
               *drop_call = nullptr, *put_head = nullptr, *old_events = nullptr,
               *drop_event = nullptr;

  ~Database() {
    for (auto* statement :
         {insert_event, read_events, put_call, drop_call, put_head, old_events, drop_event})
      sqlite3_finalize(statement);
    sqlite3_close(handle);
  }

  Error failure(const char* doing) {
    return failure(handle != nullptr ? sqlite3_extended_errcode(handle) : SQLITE_NOMEM, doing);
  }
  Error failure(int rc, const char* doing) {
    damaged = damaged || (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
    return Error{
        Errc::journal_io,
        fmt::format("{}: {}", doing, handle != nullptr ? sqlite3_errmsg(handle) : "no memory")};
  }
  bool run(const char* sql) {
    return sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  bool prepare(const char* sql, sqlite3_stmt** out) {
    return sqlite3_prepare_v3(handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, nullptr) ==
           SQLITE_OK;
  }
  /// The first column of the first row; an error is not "nothing there".
  Result<std::string> scalar(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    int rc = sqlite3_prepare_v2(handle, sql, -1, &statement, nullptr);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    std::string out;
    if (rc == SQLITE_ROW) out = column_text(statement, 0);
    sqlite3_finalize(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return failure(rc, sql);
    return out;
  }

  Result<void> open(const std::string& path) {
    const mode_t before = ::umask(0077);  // events hold names and numbers
    const int rc =
        sqlite3_open_v2(path.c_str(), &handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    ::umask(before);
    if (rc != SQLITE_OK) return failure("open");
    sqlite3_extended_result_codes(handle, 1);
    // EXCLUSIVE: one daemon a file, and no shared-memory file for WAL. Checkpoints by size: 4 MiB
    // of WAL.
    if (!run("PRAGMA locking_mode=EXCLUSIVE") || !run("PRAGMA journal_mode=WAL") ||
        !run("PRAGMA synchronous=FULL") || !run("PRAGMA wal_autocheckpoint=1000") ||
        !run("PRAGMA foreign_keys=OFF") || !run("BEGIN IMMEDIATE"))
      return failure("set up");
    const auto version = scalar("PRAGMA user_version");
    const auto tables = scalar("SELECT count(*) FROM sqlite_master");
    if (!version) return version.error();
    if (!tables) return tables.error();
    if (*version == "0" && *tables != "0") {
      damaged = true;
      return Error{Errc::journal_io, "the file is a database of another program"};
    }
    if (*version == "0") {
      const std::string meta =
          fmt::format("{} INSERT INTO meta VALUES('epoch','{}'); PRAGMA user_version={};", kSchema,
                      random_hex(4), kSchemaVersion);
      if (!run(meta.c_str())) return failure("create");
    } else if (*version != std::to_string(kSchemaVersion)) {
      return Error{Errc::journal_io, "the journal was written by another version"};
    }
    if (!run("COMMIT")) return failure("create");
    return prepare_all();
  }

  /// Reads every page of a file of moderate size. A larger one would hold up the start for minutes;
  /// there SQLite finds damage when it meets it.
  Result<void> check(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0 || info.st_size > kCheckBytesMax) return {};
    const auto verdict = scalar("PRAGMA quick_check(1)");
    if (!verdict) return verdict.error();
    if (*verdict == "ok") return {};
    damaged = true;
    return Error{Errc::journal_io, "quick_check: " + *verdict};
  }

  Result<void> prepare_all() {
    if (!prepare("INSERT INTO events VALUES(?1,?2,?3,?4,?5)", &insert_event) ||
        !prepare("SELECT offset,time,audience,body FROM events WHERE org=?1 AND offset>?2 ORDER BY "
                 "offset LIMIT ?3",
                 &read_events) ||
        !prepare("INSERT OR REPLACE INTO calls VALUES(?1,?2)", &put_call) ||
        !prepare("DELETE FROM calls WHERE id=?1", &drop_call) ||
        !prepare("INSERT OR REPLACE INTO heads VALUES(?1,?2,?3)", &put_head) ||
        !prepare("SELECT offset,time FROM events WHERE org=?1 ORDER BY offset LIMIT ?2",
                 &old_events) ||
        !prepare("DELETE FROM events WHERE org=?1 AND offset<=?2", &drop_event))
      return failure("prepare");
    return {};
  }
};

Journal::Journal(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Journal::~Journal() = default;

Result<std::unique_ptr<Journal>> Journal::open(const std::string& path, Time now) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::unique_ptr<Journal> journal{new Journal(std::make_unique<Database>())};
    auto& database = *journal->database_;
    Result<void> opened = database.open(path);
    if (opened) opened = database.check(path);
    if (opened) opened = journal->load();
    if (opened) {
      if (attempt > 0)
        journal->notice_ = fmt::format("the journal was damaged and moved to {}.damaged-{}", path,
                                       to_unix_ms(now));
      return journal;
    }
    if (!database.damaged || attempt > 0) return opened.error();
    journal.reset();
    const std::string aside = fmt::format("{}.damaged-{}", path, to_unix_ms(now));
    if (std::rename(path.c_str(), aside.c_str()) != 0)
      return Error{Errc::journal_io, "cannot move the damaged journal aside"};
    for (const char* suffix : {"-wal", "-shm"})
      std::rename((path + suffix).c_str(), (aside + suffix).c_str());
  }
  return Error{Errc::journal_io, "not reached"};
}

Result<void> Journal::load() {
  auto epoch = database_->scalar("SELECT value FROM meta WHERE key='epoch'");
  if (!epoch) return epoch.error();
  epoch_ = std::move(*epoch);
  if (epoch_.empty()) return Error{Errc::journal_io, "the journal has no epoch"};
  sqlite3_stmt* heads = nullptr;
  if (!database_->prepare("SELECT org,newest,complete_after FROM heads", &heads))
    return database_->failure("load");
  while (sqlite3_step(heads) == SQLITE_ROW) {
    const std::string org{column_text(heads, 0)};
    newest_[org] = static_cast<std::uint64_t>(sqlite3_column_int64(heads, 1));
    complete_after_[org] = static_cast<std::uint64_t>(sqlite3_column_int64(heads, 2));
  }
  sqlite3_finalize(heads);
  return {};
}

Result<void> Journal::commit(const JournalBatch& batch) {
  if (batch.empty()) return {};
  auto& db = *database_;
  auto newest = newest_;
  bool good = db.run("BEGIN");
  for (const auto& event : batch.events) {
    if (!good) break;
    const std::string audience = audience_text(event.audience);
    Statement insert{db.insert_event};
    insert.bind(1, event.org)
        .bind(2, static_cast<std::int64_t>(event.offset))
        .bind(3, to_unix_ms(event.time));
    insert.bind(4, audience).bind(5, event.body->text());
    good = insert.step() == SQLITE_DONE;
    newest[event.org] = event.offset;
  }
  for (const auto& [id, state] : batch.calls) {
    if (!good) break;
    Statement change{state.empty() ? db.drop_call : db.put_call};
    change.bind(1, id);
    if (!state.empty()) change.bind(2, state);
    good = change.step() == SQLITE_DONE;
  }
  for (const auto& [org, offset] : newest) {
    if (!good || newest_[org] == offset) continue;
    Statement head{db.put_head};
    head.bind(1, org)
        .bind(2, static_cast<std::int64_t>(offset))
        .bind(3, static_cast<std::int64_t>(complete_after_[org]));
    good = head.step() == SQLITE_DONE;
  }
  if (!good || !db.run("COMMIT")) {
    const Error error = db.failure("commit");
    db.run("ROLLBACK");
    return error;
  }
  newest_ = std::move(newest);
  return {};
}

Result<std::vector<StoredEvent>> Journal::read(const std::string& org, std::uint64_t offset,
                                               std::size_t events_max, std::size_t bytes_max) {
  std::vector<StoredEvent> out;
  const Text shared_org = org;
  std::size_t bytes = 0;
  Statement select{database_->read_events};
  select.bind(1, org)
      .bind(2, static_cast<std::int64_t>(offset))
      .bind(3, static_cast<std::int64_t>(events_max));
  int rc = SQLITE_DONE;
  while ((bytes < bytes_max || out.empty()) && (rc = select.step()) == SQLITE_ROW) {
    out.push_back({shared_org, static_cast<std::uint64_t>(select.integer(0)),
                   from_unix_ms(select.integer(1)), audience_from(select.text(2)),
                   make_frame(select.text(3))});
    bytes += out.back().body->text().size();
  }
  if (rc != SQLITE_DONE && rc != SQLITE_ROW) return database_->failure("read");
  return out;
}

std::uint64_t Journal::newest(const std::string& org) const {
  const auto it = newest_.find(org);
  return it == newest_.end() ? 0 : it->second;
}

std::uint64_t Journal::complete_after(const std::string& org) const {
  const auto it = complete_after_.find(org);
  return it == complete_after_.end() ? 0 : it->second;
}

Result<std::map<std::string, std::string>> Journal::load_calls() {
  std::map<std::string, std::string> out;
  sqlite3_stmt* select = nullptr;
  if (!database_->prepare("SELECT id,state FROM calls", &select))
    return database_->failure("load calls");
  int rc = SQLITE_DONE;
  while ((rc = sqlite3_step(select)) == SQLITE_ROW)
    out.emplace(column_text(select, 0), column_text(select, 1));
  sqlite3_finalize(select);
  if (rc != SQLITE_DONE) return database_->failure("load calls");
  return out;
}

Result<std::size_t> Journal::prune(Time before, std::size_t limit) {
  std::size_t dropped = 0;
  auto& db = *database_;
  for (auto& [org, newest] : newest_) {
    std::uint64_t last = 0;
    {
      Statement old{db.old_events};
      old.bind(1, org).bind(2, static_cast<std::int64_t>(limit - dropped));
      while (old.step() == SQLITE_ROW && from_unix_ms(old.integer(1)) < before) {
        last = static_cast<std::uint64_t>(old.integer(0));
        ++dropped;
      }
    }
    if (last == 0) continue;
    bool good = db.run("BEGIN");
    if (good) {
      Statement drop{db.drop_event};
      good = drop.bind(1, org).bind(2, static_cast<std::int64_t>(last)).step() == SQLITE_DONE;
    }
    if (good) {
      Statement head{db.put_head};
      head.bind(1, org)
          .bind(2, static_cast<std::int64_t>(newest))
          .bind(3, static_cast<std::int64_t>(last));
      good = head.step() == SQLITE_DONE;
    }
    if (!good || !db.run("COMMIT")) {
      const Error error = db.failure("prune");
      db.run("ROLLBACK");
      return error;
    }
    complete_after_[org] = last;
  }
  return dropped;
}

}  // namespace hookswitch
