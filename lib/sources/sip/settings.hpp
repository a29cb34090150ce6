#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "numbers/numbers.hpp"

namespace hookswitch::sip {

inline constexpr std::size_t kWatchedMax =
    5000;  // extensions of one source; their names fit one configure frame
inline constexpr int kExpiresDefault = 600;  // seconds, as phones ask for
inline constexpr int kExpiresMin = 10;
inline constexpr int kExpiresMax = 86'400;

/// How a PBX of which nothing is said writes numbers: short ones are its lines.
const NumberPlan& default_numbers();

/// A PBX whose extensions are watched by SUBSCRIBE, RFC 6665 and RFC 4235.
struct SourceSettings {
  std::string org{}, name{};
  std::string server{};  ///< "sip:192.0.2.1:5060", "sip:pbx.example.com;transport=tcp"
  std::string domain{};  ///< right of the @ of the extensions; empty: the host of `server`
  std::string username{};
  Secret password{};
  std::string realm{};  ///< empty: whatever realm the server names in its challenge
  std::vector<std::string> watch{};
  int expires_s = kExpiresDefault;
  NumberPlan numbers = default_numbers();  ///< without its `extensions`: those are `watch`
};

struct ServerAddress {
  std::string host;        ///< name or address; IPv6 in brackets
  std::uint16_t port = 0;  ///< 0: by RFC 3263, 5060 for an address
  bool tcp = false;
  bool literal = false;  ///< an address, nothing to look up
};

/// `sip:host[:port][;transport=udp|tcp]` and nothing else. Error: bad_request.
Result<ServerAddress> parse_server(std::string_view uri);

struct SettingsProblem {
  std::string key;   ///< "server", "watch", …
  std::string what;  ///< a sentence without the value
};

/// All that is wrong with a source. sofia passes CR and LF in its strings through to the wire, so
/// no setting reaches it that this grammar did not let pass; the worker checks again. Pure.
std::vector<SettingsProblem> check(const SourceSettings& source);

/// Whether two configurations watch the same things in the same way.
bool same(const std::vector<SourceSettings>& a, const std::vector<SourceSettings>& b);

/// Whether a realm, ours or one in a challenge, may be put into the credentials string that sofia
/// takes apart.
bool is_safe_realm(std::string_view realm);

/// The user part of a SIP URI for an extension or user name that passed check().
std::string uri_user(std::string_view name);

}  // namespace hookswitch::sip
