#include "daemon/commands/capture.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "daemon/commands/private_file.hpp"
#include "daemon/version.hpp"
#include "recorder/capture.hpp"
#include "recorder/redact.hpp"
#include "recorder/replay.hpp"

namespace hookswitch {
namespace {

int failed(const std::string& why) {
  fmt::print(stderr, "hookswitchd capture: {}\n", why);
  return 1;
}

}  // namespace

int capture_call(const CaptureOptions& options) {
  auto bundle = capture(options.recording, options.call, kVersion);
  if (!bundle) return failed(bundle.error().detail);
  if (options.redact) {
    auto hidden = redact(*bundle);
    if (!hidden) return failed(hidden.error().detail);
    const auto difference = replay(*hidden).difference;
    if (difference && hidden->known_problem.empty())
      hidden->known_problem =
          fmt::format("redacted, the replay differs at event {}{}{}", difference->event,
                      difference->pointer.empty() ? "" : " ", difference->pointer);
    bundle = std::move(hidden);
  }
  for (const auto& note : bundle->notes) fmt::print(stderr, "hookswitchd capture: {}\n", note);
  if (!bundle->known_problem.empty())
    fmt::print(stderr, "hookswitchd capture: {}\n", bundle->known_problem);
  const std::string text = write_bundle(*bundle);
  if (options.out.empty())
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                   std::fflush(stdout) == 0
               ? 0
               : failed("nobody reads");
  if (const auto written = write_private_file(options.out, text); !written)
    return failed(written.error().detail);
  return 0;
}

}  // namespace hookswitch
