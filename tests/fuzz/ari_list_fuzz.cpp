#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "base/json.hpp"
#include "sources/feed/ari_reader.hpp"

/// Any message is an answer or none; what is made of a list is JSON and names its channel.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const bool is_answer = feed::is_ari_answer(text);
  const auto list = feed::read_ari_list(text);
  if (is_answer) HS_ASSERT(json::parse(text, {feed::kAriMessageBytesMax, kJsonDepthMax, 500'000}));
  if (!list) return 0;
  for (const auto& channel : *list) {
    HS_ASSERT(!channel.leg.empty() && !channel.events.empty());
    for (const auto& event : channel.events) HS_ASSERT(json::parse(event));
  }
  return 0;
}
