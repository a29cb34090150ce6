#include "delivery/hub.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

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
      commands_refused(registry.counter("hookswitch_commands_refused_total",
                                        "Commands of pages that nobody here can carry out.")),
      clients(registry.gauge("hookswitch_clients", "Clients now.")) {}

struct Hub::Client {
  ClientId id = 0;
  std::string session;
  std::shared_ptr<FrameSink> sink;
  Grant grant;
  Dialect dialect = Dialect::native;
  PageUser user;
  bool everything = false;  ///< no filter was given
  std::vector<std::pair<std::string, Filter>> filters;
  bool live = false;                      ///< else a replay is under way
  std::uint64_t offset = 0;               ///< replayed up to here
  std::vector<std::string> after_replay;  ///< answers that wait for its end
  std::uint64_t turn = 0;  ///< last event considered, so that two index entries cost one delivery
  std::vector<std::pair<std::unordered_map<std::string, std::unordered_set<Client*>>*, std::string>>
      places;  ///< in the index
};

Hub::Hub(History& history, std::shared_ptr<const Directory> directory, Registry& registry)
    : history_(history), directory_(std::move(directory)), metrics_(registry) {}
Hub::~Hub() = default;

// --- index
// ----------------------------------------------------------------------------------------------------------------

void Hub::index(Client& client) {
  OrgIndex& org = orgs_[client.grant.org];
  const auto enter = [&](std::unordered_map<std::string, std::unordered_set<Client*>>& map,
                         const std::string& key) {
    if (map[key].insert(&client).second) client.places.emplace_back(&map, key);
  };
  if (!client.grant.allows(Scope::events_org)) return enter(org.by_user, client.grant.user);
  if (client.everything) {
    org.broad.insert(&client);
    return;
  }
  for (const auto& [name, filter] : client.filters) {
    if (!filter.ext.empty()) {
      for (const auto& ext : filter.ext) enter(org.by_ext, ext);
    } else if (!filter.users.empty()) {
      for (const auto& user : filter.users) enter(org.by_user, user);
    } else {
      org.broad.insert(&client);
    }
  }
}

void Hub::unindex(Client& client) {
  for (const auto& [map, key] : client.places) {
    const auto at = map->find(key);
    at->second.erase(&client);
    if (at->second.empty()) map->erase(at);
  }
  client.places.clear();
  if (const auto org = orgs_.find(client.grant.org); org != orgs_.end())
    org->second.broad.erase(&client);
}

bool Hub::wants(const Client& client, const Event& event) const {
  if (!may_see(client.grant, event.org, event.audience)) return false;
  return client.everything ||
         std::any_of(client.filters.begin(), client.filters.end(),
                     [&](const auto& named) { return named.second.matches(event); });
}

// --- coming and going
// -----------------------------------------------------------------------------------------------------

void Hub::attach(Attach wish) {
  auto owned = std::make_unique<Client>();
  Client& client = *owned;
  client.id = wish.id;
  client.session = std::move(wish.session);
  client.sink = std::move(wish.sink);
  client.grant = std::move(wish.grant);
  client.dialect = wish.dialect;
  client.user = page_user(client.grant);
  client.everything = !wish.filters;
  if (wish.filters) client.filters = std::move(*wish.filters);
  narrow(client);
  clients_[client.id] = std::move(owned);
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
  index(client);
  welcome(client, resumed);
  client.live = !resumed;
  if (resumed) next_page(client);
}

void Hub::next_page(Client& client) {
  if (pages_this_turn_ >= kReplaysPerTurn) return later_.push_back(client.id);
  ++pages_this_turn_;
  replay(client);
}

void Hub::detach(ClientId id) {
  const auto it = clients_.find(id);
  if (it == clients_.end()) return;
  unindex(*it->second);
  clients_.erase(it);
  metrics_.detached.add();
  metrics_.clients.set(static_cast<std::int64_t>(clients_.size()));
}

void Hub::welcome(Client& client, bool resumed) {
  const Cursor cursor{history_.epoch(), client.offset};
  if (client.dialect == Dialect::cloudevents) return;
  if (is_page(client.dialect)) {
    const auto status = presence_.status(client.grant.org, client.grant.user);
    auto burst =
        state_burst(client.dialect, client.user, own_calls(client), status, cursor, resumed);
    keep_last_cursor(burst);
    for (auto& text : burst) send(client, std::move(text));
    return;
  }
  json::Writer out;
  out.begin_object()
      .member("op", "welcome")
      .member("session", client.session)
      .member("org", client.grant.org);
  out.member("user", client.grant.user);
  out.member("cursor", cursor.str()).member("resumed", resumed);
  if (!resumed) {
    out.key("snapshot").begin_array();
    for (const auto& call : visible_calls(client)) write_json(out, *call);
    out.end_array();
  }
  out.member("ping_ms", static_cast<std::int64_t>(std::chrono::milliseconds{kPingTime}.count()));
  out.key("limits").begin_object().member("frame_bytes_max",
                                          static_cast<std::int64_t>(kClientFrameBytesMax));
  out.member("filters_max", static_cast<std::int64_t>(kFiltersPerClientMax))
      .end_object()
      .end_object();
  send(client, out.str());
}

