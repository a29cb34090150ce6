#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "base/text.hpp"
#include "http/ws_reader.hpp"

namespace {

using hookswitch::http::WsEvent;
using hookswitch::http::WsReader;

constexpr std::size_t kMessageBytesMax = 300;

struct Seen {
  WsEvent::Kind kind;
  std::uint16_t code;
  std::string payload;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> read(std::string bytes, std::size_t piece, bool deflate) {
  WsReader reader{kMessageBytesMax, deflate};
  std::vector<Seen> out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::span<char> rest{bytes.data() + at, std::min(piece, bytes.size() - at)};
    for (;;) {
      const std::size_t before = rest.size();
      const WsEvent event = reader.next(rest);
      if (event.kind == WsEvent::Kind::need_more) {
        HS_ASSERT(rest.empty());
        break;
      }
      HS_ASSERT(rest.size() < before);
      out.push_back({event.kind, event.code, std::string{event.payload}});
    }
  }
  return out;
}

}  // namespace

/// The first byte says whether messages may be deflated, and how the rest is cut. What a client
/// says does not depend on that, stays within its limits, and ends with the first error or close.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hookswitch::is_utf8;
  if (size == 0) return 0;
  const std::string bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const bool deflate = (data[0] & 0x80) != 0;
  const auto whole = read(bytes, bytes.size() + 1, deflate);
  HS_ASSERT(whole == read(bytes, 1, deflate));
  HS_ASSERT(whole == read(bytes, (data[0] & 0x7fU) + 1U, deflate));
  for (const Seen& each : whole) {
    const bool last = each.kind == WsEvent::Kind::close || each.kind == WsEvent::Kind::failed;
    HS_ASSERT(last == (&each == &whole.back()) || !last);
    HS_ASSERT(each.payload.size() <= kMessageBytesMax);
    switch (each.kind) {
      case WsEvent::Kind::failed:
        HS_ASSERT(each.code == 1002 || each.code == 1007 || each.code == 1009);
        break;
      case WsEvent::Kind::close:
        HS_ASSERT(each.code == 0 || hookswitch::http::is_ws_close_code(each.code));
        HS_ASSERT(is_utf8(each.payload));
        break;
      case WsEvent::Kind::text:
        HS_ASSERT(is_utf8(each.payload));
        break;
      default:
        HS_ASSERT(each.payload.size() <= 125 || each.kind == WsEvent::Kind::binary);
    }
  }
  return 0;
}
