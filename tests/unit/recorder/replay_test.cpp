#include "recorder/replay.hpp"

#include <gtest/gtest.h>

#include "unit/recorder/recording_bench.hpp"

namespace hookswitch::recorder_test {
namespace {

Bundle ring_group_bundle() {
  RecordingBench bench;
  bench.feed(ring_group(0));
  auto out = bench.bundle(bench.first_call());
  EXPECT_TRUE(out);
  return out ? *out : Bundle{};
}

TEST(Replay, TellsTheSameBytes) {
  RecordingBench bench;
  bench.feed(ring_group(0));
  const auto bundle = bench.bundle(bench.first_call());
  ASSERT_TRUE(bundle);
  const auto again = replay(*bundle);
  EXPECT_FALSE(again.difference) << again.difference->text();
  ASSERT_EQ(again.told.size(), bench.frames.size());
  for (std::size_t i = 0; i < again.told.size(); ++i)
    EXPECT_EQ(again.told[i].frame, bench.frames[i]);
}

TEST(Replay, TicksEndWhatOnlyTicksEnd) {
  RecordingBench bench;
  bench.feed({dialog("102", FactType::ringing, 0, "a84b@hq"),
              dialog("102", FactType::ended, 9000, "a84b@hq")});
  bench.tick(9100);
  bench.tick(60'000);
  const auto bundle = bench.bundle("a84b@hq");
  ASSERT_TRUE(bundle);
  EXPECT_NE(bench.frames.back().find("call.ended"), std::string::npos);
  EXPECT_EQ(bundle->inputs.back().kind, BundleInput::Kind::tick);
  EXPECT_FALSE(replay(*bundle).difference);
  Bundle without = *bundle;
  without.inputs.pop_back();
  EXPECT_TRUE(replay(without).difference);
}

TEST(Replay, NamesTheFirstDifference) {
  Bundle bundle = ring_group_bundle();
  auto& frame = bundle.events[2].frame;
  const auto at = frame.find("\"inbound\"");
  frame.replace(at, 9, "\"outbound\"");
  const auto difference = replay(bundle).difference;
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->text(), R"(event 3 /data/call/direction: was "outbound", is "inbound")");
}

TEST(Replay, NoticesWhoWasTold) {
  Bundle bundle = ring_group_bundle();
  bundle.events[1].audience.emplace_back("carol");
  const auto difference = replay(bundle).difference;
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->pointer, "audience");
  EXPECT_EQ(difference->event, 2u);
}

TEST(Replay, NoticesEventsThatAreMissingOrTooMany) {
  Bundle fewer = ring_group_bundle(), more = fewer;
  fewer.events.pop_back();
  auto difference = replay(fewer).difference;
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->event, fewer.events.size() + 1);
  EXPECT_EQ(difference->expected, "");
  more.events.push_back(more.events.back());
  difference = replay(more).difference;
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->event, more.events.size());
  EXPECT_EQ(difference->told, "");
}

TEST(Replay, CallThatWasNotThereBeforeIsADifference) {
  Bundle bundle = ring_group_bundle();
  Fact other = jane(FactType::started, 65'000, "quite-another");
  other.from.number = "+12025550177";
  BundleInput input;
  input.kind = BundleInput::Kind::fact;
  input.at = other.received;
  input.fact = other;
  input.calls = bundle.calls;
  bundle.inputs.push_back(input);
  EXPECT_TRUE(replay(bundle).difference);
}

TEST(Replay, SameValuesInOtherBytesAreADifference) {
  const auto difference = difference_of(R"({"a":1,"b":2})", R"({"b":2,"a":1})");
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->pointer, "");
  EXPECT_FALSE(difference_of("{}", "{}"));
  EXPECT_EQ(difference_of(R"({"a/b":[1,{"~":2}]})", R"({"a/b":[1,{"~":3}]})")->pointer,
            "/a~1b/1/~0");
  EXPECT_EQ(difference_of(R"({"a":[1]})", R"({"a":[1,2]})")->pointer, "/a/1");
  EXPECT_EQ(difference_of(R"({"a":1})", R"({"a":1,"b":2})")->pointer, "/b");
}

TEST(Replay, HandsOutTimesAndEventsAsItGoes) {
  const Bundle bundle = ring_group_bundle();
  std::vector<Time> times;
  std::size_t told = 0;
  const auto again = replay(
      bundle, [&](Time at) { times.push_back(at); }, [&](const BundleEvent&) { ++told; });
  EXPECT_EQ(times.size(), bundle.inputs.size());
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_EQ(told, again.told.size());
}

TEST(Bundle, IsReadAsItWasWritten) {
  Bundle bundle = ring_group_bundle();
  bundle.notes = {"a note"};
  bundle.known_problem = "a problem";
  bundle.redacted = true;
  bundle.limits.settle = milliseconds{321};
  const std::string text = write_bundle(bundle);
  const auto again = read_bundle(text);
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(write_bundle(*again), text);
  EXPECT_EQ(again->limits.settle, milliseconds{321});
  EXPECT_EQ(again->known_problem, "a problem");
}

TEST(Bundle, ProblemsNameTheLineAndNotItsContent) {
  const std::string head = R"({"hookswitch_bundle":1,"version":"1","org":"acme","calls":["c"]})"
                           "\n";
  const auto why = [](const std::string& text) {
    const auto read = read_bundle(text);
    return read ? std::string{} : read.error().detail;
  };
  EXPECT_EQ(why(""), "is empty");
  EXPECT_EQ(why("{}\n"), "line 1: is no header of a bundle of format 1");
  EXPECT_EQ(why(R"({"hookswitch_bundle":2,"org":"a","calls":["c"]})").substr(0, 7), "line 1:");
  EXPECT_EQ(why(R"({"hookswitch_bundle":1,"org":"a","calls":[]})"), "line 1: lacks org or calls");
  EXPECT_EQ(why(head), "");
  EXPECT_EQ(why(head + "secret\n").substr(0, 7), "line 2:");
  EXPECT_EQ(why(head + "secret\n").find("secret"), std::string::npos);
  EXPECT_EQ(why(head + R"({"in":"song","t":1})"),
            "line 2: is an input of a kind that this version does not know");
  EXPECT_EQ(why(head + R"({"in":"tick"})"), "line 2: is neither an input with a time nor an event");
  EXPECT_EQ(why(head + R"({"in":"directory","t":1})"), "line 2: lacks the lists orgs and users");
  EXPECT_EQ(why(head + "[]"), "line 2: is no object");
  EXPECT_NE(why(std::string(kBundleBytesMax + 1, '\n')), "");
}

}  // namespace
}  // namespace hookswitch::recorder_test
