#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "tidy/source_files.hpp"

namespace hookswitch::tidy {
namespace {

using Rooms = std::map<std::string, std::set<std::string>>;

/// Rooms may only look down. This is the whole architecture in one table; lib/README.md shows the
/// same.
const Rooms kMayInclude{
    {"base", {}},
    {"model", {"base"}},
    {"numbers", {"base", "model"}},
    {"auth", {"base", "model"}},
    {"directory", {"base", "model"}},
    {"journal", {"base", "model"}},
    {"calls", {"base", "model", "directory"}},
    {"recorder", {"base", "model", "directory", "calls"}},
    {"dialects", {"base", "model"}},
    {"pops", {"base", "model", "directory"}},
    {"delivery", {"base", "model", "auth", "directory", "journal", "dialects"}},
    {"commands", {"base", "model", "auth", "directory"}},
    {"http", {"base"}},
    {"http_client", {"base"}},
    {"sinks",
     {"base", "model", "auth", "directory", "journal", "dialects", "delivery", "http_client"}},
    {"sources/webhook", {"base", "model", "numbers"}},
    {"sources/sip", {"base", "model", "numbers", "sources/hep"}},  // its process is also theirs
    {"sources/feed", {"base", "model"}},
    {"sources/hep", {"base", "model", "numbers"}},
};

/// "sources/sip" of "sources/sip/watcher.hpp", "base" of "base/json.hpp".
std::string room_of(const std::string& path) {
  const auto first = path.find('/');
  if (first == std::string::npos) return {};
  if (path.substr(0, first) != "sources") return path.substr(0, first);
  const auto second = path.find('/', first + 1);
  return path.substr(0, second);
}

std::vector<std::string> includes(const SourceFile& file, char open) {
  std::vector<std::string> out;
  for (const auto& line : file.lines) {
    const std::string start = std::string{"#include "} + open;
    if (!line.starts_with(start)) continue;
    out.push_back(
        line.substr(start.size(), line.find_first_of("\">", start.size()) - start.size()));
  }
  return out;
}

TEST(Layering, EveryRoomIncludesOnlyRoomsBelowIt) {
  std::size_t seen = 0;
  for (const auto& file : cpp({"lib"})) {
    const std::string owner = room_of(file.name.substr(4));
    ASSERT_TRUE(kMayInclude.contains(owner)) << file.name << " is in no room of the table";
    for (const auto& included : includes(file, '"')) {
      ++seen;
      const std::string room = room_of(included);
      EXPECT_TRUE(room == owner || kMayInclude.at(owner).contains(room))
          << file.name << " must not include " << included;
    }
  }
  EXPECT_GT(seen, 100U);
}

TEST(Layering, TableHasNoCircle) {
  for (const auto& [room, below] : kMayInclude)
    for (const auto& other : below) {
      ASSERT_TRUE(kMayInclude.contains(other)) << other;
      EXPECT_FALSE(kMayInclude.at(other).contains(room)) << room << " and " << other;
      for (const auto& third : kMayInclude.at(other))
        EXPECT_TRUE(below.contains(third)) << room << " lacks " << third << " of " << other;
    }
}

TEST(Layering, DaemonIncludesRoomsAndItself) {
  for (const auto& file : cpp({"daemon"}))
    for (const auto& included : includes(file, '"')) {
      const std::string room = room_of(included);
      EXPECT_TRUE(room == "daemon" || room == "proto" || kMayInclude.contains(room))
          << file.name << " includes " << included;
    }
}

TEST(Layering, ContractReadsNobody) {
  for (const auto& file : cpp({"proto"}))
    for (const auto& included : includes(file, '"'))
      EXPECT_EQ(room_of(included), "proto") << file.name;
}

/// What CMake lets a room see is what the table says: no more, and enough.
TEST(Layering, CMakeUsesAgreeWithTheTable) {
  const std::map<std::string, std::string> names{{"sip", "sources/sip"},
                                                 {"feed", "sources/feed"},
                                                 {"webhook", "sources/webhook"},
                                                 {"hep", "sources/hep"}};
  Rooms direct;
  const std::regex library{R"(hookswitch_library\((\w+)([^)]*)\))"}, uses{R"(USES((\s+[a-z_]+)+))"},
      word{"[a-z_]+"};
  for (const auto& file : files({"lib"}, {"CMakeLists.txt"})) {
    for (std::sregex_iterator it{file.text.begin(), file.text.end(), library}, end; it != end;
         ++it) {
      const std::string name = (*it)[1], arguments = (*it)[2];
      auto& out = direct[names.contains(name) ? names.at(name) : name];
      std::smatch found;
      if (!std::regex_search(arguments, found, uses)) continue;
      const std::string list = found[1];
      for (std::sregex_iterator w{list.begin(), list.end(), word}; w != std::sregex_iterator{}; ++w)
        out.insert(names.contains(w->str()) ? names.at(w->str()) : w->str());
    }
  }
  ASSERT_GE(direct.size(), 10U);
  for (const auto& [room, below] : direct) {
    ASSERT_TRUE(kMayInclude.contains(room)) << room;
    std::set<std::string> closure = below;
    for (std::size_t before = 0; before != closure.size();) {
      before = closure.size();
      for (const auto& other : std::set<std::string>{closure})
        closure.insert(direct[other].begin(), direct[other].end());
    }
    EXPECT_EQ(closure, kMayInclude.at(room)) << room;
  }
}

/// lib/README.md holds the table in a fenced block, a line a room: `calls: base model directory`.
TEST(Layering, ReadmeShowsTheTable) {
  const std::string readme = slurp(kRoot / "lib/README.md");
  ASSERT_FALSE(readme.empty()) << "lib/README.md is missing";
  Rooms shown;
  std::istringstream lines{readme};
  bool fenced = false;
  const std::regex row{R"(^([a-z_]+(?:/[a-z_]+)?):\s*([a-z_/ ,]*)$)"};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) fenced = !fenced;
    std::smatch found;
    if (!fenced || !std::regex_match(line, found, row)) continue;
    auto& below = shown[found[1]];
    std::string list = found[2];
    for (char& c : list)
      if (c == ',') c = ' ';
    std::istringstream words{list};
    for (std::string name; words >> name;) below.insert(name);
  }
  ASSERT_FALSE(shown.empty()) << "no fenced block with `room: rooms` lines";
  for (const auto& [room, below] : shown) {
    if (room == "daemon" || room == "proto") continue;
    ASSERT_TRUE(kMayInclude.contains(room)) << room;
    EXPECT_EQ(below, kMayInclude.at(room)) << room;
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator{kRoot / "lib"}) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string room =
        room_of(std::filesystem::relative(entry.path(), kRoot / "lib").string());
    EXPECT_TRUE(shown.contains(room)) << room << " is not in lib/README.md";
  }
}

