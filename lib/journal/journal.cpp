#include "journal/journal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/ids.hpp"
#include "journal/checksum.hpp"
#include "journal/store.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kRoomBytes = 256 * 1024;  // a commit and the log's index
constexpr std::uint64_t kFrameBytes = kJournalPageBytes + 24;

}  // namespace

Journal::Journal(JournalOptions options)
    : options_(std::move(options)), lock_(std::make_unique<FileLock>()) {}

Journal::~Journal() {
  if (store_ == nullptr || !problem_.empty()) return;
  store_->checkpoints.stop();
  (void)store_->database.run("PRAGMA wal_checkpoint(TRUNCATE)");
}

Result<std::unique_ptr<Journal>> Journal::open(JournalOptions options, Time now) {
  std::unique_ptr<Journal> journal{new Journal(std::move(options))};
  if (!journal->options_.is_in_memory())
    if (const auto why = journal->lock_->take(journal->options_.path + ".lock"); !why.empty())
      return Error{Errc::journal_io, why};
  if (auto opened = journal->open_store(now); !opened) return opened.error();
  return journal;
}

Result<void> Journal::open_store(Time now) {
  std::string told;
  for (int attempt = 0;; ++attempt) {
    const auto log = options_.is_in_memory() ? WalReport{} : examine_wal(options_.path);
    if (!log.error.empty()) return Error{Errc::journal_io, log.error};
    std::string why;
    if (log.is_damaged) {
      why = "its log is damaged";
    } else {
      auto store = std::make_unique<Store>(options_);
      Orgs orgs;
      std::string epoch;
      damaged_ = false;
      auto opened = store->open(options_);
      if (!opened && store->database.is_head_spoilt(options_.path)) damaged_ = true;
      if (opened) opened = load(*store, orgs, epoch);
      if (opened && !salvaged_.empty()) {
        store_ = std::move(store);
        orgs_ = std::move(orgs);
        problem_.clear();
        opened = commit({{}, salvaged_});
        // Not to be read before the calls are in it: those who read would find nothing.
        if (!opened) {
          give_up_store();
          return opened;
        }
        store = std::move(store_);
        orgs = std::move(orgs_);
        salvaged_.clear();
      }
      if (opened) {
        if (log.is_tail_dropped)
          told += "the journal's log did not end with a whole commit: history ends at the last one";
        store_ = std::move(store);
        orgs_ = std::move(orgs);
        epoch_ = std::move(epoch);
        notice_ = std::move(told);
        problem_.clear();
        is_too_large_ = false;
        commits_until_size_ = 0;
        checked_row_ = 0;
        checked_last_ = 0;
        return {};
      }
      if (!damaged_ && !store->database.damaged()) return opened;
      why = opened.error().detail;
    }
    if (attempt > 0) return Error{Errc::journal_io, why};
    if (auto moved = set_aside(now, why); !moved) return moved;
    told = notice_ + "; ";
  }
}

/// Moves what is there away and takes along the calls that can be read.
Result<void> Journal::set_aside(Time now, const std::string& why) {
  const std::string aside = fmt::format("{}.damaged-{}", options_.path, to_unix_ms(now));
  if (std::rename(options_.path.c_str(), aside.c_str()) != 0)
    return Error{Errc::journal_io, "cannot move the damaged journal aside"};
  std::rename((options_.path + "-wal").c_str(), (aside + "-wal").c_str());
  ::unlink((options_.path + "-shm").c_str());
  log_ = {};
  is_uncut_ = false;
  Database database;
  SavedCalls calls{database};
  if (database.open(aside, options_.vfs, false) && calls.prepare()) {
    (void)calls.load();
    // Over what was taken along before: that was not stored yet, so nothing newer is lost.
    if (auto read = calls.read_all())
      for (auto& [id, state] : *read) salvaged_[id] = std::move(state);
  }
  notice_ = fmt::format(
      "the journal was damaged ({}) and moved to {}; {} calls were taken over, a "
      "new history begins",
      why, aside, salvaged_.size());
  return {};
}

