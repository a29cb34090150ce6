#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

/// The repository as text, for the rules that a compiler does not hold.
namespace hookswitch::tidy {

inline const std::filesystem::path kRoot{HOOKSWITCH_SOURCE_DIR};

struct SourceFile {
  std::string name;  ///< relative to the repository
  std::string text;
  std::vector<std::string> lines;
};

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// Files below `folders` whose name ends in one of `endings`. Hidden folders, build trees and
/// node_modules are left out.
inline std::vector<SourceFile> files(const std::vector<std::string>& folders,
                                     const std::vector<std::string>& endings) {
  std::vector<SourceFile> out;
  for (const auto& folder : folders) {
    if (!std::filesystem::is_directory(kRoot / folder)) continue;
    auto it = std::filesystem::recursive_directory_iterator{kRoot / folder};
    for (; it != std::filesystem::recursive_directory_iterator{}; ++it) {
      const std::string leaf = it->path().filename().string();
      if (it->is_directory() &&
          (leaf == "build" || leaf == "node_modules" || leaf.starts_with('.'))) {
        it.disable_recursion_pending();
        continue;
      }
      bool wanted = false;
      for (const auto& ending : endings) wanted = wanted || leaf.ends_with(ending);
      if (!wanted || !it->is_regular_file()) continue;
      SourceFile file{std::filesystem::relative(it->path(), kRoot).string(), slurp(it->path()), {}};
      std::istringstream lines{file.text};
      for (std::string line; std::getline(lines, line);) file.lines.push_back(std::move(line));
      out.push_back(std::move(file));
    }
  }
  return out;
}

inline std::vector<SourceFile> cpp(const std::vector<std::string>& folders) {
  return files(folders, {".hpp", ".cpp"});
}

/// A line without its `//` comment and the insides of its "strings". Good enough for rules on
/// names.
inline std::string code_of(std::string_view line) {
  std::string out;
  bool in_text = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (in_text) {
      if (line[i] == '\\') {
        ++i;
      } else if (line[i] == '"') {
        in_text = false;
        out += '"';
      }
    } else if (line[i] == '/' && i + 1 < line.size() && line[i + 1] == '/') {
      break;
    } else {
      in_text = line[i] == '"';
      out += line[i];
    }
  }
  return out;
}

inline std::string place(const SourceFile& file, std::size_t line) {
  return file.name + ":" + std::to_string(line + 1);
}

}  // namespace hookswitch::tidy
