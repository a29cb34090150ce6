#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "base/json.hpp"
#include "sources/feed/ami_protocol.hpp"

namespace {

using namespace hookswitch;
using namespace hookswitch::feed;

struct Seen {
  std::vector<std::string> events;
  std::size_t listed = 0, skipped = 0;
  bool ended = false;
  bool operator==(const Seen&) const = default;
};

Seen hear(const std::string& bytes, std::size_t piece) {
  AmiProtocol protocol{"cti", Secret{"secret"}, false};
  FeedStep step;
  Seen out;
  for (std::size_t at = 0; at < bytes.size() && !step.end; at += piece) {
    protocol.on_bytes(std::string_view{bytes}.substr(at, piece), step);
    HS_ASSERT(step.send.find("Secret:") == std::string::npos);
    if (step.list) out.listed += step.list->size();
    step.list.reset();
  }
  out.events = std::move(step.events);
  out.skipped = protocol.skipped();
  out.ended = step.end.has_value();
  return out;
}

}  // namespace

/// The first byte says how the rest is cut. What a PBX says does not depend on that, every event is
/// JSON, and the password is never said.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const Seen whole = hear(bytes, data[0] + 1U);
  HS_ASSERT(whole.events == hear(bytes, 1).events);
  for (const auto& event : whole.events) HS_ASSERT(json::parse(event));
  return 0;
}
