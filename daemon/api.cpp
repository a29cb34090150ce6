#include "daemon/api.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "daemon/ari_socket.hpp"
#include "daemon/parts.hpp"
#include "daemon/version.hpp"
#include "proto/assets.hpp"
#include "sources/feed/ari_reader.hpp"

namespace hookswitch {
namespace {

constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src "
    "'self'; "
    "img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'";

struct StaticFile {
  std::string_view path, asset, type;
};

constexpr StaticFile kFiles[] = {
    {"/", "console/index.html", "text/html; charset=utf-8"},
    {"/console.css", "console/console.css", "text/css; charset=utf-8"},
    {"/console.js", "console/console.js", "text/javascript; charset=utf-8"},
    {"/console-explain.js", "console/console-explain.js", "text/javascript; charset=utf-8"},
    {"/console-health.js", "console/console-health.js", "text/javascript; charset=utf-8"},
    {"/console-stream.js", "console/console-stream.js", "text/javascript; charset=utf-8"},
    {"/console-view.js", "console/console-view.js", "text/javascript; charset=utf-8"},
    {"/hookswitch.js", "hookswitch.js", "text/javascript; charset=utf-8"},
    {"/hookswitch.d.ts", "hookswitch.d.ts", "text/plain; charset=utf-8"},
    {"/adapter.js", "adapter.js", "text/javascript; charset=utf-8"},
    {"/adapter.css", "adapter.css", "text/css; charset=utf-8"},
    {"/adapter-page.js", "adapter-page.js", "text/javascript; charset=utf-8"},
    {"/adapter-core.js", "adapter-core.js", "text/javascript; charset=utf-8"},
    {"/adapter-hub.js", "adapter-hub.js", "text/javascript; charset=utf-8"},
    {"/adapter-link.js", "adapter-link.js", "text/javascript; charset=utf-8"},
    {"/adapter-login.js", "adapter-login.js", "text/javascript; charset=utf-8"},
    {"/adapter-teller.js", "adapter-teller.js", "text/javascript; charset=utf-8"},
    {"/adapter-worker.js", "adapter-worker.js", "text/javascript; charset=utf-8"},
    {"/login.html", "login.html", "text/html; charset=utf-8"},
    {"/login.js", "login.js", "text/javascript; charset=utf-8"},
};

http::Response text(unsigned status, std::string_view type, std::string body) {
  http::Response out;
  out.status = status;
  out.content_type = type;
  out.body = std::move(body);
  return out;
}

std::string_view bearer(const http::Request& request) {
  const auto value = request.header("authorization");
  return value.size() > 7 && equals_ignore_case(value.substr(0, 7), "bearer ")
             ? trim(value.substr(7))
             : std::string_view{};
}

/// JSON for a <script type="application/json"> element: nothing in it can end the element.
std::string json_for_html(std::string_view json) {
  std::string out;
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

/// For an origin that is allowed already: its page may read the answer.
void allow_origin(const http::Request& request, http::Headers& headers) {
  headers.emplace_back("Vary", "Origin");
  if (request.has("origin"))
    headers.emplace_back("Access-Control-Allow-Origin", request.header("origin"));
}

/// The socket of the http room as the delivery room's sink.
class SocketSink : public FrameSink {
 public:
  explicit SocketSink(std::shared_ptr<http::Channel> socket) : socket_(std::move(socket)) {}
  void send(const Frame& frame) override { socket_->send(frame); }
  void notify_drained() override { socket_->notify_drained(); }
  void close(Errc why, std::string_view cursor) override { socket_->close(why, cursor); }

 private:
  std::shared_ptr<http::Channel> socket_;
};

/// The delivery room's session as the http room's handler.
class SocketSession : public http::ChannelHandler {
 public:
  explicit SocketSession(std::unique_ptr<Session> session) : session_(std::move(session)) {}
  void on_text(std::string_view message) override { session_->on_text(message, now()); }
  bool on_binary() override {
    session_->on_binary();
    return true;
  }
  void on_drained() override { session_->on_drained(); }
  void on_tick() override { session_->on_tick(Session::Clock::now(), now()); }
  void on_closed() override { session_->on_closed(); }

 private:
  std::unique_ptr<Session> session_;
};

}  // namespace

Api::Api(std::shared_ptr<const Settings> settings, Broker& broker, feed::Feeds& feeds,
         FeedIntake& intake, Sinks& sinks, Registry& registry, Probe probe)
    : broker_(broker),
      feeds_(feeds),
      intake_(intake),
      sinks_(sinks),
      registry_(registry),
      probe_(std::move(probe)),
      unmatched_(
          registry.counter("hookswitch_hooks_unmatched_total",
                           "Authentic webhook requests that no rule of their dialect took.")),
      deliveries_(registry) {
  set_settings(std::move(settings));
}

void Api::set_settings(std::shared_ptr<const Settings> settings) {
  SessionRules rules;
  rules.verifier = std::make_shared<const TokenVerifier>(settings->tokens);
  rules.directory = settings->directory;
  rules.anonymous = settings->anonymous;
  rules.ack_window = settings->ack_window;
  rules.ping_time = settings->server.ping_time;
  const std::lock_guard lock{mutex_};
  view_ = {std::move(settings), std::make_shared<const SessionRules>(std::move(rules))};
}

Api::View Api::view() const {
  const std::lock_guard lock{mutex_};
  return view_;
}

void Api::set_bound(const std::vector<std::string>& bound) {
  std::vector<std::string> hosts;
  for (const auto& address : bound) {
    hosts.push_back(address);
    const auto port = address.substr(address.rfind(':'));
    for (const char* name : {"localhost", "127.0.0.1", "[::1]"}) hosts.push_back(name + port);
  }
  const std::lock_guard lock{mutex_};
  own_hosts_ = std::move(hosts);
}

bool Api::host_is_ours(const View& view, std::string_view host) const {
  const std::string wanted = to_lower(host);
  const auto is = [&](const std::string& known) { return to_lower(known) == wanted; };
  const std::lock_guard lock{mutex_};
  return std::any_of(own_hosts_.begin(), own_hosts_.end(), is) ||
         std::any_of(view.settings->hosts.begin(), view.settings->hosts.end(), is);
}

bool Api::origin_allowed(const View& view, const http::Request& request) const {
  const auto origin = request.header("origin");
  if (!request.has("origin")) return true;  // no browser; its token decides
  const auto host = request.header("host");
  // Our own pages. The name must be one of ours, or a foreign name pointed at our address would
  // count as "the same origin".
  const auto authority = origin.find("://");
  if (authority != std::string_view::npos &&
      equals_ignore_case(origin.substr(authority + 3), host) && host_is_ours(view, host))
    return true;
  if (view.settings->origins.allows(origin)) return true;
  return std::any_of(view.settings->clients.begin(), view.settings->clients.end(),
                     [&](const auto& client) { return client.second.origins.allows(origin); });
}

http::Response Api::refusal(Errc code) {
  registry_
      .counter("hookswitch_request_refusals_total", "Requests refused by a handler, by reason.",
               {{"code", outcome(code).name}})
      .add();
  return http::problem(code);
}

void Api::refuse(Errc code, const http::Respond& respond) { respond(refusal(code)); }

Result<Grant> Api::grant_of(const View& view, const http::Request& request) const {
  return admit(*view.rules, bearer(request), host_is_ours(view, request.header("host")), now());
}

void Api::on_request(http::Request request, http::Respond respond) {
  const View now_view = view();
  const std::string_view path = request.path;
  if (!serves(request.parts, path)) return refuse(Errc::not_found, respond);
  if (path.starts_with("/v1/hooks/")) return hook(now_view, std::move(request), std::move(respond));
  if (path == "/v1/sinks" || path.starts_with("/v1/sinks/"))
    return sinks(now_view, request, std::move(respond));

  const bool known = path == "/v1/calls" || path.starts_with("/v1/calls/") ||
                     path.starts_with("/v1/sources/") || path == "/v1/events" || path == "/livez" ||
                     path == "/readyz" || path == "/metrics" || path == "/version" ||
                     path.starts_with("/apps/") ||
                     std::any_of(std::begin(kFiles), std::end(kFiles),
                                 [&](const StaticFile& file) { return file.path == path; });
  if (!known) return refuse(Errc::not_found, respond);
  if (path == "/v1/events" && request.method == "OPTIONS")
    return respond(preflight(now_view, request));
  if (request.method != "GET") {
    auto answer = refusal(Errc::method_not_allowed);
    answer.headers.emplace_back("Allow", "GET, HEAD");
    return respond(std::move(answer));
  }
  if (path == "/v1/calls" || path.starts_with("/v1/calls/"))
    return calls(now_view, request, std::move(respond));
  if (path.starts_with("/v1/sources/")) return respond(source(now_view, request));
  // Neither an upgrade nor an event stream was asked for.
  if (path == "/v1/events") return refuse(Errc::bad_request, respond);
  if (path == "/livez")
    return respond(probe_.alive() ? text(200, "text/plain", "ok\n")
                                  : text(503, "text/plain", "stuck\n"));
  if (path == "/readyz") return respond(ready());
  if (path == "/metrics")
    return respond(text(200, "text/plain; version=0.0.4; charset=utf-8", registry_.render()));
  if (path == "/version")
    return respond(text(
        200, "application/json",
        fmt::format(R"({{"name":"hookswitch","version":"{}","commit":"{}"}})", kVersion, kCommit)));
  auto answer = page(now_view, request);
  if (answer.status == 404) return refuse(Errc::not_found, respond);
  respond(std::move(answer));
}

http::Response Api::ready() const {
  json::Writer out;
  const Readiness readiness = probe_.readiness();
  const auto check = [&](const std::string& problem) {
    out.member("ok", problem.empty());
    if (!problem.empty()) out.member("reason", problem);
    out.end_object();
  };
  out.begin_object().member("ready", readiness.ready).key("journal").begin_object();
  check(readiness.journal);
  out.key("sources").begin_array();
  for (const auto& [name, problem] : readiness.sources) {
    out.begin_object().member("name", name);
    check(problem);
  }
  out.end_array().end_object();
  return text(readiness.ready ? 200 : 503, "application/json", out.str());
}

http::Response Api::page(const View& view, const http::Request& request) const {
  http::Response answer;
  if (request.path.starts_with("/apps/")) {
    const auto client = view.settings->clients.find(std::string_view{request.path}.substr(6));
    if (client == view.settings->clients.end()) return text(404, "", "");
    json::Writer config;
    config.begin_object()
        .member("id", client->second.id)
        .member("dialect", subprotocol(client->second.dialect));
    config.key("origins").begin_array();
    std::string ancestors;
    for (const auto& origin : client->second.origins.normal()) {
      config.string(origin);
      ancestors += ' ';
      ancestors += origin;
    }
    config.end_array();
    if (!client->second.login_url.empty()) config.member("login_url", client->second.login_url);
    config.end_object();
    std::string html{asset("adapter.html")};
    static constexpr std::string_view kSlot = "__HOOKSWITCH_CLIENT__";
    if (const auto at = html.find(kSlot); at != std::string::npos)
      html.replace(at, kSlot.size(), json_for_html(config.view()));
    answer = text(200, "text/html; charset=utf-8", std::move(html));
    for (const auto& [name, value] : client->second.headers)
      answer.headers.emplace_back(name, value);
    answer.headers.emplace_back("Content-Security-Policy",
                                fmt::format("{}; frame-ancestors{}", kPagePolicy, ancestors));
  } else {
    for (const auto& file : kFiles)
      if (file.path == request.path) answer = text(200, file.type, std::string{asset(file.asset)});
    answer.headers.emplace_back("Content-Security-Policy",
                                fmt::format("{}; frame-ancestors 'none'", kPagePolicy));
  }
  // A page of another origin imports the client as a module, and loads the adapter by its integrity
  // hash, which browsers allow only so. They hold nothing of anybody's.
  if (request.path == "/hookswitch.js" || request.path == "/adapter.js")
    answer.headers.emplace_back("Access-Control-Allow-Origin", "*");
  answer.headers.emplace_back("Cache-Control", "no-cache");
  answer.headers.emplace_back("Referrer-Policy", "no-referrer");
  return answer;
}

http::Opening Api::open_feed(const View& view, const http::Request& request) {
  http::Opening out;
  const auto refused = [&](Errc code) {
    out.refusal = refusal(code);
    return std::move(out);
  };
  const std::string_view rest = std::string_view{request.path}.substr(10);
  const auto slash = rest.find('/');
  const auto found = view.settings->webhooks.find(rest.substr(0, slash));
  if (found == view.settings->webhooks.end()) return refused(Errc::source_unknown);
  // A PBX is no browser; and no page of ours opens this.
  if (request.has("origin") || request.has("sec-fetch-site")) return refused(Errc::origin_refused);
  bool offered = false;
  for (std::string_view offers = request.header("sec-websocket-protocol"); !offers.empty();) {
    const auto end = std::min(offers.find(','), offers.size());
    offered |= trim(offers.substr(0, end)) == kAriProtocol;
    offers.remove_prefix(std::min(end + 1, offers.size()));
  }
  if (!offered) return refused(Errc::bad_request);
  if (!may_send(found->second, request)) return refused(Errc::sender_refused);
  if (found->second.disabled) return refused(Errc::source_disabled);
  HookRequest opening;
  opening.method = "POST";  // what each of its events counts as
  if (slash != std::string_view::npos) opening.rest = rest.substr(slash + 1);
  opening.query = request.query;
  for (const auto& [name, value] : request.headers)
    if (!name.starts_with("content-")) opening.headers.emplace_back(name, value);
  opening.headers.emplace_back("content-type", "application/json");
  opening.received = now();
  const WebhookSource& source = found->second;
  if (const auto admitted = source.hook->admit(opening); !admitted) {
    registry_
        .counter("hookswitch_hook_refusals_total",
                 "Webhook requests refused, by source and reason.",
                 {{"source", source.name}, {"code", outcome(admitted.error().code).name}})
        .add();
    auto answer = http::problem(admitted.error().code);
    answer.headers.emplace_back("WWW-Authenticate", "Basic realm=\"hookswitch\"");
    out.refusal = std::move(answer);
    return out;
  }
  out.subprotocol = kAriProtocol;
  // Who proves nothing gets less to hold.
  out.message_bytes_max =
      source.secrets.empty() ? feed::kAriMessageBytesMax / 4 : feed::kAriMessageBytesMax;
  out.accept = [this, name = source.name, feed = feeds_.feed(source.org, source.name),
                opening = std::move(opening)](std::shared_ptr<http::Channel> socket) {
    const auto hook = [this, name]() -> std::shared_ptr<const Hook> {
      const auto settings = this->view().settings;
      const auto at = settings->webhooks.find(name);
      return at == settings->webhooks.end() ? nullptr : at->second.hook;
    };
    return make_ari_socket(std::move(socket), feed, hook, opening, intake_);
  };
  return out;
}

http::Opening Api::on_upgrade(const http::Request& request) {
  const View now_view = view();
  if (request.path.starts_with("/v1/hooks/") && serves(request.parts, request.path))
    return open_feed(now_view, request);
  http::Opening out;
  const auto refused = [&](Errc code) {
    out.refusal = refusal(code);
    return std::move(out);
  };
  if (request.path != "/v1/events" || !serves(request.parts, request.path))
    return refused(Errc::not_found);
  if (!origin_allowed(now_view, request)) return refused(Errc::origin_refused);
  // The first offer that we know; none offered means the native protocol.
  Dialect dialect = Dialect::native;
  std::string_view offers = request.header("sec-websocket-protocol");
  const bool offered = !offers.empty();
  while (!offers.empty() && out.subprotocol.empty()) {
    const auto end = std::min(offers.find(','), offers.size());
    const auto name = trim(offers.substr(0, end));
    offers.remove_prefix(std::min(end + 1, offers.size()));
    if (const auto known = dialect_of_subprotocol(name)) {
      dialect = *known;
      out.subprotocol = name;
    }
  }
  if (offered && out.subprotocol.empty()) return refused(Errc::bad_request);
  const bool own_host = host_is_ours(now_view, request.header("host"));
  out.accept = [this, dialect, own_host,
                token = std::string{bearer(request)}](std::shared_ptr<http::Channel> socket) {
    auto session = std::make_unique<Session>(rules_now(), broker_, registry_,
                                             std::make_shared<SocketSink>(std::move(socket)),
                                             dialect, token, own_host, Session::Clock::now());
    return std::make_unique<SocketSession>(std::move(session));
  };
  return out;
}

bool Api::streams(const http::Request& request) const { return request.path == "/v1/events"; }

http::Opening Api::on_stream(const http::Request& request) {
  const View now_view = view();
  http::Opening out;
  const auto refused = [&](Errc code) {
    out.refusal = refusal(code);
    for (const auto& header : out.headers) out.refusal->headers.push_back(header);
    return std::move(out);
  };
  if (!streams(request) || !serves(request.parts, request.path)) return refused(Errc::not_found);
  if (!origin_allowed(now_view, request)) return refused(Errc::origin_refused);
  allow_origin(request, out.headers);
  auto grant = grant_of(now_view, request);
  if (!grant) return refused(grant.error().code);
  if (!grant->allows(Scope::events_own) && !grant->allows(Scope::events_org))
    return refused(Errc::forbidden);
  auto query = read_stream_query(request.query);
  if (!query) return refused(query.error().code);
  // A browser that comes back by itself repeats the address, and tells by the header how far it is.
  if (request.has("last-event-id")) query->since = request.header("last-event-id");
  out.accept = [this, rules = now_view.rules, grant = std::move(*grant),
                query = std::move(*query)](std::shared_ptr<http::Channel> channel) {
    auto session = std::make_unique<Session>(rules_now(), broker_, registry_,
                                             std::make_shared<SocketSink>(std::move(channel)),
                                             Dialect::native, "", true, Session::Clock::now());
    session->open_stream(grant, query.filter, query.since, rules);
    return std::make_unique<SocketSession>(std::move(session));
  };
  return out;
}

http::Response Api::preflight(const View& view, const http::Request& request) {
  if (!request.has("origin") || !origin_allowed(view, request))
    return refusal(Errc::origin_refused);
  http::Response out;
  out.status = 204;
  allow_origin(request, out.headers);
  out.headers.emplace_back("Access-Control-Allow-Methods", "GET");
  out.headers.emplace_back("Access-Control-Allow-Headers", "authorization, last-event-id");
  out.headers.emplace_back("Access-Control-Max-Age", "600");
  return out;
}

}  // namespace hookswitch
