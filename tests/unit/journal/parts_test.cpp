#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "journal/checksum.hpp"
#include "journal/chunk.hpp"
#include "journal/wal.hpp"
#include "support/temp_folder.hpp"
#include "unit/journal/history.hpp"

namespace hookswitch::journal_test {
namespace {

using testing_support::TempFolder;

TEST(Checksum, IsTheOneOfTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);  // RFC 3720 appendix B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Checksum, GoesOnAndIsTheSameWithoutTheInstruction) {
  std::mt19937_64 random{7};
  for (std::size_t size = 0; size < 100; ++size) {
    std::string text;
    while (text.size() < size) text.push_back(static_cast<char>(random()));
    const std::string_view all = text;
    EXPECT_EQ(crc32c(all), crc32c_by_table(all));
    EXPECT_EQ(crc32c(all.substr(size / 3), crc32c(all.substr(0, size / 3))), crc32c(all));
  }
}

TEST(EventChunk, InAnotherPlaceIsNotGood) {
  EventChunk chunk{3};
  for (std::uint64_t offset = 5; offset < 8; ++offset)
    chunk.add({"acme", offset, kNow, {"alice", ""}, make_frame("{}")});
  const auto bytes = chunk.seal();
  const ChunkKey key = chunk.key();
  EXPECT_EQ(key.first, 5U);
  EXPECT_EQ(key.last, 7U);
  EXPECT_TRUE(is_good(bytes, key));
  for (auto change : {&ChunkKey::first, &ChunkKey::last}) {
    auto other = key;
    ++(other.*change);
    EXPECT_FALSE(is_good(bytes, other));
  }
  auto other = key;
  ++other.org;
  EXPECT_FALSE(is_good(bytes, other));
  std::vector<StoredEvent> out;
  ASSERT_TRUE(read_events(bytes, key, "acme", 5, 10, 1000, out));
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].offset, 6U);
  EXPECT_EQ(out[1].audience, (std::vector<Text>{"alice", ""}));
}

TEST(StateChunk, GivesBackWhatWasPutInOrNothing) {
  StateChunk chunk;
  chunk.add("c1", "state");
  chunk.add("c2", "");
  const std::string bytes{chunk.seal(9)};
  const auto states = read_states(bytes, 9);
  ASSERT_TRUE(states);
  ASSERT_EQ(states->size(), 2U);
  EXPECT_EQ((*states)[0].state, "state");
  EXPECT_FALSE(read_states(bytes, 10));
  EXPECT_FALSE(read_states(bytes.substr(0, bytes.size() - 1), 9));
  EXPECT_FALSE(read_states("", 9));
}

TEST(Wal, LogThatIsNotThereIsEmpty) {
  const TempFolder folder;
  const auto report = examine_wal(folder.path("none"));
  EXPECT_EQ(report.good_frames, 0U);
  EXPECT_FALSE(report.is_damaged);
  EXPECT_FALSE(report.is_tail_dropped);
  EXPECT_TRUE(cut_wal(folder.path("none-wal"), 0));
  EXPECT_EQ(report.error, "");
}

TEST(Wal, LogThatCannotBeReadIsNotEmpty) {
  const TempFolder folder;
  std::filesystem::create_directory(folder.path("j.db-wal"));
  EXPECT_NE(examine_wal(folder.path("j.db")).error, "");
}

/// Calls that live long and are seldom told of again must not keep the log of states growing.
TEST(Journal, SavedCallsThatRestAreCarriedAlong) {
  const TempFolder folder;
  JournalOptions options{folder.path("j.db")};
  options.state_log_bytes_min = 50'000;
  std::map<std::string, std::string> expected;
  {
    auto journal = Journal::open(options, kNow);
    ASSERT_TRUE(journal);
    JournalBatch resting;
    for (int i = 0; i < 20; ++i)
      resting.calls["rest-" + std::to_string(i)] = std::string(1000, 'r') + std::to_string(i);
    expected = resting.calls;
    ASSERT_TRUE((*journal)->commit(resting));
    for (int i = 0; i < 300; ++i) {
      const std::string id = "busy-" + std::to_string(i % 3);
      expected[id] = std::string(2000, 'b') + std::to_string(i);
      ASSERT_TRUE((*journal)->commit({{}, {{id, expected[id]}}}));
    }
    EXPECT_EQ(*(*journal)->load_calls(), expected);
  }
  EXPECT_LT(std::filesystem::file_size(options.path), 500'000U) << "600 KB were written";
  auto again = Journal::open(options, kNow);
  ASSERT_TRUE(again);
  EXPECT_EQ(*(*again)->load_calls(), expected);
}

/// With the thread at work: nothing is lost, and the log stays bounded under a load without pause.
TEST(Journal, LogIsBoundedUnderLoad) {
  const TempFolder folder;
  JournalOptions options{folder.path("j.db")};
  options.checkpoint_frames = 16;
  auto journal = Journal::open(options, kNow);
  ASSERT_TRUE(journal);
  History history{11};
  std::uintmax_t largest = 0;
  for (int i = 0; i < 200; ++i) {
    const auto batch = history.next();
    ASSERT_TRUE((*journal)->commit(batch));
    history.keep(batch, **journal);
    largest = std::max(largest, std::filesystem::file_size(options.path + "-wal"));
  }
  EXPECT_LT(largest, 20U * 16 * 8192);
  auto seen = history.view(**journal);
  ASSERT_TRUE(seen);
  EXPECT_EQ(*seen, history.views.back());
  journal->reset();
  journal = Journal::open(options, kNow);
  ASSERT_TRUE(journal);
  seen = history.view(**journal);
  ASSERT_TRUE(seen);
  EXPECT_EQ(*seen, history.views.back());
}

}  // namespace
}  // namespace hookswitch::journal_test