void Journal::give_up_store() {
  log_ = store_->log;
  is_uncut_ = true;
  store_.reset();
}

/// What failed must not come back: neither as bytes that only the page cache has, nor behind what
/// is written next. The store is given up only when it is known what to cut.
Result<void> Journal::cut_log() {
  const auto found = examine_wal(options_.path);
  if (!found.error.empty()) return Error{Errc::journal_io, found.error};
  if (store_ != nullptr) give_up_store();
  std::uint64_t good = 0;  // a log that began anew is in the file as a whole
  if (log_.frames > 0 && found.has_header && found.salt == log_.salt)
    good = kWalHeaderBytes + static_cast<std::uint64_t>(log_.frames) * kFrameBytes;
  const bool is_lost = log_.frames > 0 && !found.has_header && found.is_damaged;  // open says so
  if (log_.is_known && !is_lost && !cut_wal(options_.path + "-wal", good))
    return Error{Errc::journal_io, "cannot cut the journal's log"};
  is_uncut_ = false;
  return {};
}

/// History went back, though nothing is spoilt.
Result<void> Journal::begin_epoch() {
  const std::string fresh = random_hex(4);
  const auto sql =
      fmt::format("UPDATE meta SET value='{}{:08x}' WHERE key='epoch'", fresh, crc32c(fresh));
  auto done = store_->database.run(sql.c_str());
  if (done && !options_.is_in_memory()) done = store_->note_log();
  if (!done) {
    fail(done.error());
    give_up_store();
    return done;
  }
  epoch_ = fresh;
  notice_ += "the newest events of the journal are gone; a new history begins";
  return {};
}

Result<bool> Journal::reopen(Time now) {
  if (options_.is_in_memory()) {
    store_.reset();
    damaged_ = false;
  }
  // What open moves from the log into the file must fit, or there would be nothing to read from.
  const auto frames =
      static_cast<std::size_t>(store_ != nullptr ? store_->log.frames : log_.frames);
  if (!options_.is_in_memory() && !damaged_ &&
      !has_room(options_.path + ".probe", frames * kJournalPageBytes + kRoomBytes))
    return Error{Errc::journal_io, "no room on the disk of the journal"};
  if (!damaged_ && !options_.is_in_memory() && (store_ != nullptr || is_uncut_))
    if (auto cut = cut_log(); !cut) return cut.error();
  store_.reset();
  std::string told;
  if (damaged_) {
    if (auto moved = set_aside(now, problem_); !moved) return moved.error();
    damaged_ = false;
    told = notice_;
  }
  const auto before = epoch_;
  const auto orgs_before = std::move(orgs_);
  auto opened = open_store(now);
  // Offsets that were told may not be used again under the same name.
  if (opened && epoch_ == before &&
      std::any_of(orgs_before.begin(), orgs_before.end(),
                  [&](const auto& org) { return newest(org.first) < org.second.newest; }))
    opened = begin_epoch();
  if (!opened) {
    orgs_ = orgs_before;
    epoch_ = before;
    return opened.error();
  }
  notice_ = told + notice_;
  return epoch_ == before && std::equal(orgs_.begin(), orgs_.end(), orgs_before.begin(),
                                        orgs_before.end(), [](const auto& a, const auto& b) {
                                          return a.first == b.first &&
                                                 a.second.newest == b.second.newest;
                                        });
}

