#include <fstream>
#include <iterator>

#include "hook_request.hpp"

/// One line that names a hook, then a request.
namespace hookswitch {
namespace {

/// Uses every decode step and most operations on whatever the body is.
constexpr const char* kEverything =
    R"~({"dialect":"all","dedupe":{"$or":["/header/x-id","/body/id"]},"methods":["POST","GET"],"source_defaults":{"tz":"Europe/Sofia","e164_without_plus":true,"intl_prefix":"00","country":"DE"},
  "handshake":[{"when":{"/body/test":{"present":true}},"decode":["auto"],"reply":{"headers":{"X-Echo":"/body/test"},"body":"/body/test"}}],
  "decode":["gunzip","auto",{"parse":"/body/p"},{"b64":"/body/b"},{"parse":"/body/b"},{"lift":"/body/l"},"pct","lowerkeys"],
  "base":{"ids":{"call":["/body/id","/item/id"]},"at":{"$time":"/body/t"},"from":{"number":{"$phone":{"$or":["/item/n","/body/n"]}}}},
  "rules":[{"each":"/body/list","also":true,"emit":{"type":{"$map":{"A":"started","b c":"ended"},"of":"/item/w","loose":true,"default":"updated"},
    "at":{"$time":"/item/t","as":"%Y-%m-%d %H:%M:%S.%f %z"},"seq":"/index","variables":"/item","reason":{"$re":"(\\w+)=(.*)","of":"/item/r","group":2}}},
   {"emit":{"type":"updated","duration":{"$mul":{"$dur":"/body/d"},"by":0.5},"variables":{"x":{"$find":"/body/list","where":{"/item/w":{"re":"^a+$"}},"get":"/item/v"},
    "y":{"$join":["/path/0","/query/q","/header/host"],"sep":"/"}},"custom_data":"/body","recording":{"url":"/body/u"}}}]})~";

Hook load(const std::string& text, const char* secret) {
  HookOptions options;
  options.org = "acme";
  options.source = "fuzz";
  const auto program = fuzz::program_of(text);
  if (secret != nullptr)
    for (const auto& name : secret_names(*program))
      options.secrets[name] = {Secret{secret}, Secret{"next"}};
  return Hook{program, options};
}

Hook shipped(const std::string& name, const char* secret) {
  std::ifstream in{std::string{HOOKSWITCH_SOURCE_DIR} + "/config/dialects/" + name + ".json"};
  return load({std::istreambuf_iterator<char>{in}, {}}, secret);
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
  const std::string which = fuzz::take_line(text);
  const Hook& hook =
      hooks[which.empty() ? 0 : static_cast<unsigned char>(which[0]) % std::size(hooks)];
  fuzz::check_outcome(hook.handle(fuzz::request_of(std::move(text))));
  return 0;
}
