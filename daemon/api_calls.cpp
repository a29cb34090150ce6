#include <algorithm>

#include "base/text.hpp"
#include "daemon/api.hpp"

/// GET /v1/calls: what is true now, and why.
namespace hookswitch {
namespace {

constexpr std::string_view kExplain = "/explain";

http::Response json_text(std::string body) {
  http::Response out;
  out.content_type = "application/json";
  out.body = std::move(body);
  return out;
}

/// Values of one name in a query string, decoded. nullopt for a broken escape.
std::optional<std::vector<std::string>> query_values(std::string_view query,
                                                     std::string_view name) {
  std::vector<std::string> out;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = part.find('=');
    if (part.substr(0, equals) != name || equals == std::string_view::npos) continue;
    auto value = percent_decode(part.substr(equals + 1), true);
    if (!value || !is_utf8(*value)) return std::nullopt;
    out.push_back(std::move(*value));
  }
  return out;
}

/// The explanation without near misses that are calls of other people.
std::string explain_to(const Grant& grant, const CallTable& table, std::string text) {
  if (grant.allows(Scope::events_org)) return text;
  const auto document = json::parse(text, {.bytes_max = text.size() + 1, .values_max = 1'000'000});
  if (!document) return {};
  json::Writer out;
  out.begin_object();
  for (const auto& member : document->GetObject()) {
    const auto name = json::text(member.name);
    out.key(name);
    if (name != "not_joined" || !member.value.IsArray()) {
      out.value(member.value);
      continue;
    }
    out.begin_array();
    for (const auto& miss : member.value.GetArray()) {
      const auto id = json::find_string(miss, "call");
      const auto other = id ? table.find(grant.org, std::string{*id}) : nullptr;
      if (other != nullptr && may_see(grant, other->org, people_in(*other))) out.value(miss);
    }
    out.end_array();
  }
  out.end_object();
  return out.str();
}

}  // namespace

void Api::calls(const View& view, const http::Request& request, http::Respond respond) {
  const auto grant = grant_of(view, request);
  if (!grant) return refuse(grant.error().code, respond);
  if (!grant->allows(Scope::events_own) && !grant->allows(Scope::events_org))
    return refuse(Errc::forbidden, respond);
  const auto states = query_values(request.query, "state"),
             exts = query_values(request.query, "ext");
  const auto users = query_values(request.query, "user"), ids = query_values(request.query, "id"),
             queues = query_values(request.query, "queue");
  // A single call, and why it is as it is.
  auto name = std::string_view{request.path}.substr(std::min<std::size_t>(request.path.size(), 10));
  const bool why = name.size() > kExplain.size() && name.ends_with(kExplain);
  if (why) name.remove_suffix(kExplain.size());
  const auto one = percent_decode(name);
  if (ids && ids->size() > kLookIdsMax) return refuse(Errc::too_many_fields, respond);
  if (!states || !exts || !users || !ids || !queues || !one || !is_utf8(*one))
    return refuse(Errc::bad_request, respond);
  for (const auto& state : *states)
    if (!from_word<CallState>(state)) return refuse(Errc::bad_request, respond);
  const bool taken = broker_.look(grant->org, [=, grant = *grant, single = *one, states = *states,
                                               exts = *exts, users = *users, queues = *queues,
                                               ids = *ids](const CallTable& table,
                                                           const std::string& cursor) {
    const auto sees = [&](const Call& call) { return may_see(grant, call.org, people_in(call)); };
    json::Writer out;
    if (!single.empty()) {
      const auto call = table.find(grant.org, single);
      if (call == nullptr || !sees(*call)) return respond(http::problem(Errc::not_found));
      if (!why) write_json(out, *call);
    } else {
      const auto among = [](const std::vector<std::string>& list, std::string_view word) {
        return list.empty() || std::find(list.begin(), list.end(), word) != list.end();
      };
      const auto any_leg = [](const Call& call, auto member, const std::vector<std::string>& list) {
        return list.empty() || std::any_of(call.legs.begin(), call.legs.end(), [&](const Leg& leg) {
                 return std::find(list.begin(), list.end(), leg.*member) != list.end();
               });
      };
      out.begin_object().key("calls").begin_array();
      LiveCalls chosen;
      if (ids.empty()) {
        chosen = table.live(grant.org);
      } else {
        for (const auto& id : ids)
          if (auto call = table.find(grant.org, id);
              call && std::none_of(chosen.begin(), chosen.end(), [&](const auto& other) {
                return other->id == call->id;  // asked for by two of its names
              }))
            chosen.push_back(std::move(call));
      }
      for (const auto& call : chosen)
        if (sees(*call) && among(states, to_string(call->state)) &&
            among(queues, call->queue.str()) && any_leg(*call, &Leg::ext, exts) &&
            any_leg(*call, &Leg::user, users))
          write_json(out, *call);
      out.end_array().end_object();
    }
    auto answer =
        json_text(why ? explain_to(grant, table, table.explain(grant.org, single)) : out.str());
    answer.headers.emplace_back("Hookswitch-Cursor", cursor);
    answer.headers.emplace_back("Cache-Control", "no-store");
    respond(std::move(answer));
  });
  if (!taken) refuse(Errc::overload, respond);
}

}  // namespace hookswitch
