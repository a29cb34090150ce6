#include "base/time.hpp"

#include <gtest/gtest.h>

#include <random>

namespace hookswitch {
namespace {

TEST(Rfc3339, IsWrittenWithMillisecondsInUtc) {
  EXPECT_EQ(to_rfc3339(from_unix_ms(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(from_unix_ms(1'795'186'801'007)), "2026-11-20T15:00:01.007Z");
  EXPECT_EQ(to_rfc3339(from_unix_ms(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(from_unix_ms(951'782'400'000)), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(from_unix_ms(253'402'300'799'999)), "9999-12-31T23:59:59.999Z");
}

TEST(Rfc3339, YearsOutsideTheFormatAreClamped) {
  EXPECT_EQ(to_rfc3339(from_unix_ms(253'402'300'800'000)).substr(0, 5), "9999-");
  EXPECT_EQ(to_rfc3339(from_unix_ms(-62'167'219'200'001)).substr(0, 5), "0000-");
}

TEST(Rfc3339, YearsFarOutsideTheFormatAreClampedToo) {
  constexpr std::int64_t kYearMs = 31'556'952'000;
  for (const std::int64_t year : {33'000, 67'000, 70'000, 1'000'000})
    EXPECT_EQ(to_rfc3339(from_unix_ms((year - 1970) * kYearMs)).substr(0, 5), "9999-") << year;
  for (const std::int64_t year : {-1'000, -33'000, -63'500, -1'000'000})
    EXPECT_EQ(to_rfc3339(from_unix_ms((year - 1970) * kYearMs)).substr(0, 5), "0000-") << year;
}

TEST(Rfc3339, AppendsToWhatIsThere) {
  std::string out = "at=";
  append_rfc3339(out, from_unix_ms(0));
  EXPECT_EQ(out, "at=1970-01-01T00:00:00.000Z");
}

TEST(Rfc3339, EveryWrittenMomentIsReadBack) {
  std::mt19937_64 random{7};
  for (int i = 0; i < 5000; ++i) {
    const auto ms =
        static_cast<std::int64_t>(random() % 315'569'520'000'000ULL) - 62'167'219'200'000;
    const Time time = from_unix_ms(ms);
    ASSERT_EQ(parse_rfc3339(to_rfc3339(time)), time) << ms;
    ASSERT_EQ(to_unix_ms(time), ms);
  }
}

struct Spelling {
  const char* text;
  std::int64_t ms;
};
class ParseRfc3339 : public testing::TestWithParam<Spelling> {};
TEST_P(ParseRfc3339, GivesTheMoment) {
  const auto time = parse_rfc3339(GetParam().text);
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(to_unix_ms(*time), GetParam().ms);
}
INSTANTIATE_TEST_SUITE_P(
    Spellings, ParseRfc3339,
    testing::Values(Spelling{"2026-11-20T15:00:01Z", 1'795'186'801'000},
                    Spelling{"2026-11-20t15:00:01z", 1'795'186'801'000},
                    Spelling{"2026-11-20 15:00:01.5Z", 1'795'186'801'500},
                    Spelling{"2026-11-20T15:00:01.1239999Z", 1'795'186'801'123},
                    Spelling{"2026-11-20T15:00:01.123456789012345Z", 1'795'186'801'123},
                    Spelling{"2026-11-20T16:00:01+01:00", 1'795'186'801'000},
                    Spelling{"2026-11-20T16:00:01+0100", 1'795'186'801'000},
                    Spelling{"2026-11-20T09:30:01-05:30", 1'795'186'801'000},
                    Spelling{"2026-11-21T00:00:01+09:00", 1'795'186'801'000},
                    Spelling{"2026-11-20T15:00:01-00:00", 1'795'186'801'000},
                    Spelling{"20261120T150001Z", 1'795'186'801'000},
                    Spelling{"20261120T160001.25+0100", 1'795'186'801'250},
                    Spelling{"2024-02-29T00:00:00Z", 1'709'164'800'000}));

TEST(Rfc3339, WhatIsNoMomentIsRefused) {
  for (const char* text : {"",
                           "2026",
                           "2026-11-20",
                           "2026-11-20T15:00:01",
                           "2026-11-20T15:00:01.5",
                           "2026-11-20T15:00Z",
                           "2026-13-20T15:00:01Z",
                           "2026-00-20T15:00:01Z",
                           "2026-11-31T15:00:01Z",
                           "2025-02-29T15:00:01Z",
                           "2026-11-00T15:00:01Z",
                           "2026-11-20T24:00:01Z",
                           "2026-11-20T15:60:01Z",
                           "2026-11-20T15:00:61Z",
                           "2026-11-20T15:00:01.Z",
                           "2026-11-20T15:00:01Zx",
                           " 2026-11-20T15:00:01Z",
                           "2026-11-20T15:00:01Z ",
                           "2026-11-20T15:00:01+24:00",
                           "2026-11-20T15:00:01+01:60",
                           "2026-11-20T15:00:01+1:00",
                           "2026-11-20T15:00:01+",
                           "2026-11-20T15:00:01+-1:00",
                           "26-11-20T15:00:01Z",
                           "+2026-11-20T15:00:01Z",
                           "2026-1-20T15:00:01Z",
                           "2026/11/20T15:00:01Z",
                           "2026-11-20X15:00:01Z",
                           "2026-11-20T15-00-01Z",
                           "2026-11-20T1500:01Z",
                           "20261120T15:00:01Z",
                           "1795186801",
                           "now",
                           "2026-11-20T15:00:01UTC",
                           "2026-11-20T-5:00:01Z",
                           "2026-11-20T15:00:01 +01:00"})
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
}

TEST(Clock, TellsAMomentOfThisCentury) {
  EXPECT_GT(to_unix_ms(now()), 1'700'000'000'000);
  EXPECT_LT(to_unix_ms(now()), 4'102'444'800'000);
}

}  // namespace
}  // namespace hookswitch