void Hub::replay(Client& client) {
  // Retention has overtaken it: it comes back with its cursor and gets a snapshot, never a silent
  // hole.
  if (client.offset < history_.complete_after(client.grant.org))
    return close(client.id, Errc::overload);
  auto page = history_.read(client.grant.org, client.offset, kReplayPageEvents, kReplayPageBytes);
  if (!page) return close(client.id, Errc::journal_io);
  const auto status = presence_.status(client.grant.org, client.grant.user);
  bool sent = false;
  for (auto& stored : *page) {
    client.offset = stored.offset;
    if (!may_see(client.grant, stored.org, stored.audience)) continue;
    const Frame& frame = stored.body;
    if (client.everything && !is_page(client.dialect)) {  // nothing to match: the bytes as they are
      metrics_.frames.add();
      client.sink->send(frame);
      sent = true;
      continue;
    }
    auto event = decode_event(frame->text(), std::move(stored.audience));
    if (!event) {
      // Bytes of our own that we cannot read: a hole that must not be silent. The client starts
      // over from a snapshot.
      log::error("stored_event_unreadable", {{"org", stored.org},
                                             {"offset", std::to_string(stored.offset)},
                                             {"why", event.error().detail}});
      return close(client.id, Errc::internal_error);
    }
    if (!wants(client, *event)) continue;
    page_cache_.clear();
    deliver(client, *event, frame, status, status);
    sent = true;
  }
  if (client.offset >= history_.newest(client.grant.org)) {
    client.live = true;
    for (auto& text : std::exchange(client.after_replay, {})) send(client, std::move(text));
  } else if (sent) {
    client.sink->notify_drained();
  } else {
    later_.push_back(client.id);  // nothing was queued, so no drain will call us
  }
}

bool Hub::go_on() {
  pages_this_turn_ = 0;
  for (std::size_t i = later_.size(); i > 0 && pages_this_turn_ < kReplaysPerTurn; --i) {
    const ClientId id = later_.front();
    later_.pop_front();
    const auto it = clients_.find(id);
    if (it != clients_.end() && !it->second->live) next_page(*it->second);
  }
  return !later_.empty();
}

void Hub::drained(ClientId id) {
  const auto it = clients_.find(id);
  if (it != clients_.end() && !it->second->live) next_page(*it->second);
}

void Hub::say(ClientId id, std::string text) {
  const auto it = clients_.find(id);
  if (it == clients_.end()) return;
  Client& client = *it->second;
  if (client.dialect != Dialect::native) return;  // events and nothing else
  if (client.live) return send(client, std::move(text));
  // What a client hears in answer tells it that it has heard everything before: not in the middle
  // of a replay.
  if (client.after_replay.size() < kFiltersPerClientMax)
    client.after_replay.push_back(std::move(text));
}

void Hub::close(ClientId id, Errc why) {
  const auto it = clients_.find(id);
  if (it == clients_.end()) return;
  it->second->sink->close(why);
  detach(id);
}

void Hub::subscribe(ClientId id, const std::string& name, Filter filter) {
  const auto it = clients_.find(id);
  if (it == clients_.end()) return;
  Client& client = *it->second;
  json::Writer out;
  const auto same = std::find_if(client.filters.begin(), client.filters.end(),
                                 [&](const auto& named) { return named.first == name; });
  if (same == client.filters.end() && client.filters.size() >= kFiltersPerClientMax) {
    out.begin_object().member("op", "error").member("code", outcome(Errc::too_many_fields).name);
    out.member("detail", "Too many filters.").member("id", name).end_object();
    return say(id, out.str());
  }
  if (same != client.filters.end())
    same->second = std::move(filter);
  else
    client.filters.emplace_back(name, std::move(filter));
  client.everything = false;
  unindex(client);
  index(client);
  out.begin_object().member("op", "subscribed").member("id", name).end_object();
  say(id, out.str());
}

void Hub::unsubscribe(ClientId id, const std::string& name) {
  const auto it = clients_.find(id);
  if (it == clients_.end()) return;
  Client& client = *it->second;
  std::erase_if(client.filters, [&](const auto& named) { return named.first == name; });
  unindex(client);
  index(client);
  json::Writer out;
  out.begin_object().member("op", "unsubscribed").member("id", name).end_object();
  say(id, out.str());
}

