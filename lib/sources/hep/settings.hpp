#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "numbers/numbers.hpp"

namespace hookswitch::hep {

/// A PBX whose SIP is mirrored to us.
struct SourceSettings {
  std::string org{}, name{};
  std::string address{};  ///< where mirrors send to: "192.0.2.5:9060", "[::1]:9060"; UDP
  Secret auth_key{};      ///< empty: none is asked for
  NumberPlan numbers{};   ///< short numbers are taken for lines
};

struct ListenAddress {
  std::string host;  ///< without brackets
  std::uint16_t port = 0;
  bool ipv6 = false, loopback = false;
};

/// An address, no name, and a port from 1 on. Error: bad_request.
Result<ListenAddress> parse_address(std::string_view text);

struct SettingsProblem {
  std::string key, what;
};

/// All that is wrong with a source. Pure.
std::vector<SettingsProblem> check(const SourceSettings& source);

/// Whether two configurations listen to the same in the same way.
bool same(const std::vector<SourceSettings>& a, const std::vector<SourceSettings>& b);

}  // namespace hookswitch::hep
