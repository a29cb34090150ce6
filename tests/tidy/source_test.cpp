#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <regex>
#include <set>

#include "base/json.hpp"
#include "tidy/source_files.hpp"

namespace hookswitch::tidy {
namespace {

constexpr std::size_t kColumns = 140;

std::size_t columns(std::string_view line) {  // a letter beyond ASCII is one column
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

/// Places where `pattern` occurs in the code of `sources`, comments and texts apart.
std::vector<std::string> uses_of(const std::vector<SourceFile>& sources,
                                 const std::string& pattern) {
  std::vector<std::string> out;
  const std::regex regex{pattern};
  for (const auto& file : sources)
    for (std::size_t i = 0; i < file.lines.size(); ++i)
      if (std::regex_search(code_of(file.lines[i]), regex))
        out.push_back(place(file, i) + ": " + file.lines[i]);
  return out;
}

void expect_none(const std::vector<std::string>& places, const std::string& why) {
  for (const auto& each : places) ADD_FAILURE() << each << "\n" << why;
}

TEST(Source, RulesLookAtSomething) {
  EXPECT_GT(cpp({"lib"}).size(), 80U);
  EXPECT_GT(cpp({"daemon"}).size(), 15U);
  EXPECT_EQ(code_of(R"(a("x // y", 1); // atoi)"), R"(a("", 1); )");
  EXPECT_EQ(uses_of({{"f", "", {"// atoi(x)", "\"atoi(x)\"", "atoi(x)"}}}, R"(\batoi\()").size(),
            1U);
}

TEST(Source, LinesAreNotTooLong) {
  for (const auto& file : cpp({"lib", "daemon"}))
    for (std::size_t i = 0; i < file.lines.size(); ++i)
      EXPECT_LE(columns(file.lines[i]), kColumns) << place(file, i);
}

TEST(Source, HasNoTabsBlanksAtLineEndsOrCarriageReturns) {
  for (const auto& file : cpp({"lib", "daemon", "proto", "tests"})) {
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      EXPECT_EQ(file.lines[i].find_first_of("\t\r"), std::string::npos) << place(file, i);
      EXPECT_FALSE(file.lines[i].ends_with(' ')) << place(file, i);
    }
    EXPECT_TRUE(file.text.empty() || file.text.ends_with('\n')) << file.name;
  }
}

TEST(Source, HeadersAreGuardedByPragmaOnce) {
  for (const auto& file : files({"lib", "daemon", "proto", "tests"}, {".hpp"}))
    EXPECT_NE(std::find(file.lines.begin(), file.lines.end(), "#pragma once"), file.lines.end())
        << file.name;
}

TEST(Source, FilesAreNamedInSnakeCase) {
  const std::regex name{R"([a-z0-9_]+\.(hpp|cpp))"};
  for (const auto& file : cpp({"lib", "daemon", "proto", "tests"}))
    EXPECT_TRUE(std::regex_match(std::filesystem::path{file.name}.filename().string(), name))
        << file.name;
}

TEST(Source, HeadersOpenNoNamespace) {
  expect_none(uses_of(files({"lib", "daemon", "proto"}, {".hpp"}), R"(^\s*using namespace)"),
              "never in a header");
}

TEST(Source, UnsafeAndUnboundedCallsAreNotUsed) {
  const auto all = cpp({"lib", "daemon"});
  for (const char* call :
       {"atoi",   "atol",    "atof",      "strtol", "strtoul", "sscanf", "strcpy",
        "strcat", "sprintf", "vsprintf",  "gets",   "rand",    "srand",  "stoi",
        "stol",   "stoul",   "stod",      "system", "popen",   "tmpnam", "alloca",
        "setjmp", "longjmp", "localtime", "gmtime", "strtok"})
    expect_none(uses_of(all, std::string{R"((^|[^\w.>:]|std::|[^:]::))"} + call + R"(\s*\()"),
                call);
  expect_none(uses_of(all, R"(std::(cout|cerr|clog)\b)"), "logs go through base/log");
}

TEST(Source, NobodyThrowsOnOutsideData) {
  for (const auto& each : uses_of(cpp({"lib"}), R"(\bthrow\b)"))
    EXPECT_TRUE(each.starts_with("lib/base/error.cpp:"))
        << each << "\nResult<T>, not exceptions";  // there: .value(), which nobody calls
}

TEST(Source, ResultsAreNotTakenByValueCall) {
  // Beast's header fields, XML nodes, counters and gauges have a value() of their own.
  const std::regex allowed{
      R"((field|item|attribute(\([^)]*\(?\)?\))?|node|connections|websockets|counter|gauge|total|_total_|clients|series\.\w+)(\(\))?(\.|->)value\(\))"};
  for (const auto& each : uses_of(cpp({"lib", "daemon"}), R"((\.|->)value\(\))"))
    EXPECT_TRUE(std::regex_search(each, allowed))
        << each << "\n.value() throws; ask first: if (!result) return result.error();";
}

TEST(Source, RapidJsonParsesInOnePlaceOnly) {
  for (const auto& each :
       uses_of(cpp({"lib", "daemon"}), R"((\.|->|::)Parse(Insitu|Stream)?\s*(<[^>]*>)?\()"))
    EXPECT_TRUE(each.starts_with("lib/base/json.cpp:")) << each;
}

TEST(Source, NoBacktrackingRegularExpressions) {
  expect_none(uses_of(cpp({"lib", "daemon"}), R"(std::(w?regex|basic_regex)\b)"), "RE2 is linear");
}

TEST(Source, WallClockIsReadInOnePlace) {
  for (const auto& each :
       uses_of(cpp({"lib"}), R"(\b(system_clock::now|time\(nullptr\)|gettimeofday)\b)"))
    EXPECT_TRUE(each.starts_with("lib/base/time.cpp:")) << each;
}

TEST(Source, PureRoomsReadNoClockAndWriteNoLog) {
  const auto pure = cpp({"lib/model", "lib/calls", "lib/dialects", "lib/pops", "lib/auth"});
  expect_none(
      uses_of(
          pure,
          R"((_clock::now|\bnow\(\)|\blog::(error|warning|notice|info|debug|write)\b|\brandom_(hex|u64)\())"),
      "pure: time is passed in");
}

TEST(Source, UnitTestsDoNotSleep) {
  expect_none(uses_of(cpp({"tests/unit", "tests/support", "tests/tidy"}),
                      R"(\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\()"),
              "wait on a condition");
}

TEST(Source, TestsAreNotSwitchedOff) {
  expect_none(uses_of(cpp({"tests"}), R"(\bDISABLED_)"), "GTEST_SKIP with the reason");
}

TEST(Source, EveryTestFileIsInATarget) {
  const std::regex globbed{R"(tests/(unit/[a-z0-9_]+|thirdparty|tidy)/[a-z0-9_]+_test\.cpp)"};
  const std::regex bench{R"(tests/(bench|sim|contract|integration)/.*)"};
  std::size_t seen = 0;
  for (const auto& file : files({"tests"}, {"_test.cpp"})) {
    ++seen;
    EXPECT_TRUE(std::regex_match(file.name, globbed) || std::regex_match(file.name, bench))
        << file.name << " is below no folder that CMake looks into";
  }
  EXPECT_GT(seen, 20U);
  for (const auto& file : files({"tests/unit", "tests/thirdparty", "tests/tidy"}, {".cpp"}))
    EXPECT_TRUE(file.name.ends_with("_test.cpp")) << file.name << " would not be built";
  for (const auto& file : files({"tests/fuzz"}, {"_fuzz.cpp"})) {
    const std::string stem = std::filesystem::path{file.name}.stem().string();
    const auto corpus = kRoot / "tests/fuzz/corpus" / stem.substr(0, stem.size() - 5);
    EXPECT_TRUE(std::filesystem::is_directory(corpus) && !std::filesystem::is_empty(corpus))
        << corpus;
  }
}

TEST(Source, EverySourceFileIsInItsCMakeList) {
  for (const auto& file : files({"lib", "daemon"}, {".cpp"})) {
    auto folder = (kRoot / file.name).parent_path();
    while (!std::filesystem::exists(folder / "CMakeLists.txt")) folder = folder.parent_path();
    const std::string name = std::filesystem::relative(kRoot / file.name, folder).string();
    EXPECT_NE(slurp(folder / "CMakeLists.txt").find(name), std::string::npos) << file.name;
  }
}

std::string all_pages() {
  std::string out;
  for (const auto& file : files({""}, {".md"})) out += file.text;
  return out;
}

TEST(Mutations, EachBreaksOnePlaceOfTheCode) {
  const auto squeezed = [](std::string_view text) {
    std::string out;
    for (const char c : text)
      if (std::isspace(static_cast<unsigned char>(c)) == 0) out += c;
    return out;
  };
  const auto list = json::parse(slurp(kRoot / "tests/mutation/mutations.json"));
  ASSERT_TRUE(list && list->IsArray());
  for (const auto& one : list->GetArray()) {
    const auto name = *json::find_string(one, "name");
    const std::string text = squeezed(slurp(kRoot / "lib/calls" / *json::find_string(one, "file")));
    const std::string old = squeezed(*json::find_string(one, "replace"));
    const auto at = text.find(old);
    EXPECT_NE(at, std::string::npos) << name;
    EXPECT_EQ(text.find(old, at + 1), std::string::npos) << name;
  }
}

TEST(Documents, EveryMetricIsDocumented) {
  const std::string pages = all_pages();
  const std::regex metric{"\"(hookswitch_[a-z0-9_]+)\""};
  std::set<std::string> names;
  for (const auto& file : cpp({"lib", "daemon"}))
    for (std::sregex_iterator it{file.text.begin(), file.text.end(), metric}, end; it != end; ++it)
      names.insert((*it)[1]);
  EXPECT_GT(names.size(), 15U);
  for (const auto& name : names)
    EXPECT_TRUE(std::regex_search(pages, std::regex{"\\b" + name + "\\b"}))
        << name << " is in no *.md";
}

TEST(Documents, EveryDocumentedMetricExists) {
  std::string sources;
  for (const auto& file : cpp({"lib", "daemon"})) sources += file.text;
  const std::string pages = all_pages();
  const std::regex row{R"(\n\|\s*`(hookswitch_[a-z0-9_]+))"};
  for (std::sregex_iterator it{pages.begin(), pages.end(), row}, end; it != end; ++it) {
    const std::string name = (*it)[1];
    EXPECT_NE(sources.find("\"" + name + "\""), std::string::npos) << name;
  }
}

TEST(Documents, NamesOfMetricsFollowTheRules) {
  const std::regex counter{"counter\\(\"(hookswitch_[a-z0-9_]+)\""},
      gauge{"gauge\\(\"(hookswitch_[a-z0-9_]+)\""};
  for (const auto& file : cpp({"lib", "daemon"})) {
    for (std::sregex_iterator it{file.text.begin(), file.text.end(), counter}, end; it != end; ++it)
      EXPECT_TRUE((*it)[1].str().ends_with("_total")) << file.name << ": " << (*it)[1];
    for (std::sregex_iterator it{file.text.begin(), file.text.end(), gauge}, end; it != end; ++it)
      EXPECT_FALSE((*it)[1].str().ends_with("_total")) << file.name << ": " << (*it)[1];
  }
}

TEST(Documents, SpeakOfTheProjectAlone) {
  // Put together here so that this file does not hold them.
  const std::vector<std::string> strangers{std::string{"/"} + "work/",
                                           std::string{"/tmp/"} + "hs",
                                           std::string{"shared"} + "/corpora/rfc",
                                           std::string{"shared"} + "/facts",
                                           std::string{"shared"} + "/payloads",
                                           std::string{"shared"} + "/design"};
  for (const auto& file : files({""}, {".hpp", ".cpp", ".md", ".py", ".mjs", ".js", ".toml",
                                       ".json", ".yaml", ".txt", ".sh", ".cmake", ".service"}))
    for (const auto& stranger : strangers)
      EXPECT_EQ(file.text.find(stranger), std::string::npos) << file.name << " holds " << stranger;
}

}  // namespace
}  // namespace hookswitch::tidy