void Hub::regrant(ClientId id, Grant grant) {
  const auto it = clients_.find(id);
  if (it == clients_.end()) return;
  unindex(*it->second);
  it->second->grant = std::move(grant);
  narrow(*it->second);
  index(*it->second);
}

void Hub::narrow(Client& client) {
  if (!is_page(client.dialect)) return;
  // A page is one person's view, whatever else the token would allow.
  Grant own;
  own.org = client.grant.org;
  own.user = client.grant.user;
  own.expires = client.grant.expires;
  own.add(Scope::events_own);
  client.grant = own;
}

void Hub::page_frame(ClientId id, const json::Value& frame) {
  const auto it = clients_.find(id);
  if (it == clients_.end()) return;
  Client& client = *it->second;
  const Cursor cursor{history_.epoch(), history_.newest(client.grant.org)};
  PageRequest request =
      read_page_message(client.dialect, frame, client.user, own_calls(client), cursor);
  for (auto& reply : request.replies) send(client, std::move(reply));
  if (request.kind == PageRequest::Kind::command)
    metrics_.commands_refused.add();  // there are no dialers yet
}

// --- events
// ---------------------------------------------------------------------------------------------------------------

void Hub::publish(const std::vector<Published>& events) {
  for (const auto& [event, native] : events) {
    metrics_.events.add();
    page_cache_.clear();
    ++turn_;
    const auto moves = presence_.apply(*event);
    const auto org = orgs_.find(event->org);
    if (org == orgs_.end()) continue;
    const auto offer = [&](const std::unordered_set<Client*>& clients) {
      for (Client* client : clients) {
        if (client->turn == turn_ || !client->live) continue;
        client->turn = turn_;
        client->offset = event->cursor.offset;
        if (!wants(*client, *event)) continue;
        auto before = presence_.status(event->org, client->grant.user);
        const auto after = before;
        for (const auto& move : moves)
          if (move.user == client->grant.user) before = move.before;
        deliver(*client, *event, native, before, after);
      }
    };
    offer(org->second.broad);
    const auto offer_at = [&](const auto& index, const std::string& key) {
      if (key.empty()) return;
      if (const auto it = index.find(key); it != index.end()) offer(it->second);
    };
    for (const auto& user : event->audience) offer_at(org->second.by_user, user);
    if (event->call) {
      for (const Leg& leg : event->call->legs) {
        offer_at(org->second.by_ext, leg.ext);
        offer_at(org->second.by_user, leg.user);
      }
    }
  }
}

void Hub::deliver(Client& client, const Event& event, const Frame& native, TelephonyStatus before,
                  TelephonyStatus after) {
  if (!is_page(client.dialect)) {
    metrics_.frames.add();
    return client.sink->send(native);
  }
  const auto [it, fresh] = page_cache_.try_emplace({client.dialect, client.grant.user});
  if (fresh) {
    auto messages = page_messages(client.dialect, event, client.user, before, after);
    keep_last_cursor(messages);
    for (auto& text : messages) it->second.push_back(make_frame(text));
  }
  for (const auto& frame : it->second) {
    metrics_.frames.add();
    client.sink->send(frame);
  }
}

void Hub::send(Client& client, std::string text) {
  metrics_.frames.add();
  client.sink->send(make_frame(text));
}

// --- what a client may look at
// --------------------------------------------------------------------------------------------

LiveCalls Hub::visible_calls(const Client& client) const {
  LiveCalls out;
  for (auto& call : history_.live(client.grant.org)) {
    if (!may_see(client.grant, call->org, people_in(*call))) continue;
    const bool asked = client.everything ||
                       std::any_of(client.filters.begin(), client.filters.end(),
                                   [&](const auto& named) { return named.second.matches(*call); });
    if (asked) out.push_back(std::move(call));
  }
  return out;
}

LiveCalls Hub::own_calls(const Client& client) const {
  LiveCalls out;
  for (auto& call : history_.live(client.grant.org))
    if (std::any_of(call->legs.begin(), call->legs.end(), [&](const Leg& leg) {
          return leg.user == client.grant.user && leg.state != LegState::terminated;
        }))
      out.push_back(std::move(call));
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
  for (const auto& [id, client] : clients_) client->sink->close(why);
}

void Hub::set_directory(std::shared_ptr<const Directory> directory) {
  directory_ = std::move(directory);
  for (const auto& [id, client] : clients_) client->user = page_user(client->grant);
}

void Hub::seed(const std::vector<std::string>& orgs) {
  presence_ = PresenceBoard{};
  for (const auto& org : orgs) presence_.seed(history_.live(org));
}

}  // namespace hookswitch
