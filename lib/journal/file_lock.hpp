#pragma once

#include <string>

namespace hookswitch {

/// One daemon a journal: holds `path`, made for its owner only, until it goes or the process ends.
class FileLock {
 public:
  FileLock() = default;
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  /// Empty, or why not.
  std::string take(const std::string& path);

 private:
  int fd_ = -1;
};

/// Whether a file of `bytes` can be made and synced beside the journal, which it is not part of.
bool has_room(const std::string& path, std::size_t bytes);

}  // namespace hookswitch
