#include "http/message.hpp"

#include <fmt/format.h>

namespace hookswitch::http {

std::string_view Request::header(std::string_view name) const {
  for (const auto& [known, value] : headers)
    if (known == name) return value;
  return {};
}

bool Request::has(std::string_view name) const {
  for (const auto& [known, value] : headers)
    if (known == name) return true;
  return false;
}

Response problem(Errc code) {
  const Outcome& row = outcome(code);
  Response out;
  out.status = row.http;
  out.content_type = "application/problem+json";
  out.body = fmt::format(R"({{"type":"about:blank","title":"{}","status":{},"code":"{}"}})",
                         row.title, row.http, row.name);
  if (row.http == 503) out.headers.emplace_back("Retry-After", "1");
  if (row.http == 401) out.headers.emplace_back("WWW-Authenticate", "Bearer");
  return out;
}

}  // namespace hookswitch::http
