#include "journal/store.hpp"

#include <fmt/format.h>

#include "base/ids.hpp"
#include "journal/checksum.hpp"

namespace hookswitch {
namespace {

constexpr int kSchemaVersion = 2;
constexpr const char* kPageSize = "PRAGMA page_size=8192";
static_assert(kJournalPageBytes == 8192);
constexpr const char* kSchema = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE heads(number INTEGER PRIMARY KEY, org TEXT NOT NULL, newest INTEGER NOT NULL,
                   complete_after INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE events(id INTEGER PRIMARY KEY, last INTEGER NOT NULL, time INTEGER NOT NULL, chunk BLOB NOT NULL);
CREATE TABLE states(id INTEGER PRIMARY KEY, chunk BLOB NOT NULL);
)sql";

}  // namespace

std::int64_t head_sum(std::string_view org, std::int64_t number, std::uint64_t newest,
                      std::uint64_t complete_after) {
  return crc32c(fmt::format("{} {} {} {}", number, newest, complete_after, org));
}

Result<void> Journal::Store::open(const JournalOptions& options) {
  if (auto opened = database.open(options.path, options.vfs, true); !opened) return opened;
  // FULL: a commit is a sync. Checkpoints are the Checkpointer's.
  for (const char* pragma : {kPageSize, "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                             "PRAGMA wal_autocheckpoint=0", "PRAGMA cell_size_check=ON",
                             "PRAGMA cache_size=-8192", "BEGIN IMMEDIATE"})
    if (auto done = database.run(pragma); !done) return done;
  const auto version = database.integer("PRAGMA user_version");
  const auto tables = database.integer("SELECT count(*) FROM sqlite_master");
  if (!version) return version.error();
  if (!tables) return tables.error();
  if (*version == 0 && *tables != 0)
    return database.failure(SQLITE_NOTADB, "the file is a database of another program");
  if (*version == 0) {
    const std::string epoch = random_hex(4);
    const std::string make = fmt::format(
        "{} INSERT INTO meta VALUES('epoch','{}{:08x}'),('version','{}'); PRAGMA user_version={};",
        kSchema, epoch, crc32c(epoch), kSchemaVersion, kSchemaVersion);
    if (auto made = database.run(make.c_str()); !made) return made;
  } else if (*version != kSchemaVersion) {
    const auto said = database.text("SELECT value FROM meta WHERE key='version'");
    if (said && *said == std::to_string(kSchemaVersion))
      return database.failure(SQLITE_CORRUPT, "the file's head is spoilt");
    return Error{Errc::journal_io, "the journal was written by another version"};
  }
  if (auto done = database.run("COMMIT"); !done) return done;
  // What was recovered from the log may be in the page cache only: written to the file and synced
  // before anybody is told of it.
  int frames = 0, moved = 0;
  const int rc = sqlite3_wal_checkpoint_v2(database.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                           &frames, &moved);
  // Busy: a reader of another program holds the log; what counts is that all of it was moved.
  if (rc != SQLITE_OK && ((rc & 0xff) != SQLITE_BUSY || moved != frames))
    return database.failure(rc, "checkpoint");
  log.frames = rc == SQLITE_OK ? 0 : frames;
  if (auto noted = note_log(); !noted) return noted;
  sqlite3_wal_hook(
      database.handle(),
      [](void* to, sqlite3*, const char*, int count) {
        *static_cast<int*>(to) = count;
        return SQLITE_OK;
      },
      &log.frames);
  if (auto prepared = prepare(); !prepared) return prepared;
  return options.is_in_memory() ? Result<void>{} : checkpoints.start(options.path, options.vfs);
}

Result<void> Journal::Store::note_log() {
  // Not opened by its path: that needs a descriptor, and may find none just when it counts.
  log.is_known = log.frames == 0;  // a commit that changed nothing writes nothing
  if (log.is_known) return {};
  sqlite3_file* file = nullptr;
  unsigned char header[kWalHeaderBytes];
  int rc = sqlite3_file_control(database.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
  if (rc == SQLITE_OK && (file == nullptr || file->pMethods == nullptr)) rc = SQLITE_CANTOPEN;
  if (rc == SQLITE_OK) rc = file->pMethods->xRead(file, header, sizeof header, 0);
  if (rc != SQLITE_OK) return database.failure(rc, "read the log");
  log.salt = wal_salt(header);
  log.is_known = true;
  return {};
}

Result<void> Journal::Store::prepare() {
  for (const auto& [statement, sql] : {
           std::pair{&begin, "BEGIN IMMEDIATE"},
           std::pair{&commit, "COMMIT"},
           std::pair{&rollback, "ROLLBACK"},
           std::pair{&insert_event, "INSERT INTO events VALUES(?1,?2,?3,?4)"},
           std::pair{&read_events,
                     "SELECT id,last,time,chunk FROM events WHERE id>=coalesce((SELECT id FROM "
                     "events WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1),?2) AND id<?3 "
                     "ORDER BY id"},
           std::pair{&walk_events, "SELECT id,last,time,chunk FROM events WHERE id>?1 ORDER BY id"},
           std::pair{&newest_event,
                     "SELECT id,last,time,chunk FROM events WHERE id<?1 ORDER BY id DESC LIMIT 1"},
           std::pair{&next_event,
                     "SELECT id,time FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1"},
           std::pair{&event_size, "SELECT last,length(chunk) FROM events WHERE id=?1"},
           std::pair{&erase_event, "DELETE FROM events WHERE id=?1"},
           std::pair{&put_head, "INSERT OR REPLACE INTO heads VALUES(?1,?2,?3,?4,?5)"},
       })
    if (auto prepared = statement->prepare(database, sql); !prepared) return prepared;
  return calls.prepare();
}

}  // namespace hookswitch
