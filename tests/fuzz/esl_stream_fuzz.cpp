#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "base/json.hpp"
#include "sources/feed/esl_protocol.hpp"

namespace {

using namespace hookswitch;
using namespace hookswitch::feed;

std::vector<std::string> hear(const std::string& bytes, std::size_t piece) {
  EslProtocol protocol{"", Secret{"secret"}};
  FeedStep step;
  for (std::size_t at = 0; at < bytes.size() && !step.end; at += piece) {
    protocol.on_bytes(std::string_view{bytes}.substr(at, piece), step);
    if (!step.list) continue;
    for (const auto& channel : *step.list) {
      HS_ASSERT(!channel.leg.empty() && !channel.events.empty());
      for (const auto& event : channel.events) HS_ASSERT(json::parse(event));
    }
    step.list.reset();
  }
  return step.events;
}

}  // namespace

/// The first byte says how the rest is cut. What a PBX says does not depend on that, and what is
/// made of its list is JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  HS_ASSERT(hear(bytes, data[0] + 1U) == hear(bytes, 1));
  return 0;
}
