#include "sources/sip/sip_party.hpp"

#include "base/limits.hpp"

namespace hookswitch::sip {

Party to_party(const DialogParty& party, const std::set<std::string, std::less<>>& watched,
               const NumberPlan& numbers) {
  using Kind = NumberReading::Kind;
  const Address uri = read_address(party.identity.empty() ? party.target : party.identity);
  Party out;
  out.name = party.display.empty() ? uri.display : party.display;
  // A host alone names nobody, also without its scheme.
  if (!uri.uri && uri.user.find('.') != std::string::npos) return out;
  out.presented = uri.user;
  if (uri.user.empty()) return out;
  auto read = watched.contains(uri.user) ? NumberReading{Kind::extension, {}, uri.user}
                                         : read_number(uri, numbers);
  if (read.kind == Kind::withheld) return out;
  if (read.kind == Kind::extension)
    out.ext = std::move(read.ext);
  else if (read.kind == Kind::e164 || read.kind == Kind::digits)
    out.number = std::move(read.number);
  if (!uri.host.empty() && uri.user.size() + uri.host.size() + 5 <= kIdBytesMax)
    out.aor = "sip:" + uri.user + "@" + uri.host;
  return out;
}

}  // namespace hookswitch::sip
