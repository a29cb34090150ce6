#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

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

constexpr std::uint64_t kSeed = 20261121;
constexpr std::size_t kCommits = 60;

/// Small enough that a few dozen commits meet every kind of work: checkpoints, a log that begins
/// anew, calls that are carried along, events that go by size.
JournalOptions small(const std::string& path, const FaultyVfs& vfs) {
  JournalOptions out{path};
  out.vfs = vfs.name();
  out.has_checkpoint_thread = false;
  out.checkpoint_frames = 40;
  out.state_log_bytes_min = 20'000;
  out.bytes_max = 14 * 8192;
  return out;
}

// --- the k-th write or sync fails

/// Commits until something fails; then what was acknowledged must be there, at once, after a
/// reopen, and after a crash, and the next commit must be taken.
void run_with_fault(std::size_t step, Fault fault) {
  const TempFolder folder;
  FaultyVfs vfs{"faulty"};
  const auto options = small(folder.path("j.db"), vfs);
  History history{kSeed};
  vfs.fail_at(step, fault);
  auto journal = Journal::open(options, kNow);
  if (!journal) {
    EXPECT_EQ(journal.error().code, Errc::journal_io);
    journal = Journal::open(options, kNow);
    ASSERT_TRUE(journal) << journal.error().detail;
    EXPECT_EQ((*journal)->newest("acme"), 0U);
    return;
  }
  std::optional<JournalBatch> refused;
  for (std::size_t i = 0; i < kCommits && !refused; ++i) {
    auto batch = history.next();
    if ((*journal)->commit(batch))
      history.keep(batch, **journal);
    else
      refused = std::move(batch);
  }
  ASSERT_TRUE(vfs.has_failed());
  EXPECT_FALSE(vfs.has_been_tried_again());
  const auto acknowledged = history.views.back();
  const auto seen = history.view(**journal);
  ASSERT_TRUE(seen) << "reads go on";
  EXPECT_EQ(*seen, acknowledged);
  if (refused) {
    EXPECT_NE((*journal)->problem(), "");
    EXPECT_FALSE((*journal)->commit(*refused)) << "not on these descriptors";
  }
  // As a crash leaves it: what was refused may be there as a whole.
  for (const char* suffix : {"", "-wal"})
    if (fs::exists(options.path + suffix))
      fs::copy_file(options.path + suffix, folder.path("image") + suffix);
  if (!(*journal)->problem().empty()) {
    const auto same = (*journal)->reopen(kNow);
    ASSERT_TRUE(same) << same.error().detail;
    EXPECT_TRUE(*same);
  }
  EXPECT_EQ((*journal)->notice(), "");
  const auto again = history.view(**journal);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, acknowledged) << "nothing of what was refused";
  const auto more = refused ? *refused : history.next();
  ASSERT_TRUE((*journal)->commit(more));
  history.keep(more, **journal);
  auto image_options = options;
  image_options.path = folder.path("image");
  const auto image = Journal::open(image_options, kNow);
  ASSERT_TRUE(image) << image.error().detail;
  EXPECT_EQ((*image)->epoch(), (*journal)->epoch());
  const auto left = history.view(**image);
  ASSERT_TRUE(left);
  EXPECT_TRUE(history.is_after(*left, history.views.size() - 2)) << "lost what was acknowledged";
  EXPECT_FALSE(vfs.has_been_tried_again());
}

class FaultAt : public ::testing::TestWithParam<Fault> {};

