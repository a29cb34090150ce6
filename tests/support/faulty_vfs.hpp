#pragma once

#include <sqlite3.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch::testing_support {

enum class Fault { io_error, short_write, full };

/// A file layer for SQLite over its own one: counts writes, syncs and truncations, lets one of them
/// fail, and keeps a record of them from which any crash image can be made. Syncs do not reach the
/// disk: what a power failure would leave is made from the record instead. One thread; registered
/// while it lives.
class FaultyVfs {
 public:
  struct Step {
    enum class Kind { write, sync, truncate, remove } kind;
    std::string file;  ///< name without the folder
    sqlite3_int64 at = 0;
    std::string bytes;
  };

  explicit FaultyVfs(std::string name) : name_(std::move(name)), below_(sqlite3_vfs_find(nullptr)) {
    vfs_ = *below_;
    vfs_.pNext = nullptr;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + below_->szOsFile;
    vfs_.xOpen = [](sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
      return static_cast<FaultyVfs*>(vfs->pAppData)->open(path, file, flags, out);
    };
    vfs_.xDelete = [](sqlite3_vfs* vfs, const char* path, int sync_folder) {
      auto& self = *static_cast<FaultyVfs*>(vfs->pAppData);
      if (self.recording_) self.steps_.push_back({Step::Kind::remove, base_name(path), 0, {}});
      return self.below_->xDelete(self.below_, path, sync_folder);
    };
    sqlite3_vfs_register(&vfs_, 0);
  }
  ~FaultyVfs() { sqlite3_vfs_unregister(&vfs_); }
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  const char* name() const { return name_.c_str(); }
  /// The `step`th from now on fails; 0: none.
  void fail_at(std::size_t step, Fault fault) {
    fail_in_ = step;
    fault_ = fault;
  }
  bool has_failed() const { return failed_; }
  /// Something was written to or synced on a descriptor whose sync had failed.
  bool has_been_tried_again() const { return tried_again_; }
  void record(bool on) { recording_ = on; }
  const std::vector<Step>& steps() const { return steps_; }

 private:
  struct File {
    sqlite3_file base;
    FaultyVfs* vfs;
    char name[64];
    bool sync_failed;
    sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static std::string base_name(const char* path) {
    const std::string_view whole = path == nullptr ? "" : path;
    return std::string{whole.substr(whole.rfind('/') + 1)};
  }
  static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
  static sqlite3_file* below(sqlite3_file* file) { return of(file).below(); }

  int open(const char* path, sqlite3_file* base, int flags, int* out) {
    auto& file = of(base);
    file = {};
    file.vfs = this;
    const auto name = base_name(path).substr(0, sizeof file.name - 1);
    std::memcpy(file.name, name.data(), name.size());
    const int rc = below_->xOpen(below_, path, file.below(), flags, out);
    if (rc == SQLITE_OK || file.below()->pMethods != nullptr) base->pMethods = methods();
    return rc;
  }

  /// True: this one fails.
  bool step(File& file, Step step) {
    tried_again_ = tried_again_ || file.sync_failed;
    if (fail_in_ > 0 && --fail_in_ == 0) {
      failed_ = true;
      return true;
    }
    if (recording_) steps_.push_back(std::move(step));
    return false;
  }
  int write(File& file, const void* data, int size, sqlite3_int64 at) {
    const std::string bytes{static_cast<const char*>(data), static_cast<std::size_t>(size)};
    if (!step(file, {Step::Kind::write, file.name, at, recording_ ? bytes : ""}))
      return file.below()->pMethods->xWrite(file.below(), data, size, at);
    if (fault_ == Fault::short_write)
      file.below()->pMethods->xWrite(file.below(), data, size / 2, at);
    return fault_ == Fault::io_error ? SQLITE_IOERR_WRITE : SQLITE_FULL;
  }
  int sync(File& file) {
    if (!step(file, {Step::Kind::sync, file.name, 0, {}})) return SQLITE_OK;
    file.sync_failed = true;
    return SQLITE_IOERR_FSYNC;
  }
  int truncate(File& file, sqlite3_int64 size) {
    if (step(file, {Step::Kind::truncate, file.name, size, {}})) return SQLITE_IOERR_TRUNCATE;
    return file.below()->pMethods->xTruncate(file.below(), size);
  }

  static const sqlite3_io_methods* methods() {
    using F = sqlite3_file;
    using I = sqlite3_int64;
    static const sqlite3_io_methods all = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;
      m.xClose = [](F* f) { return below(f)->pMethods->xClose(below(f)); };
      m.xRead = [](F* f, void* to, int size, I at) {
        return below(f)->pMethods->xRead(below(f), to, size, at);
      };
      m.xWrite = [](F* f, const void* from, int size, I at) {
        return of(f).vfs->write(of(f), from, size, at);
      };
      m.xTruncate = [](F* f, I size) { return of(f).vfs->truncate(of(f), size); };
      m.xSync = [](F* f, int) { return of(f).vfs->sync(of(f)); };
      m.xFileSize = [](F* f, I* size) { return below(f)->pMethods->xFileSize(below(f), size); };
      m.xLock = [](F* f, int kind) { return below(f)->pMethods->xLock(below(f), kind); };
      m.xUnlock = [](F* f, int kind) { return below(f)->pMethods->xUnlock(below(f), kind); };
      m.xCheckReservedLock = [](F* f, int* out) {
        return below(f)->pMethods->xCheckReservedLock(below(f), out);
      };
      m.xFileControl = [](F* f, int op, void* arg) {
        return below(f)->pMethods->xFileControl(below(f), op, arg);
      };
      m.xSectorSize = [](F* f) { return below(f)->pMethods->xSectorSize(below(f)); };
      m.xDeviceCharacteristics = [](F* f) {
        return below(f)->pMethods->xDeviceCharacteristics(below(f));
      };
      m.xShmMap = [](F* f, int page, int size, int extend, void volatile** out) {
        return below(f)->pMethods->xShmMap(below(f), page, size, extend, out);
      };
      m.xShmLock = [](F* f, int at, int count, int flags) {
        return below(f)->pMethods->xShmLock(below(f), at, count, flags);
      };
      m.xShmBarrier = [](F* f) { below(f)->pMethods->xShmBarrier(below(f)); };
      m.xShmUnmap = [](F* f, int gone) { return below(f)->pMethods->xShmUnmap(below(f), gone); };
      return m;
    }();
    return &all;
  }

  std::string name_;
  sqlite3_vfs* below_;
  sqlite3_vfs vfs_{};
  std::size_t fail_in_ = 0;
  Fault fault_ = Fault::io_error;
  bool failed_ = false, tried_again_ = false, recording_ = false;
  std::vector<Step> steps_;
};

}  // namespace hookswitch::testing_support
