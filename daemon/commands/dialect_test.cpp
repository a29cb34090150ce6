#include "daemon/commands/dialect_test.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/file.hpp"
#include "base/text.hpp"
#include "daemon/commands/saved_request.hpp"
#include "proto/assets.hpp"
#include "sources/webhook/hook.hpp"

namespace hookswitch {
namespace {

constexpr int kFailed = 1, kUsage = 64, kConfig = 78;
constexpr std::size_t kDialectBytesMax = 1024 * 1024;

int unusable(const std::string& why) {
  fmt::print(stderr, "hookswitchd dialect: {}\n", why);
  return kUsage;
}

/// The text of a file, or of a dialect that is shipped.
Result<std::string> dialect_text(const std::string& name) {
  if (name.find('/') == std::string::npos && !name.ends_with(".json"))
    if (const auto shipped = asset("dialects/" + name + ".json"); !shipped.empty())
      return std::string{shipped};
  return read_file(name, kDialectBytesMax);
}

/// nullptr: its problems have been printed.
DialectProgramPtr compile(const std::string& text, const std::string& file) {
  auto compiled = compile_dialect(text, file);
  if (auto* program = std::get_if<DialectProgramPtr>(&compiled)) return *program;
  for (const auto& problem : std::get<std::vector<DialectProblem>>(compiled))
    fmt::print(stderr, "{}: {}\n", problem.place, problem.what);
  return nullptr;
}

/// Empty: done. Else what cannot be used.
std::string read_secrets(const std::vector<std::string>& given,
                         const std::vector<std::string>& names, HookOptions& out) {
  for (const auto& one : given) {
    const auto equals = one.find('=');
    const bool is_named = equals != std::string::npos;
    if (!is_named && names.size() != 1)
      return "--secret: write NAME=FILE; names are in the dialect's auth";
    const std::string name = is_named ? one.substr(0, equals) : names.front();
    if (std::find(names.begin(), names.end(), name) == names.end())
      return fmt::format("--secret: {} is no secret of this dialect", name);
    auto secret = read_secret_file(is_named ? one.substr(equals + 1) : one);
    if (!secret) return "--secret: " + secret.error().detail;
    out.secrets[name].push_back(std::move(*secret));
  }
  return {};
}

std::string told(const HookMiss& miss) {
  if (miss.pointer.empty()) return {};
  return fmt::format("{} must be {}; there is {}", miss.pointer, miss.wanted, miss.found);
}

std::string decoding(const HookTrace& trace) {
  std::string out;
  for (const auto& step : trace.decode) {
    if (!out.empty()) out += ", ";
    out += step.error.empty() ? step.name : step.name + " FAILED: " + step.error;
  }
  return out;
}

void print_proofs(const HookTrace& trace) {
  if (!trace.needs_proof) {
    fmt::print("  authentication: not asked for, no --secret is given\n");
    return;
  }
  fmt::print("  authentication: {}\n", trace.authentic ? "passed" : "FAILED");
  bool applied = false;
  for (const auto& proof : trace.auth) {
    applied = applied || proof.applied;
    const std::string miss = told(proof.miss);
    fmt::print("    {} {}: {}{}\n", proof.place, proof.scheme, proof.passed ? "fits" : proof.why,
               miss.empty() ? "" : ": " + miss);
  }
  if (!applied && !trace.authentic)
    fmt::print("    no entry of auth applied, so nothing proves who sent it\n");
}

void print_tries(const char* what, const std::vector<HookTrace::Try>& tries, bool explain) {
  for (const auto& one : tries) {
    if (!one.taken) {
      if (explain) fmt::print("  {} {}: not taken: {}\n", what, one.place, told(one.miss));
      continue;
    }
    fmt::print("  {} {}: taken{}\n", what, one.place,
               one.items > 1 ? fmt::format(", {} items, {} facts", one.items, one.facts) : "");
    if (!explain) continue;
    for (const auto& note : one.notes)
      fmt::print("    no fact: {}\n", note == "no type" ? "its emit came to no type" : note);
    if (const std::string miss = told(one.item_miss); !miss.empty())
      fmt::print("    the first whose if did not hold: {}\n", miss);
  }
}

/// True: understood.
bool run(const Hook& hook, const HookRequest& request, const std::string& name, bool explain) {
  const auto [outcome, trace] = hook.explain(request);
  fmt::print("{}: {}, {} bytes\n", name, request.method, request.body.size());
  print_tries("handshake", trace.handshakes, explain);
  if (const auto steps = decoding(trace); !steps.empty()) fmt::print("  decode: {}\n", steps);
  if (explain && !trace.document.empty()) fmt::print("  document: {}\n", trace.document);
  if (trace.method_allowed) print_proofs(trace);
  print_tries("rule", trace.rules, explain);
  if (!outcome) {
    const auto& row = hookswitch::outcome(outcome.error().code);
    fmt::print("  answer: {} {}: {}\n", row.http, row.name, outcome.error().detail);
    return false;
  }
  for (const auto& fact : outcome->facts) {
    json::Writer json;
    write_json(json, fact);
    fmt::print("  fact: {}\n", json.view());
  }
  if (!outcome->delivery_id.empty()) fmt::print("  delivery: {}\n", outcome->delivery_id);
  if (!outcome->matched) {
    fmt::print("  NOT UNDERSTOOD: no rule made a fact of it{}\n",
               explain ? "" : "; --explain says what each wanted");
  } else if (outcome->facts.empty()) {
    fmt::print("  no fact, and that is meant\n");
  }
  const auto& reply = outcome->reply;
  fmt::print("  answer: {}{}\n", reply.status, reply.body.empty() ? "" : " " + reply.body);
  return outcome->matched;
}

}  // namespace

int test_dialect(const DialectTestOptions& options) {
  const auto text = dialect_text(options.file);
  if (!text) return unusable(text.error().detail);
  const auto program = compile(*text, options.file);
  if (!program) return kConfig;
  HookOptions hook_options;
  hook_options.org = "test";
  hook_options.source = "test";
  hook_options.public_url = options.public_url;
  hook_options.time_zone = options.time_zone;
  hook_options.numbers.country = options.country;
  if (!options.time_zone.empty() && !is_time_zone(options.time_zone))
    return unusable("--tz is no zone of this system");
  for (const auto& problem : check_numbers(hook_options.numbers))
    return unusable("--country " + problem.what);
  if (const auto why = read_secrets(options.secrets, secret_names(*program), hook_options);
      !why.empty())
    return unusable(why);
  std::optional<Time> at;
  if (!options.at.empty()) {
    at = parse_rfc3339(options.at);
    if (!at) return unusable("--at: write it like 2026-11-20T15:00:00Z");
  }
  const Hook hook{program, std::move(hook_options)};
  bool all_understood = true;
  for (const auto& name : options.requests) {
    auto request = read_saved_request(name);
    if (!request) return unusable(request.error().detail);
    if (at) request->received = *at;
    all_understood = run(hook, *request, name, options.explain) && all_understood;
  }
  return all_understood ? 0 : kFailed;
}

int check_dialects(const std::vector<std::string>& files) {
  int status = 0;
  for (const auto& file : files) {
    const auto text = dialect_text(file);
    if (!text) return unusable(text.error().detail);
    if (const auto program = compile(*text, file))
      fmt::print("{}: ok\n", file);
    else
      status = kConfig;
  }
  return status;
}

}  // namespace hookswitch
