#include <algorithm>
#include <atomic>

#include "base/log.hpp"
#include "base/text.hpp"
#include "daemon/api.hpp"

/// /v1/hooks/{source}: what PBXs post.
namespace hookswitch {
namespace {

/// Overwrites whatever of `text` is one of the secrets, also as it stands in a URL.
void hide(std::string& text, const std::vector<Secret>& secrets) {
  for (const auto& secret : secrets) {
    const std::string plain{secret.reveal()};
    for (const auto& form : {plain, percent_encode(plain)})
      for (auto at = text.find(form); !form.empty() && at != std::string::npos;
           at = text.find(form, at))
        text.replace(at, form.size(), "(not kept)");
  }
}

SourceInputPtr source_input(HookRequest&& ask, std::string target,
                            const std::vector<Secret>& secrets) {
  SourceInput out{ask.received, std::move(ask.method), std::move(target), std::move(ask.headers),
                  std::move(ask.body)};
  hide(out.target, secrets);
  hide(out.body, secrets);
  for (auto& [name, value] : out.headers) hide(value, secrets);
  return std::make_shared<const SourceInput>(std::move(out));
}

}  // namespace

bool may_send(const WebhookSource& source, const http::Request& request) {
  if (source.tls_only && !request.is_secure) return false;
  if (!source.allow_from.empty() && !source.allow_from.contains(request.peer)) return false;
  const auto& names = source.client_names;
  return names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
           return std::any_of(request.client_names.begin(), request.client_names.end(),
                              [&](const auto& shown) { return equals_ignore_case(shown, name); });
         });
}

void Api::hook(const View& view, http::Request request, http::Respond respond) {
  const std::string_view rest = std::string_view{request.path}.substr(10);
  const auto slash = rest.find('/');
  const auto found = view.settings->webhooks.find(rest.substr(0, slash));
  if (found == view.settings->webhooks.end()) return refuse(Errc::source_unknown, respond);
  const WebhookSource& source = found->second;
  const auto refuse_hook = [&](Errc code) {
    registry_
        .counter("hookswitch_hook_refusals_total",
                 "Webhook requests refused, by source and reason.",
                 {{"source", source.name}, {"code", outcome(code).name}})
        .add();
    log::debug("webhook_refused", {{"source", source.name}, {"code", outcome(code).name}});
    return http::problem(code);
  };
  if (!may_send(source, request)) return respond(refuse_hook(Errc::sender_refused));
  if (source.disabled) return respond(refuse_hook(Errc::source_disabled));
  // No PBX sends an Origin: this is a browser, and unless it is a page of ours, somebody else's
  // page forging calls.
  const bool foreign_page = request.has("origin")
                                ? !origin_allowed(view, request)
                                : request.header("sec-fetch-site") == "cross-site";
  if (foreign_page) return refuse(Errc::origin_refused, respond);
  HookRequest ask;
  ask.method = request.is_head ? "HEAD" : request.method;  // who only looks tells nothing
  if (slash != std::string_view::npos) ask.rest = rest.substr(slash + 1);
  ask.query = request.query;
  ask.headers = std::move(request.headers);
  ask.body = std::move(request.body);
  ask.received = now();
  auto handled = source.hook->handle(ask);
  if (!handled) {
    const Errc code = handled.error().code;
    auto answer = refuse_hook(code);
    if (code == Errc::method_not_allowed) {
      std::string allow;
      for (const auto& method : source.hook->methods())
        allow += (allow.empty() ? "" : ", ") + method;
      answer.headers.emplace_back("Allow", allow);
    }
    return respond(std::move(answer));
  }
  registry_
      .counter("hookswitch_hook_requests_total", "Webhook requests taken, by source.",
               {{"source", source.name}})
      .add();
  if (!handled->matched) {
    unmatched_.add();
    const auto most = source.keep_unmatched;
    const HookTrace trace = most > 0 ? source.hook->explain(ask).trace : HookTrace{};
    kept_unmatched_.keep(source.name, most, ask, trace, source.secrets);
  }
  http::Response answer;
  answer.status = handled->reply.status;
  answer.content_type = std::move(handled->reply.content_type);
  answer.body = std::move(handled->reply.body);
  answer.headers = std::move(handled->reply.headers);
  if (handled->facts.empty()) return respond(std::move(answer));
  std::string target = request.path;
  if (!request.query.empty()) target += "?" + request.query;
  // Who is answered while its facts are put aside is not answered again.
  const auto is_answered = std::make_shared<std::atomic<bool>>(false);
  take(source, std::move(ask), std::move(*handled), std::move(target),
       [respond = std::move(respond), answer = std::move(answer),
        is_answered](std::optional<Errc> failure) {
         if (!is_answered->exchange(true)) respond(failure ? http::problem(*failure) : answer);
       });
}

/// The facts of an authentic request, unless it is a repeat.
void Api::take(const WebhookSource& source, HookRequest ask, HookOutcome outcome,
               std::string target, const Deliveries::Answer& answer) {
  const std::string key = delivery_key(source.delivery, ask, outcome.delivery_id);
  const auto repeated = [&] {
    registry_
        .counter("hookswitch_hook_repeats_total",
                 "Deliveries that had been taken, or were just being taken: they gave no facts.",
                 {{"source", source.name}})
        .add();
  };
  switch (deliveries_.begin(source.name, key, ask.received, answer)) {
    case Deliveries::Standing::fresh:
      break;
    case Deliveries::Standing::repeated:
      repeated();
      return answer(std::nullopt);
    case Deliveries::Standing::waits:
      return repeated();
    case Deliveries::Standing::crowded:
      return answer(Errc::overload);
  }
  const bool is_sure = is_repeat_for_sure(outcome);
  auto window = source.dedupe_window;
  if (!is_sure)
    window = outcome.repeats_are_news ? std::chrono::seconds{0}
                                      : std::min(window, source.dedupe_untimed_window);
  // Until its time is too old, a signed request could be replayed.
  window = std::max(window, outcome.replay_time);
  std::optional<Time> expires;
  Deliveries::Notes notes;
  if (window.count() > 0) {
    expires = ask.received + window;
    notes = deliveries_.notes(source.name, key, *expires);
  }
  SourceInputPtr input;
  if (broker_.records_input())
    input = source_input(std::move(ask), std::move(target), source.secrets);
  std::function<void()> aside;
  if (!source.retries)
    aside = [this, name = source.name, key, is_repeat = expires.has_value(), answer] {
      answer(std::nullopt);
      deliveries_.put_aside(name, key, is_repeat);
    };
  broker_.submit(
      std::move(outcome.facts),
      [this, name = source.name, key, expires, notes, answer](std::optional<Errc> failure) {
        deliveries_.end(name, key, expires, notes, failure);
        answer(failure);
      },
      std::move(input), notes, std::move(aside));
}

http::Response Api::source(const View& view, const http::Request& request) {
  static constexpr std::string_view kPath = "/v1/sources/", kUnmatched = "/unmatched";
  const auto grant = grant_of(view, request);
  if (!grant) return refusal(grant.error().code);
  if (!grant->allows(Scope::admin)) return refusal(Errc::forbidden);
  auto name = std::string_view{request.path}.substr(kPath.size());
  if (!name.ends_with(kUnmatched)) return refusal(Errc::not_found);
  name.remove_suffix(kUnmatched.size());
  const auto found = view.settings->webhooks.find(name);
  if (found == view.settings->webhooks.end() || found->second.org != grant->org)
    return refusal(Errc::source_unknown);
  http::Response out;
  out.content_type = "application/json";
  out.body = kept_unmatched_.to_json(found->second.name);
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

}  // namespace hookswitch
