#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "hook_request.hpp"

/// Any request, as every shipped dialect reads it: the first line names one (an unknown name is all
/// of them), the request follows. Telling how it went changes nothing.
namespace hookswitch {
namespace {

std::map<std::string, Hook> shipped() {
  std::map<std::string, Hook> out;
  const std::filesystem::path folder{HOOKSWITCH_SOURCE_DIR "/config/dialects"};
  for (const auto& file : std::filesystem::directory_iterator{folder}) {
    if (file.path().extension() != ".json") continue;
    std::ifstream in{file.path()};
    HookOptions options;
    options.org = "acme";
    options.source = "fuzz";
    options.time_zone = "Europe/Sofia";
    options.org_country = "US";
    out.emplace(file.path().stem().string(),
                Hook{fuzz::program_of({std::istreambuf_iterator<char>{in}, {}}), options});
  }
  return out;
}

void walk(const Hook& hook, const HookRequest& request) {
  const auto outcome = hook.handle(request);
  fuzz::check_outcome(outcome);
  const auto told = hook.explain(request);
  fuzz::check(outcome.has_value() == told.outcome.has_value(), "the trace changes the outcome");
  if (!outcome)
    return fuzz::check(outcome.error().code == told.outcome.error().code, "or its error");
  fuzz::check(outcome->facts.size() == told.outcome->facts.size(), "or its facts");
  fuzz::check(outcome->matched == told.outcome->matched, "or whether it matched");
}

}  // namespace
}  // namespace hookswitch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  static const std::map<std::string, Hook> hooks = shipped();
  std::string text{reinterpret_cast<const char*>(data), size};
  const std::string name = fuzz::take_line(text);
  const HookRequest request = fuzz::request_of(std::move(text));
  const auto one = hooks.find(name);
  if (one != hooks.end()) {
    walk(one->second, request);
  } else {
    for (const auto& [each, hook] : hooks) walk(hook, request);
  }
  return 0;
}
