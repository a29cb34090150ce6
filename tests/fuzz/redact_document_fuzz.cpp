#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "base/ip_ranges.hpp"
#include "base/json.hpp"
#include "recorder/redact_document.hpp"

/// Any bytes as a document that a PBX sent: what comes out is JSON with as many members, and proofs
/// are not in it. The same bytes as addresses: nothing breaks, and only addresses are contained.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const Time around = from_unix_ms(1'795'186'801'000);
  if (const auto out = redact_document(text, around)) {
    const auto before = json::parse(text, {.bytes_max = size + 1});
    const auto after = json::parse(*out, {.bytes_max = out->size() + 1});
    HS_ASSERT(before && after && before->GetType() == after->GetType());
    if (after->IsObject()) {
      HS_ASSERT(before->MemberCount() == after->MemberCount());
      if (const auto token = json::find_string(*after, "token")) HS_ASSERT(*token == "(not kept)");
    }
  }
  IpRanges ranges;
  if (ranges.add(text) && text.find('/') == std::string_view::npos)
    HS_ASSERT(ranges.contains(text));
  IpRanges all;
  HS_ASSERT(all.add("::/0"));
  (void)sender_behind(all, "192.0.2.1", text);
  return 0;
}
