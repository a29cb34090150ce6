#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "base/text.hpp"
#include "sources/webhook/hook.hpp"

/// A request in plain text: dialect, method, rest, query, then headers up to an empty line, then
/// the body.
namespace hookswitch {
namespace {

/// Uses every decode step and most operations on whatever the body is.
constexpr const char* kEverything =
    R"~({"dialect":"all","methods":["POST","GET"],"source_defaults":{"tz":"Europe/Sofia","e164_without_plus":true,"intl_prefix":"00","country":"DE"},
  "handshake":[{"when":{"/body/test":{"present":true}},"decode":["auto"],"reply":{"headers":{"X-Echo":"/body/test"},"body":"/body/test"}}],
  "decode":["auto",{"parse":"/body/p"},{"b64":"/body/b"},{"parse":"/body/b"},{"lift":"/body/l"},"pct","lowerkeys"],
  "base":{"ids":{"call":["/body/id","/item/id"]},"at":{"$time":"/body/t"},"from":{"number":{"$phone":{"$or":["/item/n","/body/n"]}}}},
  "rules":[{"each":"/body/list","also":true,"emit":{"type":{"$map":{"A":"started","b c":"ended"},"of":"/item/w","loose":true,"default":"updated"},
    "at":{"$time":"/item/t","as":"%Y-%m-%d %H:%M:%S.%f %z"},"seq":"/index","variables":"/item","reason":{"$re":"(\\w+)=(.*)","of":"/item/r","group":2}}},
   {"emit":{"type":"updated","duration":{"$mul":{"$dur":"/body/d"},"by":0.5},"variables":{"x":{"$find":"/body/list","where":{"/item/w":{"re":"^a+$"}},"get":"/item/v"},
    "y":{"$join":["/path/0","/query/q","/header/host"],"sep":"/"}},"custom_data":"/body","recording":{"url":"/body/u"}}}]})~";

Hook load(const std::string& text, const char* secret) {
  auto compiled = compile_dialect(text, "dialect");
  if (!std::holds_alternative<DialectProgramPtr>(compiled)) {
    for (const auto& problem : std::get<std::vector<DialectProblem>>(compiled))
      std::fprintf(stderr, "%s: %s\n", problem.place.c_str(), problem.what.c_str());
    std::abort();
  }
  HookOptions options;
  options.org = "acme";
  options.source = "fuzz";
  const auto program = std::get<DialectProgramPtr>(compiled);
  if (secret != nullptr)
    for (const auto& name : secret_names(*program))
      options.secrets[name] = {Secret{secret}, Secret{"next"}};
  return Hook{program, options};
}

Hook shipped(const std::string& name, const char* secret) {
  std::ifstream in{std::string{HOOKSWITCH_SOURCE_DIR} + "/config/dialects/" + name + ".json"};
  return load({std::istreambuf_iterator<char>{in}, {}}, secret);
}

std::string take_line(std::string& text) {
  const auto end = text.find('\n');
  std::string out = text.substr(0, end);
  text.erase(0, end == std::string::npos ? end : end + 1);
  return out;
}

void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace
}  // namespace hookswitch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  static const Hook hooks[] = {
      load(kEverything, nullptr),  shipped("native", nullptr),
      shipped("native", "k"),      shipped("zadarma", nullptr),
      shipped("elma365", nullptr), shipped("zadarma", "zadarma-test-secret")};
  std::string text{reinterpret_cast<const char*>(data), size};
  const std::string which = take_line(text);
  HookRequest request;
  request.received = from_unix_ms(1'763'650'800'000);
  request.method = take_line(text);
  request.rest = take_line(text);
  request.query = take_line(text);
  for (std::string line = take_line(text); !line.empty(); line = take_line(text)) {
    const auto colon = line.find(':');
    if (colon != std::string::npos)
      request.headers.emplace_back(to_lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  request.body = std::move(text);

  const Hook& hook =
      hooks[which.empty() ? 0 : static_cast<unsigned char>(which[0]) % std::size(hooks)];
  const auto outcome = hook.handle(request);
  if (!outcome) return 0;
  check(outcome->facts.size() <= kFactsPerRequestMax, "facts are bounded");
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
  return 0;
}
