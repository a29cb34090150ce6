#include <algorithm>

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

void Api::hook(const View& view, http::Request request, http::Respond respond) {
  const std::string_view rest = std::string_view{request.path}.substr(10);
  const auto slash = rest.find('/');
  const auto found = view.settings->webhooks.find(rest.substr(0, slash));
  if (found == view.settings->webhooks.end()) return refuse(Errc::source_unknown, respond);
  const WebhookSource& source = found->second;
  // No PBX sends an Origin: this is a browser, and unless it is a page of ours, somebody else's
  // page forging calls.
  const bool foreign_page = request.has("origin")
                                ? !origin_allowed(view, request)
                                : request.header("sec-fetch-site") == "cross-site";
  if (foreign_page) return refuse(Errc::origin_refused, respond);
  HookRequest ask;
  ask.method = request.method;
  if (slash != std::string_view::npos) ask.rest = rest.substr(slash + 1);
  ask.query = request.query;
  ask.headers = std::move(request.headers);
  ask.body = std::move(request.body);
  ask.received = now();
  auto handled = source.hook->handle(ask);
  if (!handled) {
    const Errc code = handled.error().code;
    registry_
        .counter("hookswitch_hook_refusals_total",
                 "Webhook requests refused, by source and reason.",
                 {{"source", source.name}, {"code", outcome(code).name}})
        .add();
    log::debug("webhook_refused", {{"source", source.name}, {"code", outcome(code).name}});
    auto answer = http::problem(code);
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
  if (!handled->matched) unmatched_.add();
  http::Response answer;
  answer.status = handled->reply.status;
  answer.content_type = std::move(handled->reply.content_type);
  answer.body = std::move(handled->reply.body);
  answer.headers = std::move(handled->reply.headers);
  if (handled->facts.empty()) return respond(std::move(answer));
  std::string target = request.path;
  if (!request.query.empty()) target += "?" + request.query;
  take(source, std::move(ask), std::move(*handled), std::move(target),
       [respond = std::move(respond), answer = std::move(answer)](std::optional<Errc> failure) {
         respond(failure ? http::problem(*failure) : answer);
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
  const bool is_signed = !source.secrets.empty();
  auto window = is_repeat_for_sure(source.delivery, outcome, is_signed)
                    ? source.dedupe_window
                    : std::min(source.dedupe_window, source.dedupe_untimed_window);
  // Until its time is too old, a signed request could be replayed.
  if (is_signed) window = std::max(window, source.delivery.replay_time);
  std::optional<Time> expires;
  Deliveries::Notes notes;
  if (window.count() > 0) {
    expires = ask.received + window;
    notes = deliveries_.notes(source.name, key, *expires);
  }
  SourceInputPtr input;
  if (broker_.records_input())
    input = source_input(std::move(ask), std::move(target), source.secrets);
  // At most eight small texts, which must outlive what goes to the broker.
  broker_.submit(
      std::move(outcome.facts),
      [this, name = source.name, key, expires, notes, answer](std::optional<Errc> failure) {
        deliveries_.end(name, key, expires, notes, failure);
        answer(failure);
      },
      std::move(input), notes);
}

}  // namespace hookswitch
