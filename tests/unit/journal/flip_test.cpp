#include <gtest/gtest.h>

#include "support/faulty_vfs.hpp"
#include "support/temp_folder.hpp"
#include "unit/journal/history.hpp"

namespace hookswitch::journal_test {
namespace {

using testing_support::FaultyVfs;
using testing_support::read_file;
using testing_support::TempFolder;

constexpr std::uint64_t kSeed = 20261122;
constexpr std::size_t kFlips = 350;        // in the file, and as many in its log
constexpr std::size_t kFlipsInHead = 120;  // of these among the first bytes, where all is decided

JournalOptions options_for(const std::string& path, const FaultyVfs& vfs) {
  JournalOptions out{path};
  out.vfs = vfs.name();
  out.has_checkpoint_thread = false;
  out.checkpoint_frames = 100;
  out.state_log_bytes_min = 20'000;
  return out;
}

struct Files {
  std::string file, log;
};

/// A journal as a crash leaves it, much of it in the file and the newest commits in the log.
class FlippedBit : public ::testing::TestWithParam<bool> {
 protected:
  static void SetUpTestSuite() {
    history_ = new History{kSeed};
    files_ = new Files;
    const TempFolder folder;
    FaultyVfs vfs{"flip"};
    auto journal = Journal::open(options_for(folder.path("j.db"), vfs), kNow);
    ASSERT_TRUE(journal);
    for (int i = 0; i < 70; ++i) {
      const auto batch = history_->next();
      ASSERT_TRUE((*journal)->commit(batch));
      history_->keep(batch, **journal);
    }
    epoch_ = (*journal)->epoch();
    *files_ = {read_file(folder.path("j.db")), read_file(folder.path("j.db-wal"))};
    journal->reset();
    closed_ = new Files{read_file(folder.path("j.db")), ""};
    ASSERT_GT(files_->file.size(), 100'000U);
    ASSERT_GT(files_->log.size(), 100'000U);
  }
  static void TearDownTestSuite() {
    delete history_;
    delete files_;
    delete closed_;
  }

  /// Opens, reads, checks, commits and reads again; what is told must be what was committed.
  /// True: something was found.
  static bool is_found(const Files& files, bool whole) {
    const TempFolder folder;
    FaultyVfs vfs{"flip"};
    folder.write("j.db", files.file);
    folder.write("j.db-wal", files.log);
    auto options = options_for(folder.path("j.db"), vfs);
    if (!whole) options.check_whole_bytes_max = 0;
    auto opened = Journal::open(options, kNow);
    EXPECT_TRUE(opened) << opened.error().detail;
    if (!opened) return false;
    auto& journal = **opened;
    auto seen = journal.epoch() == epoch_ ? history_->view(journal) : std::nullopt;
    for (Time at = kNow; seen && journal.checks() < 2 && journal.problem().empty();
         at += std::chrono::hours{1})
      (void)journal.tidy(at);
    if (journal.epoch() == epoch_ && !journal.problem().empty()) {
      const auto same = journal.reopen(kNow);
      EXPECT_TRUE(same) << same.error().detail;
      EXPECT_FALSE(same && *same);
    }
    if (journal.epoch() != epoch_) {
      EXPECT_NE(journal.notice(), "") << "it is said";
      EXPECT_EQ(journal.newest("acme"), 0U);
      return true;
    }
    if (!seen) return false;
    if (!journal.notice().empty()) {
      const auto& views = history_->views;
      EXPECT_EQ(*seen, views[views.size() - 2]) << "only the very end may go: " << journal.notice();
      return true;
    }
    EXPECT_EQ(*seen, history_->views.back());
    const auto next = journal.newest("acme") + 1;
    if (journal.commit({{{"acme", next, kNow, {}, make_frame(std::string(30'000, 'x'))}}, {}})) {
      const auto again = journal.read("acme", journal.complete_after("acme"), next, 1 << 30);
      EXPECT_TRUE(again);
      EXPECT_EQ(again ? again->size() : 0U, next);
      return false;
    }
    // Free pages are looked at when they are used.
    const auto same = journal.reopen(kNow);
    EXPECT_TRUE(same) << same.error().detail;
    EXPECT_FALSE(same && *same);
    EXPECT_NE(journal.notice(), "");
    return true;
  }

  static void flip(std::string& bytes, std::uint64_t bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }

  /// Flips bits one at a time; how many were found.
  static std::size_t flip_all(const Files& from, std::string Files::*which, bool whole) {
    std::mt19937_64 random{kSeed};
    std::size_t found = 0;
    for (std::size_t i = 0; i < kFlips; ++i) {
      Files files = from;
      auto& bytes = files.*which;
      const auto bit = random() % ((i < kFlipsInHead ? 160 : bytes.size()) * 8);
      flip(bytes, bit);
      found += is_found(files, whole) ? 1 : 0;
      if (HasFailure()) {
        ADD_FAILURE() << "bit " << bit % 8 << " of byte " << bit / 8 << ", seed " << kSeed;
        break;
      }
    }
    RecordProperty("found", static_cast<int>(found));
    return found;
  }

  static History* history_;
  static Files *files_, *closed_;
  static std::string epoch_;
};
History* FlippedBit::history_ = nullptr;
Files *FlippedBit::files_ = nullptr, *FlippedBit::closed_ = nullptr;
std::string FlippedBit::epoch_;

TEST_P(FlippedBit, NothingIsWrongWithoutOne) {
  EXPECT_FALSE(is_found(*files_, GetParam()));
  EXPECT_FALSE(is_found(*closed_, GetParam()));
}

// What is not found has changed nothing that is read: free space, counters that SQLite keeps for
// itself, pages that the log has newer.
TEST_P(FlippedBit, OfAClosedFileIsFoundAndNeverDelivered) {
  EXPECT_GT(flip_all(*closed_, &Files::file, GetParam()), kFlips / 3);
}

TEST_P(FlippedBit, OfTheFileIsFoundAndNeverDelivered) {
  flip_all(*files_, &Files::file, GetParam());
}

TEST_P(FlippedBit, OfTheLogIsFoundAndNeverDelivered) {
  EXPECT_GT(flip_all(*files_, &Files::log, GetParam()), kFlips / 2);
}
INSTANTIATE_TEST_SUITE_P(JournalOpen, FlippedBit, ::testing::Bool(), [](const auto& whole) {
  return whole.param ? "ChecksAll" : "ChecksItsTail";
});

}  // namespace
}  // namespace hookswitch::journal_test
