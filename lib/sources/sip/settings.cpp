#include "sources/sip/settings.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"

namespace hookswitch::sip {
namespace {

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool only(std::string_view text, std::string_view others, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return is_alnum(c) || others.find(c) != std::string_view::npos;
         });
}

bool is_address(std::string_view host) {
  unsigned char out[16];
  const std::string text{host};
  if (inet_pton(AF_INET, text.c_str(), out) == 1) return true;
  if (text.size() < 4 || text.front() != '[' || text.back() != ']') return false;
  return inet_pton(AF_INET6, text.substr(1, text.size() - 2).c_str(), out) == 1;
}

bool is_host(std::string_view host) {
  if (is_address(host)) return true;
  return only(host, "-.", 253) && is_alnum(host.front()) && is_alnum(host.back()) &&
         host.find("..") == std::string_view::npos;
}

bool is_printable(std::string_view text, std::string_view refused, std::size_t bytes_max) {
  return text.size() <= bytes_max && is_utf8(text) &&
         std::none_of(text.begin(), text.end(), [&](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f ||
                  refused.find(c) != std::string_view::npos;
         });
}

}  // namespace

const NumberPlan& default_numbers() {
  static const NumberPlan plan = [] {
    NumberPlan out;
    out.short_is_extension = true;
    return out;
  }();
  return plan;
}

Result<ServerAddress> parse_server(std::string_view uri) {
  const Error error{Errc::bad_request, "must be sip:host[:port][;transport=udp|tcp]"};
  if (uri.size() < 5 || !equals_ignore_case(uri.substr(0, 4), "sip:")) return error;
  uri.remove_prefix(4);
  ServerAddress out;
  if (const auto semicolon = uri.find(';'); semicolon != std::string_view::npos) {
    const auto parameter = uri.substr(semicolon);
    if (equals_ignore_case(parameter, ";transport=tcp"))
      out.tcp = true;
    else if (!equals_ignore_case(parameter, ";transport=udp"))
      return error;
    uri = uri.substr(0, semicolon);
  }
  const auto bracket = uri.rfind(']');
  const auto colon = uri.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const auto digits = uri.substr(colon + 1);
    const auto port = parse_int(digits);
    if (!only(digits, "", 5) || !port || *port < 1 || *port > 65535) return error;
    out.port = static_cast<std::uint16_t>(*port);
    uri = uri.substr(0, colon);
  }
  if (!is_host(uri)) return error;
  out.host = to_lower(uri);
  if (out.host == "localhost") out.host = "127.0.0.1";
  out.literal = is_address(out.host);
  return out;
}

std::vector<SettingsProblem> check(const SourceSettings& source) {
  std::vector<SettingsProblem> out;
  const auto refuse = [&](const char* key, std::string what) {
    out.push_back({key, std::move(what)});
  };
  if (const auto server = parse_server(source.server); !server)
    refuse("server", server.error().detail);
  if (!source.domain.empty() && !is_host(source.domain))
    refuse("domain", "must be a host name or an address");
  if (!source.username.empty() && !only(source.username, "-._+@*#", 128))
    refuse("username", "may hold letters, digits and -._+@*#");
  if (!is_printable(source.password.reveal(), "", 256))
    refuse("password", "may not hold control characters, at most 256 bytes");
  if (source.username.empty() && !source.password.empty())
    refuse("username", "is missing, but there is a password");
  if (!is_safe_realm(source.realm))
    refuse("realm", "may not hold quotes, backslashes and control characters");
  if (source.watch.empty()) refuse("watch", "must name at least one extension");
  if (source.watch.size() > kWatchedMax)
    refuse("watch", "names too many extensions (at most 5000)");
  for (const std::string& ext : source.watch) {
    if (only(ext, "-._+*#", 32)) continue;
    refuse("watch", "an extension may hold letters, digits and -._+*#, at most 32 characters");
    break;
  }
  if (std::set<std::string>(source.watch.begin(), source.watch.end()).size() != source.watch.size())
    refuse("watch", "names an extension twice");
  if (source.expires_s < kExpiresMin || source.expires_s > kExpiresMax)
    refuse("expires_s", "must be 10 to 86400");
  for (auto& wrong : check_numbers(source.numbers))
    out.push_back({std::move(wrong.key), std::move(wrong.what)});
  return out;
}

bool is_safe_realm(std::string_view realm) { return is_printable(realm, "\"\\", 128); }

std::string uri_user(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '#')
      out += "%23";
    else if (c == '@')
      out += "%40";
    else
      out += c;
  }
  return out;
}

bool same(const std::vector<SourceSettings>& a, const std::vector<SourceSettings>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const SourceSettings& x, const SourceSettings& y) {
        return x.org == y.org && x.name == y.name && x.server == y.server && x.domain == y.domain &&
               x.username == y.username && x.password.reveal() == y.password.reveal() &&
               x.realm == y.realm && x.numbers == y.numbers && x.watch == y.watch &&
               x.expires_s == y.expires_s;
      });
}

}  // namespace hookswitch::sip
