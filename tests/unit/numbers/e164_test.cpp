#include "numbers/e164.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "numbers/address.hpp"

namespace hookswitch {
namespace {

/// What the rest of the room relies on in libphonenumber.
TEST(E164, WithheldOnAKeypadIsNoNumberOfAnyCountry) {
  for (const char* digits :
       {"266696687", "7378742833", "2562533", "8656696", "86282452253", "7748283"}) {
    const auto read = e164::international(digits);
    EXPECT_FALSE(read && read->valid) << digits;
    EXPECT_TRUE(is_withheld(read_address("+" + std::string{digits}))) << digits;
  }
}

TEST(E164, NumbersOfTestsAndExamplesAreValid) {
  for (int line = 100; line < 200; ++line) {
    const auto read = e164::international("12025550" + std::to_string(line));
    EXPECT_TRUE(read && read->valid) << line;
  }
}

TEST(E164, UnknownCountryReadsNothing) {
  EXPECT_EQ(e164::dialled("2025550143", ""), "");
  EXPECT_EQ(e164::dialled("2025550143", "ZZ"), "");
  EXPECT_EQ(e164::dialled("", "US"), "");
  EXPECT_FALSE(e164::is_country(""));
  EXPECT_FALSE(e164::is_emergency("911", ""));
  EXPECT_TRUE(e164::is_emergency("911", "US"));
}

TEST(E164, NothingIsTooLongToBeRefused) {
  EXPECT_FALSE(e164::international(std::string(100'000, '1')));
  EXPECT_EQ(e164::dialled(std::string(100'000, '1'), "DE"), "");
}

TEST(E164, AnswersDoNotDependOnWhatWasAskedBefore) {
  const auto ask = [](int i) {
    return e164::dialled(std::to_string(2'022'000'000 + i), i % 2 == 0 ? "US" : "DE");
  };
  std::vector<std::string> first;
  for (int i = 0; i < 5000; ++i) first.push_back(ask(i));  // more than are remembered
  for (int i = 4999; i >= 0; --i) EXPECT_EQ(ask(i), first[static_cast<std::size_t>(i)]) << i;
}

TEST(E164, ThreadsAgree) {
  std::vector<std::thread> threads;
  std::vector<std::vector<std::string>> told(4);
  for (auto& out : told)
    threads.emplace_back([&out] {
      for (int i = 0; i < 300; ++i)
        for (const char* country : {"US", "DE", "FR", "RU", "JP"})
          out.push_back(e164::dialled("0" + std::to_string(30'231'250 + i * 977), country));
    });
  for (auto& thread : threads) thread.join();
  for (const auto& out : told) EXPECT_EQ(out, told.front());
}

}  // namespace
}  // namespace hookswitch
