#include <algorithm>
#include <utility>

#include "delivery/control_frames.hpp"
#include "delivery/hub.hpp"

/// Leases as clients hear of them. What has changed is told once in a turn, so that who wavers
/// costs its other clients a frame and not a flood.
namespace hookswitch {

void Hub::join_leases(HubClient& client, const std::optional<Tab>& tab) {
  // An event stream cannot answer, CloudEvents have no control frames, and nobody is no person.
  if (client.stream || client.dialect == Dialect::cloudevents || client.grant.user.empty()) return;
  const Leases::Person person{client.grant.org, client.grant.user};
  if (tab && !leases_.join(person, client.id, *tab)) metrics_.tabs_refused.add();
  metrics_.tabs.set(static_cast<std::int64_t>(leases_.tabs()));
  // The others hear what its coming has changed, and it hears everything, once.
  if (tab) tell_leases();
  of_person_[person].push_back(client.id);
  for (const Lease& lease : leases_.of(person)) {
    metrics_.lease_frames.add();
    send(client, lease_frame(lease));
  }
}

void Hub::leave_leases(const HubClient& client) {
  leases_.leave(client.id);
  metrics_.tabs.set(static_cast<std::int64_t>(leases_.tabs()));
  const auto it = of_person_.find({client.grant.org, client.grant.user});
  if (it == of_person_.end()) return;
  std::erase(it->second, client.id);
  if (it->second.empty()) of_person_.erase(it);
}

void Hub::tell_leases() {
  for (const auto& [person, lease] : leases_.take_changes()) {
    metrics_.lease_changes.add();
    const auto all = of_person_.find(person);
    if (all == of_person_.end() || closing_) continue;
    const Frame frame = make_frame(lease_frame(lease));
    for (const ClientId id : all->second) {
      metrics_.frames.add();
      metrics_.lease_frames.add();
      find(id)->sink->send(frame);
    }
  }
}

void Hub::focus(ClientId id, bool visible, bool focused) { leases_.focus(id, visible, focused); }

void Hub::lease_command(ClientId id, const LeaseCommand& command) {
  const auto refuse = [&](Errc why, std::string_view detail = {}) {
    say(id, reply_frame(command.id, why, detail));
  };
  const auto calls = leases_.calls_of(id);
  if (!calls)
    return refuse(Errc::bad_message, "This connection has no tab that takes part in leases.");
  const auto stale = [&] {
    metrics_.stale_leases.add();
    refuse(Errc::lease_stale);
  };
  if (command.name == "open_pop") {
    if (!leases_.claim(id, command.call, *command.token)) return stale();
    metrics_.pops.add();
    return say(id, reply_frame(command.id));
  }
  const bool enables = command.name == "enable_current_tab";
  if (command.token &&
      (*command.token != calls->token || (!enables && leases_.tab_of(id) != calls->holder)))
    return stale();
  if (!enables) return refuse(Errc::not_supported);
  leases_.enable(id);
  say(id, reply_frame(command.id));
}

/// A call reaches a person once, by the first of its legs: so the pop is offered once, and is not
/// offered again after a restart of ours.
void Hub::offer_pops(const Event& event) {
  if (!event.call) return;
  const auto& legs = event.call->legs;
  switch (event.type) {
    case EventType::call_started:
    case EventType::call_ringing:
    case EventType::call_answered: {
      const auto leg = std::find_if(legs.begin(), legs.end(),
                                    [&](const Leg& one) { return one.id == event.leg; });
      if (leg == legs.end() || leg->user.empty()) return;
      // Who answers was rung before: the pop is of then.
      if (event.type == EventType::call_answered && leg->ringing_at) return;
      if (std::any_of(legs.begin(), leg, [&](const Leg& one) { return one.user == leg->user; }))
        return;
      return leases_.offer_pop({std::string{event.org}, std::string{leg->user}}, event.call->id);
    }
    case EventType::call_merged:
    case EventType::call_ended:
      for (const Leg& leg : legs) {
        if (leg.user.empty()) continue;
        const Leases::Person person{std::string{event.org}, std::string{leg.user}};
        if (event.type == EventType::call_ended)
          leases_.end_pop(person, event.call->id);
        else
          leases_.merge_pop(person, event.absorbed, event.call->id);
      }
      return;
    default:
      return;
  }
}

}  // namespace hookswitch
