#include "base/log.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using log::Level;

TEST(LogLine, IsPriorityEventWordAndFields) {
  EXPECT_EQ(log::line(Level::info, "call_answered", {{"call", "01KAG3"}, {"source", "hq"}}),
            "<6>call_answered call=01KAG3 source=hq");
  EXPECT_EQ(log::line(Level::error, "stopped", {}), "<3>stopped");
  EXPECT_EQ(log::line(Level::debug, "x", {{"empty", ""}}), "<7>x empty=\"\"");
}

TEST(LogLine, NewlineInAValueCannotForgeASecondLine) {
  EXPECT_EQ(log::line(Level::warning, "webhook_rejected",
                      {{"source", "hq"}, {"why", "bad name \"x\ny\""}}),
            "<4>webhook_rejected source=hq why=\"bad name \\\"x\\x0ay\\\"\"");
}

TEST(LogLine, BlankOrEqualsSignInAValueCannotForgeAField) {
  EXPECT_EQ(log::line(Level::info, "e", {{"a", "x b=1"}}), "<6>e a=\"x b=1\"");
  EXPECT_EQ(log::line(Level::info, "e", {{"a", "b=1"}}), "<6>e a=\"b=1\"");
  EXPECT_EQ(log::line(Level::info, "e", {{"a", "x\" b=\"1"}}), "<6>e a=\"x\\\" b=\\\"1\"");
  EXPECT_EQ(log::line(Level::info, "e", {{"a", "x\\"}}), "<6>e a=\"x\\\\\"");
}

TEST(LogLine, HoldsOnlyPrintableAsciiWhateverComesIn) {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  const std::string line = log::line(
      Level::info, "e", {{"a", every}, {"bidi", "\xe2\x80\xaegpj.exe"}, {"esc", "\x1b[2J"}});
  for (const char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
  EXPECT_NE(line.find("\\xe2\\x80\\xae"), std::string::npos);
  EXPECT_NE(line.find("\\x1b[2J"), std::string::npos);
}

TEST(Masked, KeepsHeadAndTailOfATelephoneNumber) {
  EXPECT_EQ(log::masked("+12025550143"), "+1202*****43");
  EXPECT_EQ(log::masked("12025550143"), "1202*****43");
  EXPECT_EQ(log::masked("+442079460123"), "+4420******23");
}

TEST(Masked, LeavesExtensionsAndNothingAlone) {
  for (const char* text : {"", "1", "101", "1001", "+"}) EXPECT_EQ(log::masked(text), text);
}

TEST(Masked, HidesAtLeastHalfOfEveryNumberOfTenDigitsOrMore) {
  for (std::string number = "+1202555014"; number.size() < 17; number += '3') {
    const std::string masked = log::masked(number);
    const auto stars = static_cast<std::size_t>(std::count(masked.begin(), masked.end(), '*'));
    EXPECT_EQ(masked.size(), number.size());
    EXPECT_GE(stars, number.size() - 7) << masked;
  }
}

}  // namespace
}  // namespace hookswitch
