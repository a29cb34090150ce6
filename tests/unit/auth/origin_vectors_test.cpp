#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "auth/origin.hpp"
#include "base/json.hpp"

namespace hookswitch {
namespace {

// The same file is held against the matcher of the adapter page (proto/web/adapter-core.js).
TEST(OriginList, AgreesWithEveryVectorOfOriginsJson) {
  std::ifstream in{HOOKSWITCH_SOURCE_DIR "/tests/data/origins.json"};
  std::stringstream text;
  text << in.rdbuf();
  const auto file = json::parse(text.str(), {.bytes_max = 1 << 20, .values_max = 100'000});
  ASSERT_TRUE(file);
  const json::Value* vectors = json::find(*file, "vectors");
  ASSERT_TRUE(vectors != nullptr && vectors->Size() >= 500);
  for (const auto& vector : vectors->GetArray()) {
    const auto origin = json::find_string(vector, "origin").value_or("missing");
    const auto pattern = json::find_string(vector, "pattern").value_or("missing");
    OriginList list;
    const bool taken = bool{list.add(pattern)};
    EXPECT_EQ(taken, !json::find_bool(vector, "pattern_refused").value_or(false)) << pattern;
    EXPECT_EQ(list.allows(origin), json::find_bool(vector, "allowed").value_or(false))
        << origin << " on " << pattern;
  }
}

}  // namespace
}  // namespace hookswitch
