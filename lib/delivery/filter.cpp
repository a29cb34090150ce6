#include "delivery/filter.hpp"

#include <algorithm>

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
      return match(leg) && (leg.state != LegState::terminated || call.state == CallState::ended ||
                            contains(changed, leg.id));
    });
  };
  if (!filter.users.empty() &&
      !any_leg([&](const Leg& leg) { return contains(filter.users, leg.user); }))
    return false;
  if (!filter.ext.empty() &&
      !any_leg([&](const Leg& leg) { return contains(filter.ext, leg.ext); }))
    return false;
  if (!filter.queues.empty() && !contains(filter.queues, call.queue)) return false;
  if (!filter.calls.empty() && !contains(filter.calls, call.id)) return false;
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

}  // namespace

bool Filter::matches(const Event& event) const {
  if (!types.empty() && !type_matches(types, to_string(event.type))) return false;
  if (event.call) return call_matches(*this, *event.call, event.changed);
  return users.empty() && ext.empty() && queues.empty() && calls.empty() && directions.empty() &&
         (sources.empty() || contains(sources, event.source));
}

bool Filter::matches(const Call& call) const { return call_matches(*this, call, {}); }

Result<Filter> filter_from_json(const json::Value& object) {
  if (!object.IsObject()) return Error{Errc::bad_message, "filter is not an object"};
  Filter filter;
  std::size_t count = 0;
  for (const auto& member : object.GetObject()) {
    const auto name = json::text(member.name);
    std::vector<std::string>* list = name == "users"        ? &filter.users
                                     : name == "ext"        ? &filter.ext
                                     : name == "queues"     ? &filter.queues
                                     : name == "calls"      ? &filter.calls
                                     : name == "types"      ? &filter.types
                                     : name == "directions" ? &filter.directions
                                     : name == "sources"    ? &filter.sources
                                                            : nullptr;
    if (list == nullptr) return Error{Errc::bad_message, "filter has an unknown member"};
    if (!member.value.IsArray()) return Error{Errc::bad_message, "filter member is not a list"};
    for (const auto& value : member.value.GetArray()) {
      if (!value.IsString() || value.GetStringLength() > kIdBytesMax)
        return Error{Errc::bad_message, "filter value is no text"};
      if (++count > kFilterValuesMax) return Error{Errc::bad_message, "filter has too many values"};
      list->emplace_back(json::text(value));
    }
    // "ext":[] asks for nothing of that kind, which is never what its writer meant; saying so beats
    // silence.
    if (list->empty()) return Error{Errc::bad_message, "filter list is empty"};
  }
  return filter;
}

}  // namespace hookswitch
