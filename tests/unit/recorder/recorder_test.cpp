#include "recorder/recorder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "unit/recorder/recording_bench.hpp"

namespace hookswitch::recorder_test {
namespace {

std::vector<std::string> lines_of(const std::string& folder) {
  std::vector<std::string> out;
  EXPECT_TRUE(segments::each_line(folder, [&](std::string_view line) {
    out.emplace_back(line);
    return true;
  }));
  return out;
}

std::size_t count(const std::vector<std::string>& lines, std::string_view what) {
  return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [&](const auto& line) {
    return line.find(what) != std::string::npos;
  }));
}

unsigned mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

TEST(Recorder, KeepsInputsAndEventsInTheOrderOfTheTurn) {
  RecordingBench bench;
  bench.feed(ring_group(0));
  const auto lines = lines_of(bench.rec());
  ASSERT_GT(lines.size(), 10u);
  EXPECT_TRUE(lines[0].starts_with(R"({"in":"settings")"));
  EXPECT_TRUE(lines[1].starts_with(R"({"in":"directory")"));
  EXPECT_TRUE(lines[2].starts_with(R"({"in":"fact")"));
  EXPECT_TRUE(lines[3].starts_with(R"({"out":"{\"specversion\")"));
  EXPECT_EQ(count(lines, R"({"in":"fact")"), 7u);
  EXPECT_EQ(count(lines, R"({"out")"), bench.frames.size());
  EXPECT_EQ(count(lines, R"("calls":[")" + bench.first_call()), 7u);
}

TEST(Recorder, OnlyTheOwnerMayReadIt) {
  RecordingBench bench;
  bench.feed(ring_group(0));
  EXPECT_EQ(mode_of(bench.rec()), 0700u);
  EXPECT_EQ(mode_of(segments::list(bench.rec()).at(0).path), 0600u);
}

TEST(Recorder, TicksThatTouchNothingAreNotKept) {
  RecordingBench bench;
  bench.feed(ring_group(0));
  for (int i = 0; i < 100; ++i) bench.tick(65'000 + i);
  EXPECT_EQ(count(lines_of(bench.rec()), R"("in":"tick")"), 0u);
}

TEST(Recorder, TurnThatDidNotBecomeDurableLeavesNothing) {
  RecordingBench bench;
  bench.turn({jane(FactType::started, 0)}, false);
  bench.tick(10);
  const auto lines = lines_of(bench.rec());
  EXPECT_EQ(count(lines, R"("in":"fact")"), 0u);
  EXPECT_EQ(count(lines, R"("in":"directory")"), 1u);
}

TEST(Recorder, SwitchedOffItWritesNothing) {
  RecordingBench bench{7, 0};
  bench.feed(ring_group(0));
  EXPECT_FALSE(bench.recorder.on());
  EXPECT_EQ(bench.recorder.raw({}), 0u);
  EXPECT_FALSE(std::filesystem::exists(bench.rec()));
}

TEST(Recorder, OldestSegmentsGoWhenThereAreTooManyBytes) {
  RecordingBench bench{7, 1024 * 1024};
  for (int i = 0; i < 300; ++i) {
    bench.feed(ring_group(i * 100'000, "call-" + std::to_string(i)));
    std::uint64_t bytes = 0;
    for (const auto& segment : segments::list(bench.rec())) bytes += segment.bytes;
    ASSERT_LE(bytes, 1024u * 1024u);
    ASSERT_EQ(bench.registry.value("hookswitch_recorder_bytes"), static_cast<std::int64_t>(bytes));
  }
  const auto segments = segments::list(bench.rec());
  EXPECT_GT(segments.front().number, 1u);
  EXPECT_GT(segments.size(), 4u);
  EXPECT_EQ(count(lines_of(bench.rec()), "call-299"), count(lines_of(bench.rec()), "call-298"));
  EXPECT_EQ(count(lines_of(bench.rec()), "\"call-0\""), 0u);
}

TEST(Recorder, SegmentsGoWhenTheyAreTooOld) {
  RecordingBench bench;
  bench.feed(ring_group(0));
  bench.tick(20 * 60'000);  // the call is forgotten, the last that is recorded of it
  bench.tick(23 * 3'600'000);
  EXPECT_EQ(segments::list(bench.rec()).size(), 1u);
  bench.tick(25 * 3'600'000);
  EXPECT_EQ(segments::list(bench.rec()).size(), 0u);
  bench.feed(ring_group(26 * 3'600'000, "pbx-call-2"));
  const auto lines = lines_of(bench.rec());
  EXPECT_EQ(count(lines, "pbx-call-1"), 0u);
  EXPECT_GT(count(lines, "pbx-call-2"), 0u);
}

TEST(Recorder, EverySegmentCanBeReadByItself) {
  RecordingBench bench{7, 1024 * 1024};
  for (int i = 0; i < 60; ++i) bench.feed(ring_group(i * 100'000, "call-" + std::to_string(i)));
  const auto segments = segments::list(bench.rec());
  ASSERT_GT(segments.size(), 2u);
  for (const auto& segment : segments) {
    const std::string text = testing_support::read_file(segment.path);
    const auto end = text.find('\n');
    EXPECT_TRUE(text.starts_with(R"({"in":"settings")"));
    EXPECT_TRUE(text.substr(end + 1).starts_with(R"({"in":"directory")"));
  }
}

TEST(Recorder, NewDirectoryIsWrittenBeforeTheFactsThatFollow) {
  RecordingBench bench;
  bench.feed({jane(FactType::started, 0)});
  bench.recorder.directory(at_ms(10), *people(), {"acme"});
  bench.feed({jane(FactType::ended, 20)});
  const auto lines = lines_of(bench.rec());
  const auto second = std::find_if(lines.begin() + 2, lines.end(), [](const auto& line) {
    return line.starts_with(R"({"in":"directory")");
  });
  ASSERT_NE(second, lines.end());
  EXPECT_EQ(count({second, lines.end()}, R"("in":"fact")"), 1u);
}

TEST(Recorder, NeverAddsToAFileOfAnEarlierRun) {
  const testing_support::TempFolder folder;
  const RecorderOptions options{folder.path("rec")};
  std::filesystem::create_directory(options.folder);
  folder.write("rec/000041.jsonl", "{\"in\":\"settings\"}\n{\"in\":\"fa");  // torn by a power cut
  folder.write("rec/notes.txt", "mine");
  Registry registry;
  Recorder recorder{options, registry};
  recorder.settings(now(), CallLimits{}, {});
  recorder.directory(now(), *people(), {});
  recorder.flush(now());
  const auto segments = segments::list(options.folder);
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_EQ(segments[1].number, 42u);
  EXPECT_EQ(lines_of(options.folder).size(), 3u);
  EXPECT_EQ(testing_support::read_file(folder.path("rec/notes.txt")), "mine");
}

TEST(Recorder, FailureIsCountedAndRecordingGoesOnWithAGap) {
  RecordingBench bench;
  const std::string in_the_way = bench.folder.write("journal.db.rec", "no folder");
  bench.feed({jane(FactType::started, 0)});
  EXPECT_EQ(bench.registry.value("hookswitch_recorder_errors_total"), 1);
  bench.feed({jane(FactType::ringing, 500)});  // not tried again at once
  EXPECT_EQ(bench.registry.value("hookswitch_recorder_errors_total"), 1);
  std::filesystem::remove(in_the_way);
  bench.feed({jane(FactType::ended, 2000)});
  EXPECT_EQ(bench.registry.value("hookswitch_recorder_errors_total"), 1);
  const auto lines = lines_of(bench.rec());
  EXPECT_EQ(count(lines, R"({"in":"gap")"), 1u);
  EXPECT_EQ(count(lines, R"("in":"fact")"), 1u);
  EXPECT_TRUE(lines[1].starts_with(R"({"in":"directory")"));
}

TEST(Recorder, TurnBeyondTheBoundIsLeftOutAndSaid) {
  RecordingBench bench{7, 200'000};
  std::vector<Fact> facts;
  for (int i = 0; i < 200; ++i) {
    facts.push_back(jane(FactType::started, i, "call-" + std::to_string(i)));
    facts.back().custom_data = std::string(1900, 'x');
  }
  bench.turn(facts);
  EXPECT_EQ(bench.registry.value("hookswitch_recorder_errors_total"), 1);
  std::uint64_t bytes = 0;
  for (const auto& segment : segments::list(bench.rec())) bytes += segment.bytes;
  EXPECT_LE(bytes, 200'000u);
  EXPECT_EQ(count(lines_of(bench.rec()), R"({"in":"gap")"), 1u);
}

}  // namespace
}  // namespace hookswitch::recorder_test
