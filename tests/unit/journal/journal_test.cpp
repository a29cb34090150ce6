#include "journal/journal.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "support/faulty_vfs.hpp"
#include "support/temp_folder.hpp"

namespace hookswitch {
namespace {

using testing_support::read_file;
using testing_support::TempFolder;

constexpr std::size_t kAll = 1'000'000;
const Time kNow = from_unix_ms(1'795'186'801'000);

StoredEvent event(std::uint64_t offset, const std::string& org = "acme", std::string body = "",
                  Time time = kNow) {
  if (body.empty()) body = "{\"n\":" + std::to_string(offset) + "}";
  return {org, offset, time, {"alice", "bob \"x\"\n"}, make_frame(body)};
}

JournalBatch batch(std::uint64_t first, std::uint64_t last, const std::string& org = "acme",
                   Time time = kNow) {
  JournalBatch out;
  for (auto offset = first; offset <= last; ++offset)
    out.events.push_back(event(offset, org, "", time));
  return out;
}

std::unique_ptr<Journal> open(const std::string& path) {
  auto journal = Journal::open({path}, kNow);
  EXPECT_TRUE(journal) << (journal ? "" : journal.error().detail);
  return journal ? std::move(*journal) : nullptr;
}

std::vector<std::uint64_t> offsets(Journal& journal, std::uint64_t after = 0,
                                   const std::string& org = "acme", std::size_t events_max = kAll,
                                   std::size_t bytes_max = kAll) {
  std::vector<std::uint64_t> out;
  const auto events = journal.read(org, after, events_max, bytes_max);
  EXPECT_TRUE(events);
  if (events)
    for (const auto& each : *events) out.push_back(each.offset);
  return out;
}

using Offsets = std::vector<std::uint64_t>;

/// Runs SQL on a file as any other program would.
bool run_sql(const std::string& path, const char* sql) {
  sqlite3* handle = nullptr;
  const bool good = sqlite3_open(path.c_str(), &handle) == SQLITE_OK &&
                    sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
  sqlite3_close(handle);
  return good;
}

std::vector<std::string> files_beginning(const TempFolder& folder, const std::string& start) {
  std::vector<std::string> out;
  for (const auto& file : std::filesystem::directory_iterator{folder.path()})
    if (file.path().filename().string().starts_with(start)) out.push_back(file.path().string());
  return out;
}

/// Which is left on the disk when the power goes: whatever was written, nothing of what is in
/// memory.
void copy_image(const std::string& from, const std::string& to) {
  for (const char* suffix : {"", "-wal"})
    if (std::filesystem::exists(from + suffix))
      std::filesystem::copy_file(from + suffix, to + suffix);
}

TEST(Journal, GivesBackWhatWasCommittedToTheByte) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  const std::string odd =
      std::string{"{\"a\":\"\xc3\xa4\",\"b\":\""} + std::string(100'000, 'x') + "\"}";
  ASSERT_TRUE(journal->commit({{event(1), event(2, "acme", odd, from_unix_ms(7))}, {}}));
  const auto events = journal->read("acme", 0, kAll, kAll);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 2U);
  EXPECT_EQ((*events)[1].body->text(), odd);
  EXPECT_EQ((*events)[1].time, from_unix_ms(7));
  EXPECT_EQ((*events)[1].org, "acme");
  EXPECT_EQ((*events)[1].audience, (std::vector<Text>{"alice", "bob \"x\"\n"}));
}

TEST(Journal, ReadsWhatFollowsAnOffset) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  ASSERT_TRUE(journal->commit(batch(1, 5)));
  EXPECT_EQ(offsets(*journal), (Offsets{1, 2, 3, 4, 5}));
  EXPECT_EQ(offsets(*journal, 3), (Offsets{4, 5}));
  EXPECT_EQ(offsets(*journal, 5), Offsets{});
  EXPECT_EQ(offsets(*journal, 99), Offsets{});
  EXPECT_EQ(offsets(*journal, 0, "nobody"), Offsets{});
}

