#include "base/json.hpp"
#include "base/text.hpp"
#include "daemon/api.hpp"

/// /v1/sinks: how the receivers of outgoing webhooks are doing, and what to do about it. For tokens
/// with scope `admin`, of their organisation.
namespace hookswitch {
namespace {

/// "/v1/sinks/{name}/{verb}"
struct SinkPath {
  std::string name, verb;
};

std::optional<SinkPath> sink_path(std::string_view path) {
  constexpr std::string_view kStart = "/v1/sinks";
  if (path == kStart) return SinkPath{};
  path.remove_prefix(kStart.size() + 1);
  const auto slash = path.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  SinkPath out{std::string{path.substr(0, slash)}, std::string{path.substr(slash + 1)}};
  if (out.verb != "letters" && out.verb != "replay" && out.verb != "redeliver") return std::nullopt;
  return out;
}

/// A whole object, or an empty one where there is no body.
Result<json::Document> read_body(const http::Request& request) {
  auto out = json::parse(request.body.empty() ? std::string_view{"{}"} : request.body);
  if (out && !out->IsObject()) return Error{Errc::bad_request, {}};
  return out;
}

}  // namespace

void Api::sinks(const View& view, const http::Request& request, http::Respond respond) {
  const auto path = sink_path(request.path);
  if (!path) return refuse(Errc::not_found, respond);
  const bool writes = path->verb == "replay" || path->verb == "redeliver";
  if (request.method != (writes ? "POST" : "GET")) {
    auto answer = refusal(Errc::method_not_allowed);
    answer.headers.emplace_back("Allow", writes ? "POST" : "GET, HEAD");
    return respond(std::move(answer));
  }
  const auto grant = grant_of(view, request);
  if (!grant) return refuse(grant.error().code, respond);
  if (!grant->allows(Scope::admin)) return refuse(Errc::forbidden, respond);
  const auto answer = [this, respond, writes](Result<std::string> text) {
    if (!text) return refuse(text.error().code, respond);
    http::Response out;
    out.status = writes ? 202 : 200;
    out.content_type = "application/json";
    out.body = std::move(*text);
    out.headers.emplace_back("Cache-Control", "no-store");
    respond(std::move(out));
  };
  if (path->verb.empty()) return sinks_.list(grant->org, answer);
  if (path->verb == "letters") {
    std::size_t from = 0;
    if (!request.query.empty()) {
      const std::string_view query = request.query;
      const auto number = query.starts_with("from=") ? parse_int(query.substr(5)) : std::nullopt;
      if (!number || *number < 0) return refuse(Errc::bad_request, respond);
      from = static_cast<std::size_t>(*number);
    }
    return sinks_.letters(grant->org, path->name, from, answer);
  }
  const auto body = read_body(request);
  if (!body) return refuse(body.error().code, respond);
  if (path->verb == "replay") {
    const auto text = json::find_string(*body, "since");
    const auto since = text ? parse_cursor(*text) : std::nullopt;
    if (!since) return refuse(Errc::bad_request, respond);
    return sinks_.replay(grant->org, path->name, *since, answer);
  }
  std::vector<std::string> ids;
  if (const json::Value* list = json::find(*body, "ids")) {
    if (!list->IsArray() || list->Empty()) return refuse(Errc::bad_request, respond);
    for (const auto& id : list->GetArray()) {
      if (!id.IsString()) return refuse(Errc::bad_request, respond);
      ids.emplace_back(json::text(id));
    }
  }
  sinks_.redeliver(grant->org, path->name, std::move(ids), answer);
}

}  // namespace hookswitch
