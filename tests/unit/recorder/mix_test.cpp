#include <gtest/gtest.h>

#include <random>

#include "recorder/redact.hpp"
#include "recorder/replay.hpp"
#include "unit/recorder/recording_bench.hpp"

namespace hookswitch::recorder_test {
namespace {

/// Facts of two sources about a few numbers, lines and ids, so that calls meet: they merge, take
/// over each other's ids, fuse, ring on, and end by ticks.
class Mix {
 public:
  explicit Mix(std::uint64_t seed) : random_(seed) {}

  void run(RecordingBench& bench, int turns) {
    for (int i = 0; i < turns; ++i) {
      ms_ += pick(4) == 0 ? 700 + pick(60'000) : pick(400);
      if (pick(12) == 0) bench.tick(ms_);
      if (pick(60) == 0) bench.restart(ms_, "pbx");
      std::vector<Fact> facts;
      for (std::int64_t n = 1 + pick(3); n > 0; --n) facts.push_back(fact());
      bench.turn(facts, pick(25) != 0);
    }
    bench.tick(ms_ + 5000);
  }

 private:
  std::int64_t pick(std::int64_t below) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
  }
  Fact fact() {
    static constexpr FactType kTypes[] = {
        FactType::started,  FactType::dialing, FactType::ringing,     FactType::ringing,
        FactType::answered, FactType::held,    FactType::resumed,     FactType::queued,
        FactType::ended,    FactType::ended,   FactType::transferred, FactType::report,
        FactType::updated,  FactType::parked,  FactType::recording};
    Fact out = say(kTypes[pick(std::size(kTypes))], ms_ + pick(50));
    const std::string call = std::to_string(ms_ / 90'000) + "-" + std::to_string(pick(4));
    const std::string ext = "10" + std::to_string(1 + pick(3));
    out.from.number = "+1202555014" + std::to_string(pick(3));
    out.from.name = "Jane " + std::to_string(pick(3));
    if (pick(3) > 0) out.direction = Direction::inbound;
    if (pick(3) == 0) {
      out.source = "hq";
      out.ids.sip.emplace_back(call + "@gw.example");
      out.ids.leg = ext + "/" + call;
      out.state_report = true;
    } else if (pick(8) > 0) {
      out.ids.call.emplace_back("v" + call);
      if (pick(15) == 0) out.ids.call.emplace_back("v" + std::to_string(pick(4)));
    }
    if (pick(20) == 0) out.headers["X-CID"] = "cid-" + call;
    if (pick(2) == 0) out.agent.ext = ext;
    if (pick(2) == 0) out.to.ext = ext;
    if (pick(6) == 0) out.at = out.received - milliseconds{pick(3000)};
    if (out.type == FactType::transferred) {
      out.transfer.kind = pick(2) == 0 ? "blind" : "attended";
      out.transfer.to.ext = "103";
      if (out.transfer.kind == "attended") out.transfer.other_calls.emplace_back("v" + call);
    }
    return out;
  }
  std::mt19937_64 random_;
  std::int64_t ms_ = 0;
};

TEST(Mix, EveryCallReplaysByItselfAlsoRedacted) {
  std::size_t calls = 0, with_others = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    RecordingBench bench{seed};
    Mix{seed}.run(bench, 100);
    for (const auto& id : bench.calls) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " call " + id);
      const auto bundle = bench.bundle(id);
      ASSERT_TRUE(bundle) << bundle.error().detail;
      EXPECT_EQ(bundle->known_problem, "");
      ++calls;
      with_others += bundle->notes.empty() ? 0U : 1U;
      const auto hidden = redact(*bundle);
      ASSERT_TRUE(hidden) << hidden.error().detail;
      const auto difference = replay(*hidden).difference;
      EXPECT_FALSE(difference) << difference->text();
    }
  }
  EXPECT_GT(calls, 60u);
  EXPECT_GT(with_others, 0u) << "no call needed another: the mix is too thin to tell";
  RecordProperty("calls", static_cast<int>(calls));
}

}  // namespace
}  // namespace hookswitch::recorder_test
