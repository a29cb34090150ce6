#include <gtest/gtest.h>
#include <sys/stat.h>

#include "daemon/commands/capture.hpp"
#include "daemon/commands/replay.hpp"
#include "unit/recorder/recording_bench.hpp"

namespace hookswitch::recorder_test {
namespace {

TEST(RecorderCommands, CapturedBundleReplaysAndIsOnlyForItsOwner) {
  RecordingBench bench;
  bench.feed(ring_group(0));
  const std::string out = bench.folder.write("call.jsonl", "something older", 0644);
  for (const bool redact : {false, true}) {
    ASSERT_EQ(capture_call({bench.rec(), "pbx-call-1", out, redact}), 0);
    struct stat info {};
    ASSERT_EQ(::stat(out.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    const std::string text = testing_support::read_file(out);
    EXPECT_EQ(text.find("alice") == std::string::npos, redact);
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(replay_bundle({out, {}, false}), 0);
    const std::string told = ::testing::internal::GetCapturedStdout();
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'),
              static_cast<std::ptrdiff_t>(bench.frames.size()));
    if (!redact) {
      EXPECT_TRUE(told.starts_with(bench.frames[0] + "\n" + bench.frames[1] + "\n"));
    }
  }
}

TEST(RecorderCommands, FailuresSayWhyAndGiveOne) {
  RecordingBench bench;
  bench.feed(ring_group(0));
  const auto said = [](const auto& run) {
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(run(), 1);
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_NE(said([&] {
              return capture_call({bench.rec(), "nobody", "", false});
            }).find("no call of that id is in the recording"),
            std::string::npos);
  EXPECT_NE(said([&] {
              return capture_call({bench.rec(), "pbx-call-1", "/no/such/x", false});
            }).find("cannot write /no/such/x"),
            std::string::npos);
  EXPECT_NE(said([&] {
              return replay_bundle({bench.folder.path("none"), {}, false});
            }).find("cannot read"),
            std::string::npos);
  const std::string odd = bench.folder.write("odd.jsonl", "{}\n");
  EXPECT_NE(said([&] {
              return replay_bundle({odd, {}, false});
            }).find("line 1"),
            std::string::npos);
}

TEST(RecorderCommands, DifferenceIsNamedAndMayBeAccepted) {
  RecordingBench bench;
  bench.feed(ring_group(0));
  const std::string file = bench.folder.path("call.jsonl");
  ASSERT_EQ(capture_call({bench.rec(), "pbx-call-1", file, false}), 0);
  std::string text = testing_support::read_file(file);
  const std::string word = R"(\"state\":\"dialing\")";
  text.replace(text.find(word), word.size(), R"(\"state\":\"ringing\")");
  bench.folder.write("call.jsonl", text);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(replay_bundle({file, {}, false}), 1);
  EXPECT_NE(::testing::internal::GetCapturedStderr().find(
                R"(event 1 /data/call/state: was "ringing", is "dialing")"),
            std::string::npos);
  EXPECT_EQ(replay_bundle({file, {}, true}), 0);
  EXPECT_EQ(replay_bundle({file, {}, false}), 0);
  (void)::testing::internal::GetCapturedStdout();
}

TEST(RecorderCommands, SpeedIsLifeDividedByIt) {
  RecordingBench bench;
  auto facts = ring_group(0);
  facts.resize(4);  // four seconds of life
  bench.feed(facts);
  const std::string file = bench.folder.path("call.jsonl");
  ASSERT_EQ(capture_call({bench.rec(), "pbx-call-1", file, false}), 0);
  ::testing::internal::CaptureStdout();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(replay_bundle({file, 20.0, false}), 0);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds{190});
  (void)::testing::internal::GetCapturedStdout();
}

}  // namespace
}  // namespace hookswitch::recorder_test
