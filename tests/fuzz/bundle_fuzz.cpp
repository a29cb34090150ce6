#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "recorder/redact.hpp"
#include "recorder/replay.hpp"

/// A bundle of any bytes is read or refused with a line number; what was read is written and read
/// again the same, plays back to the end twice alike, and can be redacted or is refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  const auto bundle = read_bundle({reinterpret_cast<const char*>(data), size});
  if (!bundle) {
    HS_ASSERT(!bundle.error().detail.empty());
    return 0;
  }
  const std::string text = write_bundle(*bundle);
  const auto again = read_bundle(text);
  HS_ASSERT(again);
  HS_ASSERT(write_bundle(*again) == text);
  const auto first = replay(*bundle), second = replay(*again);
  HS_ASSERT(first.told == second.told);
  HS_ASSERT(first.difference.has_value() == second.difference.has_value());
  if (const auto hidden = redact(*bundle)) {
    HS_ASSERT(hidden->inputs.size() == bundle->inputs.size());
    (void)replay(*hidden);
  }
  return 0;
}
