#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "sources/sip/protocol.hpp"

/// A stream between daemon and worker; the first byte says how it is cut. What is understood must
/// survive being said again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  if (size == 0) return 0;
  const std::size_t step = data[0] + 1U;
  const std::string_view stream{reinterpret_cast<const char*>(data) + 1, size - 1};
  sip::FrameReader reader;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    reader.feed(stream.substr(at, step));
    while (const auto frame = reader.next()) {
      if (const auto message = sip::decode_to_worker(*frame)) {
        const std::string again = sip::encode(*message);
        HS_ASSERT(again.empty() || sip::decode_to_worker(std::string_view{again}.substr(4)));
      }
      if (const auto message = sip::decode_to_daemon(*frame)) {
        const std::string again = sip::encode(*message);
        HS_ASSERT(again.empty() || sip::decode_to_daemon(std::string_view{again}.substr(4)));
      }
    }
  }
  return 0;
}
