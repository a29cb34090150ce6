#include "calls/keys.hpp"

#include <algorithm>
#include <initializer_list>

#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr char kSeparator = '\x1f';

/// Mixes a kind in, so that no part of one kind of key can stand for a part of another.
std::uint64_t mix(std::uint64_t seed, std::string_view text) {
  const std::uint64_t h = std::hash<std::string_view>{}(text);
  return (seed ^ h) * 0x9E3779B97F4A7C15ULL + (h >> 29);
}

bool is_nil(std::string_view uuid) {
  return uuid.find_first_not_of("0-") == std::string_view::npos;
}

bool of_one_source(KeyKind kind) {
  return kind == KeyKind::vendor_call_id || kind == KeyKind::vendor_leg_id;
}

/// RFC 7989 §7: "uuid;remote=uuid"; a bare UUID as peers before the standard send it (RFC 7329);
/// also "uuid,uuid" as some PBXs write the pair into a variable. Dashes and case do not matter.
std::vector<std::string> session_uuids(std::string_view text) {
  std::vector<std::string> out;
  std::string uuid;
  const auto take = [&] {
    if (!uuid.empty() && !is_nil(uuid) && std::find(out.begin(), out.end(), uuid) == out.end() &&
        out.size() < 2)
      out.push_back(uuid);
    uuid.clear();
  };
  std::size_t at = 0;
  while (at <= text.size()) {
    const auto end = std::min(text.find_first_of(";,", at), text.size());
    std::string_view item = trim(text.substr(at, end - at));
    if (const auto equals = item.find('='); equals != std::string_view::npos)
      item = equals_ignore_case(item.substr(0, equals), "remote") ? item.substr(equals + 1)
                                                                  : std::string_view{};
    for (const char c : to_lower(item))
      if (c != '-' && c != '"') uuid += c;
    take();
    at = end + 1;
  }
  return out;
}

}  // namespace

FactKeys strong_keys(const Fact& fact, SourceIndex source, const SourceBook& sources) {
  FactKeys out;
  const auto add = [&](KeyKind kind, const Text& value, JoinedBy rule, bool link = false) {
    if (value.empty()) return;
    FactKey key{{kind, source, value}, rule, link, 0};
    key.hash = hash_of(fact.org, key.key);
    for (const FactKey& known : out)
      if (known.hash == key.hash && same_key(known.key, key.key)) return;
    out.push_back(std::move(key));
  };
  const SourceRules& rules = sources[source].rules;
  for (const Text& id : fact.ids.call) add(KeyKind::vendor_call_id, id, JoinedBy::vendor_call_id);
  for (const Text& id : fact.ids.sip) add(KeyKind::sip_call_id, id, JoinedBy::sip_call_id);
  add(KeyKind::vendor_leg_id, fact.ids.leg, JoinedBy::vendor_leg_id);
  if (!fact.ids.session.empty())
    for (const auto& uuid : session_uuids(fact.ids.session.str()))
      add(KeyKind::session_id, uuid, JoinedBy::session_id);
  for (const auto& name : rules.key_headers)
    for (const auto& [header, value] : fact.headers)
      if (equals_ignore_case(header, name) && !value.empty() && value.size() <= kIdBytesMax)
        add(KeyKind::header, name + ":" + value, JoinedBy::header);
  add(KeyKind::vendor_call_id, fact.ids.parent, JoinedBy::vendor_call_id, true);
  for (const Text& id : fact.ids.replaces)
    add(KeyKind::sip_call_id, id, JoinedBy::sip_call_id, true);
  for (const Text& id : fact.transfer.other_calls)
    add(KeyKind::vendor_call_id, id, JoinedBy::vendor_call_id, true);
  return out;
}

std::uint64_t hash_of(const Text& org, const Key& key) {
  std::uint64_t seed = 0x51ED270B + static_cast<std::uint64_t>(key.kind) * 1000003;
  if (of_one_source(key.kind))
    seed += static_cast<std::uint64_t>(key.source) << 32;  // a source belongs to one organisation
  else
    seed = mix(seed, org.str());
  return mix(seed, key.value.str());
}

std::uint64_t hash_of_call_id(std::string_view id) { return mix(0xCA11, id); }

bool same_key(const Key& a, const Key& b) {
  return a.kind == b.kind && (!of_one_source(a.kind) || a.source == b.source) && a.value == b.value;
}

Text tuple_text(const Fact& fact, SourceIndex source) {
  if (fact.from.number.empty() && fact.from.ext.empty() && fact.to.number.empty() &&
      fact.to.ext.empty())
    return {};
  std::string out = std::to_string(source);
  for (const std::string_view part :
       {std::string_view{fact.from.number}, std::string_view{fact.from.ext},
        std::string_view{fact.to.number}, std::string_view{fact.to.ext},
        fact.direction ? to_string(*fact.direction) : std::string_view{}}) {
    out += kSeparator;
    out += part;
  }
  return out;
}

std::uint64_t hash_of_tuple(const Text& org, std::string_view tuple) {
  return mix(mix(0x709E, org.str()), tuple);
}

}  // namespace hookswitch
