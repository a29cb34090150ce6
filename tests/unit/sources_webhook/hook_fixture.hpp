#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "base/text.hpp"
#include "sources/webhook/hook.hpp"

namespace hookswitch::testing {

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  EXPECT_TRUE(in.good()) << path;
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline std::filesystem::path source_root() { return HOOKSWITCH_SOURCE_DIR; }

inline std::string told(const std::vector<DialectProblem>& problems) {
  std::string out;
  for (const auto& problem : problems) out += problem.place + ": " + problem.what + "\n";
  return out;
}

/// The program, or a failed test that says why there is none.
inline DialectProgramPtr compiled(std::string_view text, std::string_view name = "test.json") {
  auto out = compile_dialect(text, name);
  if (auto* problems = std::get_if<std::vector<DialectProblem>>(&out)) {
    ADD_FAILURE() << told(*problems);
    return nullptr;
  }
  return std::get<DialectProgramPtr>(out);
}

inline std::vector<DialectProblem> problems_of(std::string_view text) {
  auto out = compile_dialect(text, "x.json");
  auto* problems = std::get_if<std::vector<DialectProblem>>(&out);
  EXPECT_TRUE(problems != nullptr) << "compiled, but should not";
  return problems == nullptr ? std::vector<DialectProblem>{} : *problems;
}

inline DialectProgramPtr shipped(const std::string& name) {
  const auto path = source_root() / "config/dialects" / (name + ".json");
  return compiled(read_bytes(path), path.filename().string());
}

inline const Time kReceived = *parse_rfc3339("2025-11-20T15:00:30Z");

inline HookOptions options_with(std::map<std::string, std::vector<std::string>> secrets = {}) {
  HookOptions out;
  out.org = "acme";
  out.source = "cloud";
  for (const auto& [name, values] : secrets)
    for (const auto& value : values) out.secrets[name].push_back(Secret{value});
  return out;
}

inline HookRequest post(std::string body, std::string type = "application/json") {
  HookRequest out{"POST", "", "", {{"content-type", std::move(type)}}, std::move(body), kReceived};
  if (out.headers.front().second.empty()) out.headers.clear();
  return out;
}

/// A recorded request of tests/data/payloads: body as it is (`name` with any ending, or none),
/// request line and headers from the file beside it. What follows /hooks/{source}/ is the rest.
inline HookRequest recorded(const std::string& dialect, const std::string& name) {
  const auto folder = source_root() / "tests/data/payloads" / dialect;
  HookRequest out;
  out.received = kReceived;
  std::istringstream headers{read_bytes(folder / (name + ".headers"))};
  std::string line;
  std::getline(headers, line);
  out.method = line.substr(0, line.find(' '));
  std::string target = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
  if (const auto mark = target.find('?'); mark != std::string::npos) {
    out.query = target.substr(mark + 1);
    target.resize(mark);
  }
  const auto source = target.find("/hooks/") + 7;
  if (const auto rest = target.find('/', source); rest != std::string::npos)
    out.rest = target.substr(rest + 1);
  while (std::getline(headers, line)) {
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    out.headers.emplace_back(to_lower(line.substr(0, colon)),
                             std::string{trim(line.substr(colon + 1))});
  }
  for (const auto& file : std::filesystem::directory_iterator{folder})
    if (file.path().stem() == name && file.path().extension() != ".headers")
      out.body = read_bytes(file.path());
  return out;
}

/// The facts as native JSON, one a line.
inline std::string facts_of(const Result<HookOutcome>& outcome) {
  if (!outcome) return std::string{"error "} + hookswitch::outcome(outcome.error().code).name;
  std::string out;
  for (const auto& fact : outcome->facts) {
    json::Writer writer;
    write_json(writer, fact);
    out += (out.empty() ? "" : "\n") + writer.str();
  }
  return out;
}

inline std::string error_of(const Result<HookOutcome>& outcome) {
  return outcome ? "none" : hookswitch::outcome(outcome.error().code).name;
}

/// A dialect of one rule around `emit`, for tests of one expression.
inline std::string emitting(const std::string& emit, const std::string& more = "") {
  return R"({"dialect":"t","decode":["auto"],)" + more + R"("rules":[{"emit":)" + emit + "}]}";
}

}  // namespace hookswitch::testing
