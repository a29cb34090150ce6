#include "daemon/feed_intake.hpp"

#include <memory>
#include <utility>

#include "base/log.hpp"

namespace hookswitch {

FeedIntake::FeedIntake(Broker& broker, Registry& registry)
    : broker_(broker),
      registry_(registry),
      unmatched_(
          registry.counter("hookswitch_hooks_unmatched_total",
                           "Authentic webhook requests that no rule of their dialect took.")) {}

Result<void> FeedIntake::take(const Hook& hook, HookRequest ask, feed::SourceFeed& feed) {
  auto handled = hook.handle(ask);
  if (!handled) {
    const Errc code = handled.error().code;
    registry_
        .counter("hookswitch_hook_refusals_total",
                 "Webhook requests refused, by source and reason.",
                 {{"source", feed.name()}, {"code", outcome(code).name}})
        .add();
    log::debug("event_refused", {{"source", feed.name()}, {"code", outcome(code).name}});
    return handled.error();
  }
  registry_
      .counter("hookswitch_hook_requests_total", "Webhook requests taken, by source.",
               {{"source", feed.name()}})
      .add();
  if (!handled->matched) unmatched_.add();
  if (handled->facts.empty()) return {};
  SourceInputPtr input;
  // Its header holds nothing but the proof of the connection.
  if (broker_.records_input())
    input = std::make_shared<const SourceInput>(SourceInput{
        ask.received, std::move(ask.method), "/v1/hooks/" + feed.name(), {}, std::move(ask.body)});
  feed.tell(std::move(handled->facts), std::move(input));
  return {};
}

}  // namespace hookswitch
