#include "daemon/admission.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

class AdmissionTest : public ::testing::Test {
 protected:
  /// Puts single facts in until one is refused; how many went, and why not more.
  std::size_t fill(const std::string& source, const std::string& org = "acme") {
    for (std::size_t taken = 0;; ++taken) {
      why = admission.take(org, source, {1, 10}, at);
      if (why) return taken;
    }
  }

  Admission admission{{1200, 1'000'000}};
  Admission::Clock::time_point at = Admission::Clock::now();
  std::optional<Refusal> why;
};

TEST_F(AdmissionTest, OneSourceTakesAtMostHalfOfTheQueue) {
  EXPECT_EQ(fill("noisy"), 600u);
  EXPECT_EQ(why, Refusal::source_share);
}

TEST_F(AdmissionTest, SecondSourceFindsRoomBesideANoisyOne) {
  fill("noisy");
  EXPECT_EQ(admission.take("acme", "calm", {100, 1000}, at), std::nullopt);
}

TEST_F(AdmissionTest, SourcesOfOneOrganisationLeaveRoomForAnother) {
  for (int i = 0; i < 50; ++i) fill("s" + std::to_string(i));
  EXPECT_EQ(why, Refusal::org_share);
  EXPECT_LE(admission.waiting().facts, 800u);
  EXPECT_GT(fill("calm", "other"), 150u);
}

TEST_F(AdmissionTest, ManyOrganisationsNeverOverfillIt) {
  for (int i = 0; i < 200; ++i) fill("s", "o" + std::to_string(i));
  EXPECT_LE(admission.waiting().facts, 1200u);
  EXPECT_EQ(admission.take("late", "s", {1200, 1}, at), Refusal::queue_full);
}

TEST_F(AdmissionTest, BytesAreBoundedAsFactsAre) {
  EXPECT_EQ(admission.take("acme", "s", {1, 500'000}, at), std::nullopt);
  EXPECT_EQ(admission.take("acme", "s", {1, 1}, at), Refusal::source_share);
  EXPECT_EQ(admission.take("other", "t", {1, 500'001}, at), Refusal::queue_full);
  EXPECT_EQ(admission.take("other", "t", {1, 400'000}, at), std::nullopt);
}

TEST_F(AdmissionTest, WhatIsReleasedCanBeTakenAgain) {
  fill("noisy");
  for (int i = 0; i < 600; ++i) admission.release("acme", "noisy", {1, 10});
  EXPECT_EQ(admission.waiting().facts, 0u);
  EXPECT_EQ(admission.waiting().bytes, 0u);
  EXPECT_EQ(fill("noisy"), 600u);
}

TEST_F(AdmissionTest, BudgetIsASecondsWorthThenTheRate) {
  admission.set_budgets({{{{"acme", "s"}, 50}}, {}});
  EXPECT_EQ(fill("s"), 50u);
  EXPECT_EQ(why, Refusal::source_rate);
  at += 100ms;
  EXPECT_EQ(fill("s"), 5u);
  at += 1h;
  EXPECT_EQ(fill("s"), 50u) << "what was not used is not saved up";
  EXPECT_GT(fill("other"), 500u) << "the budget is of that source alone";
}

TEST_F(AdmissionTest, BudgetOfAnOrganisationIsSharedByItsSources) {
  admission.set_budgets({{}, {{"acme", 40}}});
  EXPECT_EQ(fill("s"), 40u);
  EXPECT_EQ(fill("t"), 0u);
  EXPECT_EQ(why, Refusal::org_rate);
  EXPECT_GT(fill("s", "other"), 40u);
}

TEST_F(AdmissionTest, BatchMayOverdrawItsBudgetAndThenWaits) {
  admission.set_budgets({{{{"acme", "s"}, 10}}, {}});
  EXPECT_EQ(admission.take("acme", "s", {30, 1}, at), std::nullopt);
  at += 1900ms;
  EXPECT_EQ(admission.take("acme", "s", {1, 1}, at), Refusal::source_rate);
  at += 200ms;
  EXPECT_EQ(admission.take("acme", "s", {1, 1}, at), std::nullopt);
}

TEST_F(AdmissionTest, RefusedRequestSpendsNothing) {
  admission.set_budgets({{{{"acme", "s"}, 10}}, {{"acme", 5}}});
  EXPECT_EQ(fill("s"), 5u);
  EXPECT_EQ(why, Refusal::org_rate);
  admission.set_budgets({{{{"acme", "s"}, 10}}, {}});
  EXPECT_EQ(fill("s"), 5u) << "the source's own budget was charged for what it got in only";
}

TEST_F(AdmissionTest, BudgetThatIsTakenAwayNoLongerHolds) {
  admission.set_budgets({{{{"acme", "s"}, 10}}, {}});
  fill("s");
  admission.set_budgets({});
  EXPECT_GT(fill("s"), 100u);
}

TEST(LoadOf, CountsFactsAndWhatTheyHold) {
  Fact fact;
  const std::size_t bare = load_of({fact}, nullptr).bytes;
  EXPECT_GE(bare, sizeof(Fact));
  fact.custom_data = std::string(2000, 'x');
  EXPECT_GE(load_of({fact, fact}, nullptr).bytes, 2 * (bare + 2000));
  EXPECT_EQ(load_of({fact, fact}, nullptr).facts, 2u);
  SourceInput input;
  input.body = std::string(5000, 'x');
  EXPECT_GE(load_of({}, std::make_shared<const SourceInput>(input)).bytes, 5000u);
}

}  // namespace
}  // namespace hookswitch