/// A header with a network library in it is its own room's: whoever includes it compiles all of
/// that.
TEST(Layering, NetworkLibrariesStayInTheEdges) {
  const auto sources = cpp({"lib", "daemon", "proto"});
  std::size_t seen = 0;
  std::set<std::string> headers;
  for (const auto& file : sources) {
    for (const auto& included : includes(file, '<')) {
      const bool network = included.starts_with("boost/asio") ||
                           included.starts_with("boost/beast") ||
                           included.starts_with("sofia-sip/");
      if (!network) continue;
      ++seen;
      const bool edge =
          file.name.starts_with("lib/http/") || file.name.starts_with("lib/http_client/") ||
          file.name.starts_with("lib/sources/sip/") || file.name.starts_with("lib/sources/feed/") ||
          file.name.starts_with("lib/commands/") || file.name.starts_with("daemon/commands/");
      EXPECT_TRUE(edge && (file.name.ends_with(".cpp") || file.name.starts_with("lib/http/") ||
                           file.name.starts_with("lib/http_client/")))
          << file.name << " includes <" << included << ">";
      if (file.name.ends_with(".hpp")) headers.insert(file.name.substr(4));
    }
  }
  EXPECT_GT(seen, 5U);
  for (bool more = true; more;) {  // what includes such a header is one itself
    more = false;
    for (const auto& file : sources)
      for (const auto& included : includes(file, '"')) {
        if (!headers.contains(included)) continue;
        EXPECT_TRUE(file.name.starts_with("lib/" + room_of(included) + "/"))
            << file.name << " includes " << included << ", which has a network library in it";
        if (file.name.ends_with(".hpp")) more |= headers.insert(file.name.substr(4)).second;
      }
  }
}

TEST(Layering, StoreCryptoAndParsersStayInTheirRooms) {
  const std::map<std::string, std::string> homes{{"sqlite3.h", "lib/journal/"},
                                                 {"openssl/", "lib/base/"},
                                                 {"spdlog/", "lib/base/"},
                                                 {"pugixml.hpp", "lib/sources/sip/"},
                                                 {"re2/", "lib/sources/webhook/"},
                                                 {"zlib.h", "lib/sources/webhook/gzip.cpp"},
                                                 {"phonenumbers/", "lib/numbers/e164.cpp"},
                                                 {"toml++/", "daemon/settings/"},
                                                 {"CLI/", "daemon/"}};
  for (const auto& file : cpp({"lib", "daemon"}))
    for (const auto& included : includes(file, '<'))
      for (const auto& [start, home] : homes) {
        if (included.starts_with(start)) {
          const bool tls = start == "openssl/" && (file.name == "lib/http/tls.cpp" ||
                                                   file.name == "lib/http/certificate.cpp");
          const bool frames = start == "zlib.h" && (file.name == "lib/base/encoded_frame.cpp" ||
                                                    file.name == "lib/http/ws_deflate.cpp");
          EXPECT_TRUE(tls || frames || file.name.starts_with(home))
              << file.name << " includes <" << included << ">";
        }
      }
}

}  // namespace
}  // namespace hookswitch::tidy
