#include "auth/origin.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.hpp"

namespace hookswitch {
namespace {

Error refuse(const char* why) { return Error{Errc::bad_request, why}; }

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/// Hosting names under which strangers can have theirs; a wildcard right above one would admit them
/// all.
constexpr std::string_view kHosting[] = {"github.io",       "gitlab.io",
                                         "herokuapp.com",   "vercel.app",
                                         "netlify.app",     "web.app",
                                         "firebaseapp.com", "pages.dev",
                                         "workers.dev",     "azurewebsites.net",
                                         "cloudfront.net",  "appspot.com",
                                         "amazonaws.com",   "onrender.com",
                                         "fly.dev",         "ngrok.io",
                                         "ngrok-free.app",  "glitch.me",
                                         "surge.sh",        "blogspot.com",
                                         "repl.co",         "azurestaticapps.net",
                                         "cloudapp.net",    "trycloudflare.com"};

/// What country registries sell names under: "co.uk", "com.au", "gob.mx". Not the whole public
/// suffix list, but its pattern.
constexpr std::string_view kSecondLevels[] = {"ac",   "co",  "com", "edu", "gov",    "go",  "gob",
                                              "gouv", "mil", "net", "ne",  "org",    "or",  "me",
                                              "ltd",  "plc", "sch", "nhs", "police", "asn", "id",
                                              "info", "biz", "nom", "ind", "firm",   "gen"};

bool is_public_suffix(std::string_view host) {
  if (std::find(std::begin(kHosting), std::end(kHosting), host) != std::end(kHosting)) return true;
  const auto dot = host.find('.');
  const auto top = host.substr(dot + 1);
  return dot != std::string_view::npos && top.size() == 2 &&
         std::find(std::begin(kSecondLevels), std::end(kSecondLevels), host.substr(0, dot)) !=
             std::end(kSecondLevels);
}

}  // namespace

Result<OriginList::Pattern> OriginList::parse(std::string_view text, bool wildcards) {
  Pattern out;
  if (text.starts_with("https://")) {
    out.scheme = "https";
  } else if (text.starts_with("http://")) {
    out.scheme = "http";
  } else {
    return refuse("must begin with https:// or http://");
  }
  text.remove_prefix(out.scheme.size() + 3);
  std::string_view port;
  if (text.starts_with('[')) {  // IPv6 literal
    const auto end = text.find(']');
    if (end == std::string_view::npos) return refuse("has an open bracket");
    out.host = to_lower(text.substr(0, end + 1));
    in6_addr address{};
    if (::inet_pton(AF_INET6, out.host.substr(1, out.host.size() - 2).c_str(), &address) != 1)
      return refuse("is no IPv6 address");
    text.remove_prefix(end + 1);
    if (!text.empty() && text.front() != ':') return refuse("has text after the address");
    port = text.empty() ? text : text.substr(1);
    if (!text.empty() && port.empty()) return refuse("has an empty port");
  } else {
    const auto colon = text.find(':');
    std::string_view host = text.substr(0, colon);
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return refuse("has an empty port");
    }
    if (wildcards && host.starts_with("*.")) {
      out.subdomains = true;
      host.remove_prefix(2);
      if (host.find('.') == std::string_view::npos)
        return refuse("the wildcard stands above a top-level domain");
    }
    out.host = to_lower(host);
    if (out.host.empty() || out.host.front() == '.' || out.host.back() == '.' ||
        out.host.find("..") != std::string::npos ||
        !std::all_of(out.host.begin(), out.host.end(), is_host_char))
      return refuse(
          "has no valid host name (`*` is allowed as the left-most label and as the port only)");
    if (out.subdomains && is_public_suffix(out.host))
      return refuse("the wildcard stands above a public suffix");
    if (out.subdomains && out.host.find_first_not_of("0123456789.") == std::string::npos)
      return refuse("the wildcard stands above an IP address");
  }
  if (port.empty()) {
    out.port = out.scheme == "https" ? "443" : "80";
  } else if (port == "*" && wildcards) {
    out.port = "*";
  } else {
    const auto number = parse_int(port);
    if (!number || *number < 1 || *number > 65535 || port.front() == '+' || port.front() == '0')
      return refuse("has no valid port");
    out.port = port;
  }
  return out;
}

Result<void> OriginList::add(std::string_view pattern) {
  if (pattern.ends_with("/*")) pattern.remove_suffix(2);
  if (pattern.ends_with('/')) pattern.remove_suffix(1);
  auto parsed = parse(pattern, true);
  if (!parsed) return parsed.error();
  std::string normal = parsed->scheme + "://" + (parsed->subdomains ? "*." : "") + parsed->host;
  const bool standard = parsed->port == (parsed->scheme == "https" ? "443" : "80");
  if (!standard) normal += ":" + parsed->port;
  normal_.push_back(std::move(normal));
  patterns_.push_back(std::move(*parsed));
  return {};
}

bool OriginList::allows(std::string_view origin) const {
  const auto parsed = parse(origin, false);
  if (!parsed) return false;
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& pattern) {
    if (pattern.scheme != parsed->scheme || (pattern.port != "*" && pattern.port != parsed->port))
      return false;
    if (!pattern.subdomains) return pattern.host == parsed->host;
    return parsed->host.size() > pattern.host.size() + 1 && parsed->host.ends_with(pattern.host) &&
           parsed->host[parsed->host.size() - pattern.host.size() - 1] == '.';
  });
}

}  // namespace hookswitch
