#include "http/head.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace hookswitch::http {

std::optional<Errc> refuse_head(std::string_view head) {
  const auto line_end = head.find("\r\n");
  if (line_end == std::string_view::npos) return Errc::bad_request;
  const std::string_view start = head.substr(0, line_end);
  const auto first = start.find(' '), last = start.rfind(' ');
  if (first == std::string_view::npos || first == last || first == 0) return Errc::bad_request;
  const std::string_view method = start.substr(0, first),
                         target = start.substr(first + 1, last - first - 1);
  const std::string_view version = start.substr(last + 1);
  if (!target.starts_with('/') && !(target == "*" && method == "OPTIONS")) return Errc::bad_request;
  if (target.find_first_of(" #") != std::string_view::npos) return Errc::bad_request;
  const bool is_1_1 = version == "HTTP/1.1";
  if (!is_1_1 && version != "HTTP/1.0") return Errc::bad_request;

  int hosts = 0, lengths = 0, encodings = 0;
  for (std::string_view rest = head.substr(line_end + 2); !rest.empty();) {
    const auto end = rest.find("\r\n");
    if (end == std::string_view::npos) return Errc::bad_request;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (line.empty()) break;
    if (line.front() == ' ' || line.front() == '\t') return Errc::bad_request;  // folding
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return Errc::bad_request;
    const std::string name = to_lower(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    if (name == "host") {
      ++hosts;
      if (value.empty() && is_1_1) return Errc::bad_request;
    } else if (name == "content-length") {
      ++lengths;
      if (value.empty() ||
          !std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return Errc::bad_request;
    } else if (name == "transfer-encoding") {
      ++encodings;
      if (!is_1_1 || !equals_ignore_case(value, "chunked")) return Errc::bad_request;
    }
  }
  if (hosts > 1 || (is_1_1 && hosts == 0) || lengths > 1 || encodings > 1 ||
      (lengths > 0 && encodings > 0))
    return Errc::bad_request;
  return std::nullopt;
}

}  // namespace hookswitch::http
