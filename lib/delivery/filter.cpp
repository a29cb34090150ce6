#include "delivery/filter.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// "call.*" matches "call.answered"; without a star the whole word must be the same.
bool type_matches(const std::vector<std::string>& types, std::string_view type) {
  return std::any_of(types.begin(), types.end(), [&](const std::string& wanted) {
    return wanted.ends_with('*')
               ? type.starts_with(std::string_view{wanted}.substr(0, wanted.size() - 1))
               : wanted == type;
  });
}

bool call_matches(const Filter& filter, const Call& call, const std::vector<Text>& changed) {
  const auto any_leg = [&](auto match) {
    return std::any_of(call.legs.begin(), call.legs.end(), [&](const Leg& leg) {
      return match(leg) && leg_counts(call, leg, changed);
    });
  };
  if (!filter.users.empty() &&
      !any_leg([&](const Leg& leg) { return contains(filter.users, leg.user); }))
    return false;
  if (!filter.ext.empty() &&
      !any_leg([&](const Leg& leg) { return contains(filter.ext, leg.ext); }))
    return false;
  if (!filter.queues.empty() && !contains(filter.queues, call.queue)) return false;
  if (!filter.calls.empty() && !contains(filter.calls, call.id) &&
      std::none_of(call.absorbed.begin(), call.absorbed.end(),
                   [&](const Text& id) { return contains(filter.calls, id); }))
    return false;
  if (!filter.directions.empty() && !contains(filter.directions, to_string(call.direction)))
    return false;
  if (!filter.sources.empty() &&
      std::none_of(call.ids.begin(), call.ids.end(),
                   [&](const CallKey& key) { return contains(filter.sources, key.source); }) &&
      std::none_of(call.provenance.begin(), call.provenance.end(),
                   [&](const auto& field) { return contains(filter.sources, field.second); }))
    return false;
  return true;
}

using List = std::vector<std::string> Filter::*;

/// One value more. False: it is none, or one too many.
bool add_value(Filter& filter, List list, std::string value, std::size_t& count) {
  if (value.empty() || value.size() > kIdBytesMax || ++count > kFilterValuesMax) return false;
  if (list == &Filter::directions && !from_word<Direction>(value)) return false;
  (filter.*list).push_back(std::move(value));
  return true;
}

}  // namespace

bool leg_counts(const Call& call, const Leg& leg, const std::vector<Text>& changed) {
  return leg.state != LegState::terminated || call.state == CallState::ended ||
         contains(changed, leg.id);
}

bool Filter::matches(EventType type) const {
  return types.empty() || type_matches(types, to_string(type));
}

bool Filter::matches(const Event& event) const {
  if (!matches(event.type)) return false;
  if (event.call) return call_matches(*this, *event.call, event.changed);
  return users.empty() && ext.empty() && queues.empty() && calls.empty() && directions.empty() &&
         (sources.empty() || contains(sources, event.source));
}

bool Filter::matches(const Call& call) const { return call_matches(*this, call, {}); }

Result<Filter> filter_from_json(const json::Value& object) {
  if (!object.IsObject()) return Error{Errc::bad_message, "filter is not an object"};
  static constexpr std::pair<std::string_view, List> kMembers[] = {
      {"users", &Filter::users},    {"ext", &Filter::ext},     {"queues", &Filter::queues},
      {"calls", &Filter::calls},    {"types", &Filter::types}, {"directions", &Filter::directions},
      {"sources", &Filter::sources}};
  Filter filter;
  std::size_t count = 0;
  for (const auto& member : object.GetObject()) {
    const auto known =
        std::find_if(std::begin(kMembers), std::end(kMembers),
                     [&](const auto& each) { return each.first == json::text(member.name); });
    if (known == std::end(kMembers))
      return Error{Errc::bad_message, "filter has an unknown member"};
    if (!member.value.IsArray()) return Error{Errc::bad_message, "filter member is not a list"};
    for (const auto& value : member.value.GetArray())
      if (!value.IsString() ||
          !add_value(filter, known->second, std::string{json::text(value)}, count))
        return Error{Errc::bad_message, "filter value is none, or one too many"};
    // "ext":[] asks for nothing of that kind, which is never what its writer meant; saying so beats
    // silence.
    if (member.value.Empty()) return Error{Errc::bad_message, "filter list is empty"};
  }
  return filter;
}

Result<StreamQuery> read_stream_query(std::string_view query) {
  static constexpr std::pair<std::string_view, List> kNames[] = {
      {"user", &Filter::users},    {"ext", &Filter::ext},     {"queue", &Filter::queues},
      {"call", &Filter::calls},    {"types", &Filter::types}, {"direction", &Filter::directions},
      {"source", &Filter::sources}};
  StreamQuery out;
  std::size_t count = 0;
  const auto decoded = [](std::string_view text) -> std::optional<std::string> {
    auto plain = percent_decode(text, true);
    return plain && is_utf8(*plain) ? std::move(plain) : std::nullopt;
  };
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = std::min(part.find('='), part.size());
    const auto name = part.substr(0, equals);
    auto values = part.substr(std::min(equals + 1, part.size()));
    if (name == "since") {
      if (out.since) return Error{Errc::bad_request, "two cursors"};
      out.since = decoded(values);
      if (!out.since) return Error{Errc::bad_request, "since is not text"};
      continue;
    }
    const auto known = std::find_if(std::begin(kNames), std::end(kNames),
                                    [&](const auto& each) { return each.first == name; });
    if (known == std::end(kNames)) return Error{Errc::bad_request, "an unknown parameter"};
    if (!out.filter) out.filter.emplace();
    // Commas part values before escapes are read, so that %2C is a comma within one.
    for (bool more = true; more;) {
      const auto comma = std::min(values.find(','), values.size());
      auto value = decoded(values.substr(0, comma));
      more = comma < values.size();
      values.remove_prefix(std::min(comma + 1, values.size()));
      if (!value || !add_value(*out.filter, known->second, std::move(*value), count))
        return Error{Errc::bad_request, "a value is none, or one too many"};
    }
  }
  return out;
}

}  // namespace hookswitch