Result<void> Journal::load(Store& store, Orgs& orgs, std::string& epoch) {
  auto& database = store.database;
  for (const char* check : {"PRAGMA quick_check('meta')", "PRAGMA quick_check('heads')",
                            "PRAGMA quick_check('states')"}) {
    const auto verdict = database.text(check);
    if (!verdict) return verdict.error();
    if (*verdict != "ok") return damage(*verdict);
  }
  auto name = database.text("SELECT value FROM meta WHERE key='epoch'");
  if (!name) return name.error();
  epoch = name->substr(0, 8);
  if (name->size() != 16 || name->substr(8) != fmt::format("{:08x}", crc32c(epoch)))
    return damage("the epoch cannot be read");
  std::int64_t count = 0;
  {
    Statement heads;
    if (auto prepared = heads.prepare(database, "SELECT * FROM heads ORDER BY number"); !prepared)
      return prepared;
    auto row = heads.use();
    int rc = SQLITE_DONE;
    while ((rc = row.step()) == SQLITE_ROW) {
      const std::string org_name{row.bytes(1)};
      Org org;
      org.number = row.integer(0);
      org.newest = static_cast<std::uint64_t>(row.integer(2));
      org.complete_after = static_cast<std::uint64_t>(row.integer(3));
      if (org.number != ++count ||
          row.integer(4) != head_sum(org_name, org.number, org.newest, org.complete_after))
        return damage("what is said of an organisation is spoilt");
      orgs.emplace(org_name, org);
    }
    if (rc != SQLITE_DONE) return database.failure(rc, "load");
  }
  for (auto& [org_name, org] : orgs)
    if (auto good = load_org(store, org_name, org); !good) return good;
  {
    auto beyond = store.walk_events.use();
    const int rc = beyond.bind(1, event_row(count + 1, 0)).step();
    if (rc == SQLITE_ROW) return damage("events of nobody");
    if (rc != SQLITE_DONE) return database.failure(rc, "load");
  }
  const auto bad_rows = store.calls.load();
  if (!bad_rows) return bad_rows.error();
  if (*bad_rows > 0) return damage("saved calls are spoilt");
  const auto pages = database.integer("PRAGMA page_count");
  if (!pages) return pages.error();
  if (static_cast<std::uint64_t>(*pages) * kJournalPageBytes > options_.check_whole_bytes_max)
    return {};
  const auto verdict = database.text("PRAGMA quick_check(1)");
  if (!verdict) return verdict.error();
  if (*verdict != "ok") return damage(*verdict);
  checked_row_ = 0;
  return check_rows(store, orgs, std::size_t{1} << 40);
}

/// Where the events of one organisation begin, and that they end where they are said to.
Result<void> Journal::load_org(Store& store, const std::string& name, Org& org) {
  const auto first = event_row(org.number, 0), end = event_row(org.number + 1, 0);
  {
    auto oldest = store.next_event.use();
    const int rc = oldest.bind(1, first).bind(2, end - 1).step();
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return store.database.failure(rc, "load");
    if (rc == SQLITE_ROW) {
      org.oldest_row = oldest.integer(0);
      org.oldest_time_ms = oldest.integer(1);
    }
  }
  const auto spoilt = [&] { return damage("events of " + name + " are missing or spoilt"); };
  if (org.oldest_row == 0) return org.newest == org.complete_after ? Result<void>{} : spoilt();
  if (offset_of_row(org.oldest_row) != org.complete_after + 1) return spoilt();
  auto newest = store.newest_event.use();
  const int rc = newest.bind(1, end).step();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return store.database.failure(rc, "load");
  if (rc != SQLITE_ROW) return spoilt();
  const EventRow row{newest};
  if (row.key.org != org.number || row.key.last != org.newest || !is_good(row.chunk, row.key))
    return spoilt();
  return {};
}

