#include "sources/webhook/time_zone.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace hookswitch::webhook {
namespace {

using std::chrono::local_days;
using std::chrono::milliseconds;

/// UTC of what clocks of `zone` show.
std::string utc(const char* zone, int year, unsigned month, unsigned day, int hour,
                int minute = 0) {
  const auto loaded = TimeZone::load(zone);
  if (loaded == nullptr) return "no zone";
  const std::chrono::local_time<milliseconds> local{
      local_days{std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day)}
          .time_since_epoch() +
      std::chrono::hours{hour} + std::chrono::minutes{minute}};
  return to_rfc3339(loaded->to_utc(local));
}

TEST(TimeZone, WinterAndSummer) {
  EXPECT_EQ(utc("Europe/Sofia", 2025, 11, 20, 15), "2025-11-20T13:00:00.000Z");
  EXPECT_EQ(utc("Europe/Sofia", 2025, 7, 20, 15), "2025-07-20T12:00:00.000Z");
  EXPECT_EQ(utc("America/New_York", 2025, 7, 20, 15), "2025-07-20T19:00:00.000Z");
  EXPECT_EQ(utc("Australia/Sydney", 2025, 12, 31, 23), "2025-12-31T12:00:00.000Z");
  EXPECT_EQ(utc("Australia/Sydney", 2050, 1, 1, 1), "2049-12-31T14:00:00.000Z");
  EXPECT_EQ(utc("Asia/Kathmandu", 2025, 1, 1, 0), "2024-12-31T18:15:00.000Z");
  EXPECT_EQ(utc("UTC", 2025, 1, 1, 0), "2025-01-01T00:00:00.000Z");
}

TEST(TimeZone, RuleAfterTheLastChangeOfTheFileIsUsed) {
  EXPECT_EQ(utc("Europe/Sofia", 2090, 1, 15, 12), "2090-01-15T10:00:00.000Z");
  EXPECT_EQ(utc("Europe/Sofia", 2090, 7, 15, 12), "2090-07-15T09:00:00.000Z");
}

TEST(TimeZone, HourShownTwiceIsTheFirst) {
  EXPECT_EQ(utc("Europe/Sofia", 2025, 10, 26, 3, 30), "2025-10-26T00:30:00.000Z");
}

TEST(TimeZone, HourNeverShownIsAsIfTheClockHadNotChanged) {
  EXPECT_EQ(utc("Europe/Sofia", 2025, 3, 30, 3, 30), "2025-03-30T01:30:00.000Z");
}

TEST(TimeZone, EveryHourOfAYearAgreesWithTheSystem) {
  for (const char* zone : {"Europe/Sofia", "America/New_York", "Pacific/Auckland", "Asia/Tehran",
                           "Africa/Casablanca"}) {
    ASSERT_EQ(::setenv("TZ", zone, 1), 0);
    ::tzset();
    const auto loaded = TimeZone::load(zone);
    ASSERT_NE(loaded, nullptr) << zone;
    const std::time_t begin = 1'735'689'600;  // 2025-01-01T00:00:00Z
    for (std::time_t t = begin; t < begin + 365 * 86'400; t += 3600) {
      std::tm local{};
      ::localtime_r(&t, &local);
      const auto shown =
          std::chrono::local_time<milliseconds>{std::chrono::seconds{t + local.tm_gmtoff}};
      const auto back = loaded->to_utc(shown).time_since_epoch() / std::chrono::seconds{1};
      // In the hour shown twice the first is meant.
      EXPECT_TRUE(back == t || back == t - 3600) << zone << " " << t;
    }
  }
  ::unsetenv("TZ");
  ::tzset();
}

TEST(TimeZone, BytesThatAreNoZoneFileGiveNone) {
  EXPECT_EQ(TimeZone::parse(""), nullptr);
  EXPECT_EQ(TimeZone::parse("TZif2"), nullptr);
  EXPECT_EQ(TimeZone::parse(std::string(200, 'T')), nullptr);
  std::string huge = "TZif2" + std::string(15, '\0') + std::string(24, '\xff');
  EXPECT_EQ(TimeZone::parse(huge + huge), nullptr);
}

}  // namespace
}  // namespace hookswitch::webhook
