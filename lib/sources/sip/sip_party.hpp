#pragma once

#include <set>
#include <string>
#include <string_view>

#include "model/party.hpp"
#include "sources/sip/dialog_info.hpp"

namespace hookswitch::sip {

/// The parts of a SIP or tel URI that name a party, read leniently: name-addr or bare, with or
/// without scheme (FreeSWITCH leaves it out now and then), user percent-decoded, parameters
/// dropped.
struct UriParts {
  std::string display, user, host;
  bool tel = false;
};
UriParts read_uri(std::string_view text);

/// Who is meant. The user part goes to `ext` when it is watched or is 1 to 6 digits, to `number`
/// when it is a longer number or begins with '+' (visual separators dropped), else only to
/// `presented`, which always has it as received. Anonymous forms (RFC 3323 §4.1.1.3 and what
/// gateways write) leave number and aor empty and keep the name. Pure.
Party to_party(const DialogParty& party, const std::set<std::string, std::less<>>& watched);

}  // namespace hookswitch::sip