TEST_P(FaultAt, EveryWriteAndSyncLosesNothingThatWasAcknowledged) {
  for (std::size_t step = 1; step <= 300; ++step) {
    run_with_fault(step, GetParam());
    if (HasFailure()) {
      ADD_FAILURE() << "at step " << step << ", seed " << kSeed;
      return;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(JournalFaults, FaultAt,
                         ::testing::Values(Fault::io_error, Fault::short_write, Fault::full));

// --- crash images

/// A disk as the power failure leaves it: files by name.
using Image = std::map<std::string, std::string>;

void apply(Image& image, const FaultyVfs::Step& step, std::size_t bytes) {
  if (step.kind == FaultyVfs::Step::Kind::remove) {
    image.erase(step.file);
    return;
  }
  auto& file = image[step.file];
  if (step.kind == FaultyVfs::Step::Kind::truncate) {
    file.resize(static_cast<std::size_t>(step.at));
  } else if (step.kind == FaultyVfs::Step::Kind::write && bytes > 0) {
    const auto at = static_cast<std::size_t>(step.at);
    if (file.size() < at + bytes) file.resize(at + bytes, '\0');
    file.replace(at, bytes, step.bytes, 0, bytes);
  }
}

struct Recording {
  History history{kSeed};
  std::vector<FaultyVfs::Step> steps;
  std::vector<std::size_t> acknowledged;  ///< commits, by the number of steps done
  std::size_t opened_after = 0;           ///< steps
  std::string epoch;
};

Recording record() {
  const TempFolder folder;
  FaultyVfs vfs{"faulty"};
  vfs.record(true);
  Recording out;
  const auto journal = Journal::open(small(folder.path("j.db"), vfs), kNow);
  EXPECT_TRUE(journal);
  out.epoch = (*journal)->epoch();
  out.opened_after = vfs.steps().size();
  out.acknowledged.assign(vfs.steps().size(), 0);
  for (std::size_t i = 0; i < kCommits; ++i) {
    const auto batch = out.history.next();
    EXPECT_TRUE((*journal)->commit(batch));
    out.history.keep(batch, **journal);
    out.acknowledged.resize(vfs.steps().size(), i);
  }
  out.acknowledged.push_back(kCommits);
  EXPECT_GT((*journal)->complete_after("acme"), 0U) << "old events go as well";
  out.steps = vfs.steps();
  return out;
}

void expect_prefix(const Recording& recording, const Image& image, std::size_t done) {
  const TempFolder folder;
  FaultyVfs vfs{"image"};
  for (const auto& [name, bytes] : image) folder.write(name, bytes);
  auto journal = Journal::open(small(folder.path("j.db"), vfs), kNow);
  ASSERT_TRUE(journal) << journal.error().detail;
  if (done < recording.opened_after) return;  // nobody was told of it yet
  EXPECT_EQ((*journal)->epoch(), recording.epoch);
  const auto seen = recording.history.view(**journal);
  ASSERT_TRUE(seen) << (*journal)->problem();
  const auto acknowledged = recording.acknowledged[done];
  EXPECT_TRUE(recording.history.is_after(*seen, acknowledged))
      << acknowledged << " commits were acknowledged";
}

TEST(JournalCrash, EveryPrefixOfWhatWasWrittenOpensToWhatWasAcknowledged) {
  const auto recording = record();
  Image image;
  for (std::size_t done = 0; done <= recording.steps.size(); ++done) {
    expect_prefix(recording, image, done);
    if (HasFailure()) {
      ADD_FAILURE() << "after " << done << " of " << recording.steps.size() << " steps, seed "
                    << kSeed;
      return;
    }
    if (done < recording.steps.size())
      apply(image, recording.steps[done], recording.steps[done].bytes.size());
  }
}

TEST(JournalCrash, UnsyncedWritesMayBeDroppedOrTornInAnyWay) {
  const auto recording = record();
  std::mt19937_64 random{kSeed};
  const auto& steps = recording.steps;
  for (std::size_t done = 0; done <= steps.size(); ++done) {
    // Of what was written to a file since its last sync, any part may be there, in sectors.
    std::map<std::string, std::size_t> synced;
    for (std::size_t i = 0; i < done; ++i)
      if (steps[i].kind == FaultyVfs::Step::Kind::sync) synced[steps[i].file] = i;
    Image image;
    for (std::size_t i = 0; i < done; ++i) {
      const auto last = synced.find(steps[i].file);
      auto bytes = steps[i].bytes.size();
      const bool safe = last != synced.end() && i < last->second;
      if (!safe) {
        const auto luck = random() % 3;
        if (luck == 0 && steps[i].kind == FaultyVfs::Step::Kind::write) bytes = 0;
        if (luck == 1) bytes = std::min<std::size_t>(bytes, random() % (bytes + 1) / 512 * 512);
        if (steps[i].kind == FaultyVfs::Step::Kind::truncate && luck != 2) continue;
      }
      apply(image, steps[i], bytes);
    }
    expect_prefix(recording, image, done);
    if (HasFailure()) {
      ADD_FAILURE() << "after " << done << " of " << steps.size() << " steps, seed " << kSeed;
      return;
    }
  }
}

}  // namespace
}  // namespace hookswitch::journal_test
