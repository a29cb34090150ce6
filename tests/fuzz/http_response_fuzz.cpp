#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "http_client/response_reader.hpp"

/// What a server sends is read the same however the bytes come, and never past the limits. The
/// first byte says in what steps.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch::http_client;
  if (size == 0) return 0;
  const std::size_t step = data[0] % 16 + 1;
  const std::string_view bytes{reinterpret_cast<const char*>(data + 1), size - 1};
  constexpr ResponseReader::Limits kLimits{
      .head_bytes_max = 2048, .lines_max = 20, .body_bytes_max = 512};
  ResponseReader whole{kLimits, true}, parts{kLimits, true};
  whole.feed(bytes);
  for (std::size_t i = 0; i < bytes.size(); i += step) parts.feed(bytes.substr(i, step));
  whole.end();
  parts.end();
  HS_ASSERT(whole.state() == parts.state());
  for (auto* reader : {&whole, &parts}) {
    HS_ASSERT(reader->response().body.size() <= kLimits.body_bytes_max);
    HS_ASSERT(reader->response().headers.size() <= kLimits.lines_max);
    if (reader->state() == ResponseReader::State::done)
      HS_ASSERT(reader->response().status >= 200 && reader->response().status <= 999);
  }
  HS_ASSERT(whole.response().body == parts.response().body ||
            whole.state() != ResponseReader::State::done);
  return 0;
}
