#include <algorithm>

#include "journal/store.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kChunkBytesMax =
    64 * 1024;  // but for one larger event; what a read takes at least
constexpr std::uint64_t kDropBytes = 256 * 1024;  // a turn's share of what retention lets go
constexpr std::size_t kCheckBytes =
    256 * 1024;  // read in a millisecond from memory, in ten from a disk
constexpr auto kCheckStep = std::chrono::seconds{1};
constexpr auto kCheckPause = std::chrono::hours{1};  // between two passes
constexpr int kCommitsPerSize = 16;

}  // namespace

Result<void> Journal::commit(const JournalBatch& batch) {
  if (!problem_.empty()) return Error{Errc::journal_io, problem_};
  if (batch.empty()) return {};
  Orgs changed;
  if (auto done = in_transaction(batch, changed, kDropBytes); !done) return done;
  for (auto& [name, org] : changed) orgs_[name] = org;
  return {};
}

/// After an error nothing of it has happened, and nothing more will before reopen().
Result<void> Journal::in_transaction(const JournalBatch& batch, Orgs& changed,
                                     std::uint64_t budget) {
  auto& store = *store_;
  if (is_too_large_ || --commits_until_size_ <= 0) {
    commits_until_size_ = kCommitsPerSize;
    const auto pages = store.database.integer("PRAGMA page_count");
    const auto free = store.database.integer("PRAGMA freelist_count");
    is_too_large_ =
        pages && free &&
        static_cast<std::uint64_t>(*pages - *free) * kJournalPageBytes > options_.bytes_max;
  }
  std::uint64_t bytes = 0;
  Result<void> good;
  if (!store.begin.use().run()) good = store.database.failure("begin");
  if (good) good = write_events(batch, changed, bytes);
  std::map<std::string, std::string> notes;
  for (const auto& [name, text] : batch.notes) notes.emplace(std::string{kNotePrefix} + name, text);
  if (good) good = store.calls.write(batch.calls, notes);
  if (good && (is_due_ || is_too_large_)) good = drop_old(changed, std::max(budget, 2 * bytes));
  if (good) {
    for (const auto& [name, org] : changed) {
      const auto sum = head_sum(name, org.number, org.newest, org.complete_after);
      auto head = store.put_head.use();
      head.bind(1, org.number).bind_text(2, name).bind(3, static_cast<std::int64_t>(org.newest));
      head.bind(4, static_cast<std::int64_t>(org.complete_after)).bind(5, sum);
      if (!head.run()) good = store.database.failure("write heads");
    }
  }
  if (good && !store.commit.use().run()) good = store.database.failure("commit");
  if (!good) {
    store.rollback.use().run();
    store.calls.drop();
    return fail(good.error());
  }
  store.calls.keep();
  // What was committed stays so, whatever becomes of the log.
  auto cared = options_.is_in_memory() ? Result<void>{} : store.note_log();
  if (cared) cared = store.checkpoints.on_commit(store.log.frames);
  if (!cared) fail(cared.error());
  return {};
}

Journal::Org& Journal::changed_org(Orgs& changed, const std::string& name) {
  const auto [it, fresh] = changed.try_emplace(name);
  if (!fresh) return it->second;
  if (const auto known = orgs_.find(name); known != orgs_.end()) {
    it->second = known->second;
  } else {
    it->second.number = static_cast<std::int64_t>(orgs_.size() + 1);
    for (const auto& [other, org] : changed)
      if (&org != &it->second) it->second.number = std::max(it->second.number, org.number + 1);
  }
  return it->second;
}

