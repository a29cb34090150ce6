#pragma once

#include <string>
#include <string_view>

namespace hookswitch {

/// The parts of a SIP or tel URI, or of what a source sent in its place.
struct Address {
  std::string display;  ///< of a name-addr, unquoted
  std::string user;     ///< percent-decoded, control characters as blanks; at most kIdBytesMax
  std::string params;  ///< of the user part or of a tel URI: "ext=12;phone-context=+1", as received
  std::string host;    ///< lower case, without port
  bool uri = false;    ///< a scheme or an '@' was there
};

/// Reads `"Jane" <sip:+12025550143@gw;user=phone>`, `tel:…`, and leniently what is less: without
/// scheme (FreeSWITCH leaves it out now and then), without brackets, a bare number or name.
/// RFC 3261 §19.1 and §25.1, RFC 3966 §3. A URI with a host alone names nobody: `user` is empty.
/// Pure, never fails.
Address read_address(std::string_view text);

/// The value of one of `params`, percent-decoded; empty if it is not there. Names in lower case.
std::string address_param(const Address& address, std::string_view name);

/// Does the caller, or the network, hide the number? RFC 3323 §4.1.1.3 (`anonymous.invalid`, and
/// any other host that cannot be), the words that networks and PBXs put in its place, those words
/// dialled on a keypad (`+266696687` is ANONYMOUS), and four or more zeros.
bool is_withheld(const Address& address);

}  // namespace hookswitch
