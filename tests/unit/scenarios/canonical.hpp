#pragma once

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/time.hpp"

/// Calls as text that can be compared: ids that are ours do not matter, everything else does.
namespace hookswitch::scenarios {

inline Time zero() { return *parse_rfc3339("2026-11-20T15:00:00.000Z"); }

namespace canonical_detail {

using Names = std::map<std::string, std::string, std::less<>>;

inline bool is_time(std::string_view name) {
  return name.ends_with("_at") || name.ends_with("_ms");
}

/// Copies `value`; texts found in `names` are replaced, `skip` is a member that is left out at the
/// top.
inline void copy(json::Writer& out, const json::Value& value, const Names& names, bool times,
                 std::string_view skip = {}) {
  if (value.IsObject()) {
    out.begin_object();
    for (const auto& member : value.GetObject()) {
      const std::string_view name = json::text(member.name);
      if (name == skip || (!times && is_time(name))) continue;
      out.key(name);
      copy(out, member.value, names, times);
    }
    out.end_object();
  } else if (value.IsArray()) {
    out.begin_array();
    for (const auto& item : value.GetArray()) copy(out, item, names, times);
    out.end_array();
  } else if (value.IsString()) {
    const auto name = names.find(json::text(value));
    out.string(name == names.end() ? json::text(value) : std::string_view{name->second});
  } else {
    out.value(value);
  }
}

}  // namespace canonical_detail

/// The call `json` (as write_json writes it) with its ids taken out: the call's own becomes "call",
/// names of absorbed calls go, legs are sorted by what they say and numbered in that order.
/// `times`: keep points in time and durations.
inline std::string canonical(const std::string& json, bool times) {
  using namespace canonical_detail;  // NOLINT(google-build-using-namespace)
  const auto document = json::parse(json);
  if (!document) return "unreadable: " + json;
  Names names;
  if (const auto id = json::find_string(*document, "id")) names.emplace(*id, "call");
  std::vector<std::pair<std::string, std::string>> legs;  // text without id, id
  if (const json::Value* list = json::find(*document, "legs"))
    for (const auto& leg : list->GetArray()) {
      json::Writer text;
      copy(text, leg, {}, times, "id");
      legs.emplace_back(text.str(), std::string{json::find_string(leg, "id").value_or("")});
    }
  std::sort(legs.begin(), legs.end());
  for (std::size_t i = 0; i < legs.size(); ++i)
    names.emplace(legs[i].second, "l" + std::to_string(i + 1));
  json::Writer out;
  out.begin_object();
  for (const auto& member : document->GetObject()) {
    const std::string_view name = json::text(member.name);
    if (!times && is_time(name)) continue;
    out.key(name);
    if (name == "legs") {
      out.begin_array();
      for (const auto& [text, id] : legs) {
        out.begin_object().member("id", names.find(id)->second);
        const auto leg = json::parse(text);
        if (leg)
          for (const auto& each : leg->GetObject()) {
            out.key(json::text(each.name));
            copy(out, each.value, names, times);
          }
        out.end_object();
      }
      out.end_array();
    } else if (name == "links") {
      out.begin_array();
      for (const auto& link : member.value.GetArray())
        if (json::find_string(link, "kind") != "absorbed") copy(out, link, names, times);
      out.end_array();
    } else {
      copy(out, member.value, names, times);
    }
  }
  out.end_object();
  return out.str();
}

/// Around the first place where two texts differ; empty when they are equal.
inline std::string first_difference(std::string_view is, std::string_view was) {
  if (is == was) return {};
  const auto at = static_cast<std::size_t>(
      std::mismatch(is.begin(), is.end(), was.begin(), was.end()).first - is.begin());
  const std::size_t from = at > 120 ? at - 120 : 0;
  return "in order:      …" + std::string{was.substr(from, 300)} + "\nin this order: …" +
         std::string{is.substr(from, 300)};
}

// --- expectations

bool matches(const json::Value& wanted, const json::Value& is);

/// Pairs each of `wanted` from `at` on with one of `is` that is not `used`.
inline bool pair_up(const json::Value& wanted, const json::Value& is, rapidjson::SizeType at,
                    std::vector<bool>& used) {
  if (at == wanted.Size()) return true;
  for (rapidjson::SizeType i = 0; i < is.Size(); ++i) {
    if (used[i] || !matches(wanted[at], is[i])) continue;
    used[i] = true;
    if (pair_up(wanted, is, at + 1, used)) return true;
    used[i] = false;
  }
  return false;
}

/// `all`: as many as are wanted; else further ones may be there. In any order.
inline bool matches_set(const json::Value& wanted, const json::Value& is, bool all) {
  if (!wanted.IsArray() || !is.IsArray() || (all && wanted.Size() != is.Size())) return false;
  std::vector<bool> used(is.Size(), false);
  return pair_up(wanted, is, 0, used);
}

/// Members that are wanted are there; null means "null or not there"; "@1500" is that many
/// milliseconds after the scenario's zero; `has_legs` are some of the legs.
inline bool matches(const json::Value& wanted, const json::Value& is) {
  if (wanted.IsObject()) {
    if (!is.IsObject()) return false;
    for (const auto& member : wanted.GetObject()) {
      const std::string_view name = json::text(member.name);
      const json::Value* found = json::find(is, name == "has_legs" ? "legs" : name);
      if (member.value.IsNull()) {
        if (found != nullptr && !found->IsNull()) return false;
        continue;
      }
      if (found == nullptr) return false;
      const bool ok = name == "has_legs" ? matches_set(member.value, *found, false)
                                         : matches(member.value, *found);
      if (!ok) return false;
    }
    return true;
  }
  if (wanted.IsArray()) return matches_set(wanted, is, true);
  if (wanted.IsString() && json::text(wanted).starts_with('@')) {
    const std::int64_t ms = std::strtoll(wanted.GetString() + 1, nullptr, 10);
    return is.IsString() && json::text(is) == to_rfc3339(zero() + milliseconds{ms});
  }
  return wanted == is;
}

}  // namespace hookswitch::scenarios
