#include "http/event_stream.hpp"

#include "base/text.hpp"

namespace hookswitch::http {

bool asks_for_event_stream(const Request& request) {
  if (request.method != "GET") return false;
  for (const auto& [name, value] : request.headers) {
    if (name != "accept") continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto end = std::min(rest.find(','), rest.size());
      const std::string_view range = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (equals_ignore_case(trim(range.substr(0, range.find(';'))), "text/event-stream"))
        return true;
    }
  }
  return false;
}

std::string event_stream_head(const Opening& opening) {
  std::string out =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
      "X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n";
  for (const auto& [name, value] : opening.headers) out += name + ": " + value + "\r\n";
  return out + "\r\n";
}

}  // namespace hookswitch::http
