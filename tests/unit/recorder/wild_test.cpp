#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "recorder/replay.hpp"

namespace hookswitch::recorder_test {
namespace {

std::vector<std::string> bundles() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator{HOOKSWITCH_SOURCE_DIR "/tests/wild"})
    if (entry.path().extension() == ".jsonl") out.push_back(entry.path().string());
  std::sort(out.begin(), out.end());
  return out;
}

/// Each is a call as it happened somewhere, which must be told the same way for ever.
TEST(Wild, EveryBundleReplaysByteForByte) {
  const auto files = bundles();
  EXPECT_GE(files.size(), 3u);
  for (const auto& file : files) {
    SCOPED_TRACE(file);
    const auto text = read_file(file, kBundleBytesMax);
    ASSERT_TRUE(text) << text.error().detail;
    const auto bundle = read_bundle(*text);
    ASSERT_TRUE(bundle) << bundle.error().detail;
    EXPECT_TRUE(bundle->redacted) << "nothing of real people here: capture --redact";
    EXPECT_EQ(bundle->known_problem, "");
    EXPECT_FALSE(bundle->events.empty());
    const auto again = replay(*bundle);
    EXPECT_FALSE(again.difference) << again.difference->text();
  }
}

}  // namespace
}  // namespace hookswitch::recorder_test