TEST(Journal, ReadsInPagesByCountAndByBytesButAlwaysAtLeastOne) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  JournalBatch large;
  for (std::uint64_t i = 1; i <= 5; ++i)
    large.events.push_back(event(i, "acme", "{\"x\":\"" + std::string(1000, 'x') + "\"}"));
  ASSERT_TRUE(journal->commit(large));
  EXPECT_EQ(offsets(*journal, 0, "acme", 2), (Offsets{1, 2}));
  EXPECT_EQ(offsets(*journal, 2, "acme", 2), (Offsets{3, 4}));
  EXPECT_EQ(offsets(*journal, 0, "acme", kAll, 1), Offsets{1});
  EXPECT_LE(offsets(*journal, 0, "acme", kAll, 2000).size(), 3U);
  EXPECT_GE(offsets(*journal, 0, "acme", kAll, 2000).size(), 1U);
}

TEST(Journal, OffsetsCountPerOrganisation) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  EXPECT_EQ(journal->newest("acme"), 0U);
  JournalBatch both = batch(1, 3);
  both.events.push_back(event(1, "globex"));
  ASSERT_TRUE(journal->commit(both));
  EXPECT_EQ(journal->newest("acme"), 3U);
  EXPECT_EQ(journal->newest("globex"), 1U);
  EXPECT_EQ(journal->newest("nobody"), 0U);
  EXPECT_EQ(offsets(*journal, 0, "globex"), Offsets{1});
}

TEST(Journal, GoesOnAfterItIsOpenedAgain) {
  const TempFolder folder;
  std::string epoch;
  {
    const auto journal = open(folder.path("j.db"));
    epoch = journal->epoch();
    ASSERT_TRUE(journal->commit(batch(1, 3)));
  }
  const auto journal = open(folder.path("j.db"));
  EXPECT_EQ(journal->epoch(), epoch);
  EXPECT_EQ(journal->newest("acme"), 3U);
  EXPECT_EQ(journal->notice(), "");
  ASSERT_TRUE(journal->commit(batch(4, 5)));
  EXPECT_EQ(offsets(*journal, 1), (Offsets{2, 3, 4, 5}));
}

TEST(Journal, EpochsOfTwoJournalsDiffer) {
  const TempFolder folder;
  EXPECT_NE(open(folder.path("a.db"))->epoch(), open(folder.path("b.db"))->epoch());
}

TEST(Journal, CallsAreKeptReplacedAndForgotten) {
  const TempFolder folder;
  {
    const auto journal = open(folder.path("j.db"));
    ASSERT_TRUE(journal->commit({{}, {{"c1", "{\"v\":1}"}, {"c2", "{\"v\":1}"}, {"c3", "{}"}}}));
    ASSERT_TRUE(journal->commit({{event(1)}, {{"c1", "{\"v\":2}"}, {"c3", ""}, {"never", ""}}}));
  }
  const auto calls = open(folder.path("j.db"))->load_calls();
  ASSERT_TRUE(calls);
  EXPECT_EQ(*calls, (std::map<std::string, std::string>{{"c1", "{\"v\":2}"}, {"c2", "{\"v\":1}"}}));
}

TEST(Journal, NotesAreKeptReplacedAndForgottenBesideTheCalls) {
  const TempFolder folder;
  using Texts = std::map<std::string, std::string>;
  {
    const auto journal = open(folder.path("j.db"));
    ASSERT_TRUE(journal->commit({{}, {{"a", "call"}}, {{"a", "1"}, {"b", "1"}}}));
    ASSERT_TRUE(journal->commit({{event(1)}, {}, {{"a", "2"}, {"b", ""}, {"never", ""}}}));
  }
  const auto journal = open(folder.path("j.db"));
  EXPECT_EQ(*journal->load_notes(), (Texts{{"a", "2"}}));
  EXPECT_EQ(*journal->load_calls(), (Texts{{"a", "call"}}));
}

