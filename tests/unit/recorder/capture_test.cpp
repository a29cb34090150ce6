#include "recorder/capture.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "recorder/replay.hpp"
#include "unit/recorder/recording_bench.hpp"

namespace hookswitch::recorder_test {
namespace {

/// Two calls found to be one, with strangers before, between and after.
class Merged : public ::testing::Test {
 protected:
  Merged() {
    Fact same = say(FactType::answered, 3000, "a");
    same.ids.call.emplace_back("b");
    same.agent.ext = "101";
    bench.feed(ring_group(0, "stranger-1", "+12025550171"));
    bench.feed({jane(FactType::ringing, 1000, "a", "101")});
    bench.feed(ring_group(1100, "stranger-2", "+12025550172"));
    bench.feed({jane(FactType::ringing, 2000, "b", "102"), same, jane(FactType::ended, 9000, "b")});
  }
  RecordingBench bench;
};

TEST_F(Merged, AreOneBundleWhicheverIdIsAskedFor) {
  ASSERT_EQ(bench.calls.size(), 4u);
  const std::string kept = bench.calls[1], absorbed = bench.calls[3];
  const auto bundle = bench.bundle(kept);
  ASSERT_TRUE(bundle) << bundle.error().detail;
  EXPECT_EQ(bundle->calls, (std::vector{kept, absorbed}));
  EXPECT_EQ(bundle->known_problem, "");
  EXPECT_EQ(bundle->version, kVersion);
  EXPECT_EQ(bundle->org, "acme");
  for (const auto& id : {absorbed, std::string{"a"}, std::string{"b"}}) {
    const auto same = bench.bundle(id);
    ASSERT_TRUE(same) << id;
    EXPECT_EQ(write_bundle(*same), write_bundle(*bundle)) << id;
  }
}

TEST_F(Merged, HoldNothingOfOtherCallsAndOrganisations) {
  const auto bundle = bench.bundle("a");
  ASSERT_TRUE(bundle);
  const std::string text = write_bundle(*bundle);
  EXPECT_EQ(text.find("stranger"), std::string::npos);
  EXPECT_EQ(text.find("gina"), std::string::npos);
  EXPECT_EQ(bundle->inputs.size(), 6u);  // rules, directory and four facts
  EXPECT_TRUE(bundle->notes.empty());
}

TEST(Capture, UnknownCallIsNotFound) {
  RecordingBench bench;
  bench.feed(ring_group(0));
  for (const char* id : {"01KNOSUCHCALL0000000000000", "nobody", "", "a\"b", "pbx-call"}) {
    const auto bundle = bench.bundle(id);
    ASSERT_FALSE(bundle) << id;
    EXPECT_EQ(bundle.error().code, Errc::not_found);
  }
  EXPECT_NE(bench.bundle("nobody").error().detail.find("begins 2026-11-20T15:00:00.000Z"),
            std::string::npos);
  const auto nothing = capture(bench.folder.path("none"), "x", kVersion);
  ASSERT_FALSE(nothing);
  EXPECT_NE(nothing.error().detail.find("there is no recording"), std::string::npos);
}

/// Two calls one after the other that bear one SIP Call-ID.
void feed_two_of_one_id(RecordingBench& bench) {
  for (const char* call : {"first", "second"}) {
    auto facts = ring_group(static_cast<std::int64_t>(bench.calls.size()) * 100'000, call);
    for (auto& fact : facts) fact.ids.sip.emplace_back("again@gw");
    bench.feed(facts);
  }
}

TEST(Capture, TakesTheNewestCallThatBearsAnId) {
  RecordingBench bench;
  feed_two_of_one_id(bench);
  ASSERT_EQ(bench.calls.size(), 2u);
  EXPECT_EQ(bench.bundle("again@gw")->calls.front(), bench.calls[1]);
  EXPECT_EQ(bench.bundle("first")->calls.front(), bench.calls[0]);
}

TEST(Capture, CallsThatHandAnIdOnReplayEachByItself) {
  RecordingBench bench;
  feed_two_of_one_id(bench);
  for (const auto& id : bench.calls) {
    const auto bundle = bench.bundle(id);
    ASSERT_TRUE(bundle);
    EXPECT_EQ(bundle->known_problem, "") << id;
    EXPECT_EQ(bundle->calls, std::vector{id});
  }
}

TEST(Capture, LiveCallIsWhatItIsSoFar) {
  RecordingBench bench;
  auto facts = ring_group(0);
  facts.resize(4);
  bench.feed(facts);
  const auto bundle = bench.bundle(bench.first_call());
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->known_problem, "");
  EXPECT_EQ(bundle->events.size(), bench.frames.size());
}

TEST(Capture, LineThatIsBeingWrittenDoesNoHarm) {
  RecordingBench bench;
  bench.feed(ring_group(0));
  std::ofstream{segments::list(bench.rec()).back().path, std::ios::app}
      << R"({"in":"fact","calls":[")" << bench.first_call();
  const auto bundle = bench.bundle(bench.first_call());
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->known_problem, "");
}

TEST(Capture, SaysWhenTheBeginningIsGone) {
  RecordingBench bench{7, 1024 * 1024};
  bench.feed({jane(FactType::started, 0, "long")});
  for (int i = 0; i < 300; ++i) bench.feed(ring_group(i * 100, "call-" + std::to_string(i)));
  bench.feed({jane(FactType::ended, 100'000, "long")});
  const auto bundle = bench.bundle("long");
  ASSERT_FALSE(bundle);
  EXPECT_NE(bundle.error().detail.find("beginning"), std::string::npos) << bundle.error().detail;
}

TEST(Capture, CarriesTheRawInputOfItsFacts) {
  RecordingBench bench;
  RawInput raw{"acme", "pbx", at_ms(0), "POST", "/v1/hooks/pbx", {{"Cookie", "x"}}, "{\"a\":1}"};
  bench.raw = bench.recorder.raw(raw);
  bench.turn({jane(FactType::started, 0)});
  raw.body = "of another";
  bench.raw = bench.recorder.raw(raw);
  bench.turn({ring_group(10, "other", "+12025550171").front()});
  const auto bundle = bench.bundle("pbx-call-1");
  ASSERT_TRUE(bundle);
  ASSERT_EQ(bundle->inputs.size(), 3u);
  EXPECT_NE(bundle->inputs[2].raw.find(R"("body":"{\"a\":1}")"), std::string::npos);
  EXPECT_EQ(write_bundle(*bundle).find("of another"), std::string::npos);
}

TEST(Capture, ChangedDirectoryIsTakenAlongWhereItChanged) {
  RecordingBench bench;
  const auto facts = ring_group(0);
  bench.feed({facts[0]});
  auto fewer = std::make_shared<Directory>();
  fewer->add(Org{"acme", "US", ""});
  fewer->add(User{"acme", "zoe", "Zoe Zest", "", {"101"}});
  bench.table.set_directory(fewer);
  bench.recorder.directory(at_ms(50), *fewer, {"acme", "globex"});
  bench.feed({facts.begin() + 1, facts.end()});
  const auto bundle = bench.bundle(bench.first_call());
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->known_problem, "");
  EXPECT_EQ(std::count_if(bundle->inputs.begin(), bundle->inputs.end(),
                          [](const auto& in) { return in.kind == BundleInput::Kind::directory; }),
            2);
}

}  // namespace
}  // namespace hookswitch::recorder_test
