#include "daemon/settings/settings.hpp"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "support/temp_folder.hpp"
#include "tidy/source_files.hpp"

namespace hookswitch::tidy {
namespace {

const std::string kFile = "config/hookswitch.toml";

/// Every key that the reader asks for, as it stands in its source.
std::set<std::string> known_keys() {
  std::set<std::string> out;
  std::string text;
  for (const char* name : {"settings.cpp", "auth.cpp", "listen.cpp", "sinks.cpp"})
    text += slurp(kRoot / "daemon/settings" / name);
  const std::regex call{
      "(?:\\.(?:integer|boolean|flag|text|time|required|texts|text_table|secret|table|tables|has)\\(|"
      "read_name\\(\\w+, )\"([a-z0-9_]+)\""};
  for (std::sregex_iterator it{text.begin(), text.end(), call}, end; it != end; ++it)
    out.insert((*it)[1]);
  const std::regex list{R"(for \(const char\* \w+ : \{([^}]*)\}\))"}, word{"\"([a-z0-9_]+)\""};
  for (std::sregex_iterator it{text.begin(), text.end(), list}, end; it != end; ++it) {
    const std::string words = (*it)[1];
    for (std::sregex_iterator w{words.begin(), words.end(), word}; w != std::sregex_iterator{}; ++w)
      out.insert((*w)[1]);
  }
  return out;
}

TEST(ConfigurationFile, DocumentsEveryKeyTheReaderKnows) {
  const std::string text = slurp(kRoot / kFile);
  ASSERT_FALSE(text.empty()) << kFile << " is missing";
  const auto keys = known_keys();
  EXPECT_GT(keys.size(), 35U);
  for (const auto& key : keys) {
    // As a key, a table or a member of an inline table; it may be commented out, where there is no
    // default.
    const std::regex shown{"(^|\\n|[{,#\\[. ])\\s*" + key + "\\s*(=|\\]|\\.)"};
    EXPECT_TRUE(std::regex_search(text, shown)) << key << " is not documented in " << kFile;
  }
}

TEST(ConfigurationFile, ShowsNoKeyTheReaderDoesNotKnow) {
  const std::string text = slurp(kRoot / kFile);
  ASSERT_FALSE(text.empty()) << kFile << " is missing";
  const auto keys = known_keys();
  const std::regex shown{R"((?:^|\n)#?\s?([a-z][a-z0-9_]*) = )"};
  for (std::sregex_iterator it{text.begin(), text.end(), shown}, end; it != end; ++it)
    EXPECT_TRUE(keys.contains((*it)[1]))
        << (*it)[1] << " is shown in " << kFile << " but no reader asks for it";
}

/// Copies a shipped file into a folder with every secret it names, and loads it there.
Problems load_shipped(const std::string& name, const testing_support::TempFolder& folder) {
  std::string text = slurp(kRoot / name);
  EXPECT_FALSE(text.empty()) << name << " is missing";
  const std::regex secret{R"re((secret_file|password_file|file)\s*=\s*"([^"]+)")re"};
  std::string rest;
  for (std::smatch found; std::regex_search(text, found, secret);) {
    const std::string leaf = std::filesystem::path{found[2].str()}.filename().string();
    folder.write(leaf, std::string(64, 's'));
    rest += found.prefix().str() + found[1].str() + " = \"" + leaf + "\"";
    text = found.suffix();
  }
  Problems problems;
  load_settings(folder.write("hookswitch.toml", rest + text), problems);
  return problems;
}

TEST(ConfigurationFile, LoadsWithoutProblemsOnceItsSecretsExist) {
  for (const char* name : {"config/hookswitch.toml", "config/demo.toml"}) {
    const testing_support::TempFolder folder;
    for (const auto& problem : load_shipped(name, folder)) ADD_FAILURE() << name << ": " << problem;
  }
}

/// `# key = value` lines are the defaults: with every one of them switched on the file means the
/// same.
TEST(ConfigurationFile, GivesTheDefaultsOfTheCode) {
  const testing_support::TempFolder folder;
  const std::string name = "config/hookswitch.toml";
  std::string text = slurp(kRoot / name);
  ASSERT_FALSE(text.empty());
  for (const char* section : {"http", "delivery", "calls"}) {
    const auto from = text.find("\n[" + std::string{section} + "]");
    ASSERT_NE(from, std::string::npos) << section;
    const auto to = std::min(text.find("\n[", from + 2), text.size());
    const std::string part = std::regex_replace(text.substr(from, to - from),
                                                std::regex{R"(\n# ?([a-z_]+ = ))"}, "\n$1");
    folder.write("jwt.secret", std::string(64, 's'));
    const std::string head = "[auth]\nhs256_secret_file = \"jwt.secret\"\n[[org]]\nid = \"acme\"\n";
    Problems problems;
    const auto shown = load_settings(folder.write("shown.toml", head + part), problems);
    const auto bare = load_settings(folder.write("bare.toml", head), problems);
    for (const auto& problem : problems) ADD_FAILURE() << problem;
    EXPECT_EQ(shown->server.body_bytes_max, bare->server.body_bytes_max);
    EXPECT_EQ(shown->server.header_bytes_max, bare->server.header_bytes_max);
    EXPECT_EQ(shown->server.header_time, bare->server.header_time);
    EXPECT_EQ(shown->server.idle_time, bare->server.idle_time);
    EXPECT_EQ(shown->server.connections_max, bare->server.connections_max);
    EXPECT_EQ(shown->server.io_threads, bare->server.io_threads);
    EXPECT_EQ(shown->server.client_queue_bytes_max, bare->server.client_queue_bytes_max);
    EXPECT_EQ(shown->server.client_queue_age_max, bare->server.client_queue_age_max);
    EXPECT_EQ(shown->server.ping_time, bare->server.ping_time);
    EXPECT_EQ(shown->calls.settle, bare->calls.settle);
    EXPECT_EQ(shown->calls.fusion_window, bare->calls.fusion_window);
    EXPECT_EQ(shown->calls.tuple_guard, bare->calls.tuple_guard);
    EXPECT_EQ(shown->calls.keep_ended, bare->calls.keep_ended);
    EXPECT_EQ(shown->calls.unanswered_silence, bare->calls.unanswered_silence);
    EXPECT_EQ(shown->calls.answered_silence, bare->calls.answered_silence);
    EXPECT_EQ(shown->calls.check_time, bare->calls.check_time);
  }
}

}  // namespace
}  // namespace hookswitch::tidy
