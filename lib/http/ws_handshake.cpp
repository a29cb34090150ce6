#include "http/ws_handshake.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "http/ws_deflate.hpp"

namespace hookswitch::http {

namespace {

constexpr std::string_view kVersion = "13";

/// Whether the comma-separated values of all fields of this name have the word.
bool has_word(const Request& request, std::string_view name, std::string_view word) {
  for (const auto& [field, value] : request.headers) {
    if (field != name) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto end = std::min(rest.find(','), rest.size());
      if (equals_ignore_case(trim(rest.substr(0, end)), word)) return true;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return false;
}

std::ptrdiff_t count(const Request& request, std::string_view name) {
  return std::count_if(request.headers.begin(), request.headers.end(),
                       [&](const auto& field) { return field.first == name; });
}

/// All fields of that name as one list.
std::string joined(const Request& request, std::string_view name) {
  std::string all;
  for (const auto& [field, value] : request.headers)
    if (field == name) all += (all.empty() ? "" : ", ") + value;
  return all;
}

}  // namespace

bool asks_for_websocket(const Request& request) {
  return request.method == "GET" && has_word(request, "connection", "upgrade") &&
         has_word(request, "upgrade", "websocket");
}

std::optional<Response> refuse_websocket(const Request& request) {
  const std::string_view version = trim(request.header("sec-websocket-version"));
  if (count(request, "sec-websocket-version") == 1 && version != kVersion) {
    Response out = problem(Errc::bad_request);
    out.status = 426;
    const auto at = out.body.find("\"status\":400");
    if (at != std::string::npos) out.body.replace(at, 12, "\"status\":426");
    out.headers.emplace_back("Upgrade", "websocket");
    out.headers.emplace_back("Sec-WebSocket-Version", kVersion);
    return out;
  }
  const auto key = from_base64(trim(request.header("sec-websocket-key")));
  if (version.empty() || count(request, "sec-websocket-version") != 1 ||
      count(request, "sec-websocket-key") != 1 || !key || key->size() != 16 ||
      !request.body.empty())
    return problem(Errc::bad_request);
  return std::nullopt;
}

std::optional<std::string_view> agree_on_deflate(const Request& request) {
  return deflate_answer(joined(request, "sec-websocket-extensions"));
}

void join_subprotocols(Request& request) {
  constexpr std::string_view kName = "sec-websocket-protocol";
  std::string all = joined(request, kName);
  if (count(request, kName) < 2) return;
  std::erase_if(request.headers, [&](const auto& field) { return field.first == kName; });
  request.headers.emplace_back(kName, std::move(all));
}

std::string websocket_answer(const Request& request, const std::string& subprotocol,
                             const Headers& more) {
  const std::string key{trim(request.header("sec-websocket-key"))};
  std::string out =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      to_base64(digest(HashKind::sha1, key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) + "\r\n";
  if (!subprotocol.empty()) out += "Sec-WebSocket-Protocol: " + subprotocol + "\r\n";
  for (const auto& [name, value] : more) out += name + ": " + value + "\r\n";
  return out + "\r\n";
}

}  // namespace hookswitch::http
