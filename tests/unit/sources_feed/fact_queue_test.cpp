#include "sources/feed/fact_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace hookswitch::feed {
namespace {

/// Holds every request until it is told what to answer; refuses at once while it is shut.
class HoldingSink : public FactSink {
 public:
  void submit(std::vector<Fact> facts, Done done, SourceInputPtr) override {
    if (shut) return done(Errc::overload);
    for (const auto& fact : facts) got += fact.ids.leg.str();
    held.push_back(std::move(done));
  }
  void source_health(const std::string&, const std::string&, bool, const std::string&) override {}
  void answer_all(std::optional<Errc> why = std::nullopt) {
    for (auto& done : std::exchange(held, {})) done(why);
  }

  bool shut = false;
  std::string got;
  std::vector<Done> held;
};

std::vector<Fact> leg(const std::string& name) {
  Fact fact;
  fact.ids.leg = name;
  return {fact};
}

class FactQueueTest : public testing::Test {
 protected:
  void push(const std::string& names) {
    for (const char name : names) queue->push(leg({name}), nullptr);
  }

  HoldingSink sink;
  int rests = 0;
  std::shared_ptr<FactQueue> queue =
      std::make_shared<FactQueue>(sink, QueueLimits{8, 1'000'000, 4}, [this] { ++rests; });
};

TEST_F(FactQueueTest, FactsGoInOrderAndOnlySoManyAtOnce) {
  push("abcdef");
  EXPECT_EQ(sink.got, "abcd");
  sink.answer_all();
  EXPECT_EQ(sink.got, "abcdef");
  sink.answer_all();
  EXPECT_EQ(queue->size(), 0U);
}

TEST_F(FactQueueTest, WhatIsRefusedWaitsAndIsOfferedAgainBeforeWhatFollows) {
  sink.shut = true;
  push("abc");
  EXPECT_EQ(rests, 1);
  sink.shut = false;
  push("d");
  EXPECT_EQ(sink.got, "");
  queue->retry();
  EXPECT_EQ(sink.got, "abcd");
}

TEST_F(FactQueueTest, WhatFailsLaterIsOfferedAgain) {
  push("ab");
  sink.answer_all(Errc::journal_io);
  EXPECT_EQ(rests, 1);
  EXPECT_EQ(queue->size(), 2U);
  queue->retry();
  EXPECT_EQ(sink.got, "abab");
  sink.answer_all();
  EXPECT_EQ(queue->size(), 0U);
}

TEST_F(FactQueueTest, WhatCannotBeCuredIsNotTriedAgain) {
  push("a");
  sink.answer_all(Errc::shutting_down);
  EXPECT_EQ(queue->size(), 0U);
  EXPECT_EQ(rests, 0);
}

TEST_F(FactQueueTest, FullOneSaysOnceThatThereIsRoom) {
  int told = 0;
  push("abcdefg");
  EXPECT_FALSE(queue->is_full([&] { ++told; }));
  push("h");
  EXPECT_TRUE(queue->is_full([&] { ++told; }));
  sink.answer_all();
  EXPECT_EQ(told, 0) << "half of it is still there";
  sink.answer_all();
  EXPECT_EQ(told, 1);
  EXPECT_FALSE(queue->is_full());
}

TEST_F(FactQueueTest, BytesMakeItFullAsWell) {
  queue = std::make_shared<FactQueue>(sink, QueueLimits{1000, 10'000, 4}, nullptr);
  auto facts = leg("a");
  facts[0].custom_data = std::string(12'000, 'x');
  queue->push(facts, nullptr);
  EXPECT_TRUE(queue->is_full());
}

TEST_F(FactQueueTest, ClosedOneHandsNothingOnAndLetsNobodyWait) {
  int told = 0;
  push("abcdefgh");
  EXPECT_TRUE(queue->is_full([&] { ++told; }));
  queue->close();
  EXPECT_EQ(told, 1);
  sink.answer_all();
  push("i");
  EXPECT_EQ(sink.got, "abcd");
}

TEST_F(FactQueueTest, AnswerAfterItsEndIsHarmless) {
  push("a");
  queue.reset();
  sink.answer_all();
}

TEST_F(FactQueueTest, ThreadsThatPushAtOnceLoseNothing) {
  struct Counting : FactSink {
    void submit(std::vector<Fact> facts, Done done, SourceInputPtr) override {
      count += facts.size();
      done(std::nullopt);
    }
    void source_health(const std::string&, const std::string&, bool, const std::string&) override {}
    std::atomic<std::size_t> count{0};
  } counting;
  const auto busy = std::make_shared<FactQueue>(counting, QueueLimits{}, nullptr);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) busy->push(leg("x"), nullptr);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counting.count, 4000U);
  EXPECT_EQ(busy->size(), 0U);
}

}  // namespace
}  // namespace hookswitch::feed
