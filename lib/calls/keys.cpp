#include "calls/keys.hpp"

#include <initializer_list>

namespace hookswitch {
namespace {

constexpr char kSeparator = '\x1f';

std::string join(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const auto part : parts) {
    out += part;
    out += kSeparator;
  }
  return out;
}

}  // namespace

std::vector<CallKey> strong_keys(const Fact& fact) {
  std::vector<CallKey> out;
  const auto add = [&](KeyKind kind, const std::string& value) {
    if (!value.empty()) out.push_back({kind, fact.source, value});
  };
  for (const auto& id : fact.ids.call) add(KeyKind::vendor_call_id, id);
  for (const auto& id : fact.ids.sip) add(KeyKind::sip_call_id, id);
  add(KeyKind::vendor_leg_id, fact.ids.leg);
  // RFC 7989 §5: a nil UUID says that there is none.
  if (fact.ids.session.find_first_not_of("0-") != std::string::npos)
    add(KeyKind::session_id, fact.ids.session);
  add(KeyKind::vendor_call_id, fact.ids.parent);
  for (const auto& id : fact.transfer.other_calls) add(KeyKind::vendor_call_id, id);
  return out;
}

std::string index_text(const std::string& org, const CallKey& key) {
  const bool of_source = key.kind == KeyKind::vendor_call_id || key.kind == KeyKind::vendor_leg_id;
  return join({to_string(key.kind), org, of_source ? key.source : std::string_view{}, key.value});
}

std::string tuple_text(const Fact& fact) {
  if (fact.from.number.empty() && fact.from.ext.empty() && fact.to.number.empty() &&
      fact.to.ext.empty())
    return {};
  return join({"tuple", fact.org, fact.source, fact.from.number, fact.from.ext, fact.to.number,
               fact.to.ext, fact.direction ? to_string(*fact.direction) : std::string_view{}});
}

}  // namespace hookswitch
