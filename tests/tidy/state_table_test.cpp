#include <gtest/gtest.h>

#include <array>
#include <map>
#include <regex>
#include <set>

#include "calls/explain.hpp"
#include "calls/leg_steps.hpp"
#include "tidy/source_files.hpp"

/// The tables of lib/calls/README.md are those of the code, and proofs that are named are there.
namespace hookswitch::tidy {
namespace {

const std::string kFile = "lib/calls/README.md";

constexpr std::array kStates{LegState::trying,    LegState::proceeding, LegState::early,
                             LegState::confirmed, LegState::held,       LegState::terminated};
struct NamedStep {
  LegStep step;
  std::string_view name;
};
constexpr std::array kSteps{
    NamedStep{LegStep::dial, "dial"}, NamedStep{LegStep::far_end_rings, "far_end_rings"},
    NamedStep{LegStep::ring, "ring"}, NamedStep{LegStep::answer, "answer"},
    NamedStep{LegStep::hold, "hold"}, NamedStep{LegStep::resume, "resume"},
    NamedStep{LegStep::end, "end"},
};
static_assert(kStates.size() * kSteps.size() == kLegSteps.size());

using Row = std::vector<std::string>;

/// The cells of "| a | `b` |" without blanks around them and without backticks.
Row cells_of(const std::string& line) {
  Row out;
  for (auto at = line.find('|'); at != std::string::npos;) {
    const auto end = line.find('|', at + 1);
    if (end == std::string::npos) break;
    std::string cell = line.substr(at + 1, end - at - 1);
    std::erase(cell, '`');
    const auto from = cell.find_first_not_of(' ');
    out.push_back(from == std::string::npos
                      ? std::string{}
                      : cell.substr(from, cell.find_last_not_of(' ') - from + 1));
    at = end;
  }
  return out;
}

/// The table whose header begins with `title`: the header, then the rows below the rule.
std::vector<Row> table(const std::string& title) {
  std::vector<Row> out;
  std::istringstream lines{slurp(kRoot / kFile)};
  for (std::string line; std::getline(lines, line);) {
    const Row row = line.starts_with('|') ? cells_of(line) : Row{};
    if (row.empty() && !out.empty()) break;
    if (row.empty() || (out.empty() && row.front() != title)) continue;
    if (!row.front().starts_with("---")) out.push_back(row);
  }
  return out;
}

TEST(CallsReadme, ShowsTheLegTableOfTheCode) {
  const auto shown = table("leg is");
  ASSERT_EQ(shown.size(), kStates.size() + 1) << kFile;
  ASSERT_EQ(shown.front().size(), kSteps.size() + 1);
  for (std::size_t s = 0; s < kSteps.size(); ++s) EXPECT_EQ(shown.front()[s + 1], kSteps[s].name);
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    const Row& row = shown[i + 1];
    ASSERT_EQ(row.size(), kSteps.size() + 1) << row.front();
    EXPECT_EQ(row.front(), to_string(kStates[i]));
    for (std::size_t s = 0; s < kSteps.size(); ++s)
      EXPECT_EQ(row[s + 1], to_string(after(kStates[i], kSteps[s].step)))
          << row.front() << " and " << kSteps[s].name;
  }
}

TEST(CallsReadme, ShowsTheCallStatesOfTheCode) {
  const auto shown = table("any leg is");
  ASSERT_EQ(shown.size(), kCallStates.size() + 2) << kFile;
  for (std::size_t i = 0; i < kCallStates.size(); ++i)
    EXPECT_EQ(shown[i + 1], (Row{std::string{to_string(kCallStates[i].any_leg)},
                                 std::string{to_string(kCallStates[i].call)}}));
  EXPECT_EQ(shown.back(), (Row{"none of these", "dialing"}));
}

TEST(LegTable, RowsStandWhereTheyAreLookedUpAndNoLegFallsInRank) {
  for (std::size_t i = 0; i < kLegSteps.size(); ++i) {
    const LegRow& row = kLegSteps[i];
    EXPECT_EQ(row.from, kStates[i / kSteps.size()]);
    EXPECT_EQ(row.step, kSteps[i % kSteps.size()].step);
    EXPECT_GE(rank(row.to), rank(row.from)) << to_string(row.from) << ", step " << i;
  }
}

TEST(CallsReadme, ShowsEveryRuleWithItsSentenceAndNoOther) {
  std::map<std::string, std::string> shown, known;
  const auto rows = table("rule");
  for (std::size_t i = 1; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].size(), 2U) << rows[i].front();
    shown.emplace(rows[i][0], rows[i][1]);
  }
  for (const auto name : rule_names())
    known.emplace(std::string{name}, std::string{sentence_of(name)});
  EXPECT_GT(known.size(), 30U);
  EXPECT_EQ(shown, known) << kFile;
}

/// Rules that the fold notes have a sentence, and the sentences have a rule that the fold notes or
/// a way in which a fact is joined to its call.
TEST(ExplainRules, AreThoseThatTheCodeNames) {
  std::set<std::string> noted;
  const std::regex call{R"(note_rule\(([^,;{]*)[,)])"}, word{"\"([a-z-]+(?:_[a-z]+)*)\""};
  for (const auto& file : files({"lib/calls"}, {".cpp"}))
    for (std::sregex_iterator it{file.text.begin(), file.text.end(), call}, end; it != end; ++it) {
      const std::string names = (*it)[1];
      for (std::sregex_iterator w{names.begin(), names.end(), word}; w != std::sregex_iterator{};
           ++w)
        noted.insert((*w)[1]);
    }
  EXPECT_GT(noted.size(), 25U);
  for (int way = 0; way <= static_cast<int>(JoinedBy::tick); ++way)
    noted.emplace(to_string(static_cast<JoinedBy>(way)));
  std::set<std::string> known;
  for (const auto name : rule_names()) known.emplace(name);
  EXPECT_EQ(noted, known);
}

/// The tests that tests/data/scenarios/README.md names as proof exist.
TEST(ScenariosReadme, NamesTestsThatExist) {
  std::string sources;
  for (const auto& file : files({"tests"}, {"_test.cpp", "_test.py"})) sources += file.text;
  const std::string readme = slurp(kRoot / "tests/data/scenarios/README.md");
  const std::regex gtest{R"(`([A-Z][A-Za-z0-9]+)\.(\*|[A-Z][A-Za-z0-9]+)`)"},
      python{"`(test_[a-z0-9_]+)`"};
  std::size_t seen = 0;
  for (std::sregex_iterator it{readme.begin(), readme.end(), gtest}, end; it != end; ++it, ++seen) {
    const std::string test = (*it)[2] == "*" ? std::string{} : (*it)[2].str() + ")";
    EXPECT_NE(sources.find("(" + (*it)[1].str() + ", " + test), std::string::npos) << it->str();
  }
  for (std::sregex_iterator it{readme.begin(), readme.end(), python}, end; it != end; ++it, ++seen)
    EXPECT_NE(sources.find("def " + (*it)[1].str() + "("), std::string::npos) << it->str();
  EXPECT_GT(seen, 30U);
}

}  // namespace
}  // namespace hookswitch::tidy
