#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "base/assert.hpp"
#include "base/json.hpp"
#include "sources/sip/dialog_info.hpp"
#include "sources/sip/dialog_tracker.hpp"

/// Documents, separated by a NUL byte, as one subscription would bring them: none may break the
/// reader, and every fact must be one that the daemon takes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  const std::set<std::string, std::less<>> watched{"101", "102"};
  sip::DialogTracker tracker{"102", watched};
  Time time = from_unix_ms(1'800'000'000'000);
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  for (int documents = 0; documents < 16; ++documents) {
    const auto end = rest.find('\0');
    if (const auto info = sip::parse_dialog_info(rest.substr(0, end))) {
      for (const Fact& fact : tracker.feed(*info, time)) {
        json::Writer out;
        write_json(out, fact);
        const auto document = json::parse(out.view());
        HS_ASSERT(document);
        const auto again = fact_from_json(*document);
        HS_ASSERT(again && again->ids == fact.ids && again->from == fact.from &&
                  again->to == fact.to);
      }
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
    time += milliseconds{300};
    tracker.tick(time);
  }
  return 0;
}
