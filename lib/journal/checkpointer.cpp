#include "journal/checkpointer.hpp"

namespace hookswitch {
namespace {

constexpr int kPasses = 4, kFewFrames = 64;

}  // namespace

Checkpointer::~Checkpointer() { stop(); }

void Checkpointer::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Result<void> Checkpointer::start(const std::string& path, const char* vfs) {
  if (!has_thread_) return {};
  if (auto opened = database_.open(path, vfs, false); !opened) return opened;
  if (auto set = database_.run("PRAGMA synchronous=FULL"); !set) return set;
  if (auto set = database_.run("PRAGMA wal_autocheckpoint=0"); !set) return set;
  thread_ = std::thread{[this] { run(); }};
  return {};
}

void Checkpointer::run() {
  for (;;) {
    {
      std::unique_lock lock{mutex_};
      wake_.wait(lock, [this] { return wanted_ || stopping_; });
      if (stopping_) return;
      wanted_ = false;
    }
    // Again for what came meanwhile, each time less, so that next to nothing is left for the
    // committer, who has to end it.
    int rc = SQLITE_OK, moved = 0;
    for (int pass = 0; rc == SQLITE_OK && pass < kPasses; ++pass) {
      const int before = moved;
      rc = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                     nullptr, &moved);
      if (pass > 0 && moved - before < kFewFrames) break;
    }
    // Busy: the committer is at it itself.
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
      const std::lock_guard lock{mutex_};
      failed_ = database_.failure(rc, "checkpoint").detail;
      has_failed_ = true;
    }
    {
      const std::lock_guard lock{mutex_};
      finished_ = true;
      busy_ = false;
    }
    idle_.notify_one();
  }
}

Result<void> Checkpointer::on_commit(int frames) {
  if (frames < start_frames_) return {};
  if (!has_thread_) return by_committer();
  if (has_failed_) {
    const std::lock_guard lock{mutex_};
    return Error{Errc::journal_io, failed_};
  }
  if (busy_) {
    if (frames < 16 * start_frames_) return {};
    // The thread has the lock that a checkpoint needs; without it there would be no limit.
    std::unique_lock lock{mutex_};
    idle_.wait(lock, [this] { return !busy_; });
    finished_ = false;
    if (has_failed_) return Error{Errc::journal_io, failed_};
    lock.unlock();
    return by_committer();
  }
  // Right after the thread is done little is left, and it lets the log begin anew.
  if (finished_.exchange(false) && frames >= 2 * start_frames_) return by_committer();
  busy_ = true;
  {
    const std::lock_guard lock{mutex_};
    wanted_ = true;
  }
  wake_.notify_one();
  return {};
}

Result<void> Checkpointer::by_committer() {
  const int rc = sqlite3_wal_checkpoint_v2(committer_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                           nullptr, nullptr);
  if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY) return {};
  return committer_.failure(rc, "checkpoint");
}

}  // namespace hookswitch