Result<std::vector<StoredEvent>> Journal::read(const std::string& org, std::uint64_t offset,
                                               std::size_t events_max, std::size_t bytes_max) {
  std::vector<StoredEvent> out;
  const auto known = orgs_.find(org);
  if (known == orgs_.end()) return out;
  const Org& of = known->second;
  offset = std::max(offset, of.complete_after);
  if (offset >= of.newest || events_max == 0) return out;
  if (store_ == nullptr) return Error{Errc::journal_io, problem_};
  const Text name = org;
  std::size_t bytes = 0;
  auto expected = offset + 1;
  auto select = store_->read_events.use();
  select.bind(1, event_row(of.number, 0)).bind(2, event_row(of.number, expected));
  select.bind(3, event_row(of.number + 1, 0));
  while (expected <= of.newest && out.size() < events_max && (bytes < bytes_max || out.empty())) {
    const int rc = select.step();
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return fail(store_->database.failure(rc, "read"));
    if (rc == SQLITE_DONE) return damage("events are missing");
    const EventRow row{select};
    const auto before = out.size();
    if (row.key.first > expected || row.key.last < expected ||
        (before > 0 && row.key.first != expected) ||
        !read_events(row.chunk, row.key, name, expected - 1, events_max - before,
                     bytes_max - std::min(bytes, bytes_max - 1), out))
      return damage(fmt::format("events from {} on are missing or spoilt", expected));
    for (auto at = before; at < out.size(); ++at) bytes += out[at].body->text().size();
    expected = row.key.last + 1;
  }
  return out;
}

/// From where it stopped: every row has its sum, and none is missing.
Result<void> Journal::check_rows(Store& store, const Orgs& orgs, std::size_t bytes_max) {
  const auto by_number = [&](std::int64_t number) {
    return std::find_if(orgs.begin(), orgs.end(),
                        [&](const auto& org) { return org.second.number == number; });
  };
  const auto last_number = static_cast<std::int64_t>(orgs.size());
  auto walk = store.walk_events.use();
  walk.bind(1, checked_row_);
  auto number = std::max<std::int64_t>(org_of_row(checked_row_), 1);
  std::size_t bytes = 0;
  for (;;) {
    const int rc = walk.step();
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return fail(store.database.failure(rc, "check"));
    const auto row_number = rc == SQLITE_ROW ? org_of_row(walk.integer(0)) : last_number + 1;
    for (; number < row_number && number <= last_number; ++number) {
      const auto org = by_number(number);
      if (org == orgs.end() ||
          std::max(checked_last_, org->second.complete_after) != org->second.newest)
        return damage("the end of an organisation's events is missing");
      checked_last_ = 0;
    }
    if (rc == SQLITE_DONE) {
      checked_row_ = 0;
      checked_last_ = 0;
      ++checks_;
      return {};
    }
    const EventRow row{walk};
    const auto org = by_number(row.key.org);
    if (org == orgs.end() ||
        row.key.first != std::max(checked_last_, org->second.complete_after) + 1 ||
        !is_good(row.chunk, row.key))
      return damage(fmt::format("events from {} on are missing or spoilt", row.key.first));
    checked_row_ = walk.integer(0);
    checked_last_ = row.key.last;
    bytes += row.chunk.size();
    if (bytes >= bytes_max) return {};
  }
}

std::uint64_t Journal::newest(const std::string& org) const {
  const auto it = orgs_.find(org);
  return it == orgs_.end() ? 0 : it->second.newest;
}

std::uint64_t Journal::complete_after(const std::string& org) const {
  const auto it = orgs_.find(org);
  return it == orgs_.end() ? 0 : it->second.complete_after;
}

Result<std::map<std::string, std::string>> Journal::load_states(bool notes) {
  if (store_ == nullptr) return Error{Errc::journal_io, problem_};
  auto all = store_->calls.read_all();
  if (!all) return fail(all.error());
  std::map<std::string, std::string> out;
  for (auto& [id, state] : *all)
    if (id.starts_with(kNotePrefix) == notes)
      out.emplace(notes ? id.substr(kNotePrefix.size()) : id, std::move(state));
  return out;
}

Result<std::map<std::string, std::string>> Journal::load_calls() { return load_states(false); }

Result<std::map<std::string, std::string>> Journal::load_notes() { return load_states(true); }

Error Journal::damage(const std::string& what) {
  damaged_ = true;
  problem_ = what;
  return Error{Errc::journal_io, what};
}

Error Journal::fail(const Error& error) {
  damaged_ = damaged_ || (store_ != nullptr && store_->database.damaged());
  problem_ = error.detail;
  return error;
}

}  // namespace hookswitch
