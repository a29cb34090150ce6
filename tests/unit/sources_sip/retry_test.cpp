#include "sources/sip/retry.hpp"

#include <gtest/gtest.h>

namespace hookswitch::sip {
namespace {

constexpr milliseconds kLong{60'000};

Ending refused(int status) { return {.status = status}; }
Ending ended(std::string_view reason, milliseconds lived = kLong) {
  return {.reason = reason, .was_active = true, .lived = lived};
}

TEST(SipRetry, FailuresBackOffToHalfAMinute) {
  Retry retry;
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 7; ++i) waits.push_back(retry.after(refused(503), 0).count());
  EXPECT_EQ(waits, (std::vector<std::int64_t>{1000, 2000, 4000, 8000, 16'000, 30'000, 30'000}));
}

TEST(SipRetry, SuccessForgetsFailures) {
  Retry retry;
  for (int i = 0; i < 5; ++i) retry.after(refused(503), 0);
  retry.succeeded();
  EXPECT_EQ(retry.after(refused(503), 0), kRetryFirst);
}

TEST(SipRetry, DeactivatedAndTimeoutAskAgainAtOnce) {
  EXPECT_EQ(Retry{}.after(ended("deactivated"), 0), milliseconds{0});
  EXPECT_EQ(Retry{}.after(ended("timeout"), 0), milliseconds{0});
}

TEST(SipRetry, LostDialogAsksAgainAtOnceWhenItHadLived) {
  EXPECT_EQ(Retry{}.after({.status = 481, .was_active = true, .lived = kLong}, 0), milliseconds{0});
  EXPECT_EQ(Retry{}.after(refused(481), 0), kRetryFirst);
}

TEST(SipRetry, SubscriptionThatHardlyLivedBacksOffWhateverTheReason) {
  Retry retry;
  EXPECT_EQ(retry.after(ended("deactivated", milliseconds{50}), 0), kRetryFirst);
  EXPECT_EQ(retry.after(ended("deactivated", milliseconds{50}), 0), 2 * kRetryFirst);
}

TEST(SipRetry, RefusalsWaitForSomebodyToChangeSomething) {
  for (const int status : {401, 403, 404, 489, 603})
    EXPECT_EQ(Retry{}.after(refused(status), 0), kRetryRefused) << status;
  for (const auto* reason : {"rejected", "noresource", "invariant"})
    EXPECT_EQ(Retry{}.after(ended(reason), 0), kRetryRefused) << reason;
}

TEST(SipRetry, RetryAfterIsHonouredWithinAnHour) {
  Ending ending = refused(503);
  ending.after = std::chrono::seconds{20};
  EXPECT_EQ(Retry{}.after(ending, 0), milliseconds{20'000});
  ending.after = std::chrono::seconds{1'000'000};
  EXPECT_EQ(Retry{}.after(ending, 0), kRetryAfterMost);
}

TEST(SipRetry, JitterAddsUpToAFifth) {
  EXPECT_GT(Retry{}.after(refused(403), 512), kRetryRefused);
  EXPECT_LE(Retry{}.after(refused(403), 1023), kRetryRefused + kRetryRefused / 5);
}

}  // namespace
}  // namespace hookswitch::sip
