#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "numbers/numbers.hpp"

namespace hookswitch {
namespace {

using Kind = NumberReading::Kind;
using Row = std::vector<std::string>;  // country, options, text, kind, number, ext, why

/// RFC 4180, without line breaks in fields.
Row split(const std::string& line) {
  Row out{""};
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"')
      out.back() += line[++i];
    else if (line[i] == '"')
      quoted = !quoted;
    else if (line[i] == ',' && !quoted)
      out.emplace_back();
    else
      out.back() += line[i];
  }
  return out;
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = [] {
    std::ifstream in{HOOKSWITCH_SOURCE_DIR "/tests/data/numbers.csv"};
    std::vector<Row> out;
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) out.push_back(split(line));
    return out;
  }();
  return all;
}

/// Options, separated by blanks: plus, short, intl=00, strip=9;8, ext=101.
NumberPlan plan_of(const Row& row) {
  NumberPlan plan;
  plan.country = row[0];
  auto lines = std::make_shared<std::set<std::string, std::less<>>>();
  std::istringstream words{row[1]};
  for (std::string word; words >> word;) {
    const std::string value = word.substr(word.find('=') + 1);
    if (word == "plus") plan.e164_without_plus = true;
    if (word == "short") plan.short_is_extension = true;
    if (word.starts_with("intl=")) plan.intl_prefix = value;
    if (word.starts_with("ext=")) lines->insert(value);
    if (!word.starts_with("strip=")) continue;
    std::istringstream prefixes{value};
    for (std::string one; std::getline(prefixes, one, ';');) plan.strip_prefixes.push_back(one);
  }
  plan.extensions = lines;
  return plan;
}

const std::map<std::string, Kind> kKinds{
    {"nothing", Kind::nothing}, {"withheld", Kind::withheld},   {"e164", Kind::e164},
    {"digits", Kind::digits},   {"extension", Kind::extension}, {"name", Kind::name}};

TEST(NumberTable, EveryCaseIsReadAsItSays) {
  int line = 1;
  for (const auto& row : rows()) {
    ++line;
    ASSERT_EQ(row.size(), 7U) << "line " << line;
    ASSERT_TRUE(kKinds.contains(row[3])) << "line " << line;
    const auto read = read_number(row[2], plan_of(row));
    EXPECT_EQ(static_cast<int>(read.kind), static_cast<int>(kKinds.at(row[3])))
        << "line " << line << ": " << row[0] << " [" << row[2] << "] " << row[6];
    EXPECT_EQ(read.number, row[4])
        << "line " << line << ": " << row[0] << " [" << row[2] << "] " << row[6];
    EXPECT_EQ(read.ext, row[5]) << "line " << line << ": " << row[2];
  }
}

TEST(NumberTable, HoldsAtLeast300CasesOf20Countries) {
  std::set<std::string> countries, cases;
  for (const auto& row : rows()) {
    if (!row[0].empty()) countries.insert(row[0]);
    cases.insert(row[0] + "," + row[1] + "," + row[2]);
  }
  EXPECT_GE(cases.size(), 300U);
  EXPECT_GE(countries.size(), 20U);
}

TEST(NumberTable, EveryPlanIsOneThatSettingsLetPass) {
  for (const auto& row : rows()) EXPECT_TRUE(check_numbers(plan_of(row)).empty()) << row[0];
}

TEST(NumberTable, WhatWasReadReadsAsItself) {
  for (const auto& row : rows()) {
    if (row[3] != "e164") continue;
    const auto again = read_number(row[4], plan_of(row));
    EXPECT_EQ(again.number, row[4]) << row[0] << " " << row[2];
  }
}

}  // namespace
}  // namespace hookswitch
