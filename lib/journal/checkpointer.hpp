#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "journal/database.hpp"

namespace hookswitch {

/// Moves what the write-ahead log holds into the file, off the commit path: a thread with a
/// connection of its own copies and syncs while commits go on; the committer copies only the little
/// that came meanwhile, and the log then begins anew. Owner: Journal.
class Checkpointer {
 public:
  /// From `start_frames` on in the log the thread begins; from twice that the committer ends what
  /// it has begun; at 16 times the disk is slower than the load and the committer waits for the
  /// thread, then ends it. Without a thread everything is done by the committer.
  Checkpointer(Database& committer, bool has_thread, int start_frames)
      : committer_(committer), has_thread_(has_thread), start_frames_(start_frames) {}
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  Result<void> start(const std::string& path, const char* vfs);
  /// After a commit that left `frames` in the log. Error: the log could not be moved or synced;
  /// nothing may be tried again on these descriptors.
  Result<void> on_commit(int frames);
  /// Waits for the thread's last piece of work.
  void stop();

 private:
  void run();
  Result<void> by_committer();

  Database& committer_;
  bool has_thread_;
  int start_frames_;
  Database database_;  ///< the thread's, after start()
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  bool wanted_ = false, stopping_ = false;  // under mutex_
  std::string failed_;                      // under mutex_
  std::atomic<bool> busy_{false}, has_failed_{false}, finished_{false};
  std::thread thread_;
};

}  // namespace hookswitch
