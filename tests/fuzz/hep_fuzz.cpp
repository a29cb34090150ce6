#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "base/json.hpp"
#include "sources/hep/call_tracker.hpp"
#include "sources/hep/hep_frame.hpp"
#include "sources/hep/sip_message.hpp"

/// HEPv3 packets in a row, as one mirror would send them; what is no packet is taken for a SIP
/// message. Nothing may break the readers, and every fact must be one that the daemon takes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  NumberPlan numbers;
  numbers.short_is_extension = true;
  hep::CallTracker tracker{numbers};
  Time time = from_unix_ms(1'800'000'000'000);
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  std::vector<Fact> facts;
  for (int packets = 0; packets < 64 && !rest.empty(); ++packets) {
    std::string_view payload = rest, correlation;
    const auto frame = hep::read_frame(rest);
    if (frame) {
      payload = frame->payload;
      correlation = frame->correlation;
    }
    const std::size_t told =
        frame ? static_cast<std::size_t>(static_cast<unsigned char>(rest[4]) << 8 |
                                         static_cast<unsigned char>(rest[5]))
              : rest.size();
    std::string text{payload};
    rest.remove_prefix(told);
    time += milliseconds{700};
    if (const auto message = hep::read_sip(text))
      tracker.feed(*message, correlation, {}, time, facts);
    tracker.tick(time, facts);
  }
  for (const Fact& fact : facts) {
    json::Writer out;
    write_json(out, fact);
    const auto document = json::parse(out.view());
    HS_ASSERT(document);
    const auto again = fact_from_json(*document);
    HS_ASSERT(again && again->ids == fact.ids && again->from == fact.from && again->to == fact.to);
  }
  return 0;
}
