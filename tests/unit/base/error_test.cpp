#include "base/error.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "base/assert.hpp"
#include "support/temp_folder.hpp"

namespace hookswitch {
namespace {

TEST(Outcomes, TableIsCompleteAndInTheOrderOfTheCodes) {
  ASSERT_EQ(kOutcomes.size(), static_cast<std::size_t>(Errc::internal_error) + 1);
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(kOutcomes[i].code), i) << kOutcomes[i].name;
    EXPECT_EQ(&outcome(kOutcomes[i].code), &kOutcomes[i]);
  }
}

TEST(Outcomes, NamesAreUniqueWords) {
  std::set<std::string> names;
  for (const auto& row : kOutcomes) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(std::string_view{row.name}.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"),
              std::string_view::npos)
        << row.name;
  }
}

TEST(Outcomes, CloseCodesAreThoseAServerMaySend) {  // RFC 6455 §7.4.1, §7.4.2
  const std::set<int> registered{1000, 1001, 1002, 1003, 1007, 1008,
                                 1009, 1010, 1011, 1012, 1013, 1014};
  for (const auto& row : kOutcomes)
    EXPECT_TRUE(registered.contains(row.close) || (row.close >= 4000 && row.close <= 4999))
        << row.name << " " << row.close;
}

TEST(Outcomes, CloseCodesSayWhetherToComeBackAsTheContractDoes) {
  const std::map<int, bool> contract{{4001, false}, {4003, false}, {4004, false}, {4002, true},
                                     {4008, true},  {1012, true},  {1013, true}};
  for (const auto& row : kOutcomes) {
    const auto it = contract.find(row.close);
    if (it != contract.end()) {
      EXPECT_EQ(row.retry, it->second) << row.name;
    }
  }
}

TEST(Outcomes, NamedCloseCodesAreTheContracts) {
  EXPECT_EQ(outcome(Errc::auth_missing).close, 4001);
  EXPECT_EQ(outcome(Errc::auth_expired).close, 4002);
  EXPECT_EQ(outcome(Errc::bad_message).close, 4003);
  EXPECT_EQ(outcome(Errc::forbidden).close, 4004);
  EXPECT_EQ(outcome(Errc::slow_client).close, 4008);
  EXPECT_EQ(outcome(Errc::shutting_down).close, 1012);
  EXPECT_EQ(outcome(Errc::overload).close, 1013);
}

TEST(Outcomes, StatusesAreErrorsAndNamedOnesAreTheContracts) {
  for (const auto& row : kOutcomes) EXPECT_TRUE(row.http >= 400 && row.http < 600) << row.name;
  EXPECT_EQ(outcome(Errc::method_not_allowed).http, 405);
  EXPECT_EQ(outcome(Errc::source_unknown).http, 404);
  EXPECT_EQ(outcome(Errc::signature_invalid).http, 401);
  EXPECT_EQ(outcome(Errc::overload).http, 503);
  EXPECT_EQ(outcome(Errc::body_too_large).http, 413);
  EXPECT_EQ(outcome(Errc::headers_too_large).http, 431);
}

TEST(Outcomes,
     ReasonsFitACloseFrameAndTitlesNeedNoEscaping) {  // RFC 6455 §5.5: 125 bytes with the code
  for (const auto& row : kOutcomes) {
    EXPECT_LE(std::string_view{row.name}.size(), 123U);
    const std::string_view title{row.title};
    EXPECT_TRUE(title.ends_with('.')) << row.name;
    EXPECT_EQ(title.find_first_of("\"\\"), std::string_view::npos) << row.name;
  }
}

TEST(Outcomes, AreTheRowsOfTheErrorsPage) {
  const std::string page = testing_support::read_file(HOOKSWITCH_SOURCE_DIR "/proto/errors.md");
  std::size_t rows = 0;
  std::istringstream lines{page};
  for (std::string line; std::getline(lines, line);) rows += line.starts_with("| `") ? 1 : 0;
  EXPECT_EQ(rows, kOutcomes.size());
  for (const auto& row : kOutcomes) {
    std::ostringstream want;
    want << "| `" << row.name << "` | " << row.http << " | " << row.close << " | "
         << (row.retry ? "yes" : "no") << " | " << row.title << " |\n";
    EXPECT_NE(page.find(want.str()), std::string::npos) << want.str();
  }
}

TEST(AssertDeathTest, SaysExpressionAndPlace) {
  HS_ASSERT(1 + 1 == 2);
  EXPECT_DEATH(HS_ASSERT(1 + 1 == 3),
               "assertion_failed expression=\"1 \\+ 1 == 3\" at=.*error_test.cpp");
}

}  // namespace
}  // namespace hookswitch