Result<void> Journal::write_events(const JournalBatch& batch, Orgs& changed, std::uint64_t& bytes) {
  struct Open {
    Org* org;
    EventChunk chunk;
  };
  std::map<std::string_view, Open> open;
  const auto write = [&](Open& one) {
    const auto& key = one.chunk.key();
    const auto row = event_row(key.org, key.first);
    auto insert = store_->insert_event.use();
    insert.bind(1, row).bind(2, static_cast<std::int64_t>(key.last)).bind(3, key.time_ms);
    const bool good = insert.bind_blob(4, one.chunk.seal()).run();
    if (one.org->oldest_row == 0) {
      one.org->oldest_row = row;
      one.org->oldest_time_ms = key.time_ms;
    }
    bytes += one.chunk.bytes();
    one.chunk = EventChunk{key.org};
    return good;
  };
  Open* at = nullptr;
  const Text* name = nullptr;
  for (const auto& event : batch.events) {
    if (name == nullptr || !(*name == event.org)) {
      name = &event.org;
      auto& org = changed_org(changed, event.org.str());
      at = &open.try_emplace(event.org.str(), Open{&org, EventChunk{org.number}}).first->second;
    }
    if (event.offset != at->org->newest + 1 || event.offset >> kOffsetBits != 0)
      return Error{Errc::journal_io, "offsets do not follow each other"};
    at->org->newest = event.offset;
    at->chunk.add(event);
    if (at->chunk.bytes() >= kChunkBytesMax && !write(*at))
      return store_->database.failure("write events");
  }
  for (auto& [org, one] : open)
    if (!one.chunk.empty() && !write(one)) return store_->database.failure("write events");
  return {};
}

bool Journal::is_due(const Org& org) const {
  return org.oldest_row != 0 && (is_too_large_ || org.oldest_time_ms < drop_before_ms_);
}

/// The organisation with the oldest event of those that are due.
const Journal::Org* Journal::oldest(const Orgs& changed, std::string& name) const {
  const Org* out = nullptr;
  for (const auto& [candidate, known] : orgs_) {
    const auto newer = changed.find(candidate);
    const Org& org = newer == changed.end() ? known : newer->second;
    if (!is_due(org) || (out != nullptr && out->oldest_time_ms <= org.oldest_time_ms)) continue;
    out = &org;
    name = candidate;
  }
  return out;
}

/// Freed pages are used again, so the file stops growing; it does not shrink.
Result<void> Journal::drop_old(Orgs& changed, std::uint64_t budget) {
  auto& store = *store_;
  std::string name;
  for (std::uint64_t dropped = 0; dropped < budget && oldest(changed, name) != nullptr;) {
    Org& org = changed_org(changed, name);
    {
      auto row = store.event_size.use();
      if (row.bind(1, org.oldest_row).step() != SQLITE_ROW) return damage("events are missing");
      org.complete_after = static_cast<std::uint64_t>(row.integer(0));
      dropped += static_cast<std::uint64_t>(row.integer(1)) + 512;
    }
    if (!store.erase_event.use().bind(1, org.oldest_row).run())
      return store.database.failure("drop events");
    auto next = store.next_event.use();
    const int rc = next.bind(1, org.oldest_row).bind(2, event_row(org.number + 1, 0) - 1).step();
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return store.database.failure(rc, "drop events");
    org.oldest_row = rc == SQLITE_ROW ? next.integer(0) : 0;
    org.oldest_time_ms = rc == SQLITE_ROW ? next.integer(1) : 0;
  }
  return {};
}

Result<bool> Journal::tidy(Time now) {
  if (!problem_.empty() || store_ == nullptr) return Error{Errc::journal_io, problem_};
  drop_before_ms_ = to_unix_ms(now - options_.retention);
  std::string name;
  is_due_ = oldest({}, name) != nullptr;
  if (is_due_) {
    Orgs changed;
    if (auto done = in_transaction({}, changed, kDropBytes); !done) return done.error();
    for (auto& [org_name, org] : changed) orgs_[org_name] = org;
    is_due_ = oldest({}, name) != nullptr;
  }
  if (now >= next_check_) {
    const auto passes = checks_;
    if (auto good = check_rows(*store_, orgs_, kCheckBytes); !good) return good.error();
    next_check_ = now + (checks_ == passes ? milliseconds{kCheckStep} : milliseconds{kCheckPause});
  }
  return is_due_;
}

}  // namespace hookswitch
