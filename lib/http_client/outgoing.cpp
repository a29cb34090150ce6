#include "http_client/outgoing.hpp"

#include <array>

namespace hookswitch::http_client {

std::string_view to_string(Failure failure) {
  static constexpr std::array<std::string_view, kFailures> kWords{
      "bad_request",        "address_refused", "name_unresolved", "connect_failed",
      "tls_failed",         "timed_out",       "broken",          "bad_response",
      "response_too_large", "overload",        "shutting_down"};
  return kWords[static_cast<std::size_t>(failure)];
}

}  // namespace hookswitch::http_client
