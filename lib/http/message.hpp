#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace hookswitch::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A request that passed the strict layer: exactly one Host, an origin-form target, a body within
/// the limit.
struct Request {
  std::string method;
  std::string path;   ///< before '?', not decoded
  std::string query;  ///< after '?', not decoded
  Headers headers;    ///< names in lower case
  std::string body;
  bool is_head = false;  ///< HEAD: `method` says GET, and the answer goes out without its body
  /// Address of who sent it, without port: the other end, or who a trusted proxy says it was;
  /// empty when that cannot be read.
  std::string peer;
  /// Came by TLS, to us or to a trusted proxy.
  bool is_secure = false;
  /// In the certificate that the client showed to us; see TlsSession::client_names.
  std::vector<std::string> client_names{};
  /// Of the listener it came in by: the parts that are served there. Empty, or none: all. Lives as
  /// long as the server.
  const std::vector<std::string>* parts = nullptr;

  /// First value of a header (name in lower case); empty when there is none.
  std::string_view header(std::string_view name) const;
  bool has(std::string_view name) const;
};

struct Response {
  unsigned status = 200;
  std::string content_type;  ///< empty: no such header
  std::string body;
  Headers headers;
};

/// application/problem+json (RFC 9457) with the stable code; never holds anything of the request.
Response problem(Errc code);

/// Called once, on any thread.
using Respond = std::function<void(Response)>;

}  // namespace hookswitch::http
