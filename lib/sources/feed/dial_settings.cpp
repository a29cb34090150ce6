#include "sources/feed/dial_settings.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <tuple>

#include "base/text.hpp"

namespace hookswitch::feed {
namespace {

constexpr std::size_t kNameBytesMax = 256;

std::optional<DialAddress> split(std::string_view server) {
  DialAddress out;
  if (server.starts_with('[')) {
    const auto end = server.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = server.substr(1, end - 1);
    server.remove_prefix(end + 1);
    if (!server.empty() && server.front() != ':') return std::nullopt;
  } else {
    const auto colon = server.find(':');
    out.host = server.substr(0, colon);
    server.remove_prefix(std::min(colon, server.size()));
  }
  if (!server.empty()) out.port = server.substr(1);
  const auto port = parse_int(out.port.empty() ? "1" : std::string_view{out.port});
  const bool good_host = !out.host.empty() && out.host.size() <= kNameBytesMax &&
                         std::all_of(out.host.begin(), out.host.end(), [](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                  (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' ||
                                  c == '_';
                         });
  if (!good_host || !port || *port < 1 || *port > 65'535 || (server == ":")) return std::nullopt;
  return out;
}

/// A control character would end a line of the protocol and begin another.
bool is_plain(std::string_view text) {
  return text.size() <= kNameBytesMax && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

bool is_same(const DialSettings& a, const DialSettings& b) {
  return std::tie(a.kind, a.org, a.name, a.server, a.username, a.plain_login, a.tls, a.ca_file) ==
             std::tie(b.kind, b.org, b.name, b.server, b.username, b.plain_login, b.tls,
                      b.ca_file) &&
         a.password.reveal() == b.password.reveal();
}

}  // namespace

std::vector<DialProblem> check(const DialSettings& settings) {
  std::vector<DialProblem> out;
  if (!settings.server.empty() && !split(settings.server))
    out.push_back({"server", "must be a host, or host:port ([…]:port for IPv6)"});
  if (!is_plain(settings.username)) out.push_back({"username", "has a control character"});
  if (settings.kind == DialKind::ami && settings.username.empty())
    out.push_back({"username", "is missing: the name of a section of manager.conf"});
  if (settings.password.empty()) out.push_back({"password_file", "is missing"});
  if (!is_plain(settings.password.reveal()))
    out.push_back({"password_file", "holds a control character or more than 256 bytes"});
  if (!settings.ca_file.empty() && !settings.tls)
    out.push_back({"ca_file", "is of no use without tls = true"});
  return out;
}

DialAddress address_of(const DialSettings& settings) {
  DialAddress out = split(settings.server).value_or(DialAddress{});
  if (out.port.empty())
    out.port = settings.kind == DialKind::esl ? "8021" : settings.tls ? "5039" : "5038";
  return out;
}

bool same(const std::vector<DialSettings>& one, const std::vector<DialSettings>& two) {
  return std::equal(one.begin(), one.end(), two.begin(), two.end(), is_same);
}

}  // namespace hookswitch::feed
