#include "journal/saved_calls.hpp"

#include <algorithm>

namespace hookswitch {

Result<void> SavedCalls::prepare() {
  for (const auto& [statement, sql] :
       {std::pair{&insert_, "INSERT INTO states VALUES(?1,?2)"},
        std::pair{&erase_, "DELETE FROM states WHERE id=?1"},
        std::pair{&read_, "SELECT chunk FROM states WHERE id=?1"},
        std::pair{&walk_, "SELECT id,chunk FROM states ORDER BY id"}})
    if (auto prepared = statement->prepare(database_, sql); !prepared) return prepared.error();
  return {};
}

Result<std::size_t> SavedCalls::load() {
  std::size_t bad = 0;
  auto walk = walk_.use();
  int rc = SQLITE_DONE;
  while ((rc = walk.step()) == SQLITE_ROW) {
    const auto id = walk.integer(0);
    const auto bytes = walk.bytes(1);
    const auto states = read_states(bytes, id);
    // Rows leave at the front only: one that is missing between two was not taken away by us.
    if (!rows_.empty() && rows_.back().id + 1 != id) ++bad;
    rows_.push_back({id, bytes.size(), 0});
    bytes_ += bytes.size();
    next_row_ = id + 1;
    if (!states) {
      ++bad;
      continue;
    }
    for (const auto& [call, state] : *states)
      place(std::string{call}, state.empty() ? Place{} : Place{id, call.size() + state.size()});
  }
  if (rc != SQLITE_DONE) return database_.failure(rc, "load calls");
  return bad;
}

Result<std::map<std::string, std::string>> SavedCalls::read_all() {
  std::map<std::string, std::string> out;
  auto walk = walk_.use();
  int rc = SQLITE_DONE;
  while ((rc = walk.step()) == SQLITE_ROW) {
    const auto id = walk.integer(0);
    const auto states = read_states(walk.bytes(1), id);
    if (!states) continue;  // met and counted by load()
    for (const auto& [call, state] : *states) {
      const auto known = places_.find(std::string{call});
      if (known != places_.end() && known->second.row == id) out[known->first] = state;
    }
  }
  if (rc != SQLITE_DONE) return database_.failure(rc, "load calls");
  return out;
}

Result<void> SavedCalls::write(const States& calls, const States& notes) {
  std::uint64_t written = 0;
  for (const States* states : {&calls, &notes})
    for (const auto& [id, state] : *states) {
      if (state.empty() && !places_.contains(id)) continue;
      written += id.size() + state.size();
      if (auto added = add(id, state); !added) return added;
    }
  if (bytes_ > std::max(log_bytes_min_, 2 * living_bytes_))
    if (auto carried = carry(calls, notes, std::max<std::uint64_t>(kCarriedBytesMin, written));
        !carried)
      return carried;
  return close_row();
}

/// Takes rows from the front. For every byte written at most one is carried and a few are dropped,
/// so the log shrinks while no commit does much more than its own work.
Result<void> SavedCalls::carry(const States& calls, const States& notes, std::uint64_t budget) {
  std::uint64_t carried = 0, dropped = 0;
  while (dropped_rows_ < rows_.size() && carried < budget && dropped < 4 * budget) {
    const Row oldest = rows_[dropped_rows_];
    if (oldest.living > 0) {
      auto read = read_.use();
      if (read.bind(1, oldest.id).step() != SQLITE_ROW) return database_.failure("read calls");
      const std::string bytes{read.bytes(0)};
      const auto states = read_states(bytes, oldest.id);
      if (!states) return Error{Errc::journal_io, "saved calls are damaged"};
      for (const auto& [call, state] : *states) {
        const std::string id{call};
        const auto known = places_.find(id);
        if (known == places_.end() || known->second.row != oldest.id || calls.contains(id) ||
            notes.contains(id))
          continue;
        carried += id.size() + state.size();
        if (auto added = add(id, state); !added) return added;
      }
    }
    if (!erase_.use().bind(1, oldest.id).run()) return database_.failure("drop calls");
    dropped += oldest.bytes;
    ++dropped_rows_;
  }
  return {};
}

Result<void> SavedCalls::add(std::string_view id, std::string_view state) {
  if (!chunk_.empty() && chunk_.bytes() + state.size() > kRowBytesMax)
    if (auto closed = close_row(); !closed) return closed;
  if (chunk_.empty()) chunk_row_ = next_row_++;
  chunk_.add(id, state);
  new_places_.emplace_back(std::string{id},
                           state.empty() ? Place{} : Place{chunk_row_, id.size() + state.size()});
  return {};
}

Result<void> SavedCalls::close_row() {
  if (chunk_.empty()) return {};
  if (!insert_.use().bind(1, chunk_row_).bind_blob(2, chunk_.seal(chunk_row_)).run())
    return database_.failure("write calls");
  new_rows_.push_back({chunk_row_, chunk_.bytes(), 0});
  chunk_ = {};
  return {};
}

SavedCalls::Row* SavedCalls::row(std::int64_t id) {
  if (rows_.empty() || id < rows_.front().id) return nullptr;
  const auto at = static_cast<std::size_t>(id - rows_.front().id);  // ids follow each other
  return at < rows_.size() && rows_[at].id == id ? &rows_[at] : nullptr;
}

void SavedCalls::place(const std::string& id, Place where) {
  auto& known = places_[id];
  if (auto* before = row(known.row); before != nullptr) --before->living;
  living_bytes_ += where.bytes;
  living_bytes_ -= known.bytes;
  if (auto* now = row(where.row); now != nullptr) ++now->living;
  known = where;
  if (where.row == 0) places_.erase(id);
}

void SavedCalls::keep() {
  for (const auto& fresh : new_rows_) {
    rows_.push_back(fresh);
    bytes_ += fresh.bytes;
  }
  for (const auto& [id, where] : new_places_) place(id, where);
  for (; dropped_rows_ > 0; --dropped_rows_) {
    bytes_ -= rows_.front().bytes;
    rows_.pop_front();
  }
  drop();
}

void SavedCalls::drop() {
  chunk_ = {};
  new_places_.clear();
  new_rows_.clear();
  dropped_rows_ = 0;
  next_row_ = rows_.empty() ? next_row_ : rows_.back().id + 1;
}

}  // namespace hookswitch
