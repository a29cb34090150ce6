#include "daemon/commands/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/file.hpp"
#include "daemon/commands/private_file.hpp"
#include "recorder/replay.hpp"

namespace hookswitch {
namespace {

int failed(const std::string& why) {
  fmt::print(stderr, "hookswitchd replay: {}\n", why);
  return 1;
}

}  // namespace

int replay_bundle(const ReplayOptions& options) {
  const auto text = read_file(options.bundle, kBundleBytesMax);
  if (!text) return failed(text.error().detail);
  auto bundle = read_bundle(*text);
  if (!bundle) return failed(fmt::format("{}: {}", options.bundle, bundle.error().detail));
  std::optional<Time> last;
  const auto pace = [&](Time at) {
    if (options.speed && last && at > *last)
      std::this_thread::sleep_for(
          std::chrono::duration<double, std::milli>{static_cast<double>((at - *last).count())} /
          *options.speed);
    last = std::max(at, last.value_or(at));
  };
  const auto print = [](const BundleEvent& event) {
    std::fwrite(event.frame.data(), 1, event.frame.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
  };
  auto again = replay(*bundle, pace, print);
  if (!again.difference) return 0;
  fmt::print(stderr, "hookswitchd replay: {}: {}\n", options.bundle, again.difference->text());
  if (!options.accept) return 1;
  bundle->events = std::move(again.told);
  bundle->known_problem.clear();
  const auto written = write_private_file(options.bundle, write_bundle(*bundle));
  return written ? 0 : failed(written.error().detail);
}

}  // namespace hookswitch
