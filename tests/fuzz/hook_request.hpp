#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/text.hpp"
#include "sources/webhook/hook.hpp"

/// A request in plain text, so that a corpus can be read and a fuzzer can splice: method, rest,
/// query, then headers up to an empty line, then the body.
namespace hookswitch::fuzz {

inline void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

inline std::string take_line(std::string& text) {
  const auto end = text.find('\n');
  std::string out = text.substr(0, end);
  text.erase(0, end == std::string::npos ? end : end + 1);
  return out;
}

inline HookRequest request_of(std::string text) {
  HookRequest out;
  out.received = from_unix_ms(1'763'650'800'000);
  out.method = take_line(text);
  out.rest = take_line(text);
  out.query = take_line(text);
  for (std::string line = take_line(text); !line.empty(); line = take_line(text)) {
    const auto colon = line.find(':');
    if (colon != std::string::npos)
      out.headers.emplace_back(to_lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  out.body = std::move(text);
  return out;
}

/// The program of a text that must be right.
inline DialectProgramPtr program_of(const std::string& text) {
  auto compiled = compile_dialect(text, "dialect");
  if (auto* problems = std::get_if<std::vector<DialectProblem>>(&compiled)) {
    for (const auto& problem : *problems)
      std::fprintf(stderr, "%s: %s\n", problem.place.c_str(), problem.what.c_str());
    std::abort();
  }
  return std::get<DialectProgramPtr>(compiled);
}

/// What every outcome must hold to, whatever came in.
inline void check_outcome(const Result<HookOutcome>& outcome) {
  if (!outcome) return;
  check(outcome->facts.size() <= kFactsPerRequestMax, "facts are bounded");
  check(outcome->delivery_id.size() <= kIdBytesMax, "ids of deliveries are bounded");
  for (const auto& fact : outcome->facts) {
    json::Writer out;
    write_json(out, fact);
    const auto parsed = json::parse(out.view());
    check(static_cast<bool>(parsed), "a fact writes valid JSON");
    const auto again = fact_from_json(*parsed);
    check(static_cast<bool>(again), "a fact reads back");
    json::Writer twice;
    write_json(twice, *again);
    check(twice.view() == out.view(), "a fact writes the same again");
  }
  for (const auto& [name, value] : outcome->reply.headers)
    check(value.find_first_of("\r\n") == std::string::npos, "no line end in a reply header");
  check(outcome->reply.body.size() <= 64, "an echo is short");
}

}  // namespace hookswitch::fuzz
