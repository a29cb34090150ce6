#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "support/faulty_vfs.hpp"
#include "support/temp_folder.hpp"
#include "unit/journal/history.hpp"

namespace hookswitch::journal_test {
namespace {

using testing_support::Fault;
using testing_support::FaultyVfs;
using testing_support::read_file;
using testing_support::TempFolder;
namespace fs = std::filesystem;

/// Lowers a limit of this process while it lives.
class Limit {
 public:
  Limit(__rlimit_resource what, rlim_t to) : what_(what) {
    ::getrlimit(what_, &before_);
    const rlimit lower{to, before_.rlim_max};
    ::setrlimit(what_, &lower);
  }
  ~Limit() { ::setrlimit(what_, &before_); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  __rlimit_resource what_;
  rlimit before_{};
};

class Reopen : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.path = folder_.path("j.db");
    options_.vfs = vfs_.name();
    options_.has_checkpoint_thread = false;
    open();
  }
  void open() {
    auto opened = Journal::open(options_, kNow);
    ASSERT_TRUE(opened) << opened.error().detail;
    journal_ = std::move(*opened);
  }
  Result<void> commit(std::size_t bytes = 10) {
    const auto offset = journal_->newest("acme") + 1;
    const auto body = "marker-" + std::to_string(offset) + std::string(bytes, 'x');
    return journal_->commit(
        {{{"acme", offset, kNow, {"alice"}, make_frame(body)}}, {{"call", "state"}}});
  }
  void fail_commit() {
    vfs_.fail_at(1, Fault::io_error);
    ASSERT_FALSE(commit());
  }
  std::size_t readable() {
    const auto events = journal_->read("acme", 0, 1000, 1'000'000'000);
    return events ? events->size() : 0;
  }

  const TempFolder folder_;
  FaultyVfs vfs_{"reopen"};
  JournalOptions options_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(Reopen, KeepsWhatWasCommittedWhileNoDescriptorWasFree) {
  ASSERT_TRUE(commit());
  {
    const Limit none{RLIMIT_NOFILE, 0};
    ASSERT_TRUE(commit());
  }
  fail_commit();
  const auto same = journal_->reopen(kNow);
  ASSERT_TRUE(same) << same.error().detail;
  EXPECT_TRUE(*same);
  EXPECT_EQ(journal_->newest("acme"), 2U);
  EXPECT_EQ(readable(), 2U);
}

TEST_F(Reopen, WaitsUntilTheLogCanBeReadAndReadsGoOn) {
  ASSERT_TRUE(commit());
  fail_commit();
  const auto log = options_.path + "-wal";
  fs::rename(log, folder_.path("kept"));
  fs::create_directory(log);
  EXPECT_FALSE(journal_->reopen(kNow));
  EXPECT_EQ(readable(), 1U);
  fs::remove(log);
  fs::rename(folder_.path("kept"), log);
  const auto same = journal_->reopen(kNow);
  ASSERT_TRUE(same);
  EXPECT_TRUE(*same);
  EXPECT_EQ(readable(), 1U);
}

TEST_F(Reopen, BeginsAnEpochWhereOffsetsWentBack) {
  ASSERT_TRUE(commit());
  const auto one = fs::file_size(options_.path + "-wal");
  ASSERT_TRUE(commit());
  const auto epoch = journal_->epoch();
  fail_commit();
  fs::resize_file(options_.path + "-wal", one);
  const auto same = journal_->reopen(kNow);
  ASSERT_TRUE(same) << same.error().detail;
  EXPECT_FALSE(*same);
  EXPECT_EQ(journal_->newest("acme"), 1U);
  EXPECT_NE(journal_->epoch(), epoch);
  const auto fresh = journal_->epoch();
  journal_.reset();
  open();
  EXPECT_EQ(journal_->epoch(), fresh);
}

TEST_F(Reopen, WithoutRoomForTheLogReadsGoOn) {
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(commit(50'000));
  fail_commit();
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  {
    const Limit small{RLIMIT_FSIZE, 600'000};
    EXPECT_FALSE(journal_->reopen(kNow));
    EXPECT_EQ(readable(), 30U);
  }
  std::signal(SIGXFSZ, before);
  const auto same = journal_->reopen(kNow);
  ASSERT_TRUE(same) << same.error().detail;
  EXPECT_TRUE(*same);
  EXPECT_EQ(readable(), 30U);
}

TEST_F(Reopen, CallsOfADamagedFileOutliveAFullDisk) {
  options_.check_whole_bytes_max = 0;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(commit());
  journal_.reset();
  auto bytes = read_file(options_.path);
  const auto at = bytes.find("marker-1");
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 'M';
  for (std::size_t step = 1; step < 60; ++step) {
    for (const auto& file : fs::directory_iterator{folder_.path()}) fs::remove(file);
    folder_.write("j.db", bytes);
    vfs_.fail_at(0, Fault::full);
    open();
    EXPECT_EQ(readable(), 0U);
    ASSERT_NE(journal_->problem(), "");
    vfs_.fail_at(step, Fault::full);
    if (!journal_->reopen(kNow)) {
      (void)readable();
      (void)journal_->load_calls();
      vfs_.fail_at(0, Fault::full);
      ASSERT_TRUE(journal_->reopen(kNow)) << step;
    }
    const auto calls = journal_->load_calls();
    ASSERT_TRUE(calls);
    EXPECT_EQ(calls->size(), 1U) << "a live call is gone, step " << step;
    journal_.reset();
  }
}

}  // namespace
}  // namespace hookswitch::journal_test
