#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace hookswitch {

/// An allow-list of browser origins (RFC 6454): `https://crm.example.com`, `https://*.example.com`
/// (one or more labels, never the bare domain), `http://127.0.0.1:*` (any port). A trailing `/` or
/// `/*` is accepted and means nothing. No other wildcard.
class OriginList {
 public:
  /// Errors: bad_request with the reason, for anything wider or malformed (`*`, `https://*`,
  /// `https://*.com`, paths).
  Result<void> add(std::string_view pattern);

  /// `origin` as in the Origin header; "null" and malformed ones never match.
  bool allows(std::string_view origin) const;
  bool empty() const { return patterns_.empty(); }
  /// The patterns in normal form, for Content-Security-Policy frame-ancestors and the adapter page.
  const std::vector<std::string>& normal() const { return normal_; }

 private:
  struct Pattern {
    std::string scheme, host;
    std::string port;  ///< "*" for any; the scheme's own when none was written
    bool subdomains = false;
  };
  static Result<Pattern> parse(std::string_view text, bool wildcards);

  std::vector<Pattern> patterns_;
  std::vector<std::string> normal_;
};

}  // namespace hookswitch
