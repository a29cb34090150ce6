#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "base/text.hpp"
#include "http/head.hpp"

namespace {

/// How many lines of the head name this field.
int fields(std::string_view head, std::string_view name) {
  int out = 0;
  for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    if (head.substr(at).starts_with("\r\n\r\n")) break;
    const auto rest = head.substr(at + 2);
    if (rest.size() > name.size() && rest[name.size()] == ':' &&
        hookswitch::equals_ignore_case(rest.substr(0, name.size()), name))
      ++out;
  }
  return out;
}

}  // namespace

/// What passes the strict layer has one meaning: a path, one Host, and at most one way to tell
/// where the body ends.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto end = text.find("\r\n\r\n");
  (void)http::refuse_head(text);
  if (end == std::string_view::npos) return 0;
  const auto head = text.substr(0, end + 4);
  if (const auto why = http::refuse_head(head)) {
    HS_ASSERT(outcome(*why).http >= 400);
    return 0;
  }
  const int hosts = fields(head, "host"), lengths = fields(head, "content-length"),
            encodings = fields(head, "transfer-encoding");
  const auto start = head.substr(0, head.find("\r\n"));
  HS_ASSERT(start.ends_with(" HTTP/1.1") || start.ends_with(" HTTP/1.0"));
  HS_ASSERT(hosts == 1 || (hosts == 0 && start.ends_with("HTTP/1.0")));
  HS_ASSERT(lengths + encodings <= 1);
  HS_ASSERT(encodings == 0 || start.ends_with("HTTP/1.1"));
  HS_ASSERT(head.find("\r\n ") == std::string_view::npos &&
            head.find("\r\n\t") == std::string_view::npos);
  return 0;
}
