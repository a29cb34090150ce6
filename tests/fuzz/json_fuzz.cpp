#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "model/event.hpp"
#include "model/fact.hpp"

/// Whatever is accepted is UTF-8, comes back as the same text from its own writing, and every fact
/// or event in it round-trips.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  (void)decode_event(text, {});
  (void)parse_cursor(text);
  (void)parse_rfc3339(text);
  (void)from_base64url(text);
  const auto document = json::parse(text);
  if (!document) {
    HS_ASSERT(!document.error().detail.empty());
    return 0;
  }
  const std::string written = json::to_string(*document);
  HS_ASSERT(is_utf8(written) && written.find('\0') == std::string::npos);
  const auto again = json::parse(written, {.bytes_max = 8 * kBodyBytesMax});
  HS_ASSERT(again && json::to_string(*again) == written);
  if (const auto facts = facts_from_json(*document)) {
    for (const Fact& fact : *facts) {
      json::Writer out;
      write_json(out, fact);
      const auto second = json::parse(out.view(), {.bytes_max = 8 * kBodyBytesMax});
      HS_ASSERT(second);
      const auto same = fact_from_json(*second);
      HS_ASSERT(same && same->ids == fact.ids && same->from == fact.from &&
                same->headers == fact.headers && same->at == fact.at);
    }
  }
  return 0;
}
