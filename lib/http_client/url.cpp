#include "http_client/url.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace hookswitch::http_client {
namespace {

constexpr std::size_t kNameBytesMax = 253, kLabelBytesMax = 63;  // RFC 1035 §2.3.4

Error bad(const char* why) { return {Errc::bad_request, why}; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// RFC 3986 §3.3, §3.4: what may stand in a path or query as it is.
bool is_target_char(char c) {
  return is_alnum(c) || std::string_view{"-._~!$&'()*+,;=:@/?%"}.find(c) != std::string_view::npos;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && label.front() != '-' &&
         label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

Result<void> check_name(std::string_view name) {
  if (name.size() > kNameBytesMax) return bad("has a host name that is too long");
  std::string_view last;
  for (std::string_view rest = name;;) {
    const auto end = std::min(rest.find('.'), rest.size());
    last = rest.substr(0, end);
    if (!is_label(last)) return bad("has a host that is no name and no address");
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  // What begins with a digit some readers take for an IPv4 address (WHATWG URL §3.5).
  if (is_digit(last.front())) return bad("has a host that is no name and no address");
  return {};
}

Result<std::uint16_t> read_port(std::string_view text) {
  const auto number = parse_int(text);
  const bool plain = !text.empty() && text.size() <= 5 && text.front() != '0' &&
                     std::all_of(text.begin(), text.end(), is_digit);
  if (!plain || !number || *number > 65535) return bad("has a port that is none");
  return static_cast<std::uint16_t>(*number);
}

Result<void> check_target(std::string_view target) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (!is_target_char(target[i])) return bad("has a path with a character that must be escaped");
    if (target[i] == '%' &&
        (i + 2 >= target.size() || !is_hex(target[i + 1]) || !is_hex(target[i + 2])))
      return bad("has a broken escape");
  }
  return {};
}

}  // namespace

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::origin() const { return (tls ? "https://" : "http://") + authority(); }

Result<Url> parse_url(std::string_view text) {
  Url out;
  if (text.size() > kUrlBytesMax) return bad("is too long");
  if (text.starts_with("https://"))
    out.tls = true;
  else if (!text.starts_with("http://"))
    return bad("must begin with https:// or http://");
  text.remove_prefix(out.tls ? 8 : 7);
  if (text.find('#') != std::string_view::npos) return bad("has a fragment");
  const auto end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, end);
  out.target = text.substr(end);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  if (auto good = check_target(out.target); !good) return good.error();
  if (authority.find('@') != std::string_view::npos) return bad("has a user or password");
  std::string_view host = authority, port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return bad("has a host that is no name and no address");
    host = authority.substr(1, close - 1);
    const std::string_view rest = authority.substr(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) return bad("has a port that is none");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
    if (host.find(':') == std::string_view::npos || !(out.address = parse_ip(host)))
      return bad("has a host that is no name and no address");
  } else {
    if (const auto colon = authority.find(':'); colon != std::string_view::npos) {
      has_port = true;
      port = authority.substr(colon + 1);
      host = authority.substr(0, colon);
    }
    out.address = parse_ip(host);
    if (!out.address)
      if (auto good = check_name(to_lower(host)); !good) return good.error();
  }
  out.host = to_lower(host);
  out.port = out.tls ? 443 : 80;
  if (has_port) {
    const auto number = read_port(port);
    if (!number) return number.error();
    out.port = *number;
  }
  return out;
}

}  // namespace hookswitch::http_client