TEST(Journal, NotesOutliveTheLogThatTheyWereWrittenInto) {
  const TempFolder folder;
  const auto path = folder.path("j.db");
  {
    auto opened = Journal::open({.path = path, .state_log_bytes_min = 20'000}, kNow);
    ASSERT_TRUE(opened);
    ASSERT_TRUE((*opened)->commit({{}, {}, {{"old", "x"}}}));
    for (int i = 0; i < 400; ++i)
      ASSERT_TRUE((*opened)->commit(
          {{}, {{"c", std::string(1000, 'c')}}, {{"n" + std::to_string(i % 4), "y"}}}));
  }
  const auto journal = open(path);
  EXPECT_EQ(journal->load_notes()->size(), 5u);
  EXPECT_EQ(journal->load_notes()->at("old"), "x");
}

TEST(Journal, EmptyCommitIsNothing) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  EXPECT_TRUE(journal->commit({}));
  EXPECT_EQ(offsets(*journal), Offsets{});
}

TEST(Journal, CrashImageHoldsEverythingThatWasCommitted) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  for (std::uint64_t i = 1; i <= 50; ++i) {
    JournalBatch one = batch(i, i);
    one.calls["c" + std::to_string(i)] = "{}";
    ASSERT_TRUE(journal->commit(one));
    if (i % 10 != 0) continue;
    const std::string image = folder.path("image" + std::to_string(i));
    copy_image(folder.path("j.db"), image);
    const auto after = open(image);
    EXPECT_EQ(after->newest("acme"), i);
    EXPECT_EQ(offsets(*after).size(), i);
    EXPECT_EQ(after->load_calls()->size(), i);
    EXPECT_EQ(after->epoch(), journal->epoch());
    EXPECT_EQ(after->notice(), "");
  }
}

