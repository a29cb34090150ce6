#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/secret.hpp"

namespace hookswitch::feed {

enum class DialKind : std::uint8_t { ami, esl };

/// A PBX that we connect to.
struct DialSettings {
  DialKind kind = DialKind::ami;
  std::string org, name;
  std::string server;  ///< "192.0.2.10", "pbx.example.com:5038", "[2001:db8::1]:5038"
  std::string username;
  Secret password;
  bool plain_login = false;  ///< AMI: the password itself, not a proof of it; for what knows no MD5
  bool tls = false;          ///< AMI
  std::string ca_file{};     ///< PEM; empty: what the system trusts
};

struct DialProblem {
  std::string key, what;
};

/// What is wrong with it; nothing of it is then of use.
std::vector<DialProblem> check(const DialSettings& settings);

struct DialAddress {
  std::string host, port;
};
/// Of settings without problems; the protocol's own port where none is named.
DialAddress address_of(const DialSettings& settings);

/// Whether a new process would do the same.
bool same(const std::vector<DialSettings>& one, const std::vector<DialSettings>& two);

}  // namespace hookswitch::feed
