#include "delivery/hub.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "delivery/control_frames.hpp"

namespace hookswitch {

HubMetrics::HubMetrics(Registry& registry)
    : attached(
          registry.counter("hookswitch_clients_attached_total", "Clients that were welcomed.")),
      detached(registry.counter("hookswitch_clients_detached_total",
                                "Welcomed clients that have left.")),
      resumed(registry.counter("hookswitch_client_resumes_total",
                               "Clients that went on after their cursor.",
                               {{"outcome", "resumed"}})),
      snapshots(registry.counter("hookswitch_client_resumes_total",
                                 "Clients that went on after their cursor.",
                                 {{"outcome", "snapshot"}})),
      frames(registry.counter("hookswitch_client_frames_total", "Frames queued for clients.")),
      events(registry.counter("hookswitch_events_total", "Events published.")),
      considered(registry.counter("hookswitch_clients_considered_total",
                                  "Clients looked at for an event as it was published.")),
      held_back(
          registry.counter("hookswitch_clients_held_back_total",
                           "Times that a client's window of unacknowledged events was full.")),
      commands_refused(registry.counter("hookswitch_commands_refused_total",
                                        "Commands of pages that nobody here can carry out.")),
      lease_changes(
          registry.counter("hookswitch_lease_changes_total", "Leases told with another holder.")),
      lease_frames(registry.counter("hookswitch_lease_frames_total", "Frames that told a lease.")),
      pops(registry.counter("hookswitch_pops_total", "Pops claimed.")),
      stale_leases(registry.counter("hookswitch_lease_refusals_total",
                                    "Commands and tabs that leases refused.",
                                    {{"reason", "stale"}})),
      tabs_refused(registry.counter("hookswitch_lease_refusals_total",
                                    "Commands and tabs that leases refused.",
                                    {{"reason", "too_many_tabs"}})),
      clients(registry.gauge("hookswitch_clients", "Clients now.")),
      tabs(registry.gauge("hookswitch_tabs", "Tabs that take part in leases.")) {}

bool HubClient::wants(const Event& event) const {
  if (!may_see(grant, event.org, event.audience)) return false;
  return everything || std::any_of(filters.begin(), filters.end(),
                                   [&](const auto& named) { return named.second.matches(event); });
}

Hub::Hub(History& history, std::shared_ptr<const Directory> directory, Registry& registry,
         HubLimits limits)
    : history_(history),
      directory_(std::move(directory)),
      metrics_(registry),
      limits_(limits),
      pages_(history),
      snapshots_(history),
      tail_(limits.tail_events_max, limits.tail_bytes_max) {}
Hub::~Hub() = default;

HubClient* Hub::find(ClientId id) {
  const auto it = clients_.find(id);
  return it == clients_.end() ? nullptr : it->second.get();
}

// --- coming and going

void Hub::enter(HubClient& client) {
  orgs_[client.grant.org].enter(client, client.grant,
                                client.everything ? nullptr : &client.filters);
}

void Hub::leave(HubClient& client) { orgs_[client.grant.org].leave(client); }

void Hub::narrow(HubClient& client) {
  if (!client.page) return;
  // A page is one person's view, whatever else the token would allow.
  Grant own;
  own.org = client.grant.org;
  own.user = client.grant.user;
  own.expires = client.grant.expires;
  own.add(Scope::events_own);
  client.grant = own;
}

void Hub::attach(Attach wish) {
  if (closing_) return wish.sink->close(Errc::shutting_down, {});
  auto owned = std::make_unique<HubClient>();
  HubClient& client = *owned;
  client.id = wish.id;
  client.session = std::move(wish.session);
  client.sink = std::move(wish.sink);
  client.grant = std::move(wish.grant);
  client.dialect = wish.dialect;
  client.stream = wish.stream;
  client.ping = wish.ping;
  if (wish.window > 0) client.acks.emplace(wish.window);
  if (is_page(client.dialect)) client.page = std::make_unique<PageUser>(page_user(client.grant));
  client.everything = !wish.filters;
  if (wish.filters) client.filters = std::move(*wish.filters);
  narrow(client);
  clients_[client.id] = std::move(owned);
  if (client.page) pages_.join(client.grant.org);
  metrics_.attached.add();
  metrics_.clients.set(static_cast<std::int64_t>(clients_.size()));
  const std::uint64_t newest = history_.newest(client.grant.org);
  const bool resumed = wish.since && wish.since->epoch == history_.epoch() &&
                       wish.since->offset <= newest &&
                       wish.since->offset >= history_.complete_after(client.grant.org);
  if (wish.asked_since) (resumed ? metrics_.resumed : metrics_.snapshots).add();
  // Who gets events and nothing else cannot be told that its cursor is of no use: better no
  // connection than a silent hole.
  if (wish.asked_since && !resumed && client.dialect == Dialect::cloudevents)
    return close(client.id, Errc::cursor_gone);
  client.offset = resumed ? wish.since->offset : newest;
  enter(client);
  welcome(client, resumed);
  join_leases(client, wish.tab);
  if (client.offset == newest)
    client.phase = Phase::live;
  else
    next_page(client);
}

void Hub::detach(ClientId id) {
  HubClient* client = find(id);
  if (client == nullptr) return;
  leave(*client);
  leave_leases(*client);
  if (client->page) pages_.leave(client->grant.org);
  clients_.erase(id);
  metrics_.detached.add();
  metrics_.clients.set(static_cast<std::int64_t>(clients_.size()));
}

void Hub::welcome(HubClient& client, bool resumed) {
  const Cursor cursor{history_.epoch(), client.offset};
  if (client.dialect == Dialect::cloudevents) return;
  if (client.page) {
    const auto status = pages_.status(client.grant.org, client.grant.user);
    auto burst =
        state_burst(client.dialect, *client.page, own_calls(client), status, cursor, resumed);
    keep_last_cursor(burst);
    for (const auto& text : burst) send(client, text);
    return;
  }
  json::Writer out;
  out.begin_object()
      .member("op", "welcome")
      .member("session", client.session)
      .member("org", client.grant.org);
  out.key("user");
  if (client.grant.user.empty())
    out.null();
  else
    out.string(client.grant.user);
  out.member("cursor", cursor.str()).member("resumed", resumed);
  const auto number = [](std::size_t value) { return static_cast<std::int64_t>(value); };
  out.member("ping_ms", static_cast<std::int64_t>(client.ping.count()));
  out.key("limits").begin_object().member("frame_bytes_max", number(kClientFrameBytesMax));
  out.member("filters_max", number(kFiltersPerClientMax));
  if (client.acks) out.member("ack_window", number(client.acks->events_max()));
  out.end_object();
  const std::string end = client.stream ? "}\n\n" : "}";
  std::shared_ptr<const FrameRest> rest;
  std::string text = client.stream ? stream_head(cursor, "welcome") : std::string{};
  if (resumed) {
    text += out.str() + end;
  } else {
    out.key("snapshot");
    text += out.str() + ":";  // which the writer would put before the value
    if (client.everything && client.grant.allows(Scope::events_org))
      rest = snapshots_.whole(client.grant.org, end);
    else
      text += own_snapshot(client) + end;
  }
  metrics_.frames.add();
  client.told = cursor.offset;
  client.sink->send(std::make_shared<const EncodedFrame>(text, std::move(rest)));
}

std::string Hub::own_snapshot(const HubClient& client) {
  json::Writer out;
  out.begin_array();
  for (const auto& entry : snapshots_.of(client.grant.org)) {
    if (!may_see(client.grant, entry.call->org, entry.people)) continue;
    const auto asked = [&](const auto& named) { return named.second.matches(*entry.call); };
    if (client.everything || std::any_of(client.filters.begin(), client.filters.end(), asked))
      out.raw(entry.json());
  }
  out.end_array();
  return out.str();
}

void Hub::close(ClientId id, Errc why) {
  HubClient* client = find(id);
  if (client == nullptr) return;
  client->sink->close(why, {});
  detach(id);
}

// --- what a client asks for

void Hub::say(ClientId id, std::string text) {
  HubClient* client = find(id);
  // Who asked for CloudEvents gets nothing else. A page that is answered an `op` has sent one.
  if (client == nullptr || client->dialect == Dialect::cloudevents) return;
  // What a client hears in answer tells it that it has heard everything before: not in the middle
  // of a replay. One that is held back waits for nothing but itself.
  if (client->phase != Phase::replay) return send(*client, text);
  if (client->after_replay.size() >= kFiltersPerClientMax) return close(id, Errc::overload);
  client->after_replay.push_back(std::move(text));
}

void Hub::pong(ClientId id, Time time) {
  const HubClient* client = find(id);
  if (client == nullptr) return;
  json::Writer out;
  out.begin_object().member("op", "pong").member("time", to_rfc3339(time));
  // Of a replay or a full window the client knows by its events how far it is.
  if (client->phase == Phase::live) out.member("cursor", newest(*client).str());
  out.end_object();
  say(id, out.str());
}

void Hub::tell_place(ClientId id) {
  HubClient* client = find(id);
  if (client == nullptr || !client->stream || client->phase != Phase::live) return;
  const Cursor place = newest(*client);
  if (place.offset == client->told) return;
  client->told = place.offset;
  metrics_.frames.add();
  client->sink->send(stream_place(place));
}

void Hub::subscribe(ClientId id, const std::string& name, Filter filter) {
  HubClient* client = find(id);
  if (client == nullptr) return;
  auto& filters = client->filters;
  const auto same = std::find_if(filters.begin(), filters.end(),
                                 [&](const auto& named) { return named.first == name; });
  if (same == filters.end() && filters.size() >= kFiltersPerClientMax)
    return say(id, error_frame(Errc::too_many_fields, name, "Too many filters."));
  SubscriptionIndex& index = orgs_[client->grant.org];
  const auto slot = static_cast<std::size_t>(same - filters.begin());
  if (same != filters.end()) {
    if (client->grant.allows(Scope::events_org)) index.leave(*client, slot, slot);
    same->second = std::move(filter);
  } else {
    filters.emplace_back(name, std::move(filter));
  }
  if (client->everything) {  // until now
    leave(*client);
    client->everything = false;
    enter(*client);
  } else if (client->grant.allows(Scope::events_org)) {
    index.enter(*client, filters[slot].second, slot);
  }
  say(id, answer_frame("subscribed", name));
}

void Hub::unsubscribe(ClientId id, const std::string& name) {
  HubClient* client = find(id);
  if (client == nullptr) return;
  auto& filters = client->filters;
  const auto same = std::find_if(filters.begin(), filters.end(),
                                 [&](const auto& named) { return named.first == name; });
  if (same != filters.end()) {
    if (client->grant.allows(Scope::events_org))
      orgs_[client->grant.org].leave(*client, static_cast<std::size_t>(same - filters.begin()),
                                     filters.size() - 1);
    if (same != std::prev(filters.end())) *same = std::move(filters.back());
    filters.pop_back();
  }
  say(id, answer_frame("unsubscribed", name));
}

void Hub::regrant(ClientId id, Grant grant) {
  HubClient* client = find(id);
  if (client == nullptr) return;
  const bool same_place =
      client->grant.org == grant.org && client->grant.user == grant.user &&
      client->grant.allows(Scope::events_org) == grant.allows(Scope::events_org);
  if (!same_place) leave(*client);
  client->grant = std::move(grant);
  narrow(*client);
  if (!same_place) enter(*client);
}

Cursor Hub::newest(const HubClient& client) const {
  return {history_.epoch(), history_.newest(client.grant.org)};
}

Cursor Hub::offered(const HubClient& client) const {
  if (client.phase == Phase::live) return newest(client);
  return {history_.epoch(), client.offset};
}

void Hub::page_frame(ClientId id, const json::Value& frame) {
  HubClient* client = find(id);
  if (client == nullptr || !client->page) return;
  const Cursor cursor{history_.epoch(), history_.newest(client->grant.org)};
  PageRequest request =
      read_page_message(client->dialect, frame, *client->page, own_calls(*client), cursor);
  for (const auto& reply : request.replies) send(*client, reply);
  if (request.kind != PageRequest::Kind::command) return;
  if (request.command == "enable_current_tab" && leases_.has_part(id)) return leases_.enable(id);
  metrics_.commands_refused.add();  // there are no dialers yet
}

// --- events

void Hub::publish(const std::vector<Published>& events) {
  snapshots_.forget();
  for (const auto& [event, native] : events) {
    metrics_.events.add();
    pages_.take(*event);
    if (!leases_.empty()) offer_pops(*event);
    const ToldEvent& told = tail_.add(*event, native);
    const auto org = orgs_.find(event->org);
    if (org == orgs_.end()) continue;
    org->second.each(told.event(), [&](SubscriptionIndex::Member& member, bool is_match) {
      metrics_.considered.add();
      offer_live(static_cast<HubClient&>(member), told, is_match);
    });
  }
}

void Hub::offer_live(HubClient& client, const ToldEvent& told, bool is_match) {
  const Event& event = told.event();
  if (client.phase != Phase::live) return;
  if (!(is_match ? may_see(client.grant, event.org, event.audience) : client.wants(event))) return;
  if (client.acks && client.acks->full()) return hold_back(client, told.event().cursor.offset - 1);
  deliver(client, told, true);
}

bool Hub::deliver(HubClient& client, const ToldEvent& told, bool live) {
  if (!client.page) {
    hand(client, client.stream ? told.stream() : told.native(), told.event().cursor.offset);
    return true;
  }
  const auto tell = [&](const std::vector<Frame>& frames) {
    for (const auto& frame : frames) {
      metrics_.frames.add();
      client.sink->send(frame);
    }
    if (client.acks && !frames.empty()) client.acks->sent(told.event().cursor.offset);
    return !frames.empty();
  };
  return live ? tell(pages_.frames(client.dialect, *client.page, told.event()))
              : tell(pages_.past_frames(client.dialect, *client.page, told.event()));
}

void Hub::hand(HubClient& client, const Frame& frame, std::uint64_t offset) {
  metrics_.frames.add();
  client.told = offset;
  client.sink->send(frame);
  if (client.acks) client.acks->sent(offset);
}

void Hub::send(HubClient& client, std::string_view text) {
  metrics_.frames.add();
  client.sink->send(make_frame(text));
}

// --- the rest

LiveCalls Hub::own_calls(const HubClient& client) {
  LiveCalls out;
  for (const auto& entry : snapshots_.of(client.grant.org))
    if (std::any_of(entry.call->legs.begin(), entry.call->legs.end(), [&](const Leg& leg) {
          return leg.user == client.grant.user && leg.state != LegState::terminated;
        }))
      out.push_back(entry.call);
  return out;
}

PageUser Hub::page_user(const Grant& grant) const {
  PageUser out;
  out.org = grant.org;
  out.id = grant.user;
  if (const User* user = directory_->find_user(grant.org, grant.user)) {
    out.name = user->name;
    out.email = user->email;
    if (!user->extensions.empty()) out.ext = user->extensions.front();
  }
  if (const Org* org = directory_->find_org(grant.org)) {
    out.number = org->number;
    out.country = org->country;
  }
  return out;
}

void Hub::close_all(Errc why) {
  if (why == Errc::shutting_down) closing_ = true;
  for (const auto& [id, client] : clients_) {
    // After anything else but a restart our cursor may be of an epoch that the client knows nothing
    // of; and who acknowledges comes back with what it has handled, not with what it was offered.
    const bool tells = why == Errc::shutting_down && !client->acks;
    if (tells && client->stream) tell_place(id);
    client->sink->close(why, tells ? offered(*client).str() : std::string{});
  }
}

void Hub::set_directory(std::shared_ptr<const Directory> directory) {
  directory_ = std::move(directory);
  for (const auto& [id, client] : clients_)
    if (client->page) *client->page = page_user(client->grant);
}

void Hub::begin_anew() {
  snapshots_.forget();
  tail_.clear();
  pages_.begin_anew();
}

}  // namespace hookswitch