TEST(Journal, CrashImageAfterManyCheckpointsIsWhole) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  for (std::uint64_t i = 1; i <= 400; ++i)
    ASSERT_TRUE(
        journal->commit({{event(i, "acme", "{\"x\":\"" + std::string(40'000, 'x') + "\"}")}, {}}));
  copy_image(folder.path("j.db"), folder.path("image"));
  const auto after = open(folder.path("image"));
  EXPECT_EQ(after->newest("acme"), 400U);
  EXPECT_EQ(offsets(*after, 0, "acme", kAll, 100'000'000).size(), 400U);
}

TEST(Journal, TornLastCommitIsDroppedNotGuessed) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  ASSERT_TRUE(journal->commit(batch(1, 3)));
  const auto whole = std::filesystem::file_size(folder.path("j.db-wal"));
  ASSERT_TRUE(journal->commit(batch(4, 6)));
  const auto torn = std::filesystem::file_size(folder.path("j.db-wal"));
  ASSERT_GT(torn, whole);
  for (const auto size : {whole, whole + 1, whole + 100, (whole + torn) / 2, torn - 1}) {
    const std::string image = folder.path("image" + std::to_string(size));
    copy_image(folder.path("j.db"), image);
    std::filesystem::resize_file(image + "-wal", size);
    const auto after = open(image);
    EXPECT_EQ(offsets(*after), (Offsets{1, 2, 3})) << size;
    EXPECT_EQ(after->newest("acme"), 3U) << size;
    EXPECT_EQ(after->epoch(), journal->epoch());
  }
}

/// Lets everything go that is older than `before`, in as many turns as it takes.
void drop_before(Journal& journal, Time before) {
  Result<bool> more = true;
  while (more && *more) more = journal.tidy(before + std::chrono::hours{24});
  EXPECT_TRUE(more);
}

TEST(Journal, DropsOldestFirstAndSaysFromWhereItIsComplete) {
  const TempFolder folder;
  const Time later = kNow + std::chrono::hours{1};
  {
    const auto journal = open(folder.path("j.db"));
    ASSERT_TRUE(journal->commit(batch(1, 4)));
    ASSERT_TRUE(journal->commit(batch(5, 10, "acme", kNow + std::chrono::minutes{1})));
    ASSERT_TRUE(journal->commit(batch(11, 12, "acme", later)));
    EXPECT_EQ(journal->complete_after("acme"), 0U);
    drop_before(*journal, kNow + std::chrono::seconds{1});
    EXPECT_EQ(offsets(*journal), (Offsets{5, 6, 7, 8, 9, 10, 11, 12}));
    EXPECT_EQ(journal->complete_after("acme"), 4U);
    drop_before(*journal, later);
    drop_before(*journal, later);
    EXPECT_EQ(offsets(*journal), (Offsets{11, 12}));
    EXPECT_EQ(journal->newest("acme"), 12U);
  }
  const auto journal = open(folder.path("j.db"));
  EXPECT_EQ(journal->complete_after("acme"), 10U);
  EXPECT_EQ(journal->newest("acme"), 12U);
}

TEST(Journal, OffsetsGoOnWhenEverythingHasGone) {
  const TempFolder folder;
  {
    const auto journal = open(folder.path("j.db"));
    ASSERT_TRUE(journal->commit(batch(1, 3)));
    drop_before(*journal, kNow + std::chrono::hours{1});
    EXPECT_EQ(offsets(*journal), Offsets{});
  }
  const auto journal = open(folder.path("j.db"));
  EXPECT_EQ(journal->notice(), "");
  EXPECT_EQ(journal->newest("acme"), 3U);
  EXPECT_EQ(journal->complete_after("acme"), 3U);
  ASSERT_TRUE(journal->commit(batch(4, 4)));
  EXPECT_EQ(offsets(*journal), Offsets{4});
  EXPECT_EQ(journal->complete_after("acme"), 3U);
}

TEST(Journal, LetsGoInBoundedPiecesOldestOfAllOrganisationsFirst) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  const std::string large(40'000, 'x');
  for (std::uint64_t i = 1; i <= 20; ++i) {
    const Time at = kNow + std::chrono::minutes{i};
    ASSERT_TRUE(
        journal->commit({{event(i, "acme", large, at), event(i, "globex", large, at)}, {}}));
  }
  const auto more = journal->tidy(kNow + std::chrono::hours{48});
  ASSERT_TRUE(more);
  EXPECT_TRUE(*more) << "1.6 MB do not go in one turn";
  EXPECT_GT(journal->complete_after("acme"), 0U);
  EXPECT_LT(journal->complete_after("acme"), 10U);
  const auto apart = static_cast<std::int64_t>(journal->complete_after("acme")) -
                     static_cast<std::int64_t>(journal->complete_after("globex"));
  EXPECT_LE(std::abs(apart), 1);
  drop_before(*journal, kNow + std::chrono::hours{24});
  EXPECT_EQ(offsets(*journal), Offsets{});
  EXPECT_EQ(offsets(*journal, 0, "globex"), Offsets{});
}

TEST(Journal, NothingYoungerGoesEvenWhereClocksWentBack) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  const Time later = kNow + std::chrono::hours{1};
  ASSERT_TRUE(journal->commit({{event(1)}, {}}));
  ASSERT_TRUE(journal->commit({{event(2, "acme", "", later), event(3)}, {}}));
  ASSERT_TRUE(journal->commit({{event(4)}, {}}));
  drop_before(*journal, later);
  EXPECT_EQ(offsets(*journal), (Offsets{2, 3, 4}));
}

TEST(Journal, FileStopsGrowingAtItsSizeAndCommitsLetTheOldestGo) {
  const TempFolder folder;
  JournalOptions options{folder.path("j.db")};
  options.bytes_max = 2'000'000;
  options.has_checkpoint_thread = false;
  const testing_support::FaultyVfs vfs{"quick"};  // without the disk's syncs
  options.vfs = vfs.name();
  {
    const auto journal = Journal::open(options, kNow);
    ASSERT_TRUE(journal);
    for (std::uint64_t i = 1; i <= 1500; ++i)
      ASSERT_TRUE((*journal)->commit({{event(i, "acme", std::string(20'000, 'x'))}, {}}));
    const auto kept = offsets(**journal, 0, "acme", kAll, 1'000'000'000);
    EXPECT_EQ(kept.back(), 1500U);
    EXPECT_EQ(kept.front(), (*journal)->complete_after("acme") + 1);
    EXPECT_GT(kept.size(), 60U);
    EXPECT_LT(kept.size(), 140U);
  }
  EXPECT_LT(std::filesystem::file_size(options.path), 14'000'000U) << "30 MB were written";
  const auto again = Journal::open(options, kNow);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->notice(), "");
}

TEST(Journal, FileIsReadableByItsOwnerOnly) {
  const TempFolder folder;
  const mode_t before = ::umask(0);
  const auto journal = open(folder.path("j.db"));
  ASSERT_TRUE(journal->commit(batch(1, 1)));
  ::umask(before);
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat info {};
    ASSERT_EQ(::stat((folder.path("j.db") + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600U) << suffix;
  }
}

TEST(Journal, OpeningLeavesTheProcessMaskAlone) {
  const TempFolder folder;
  const mode_t before = ::umask(0027);
  open(folder.path("j.db"));
  EXPECT_EQ(::umask(before), 0027U);
}

TEST(Journal, SecondOpenerIsRefusedAndTheFirstGoesOn) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  ASSERT_TRUE(journal->commit(batch(1, 1)));
  const auto second = Journal::open({folder.path("j.db")}, kNow);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::journal_io);
  EXPECT_TRUE(files_beginning(folder, "j.db.damaged").empty());
  EXPECT_TRUE(journal->commit(batch(2, 2)));
}

TEST(Journal, SecondOpenerInAnotherProcessIsRefused) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  ASSERT_TRUE(journal->commit(batch(1, 1)));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(Journal::open({folder.path("j.db")}, kNow) ? 1 : 0);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/// Opens a spoilt file and checks that it was moved aside and a new history began.
void expect_new_beginning(const TempFolder& folder, const std::string& old_epoch) {
  const auto opened = Journal::open({folder.path("j.db")}, kNow);
  ASSERT_TRUE(opened) << opened.error().detail;
  Journal& journal = **opened;
  EXPECT_NE(journal.epoch(), old_epoch);
  EXPECT_NE(journal.notice().find("j.db.damaged-"), std::string::npos) << journal.notice();
  EXPECT_FALSE(files_beginning(folder, "j.db.damaged-").empty());
  EXPECT_EQ(journal.newest("acme"), 0U);
  EXPECT_EQ(offsets(journal), Offsets{});
  EXPECT_TRUE(journal.commit(batch(1, 1)));
}

TEST(Journal, FileThatIsNoJournalIsMovedAside) {
  const TempFolder folder;
  const std::string text = "This is no database. " + std::string(8000, 'x');
  folder.write("j.db", text);
  expect_new_beginning(folder, "");
  EXPECT_EQ(read_file(files_beginning(folder, "j.db.damaged-").front()), text);
}

TEST(Journal, DatabaseOfAnotherProgramIsMovedAsideNotWrittenInto) {
  const TempFolder folder;
  ASSERT_TRUE(
      run_sql(folder.path("j.db"), "CREATE TABLE notes(text); INSERT INTO notes VALUES('mine');"));
  expect_new_beginning(folder, "");
}

TEST(Journal, DamagedFileIsMovedAside) {
  const TempFolder folder;
  std::string epoch;
  {
    const auto journal = open(folder.path("j.db"));
    epoch = journal->epoch();
    for (std::uint64_t i = 1; i <= 200; ++i)
      ASSERT_TRUE(journal->commit({{event(i, "acme", std::string(2000, 'x'))}, {}}));
  }
  const auto size = std::filesystem::file_size(folder.path("j.db"));
  ASSERT_GT(size, 100'000U);
  {
    std::fstream file{folder.path("j.db"), std::ios::in | std::ios::out | std::ios::binary};
    for (auto at = 8192U; at + 4096 < size; at += 8192) {
      file.seekp(at);
      file << std::string(4096, '\x5a');
    }
  }
  expect_new_beginning(folder, epoch);
}

TEST(Journal, CutOffFileIsMovedAside) {
  const TempFolder folder;
  std::string epoch;
  {
    const auto journal = open(folder.path("j.db"));
    epoch = journal->epoch();
    for (std::uint64_t i = 1; i <= 100; ++i)
      ASSERT_TRUE(journal->commit({{event(i, "acme", std::string(2000, 'x'))}, {}}));
  }
  std::filesystem::resize_file(folder.path("j.db"), 5 * 4096);
  expect_new_beginning(folder, epoch);
}

TEST(Journal, WalOfADamagedFileDoesNotReachTheNewOne) {
  const TempFolder folder;
  std::string epoch;
  {
    const auto journal = open(folder.path("j.db"));
    epoch = journal->epoch();
    ASSERT_TRUE(journal->commit(batch(1, 3)));
  }
  {
    const auto journal = open(folder.path("j.db"));
    ASSERT_TRUE(journal->commit(batch(4, 6)));
    copy_image(folder.path("j.db"),
               folder.path("image"));  // its WAL is not enough to mend the file
  }
  folder.write("j.db", std::string(20'000, '\x5a'));
  std::filesystem::rename(folder.path("image-wal"), folder.path("j.db-wal"));
  expect_new_beginning(folder, epoch);
}

TEST(Journal, JournalOfAnotherVersionIsRefusedAndLeftAlone) {
  const TempFolder folder;
  { open(folder.path("j.db")); }
  ASSERT_TRUE(run_sql(folder.path("j.db"),
                      "PRAGMA user_version=99; UPDATE meta SET value='99' WHERE key='version'"));
  const auto opened = Journal::open({folder.path("j.db")}, kNow);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::journal_io);
  EXPECT_TRUE(files_beginning(folder, "j.db.damaged-").empty());
}

TEST(Journal, FolderThatIsNotThereIsAnError) {
  const TempFolder folder;
  const auto opened = Journal::open({folder.path("none/j.db")}, kNow);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::journal_io);
  std::filesystem::create_directory(folder.path("folder"));
  EXPECT_FALSE(Journal::open({folder.path("folder")}, kNow));
}

TEST(Journal, RefusedCommitLeavesNothing) {
  const TempFolder folder;
  const auto journal = open(folder.path("j.db"));
  ASSERT_TRUE(journal->commit({{event(1), event(2)}, {{"c1", "{}"}}}));
  // The second offset 3 cannot be stored, so the first must not be either.
  const auto refused = journal->commit({{event(3), event(3)}, {{"c1", ""}, {"c2", "{}"}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::journal_io);
  EXPECT_EQ(journal->newest("acme"), 2U);
  const auto again = [&] {
    copy_image(folder.path("j.db"), folder.path("image"));
    return open(folder.path("image"));
  }();
  EXPECT_EQ(offsets(*again), (Offsets{1, 2}));
  EXPECT_EQ(again->newest("acme"), 2U);
  EXPECT_EQ(again->load_calls()->size(), 1U);
}

/// The body of a child process: commits until the file may grow no more. 0: it failed cleanly after
/// at least one commit.
int commit_until_full(const std::string& path) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1'000'000, 1'000'000};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  auto journal = Journal::open({path}, kNow);
  if (!journal) return 2;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    const auto done = (*journal)->commit(
        {{event(i, "acme", std::string(50'000, 'x'))}, {{"c" + std::to_string(i), "{}"}}});
    if (done) continue;
    if (done.error().code != Errc::journal_io || (*journal)->newest("acme") != i - 1) return 3;
    std::ofstream{path + ".committed"} << i - 1;
    return i > 1 ? 0 : 4;
  }
  return 5;
}

TEST(Journal, FullDiskFailsTheCommitAndLosesNothingOfBefore) {
  const TempFolder folder;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(commit_until_full(folder.path("j.db")));
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  ASSERT_EQ(WEXITSTATUS(status), 0);
  const auto committed = std::stoull(read_file(folder.path("j.db.committed")));
  const auto journal = open(folder.path("j.db"));
  EXPECT_EQ(journal->notice(), "");
  EXPECT_EQ(journal->newest("acme"), committed);
  EXPECT_EQ(offsets(*journal, 0, "acme", kAll, 1'000'000'000).size(), committed);
  EXPECT_EQ(journal->load_calls()->size(), committed);
  EXPECT_TRUE(journal->commit(batch(committed + 1, committed + 1)));
}

}  // namespace
}  // namespace hookswitch
