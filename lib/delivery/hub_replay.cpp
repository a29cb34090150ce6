#include <utility>

#include "base/log.hpp"
#include "delivery/control_frames.hpp"
#include "delivery/hub.hpp"

/// The past: what a client missed, a page at a time, until it is live; and acknowledgements, which
/// make a client that is held back go on from the past.
namespace hookswitch {

void Hub::next_page(HubClient& client) {
  if (looked_at_ >= kReplayEventsPerTurn) return later_.push_back(client.id);
  replay(client);
}

void Hub::drained(ClientId id) {
  HubClient* client = find(id);
  if (client != nullptr && client->phase == Phase::replay) next_page(*client);
}

bool Hub::go_on() {
  tell_leases();
  snapshots_.forget();
  looked_at_ = 0;
  for (std::size_t i = later_.size(); i > 0 && looked_at_ < kReplayEventsPerTurn; --i) {
    HubClient* client = find(later_.front());
    later_.pop_front();
    if (client != nullptr && client->phase == Phase::replay) next_page(*client);
  }
  return !later_.empty();
}

void Hub::replay(HubClient& client) {
  const std::string& org = client.grant.org;
  // Retention has overtaken it: it comes back with its cursor and gets a snapshot, never a silent
  // hole.
  if (client.offset < history_.complete_after(org)) return close(client.id, Errc::overload);
  EventTail::Keys keys;
  const bool has_keys =
      orgs_[org].each_place(client, [&](SubscriptionIndex::By by, const std::string& value) {
        keys.push_back(EventTail::key_of(by, value));
      });
  const auto tail =
      tail_.after(org, client.offset, has_keys ? &keys : nullptr, limits_.page_events_max);
  const Page page = tail ? tail_page(client, *tail) : journal_page(client);
  if (page == Page::ended || client.phase == Phase::held_back) return;
  if (client.offset >= history_.newest(org)) {
    client.phase = Phase::live;
    for (const auto& text : std::exchange(client.after_replay, {})) send(client, text);
  } else if (page == Page::queued) {
    client.sink->notify_drained();
  } else {
    later_.push_back(client.id);  // nothing was queued, so no drain will call us
  }
}

Hub::Page Hub::tail_page(HubClient& client, const EventTail::Page& past) {
  Page out = Page::empty;
  std::size_t bytes = 0;
  looked_at_ += past.events.size() + 1;
  for (const ToldEvent* next : past.events) {
    if (client.wants(next->event())) {
      if (client.acks && client.acks->full()) {
        hold_back(client, next->event().cursor.offset - 1);
        return out;
      }
      if (deliver(client, *next, false)) out = Page::queued;
      bytes += next->native()->text().size();
    }
    client.offset = next->event().cursor.offset;
    if (bytes >= kReplayPageBytes) return out;
  }
  client.offset = past.until;
  return out;
}

Hub::Page Hub::journal_page(HubClient& client) {
  // Whatever comes of it, reading and decoding costs as much as a page.
  looked_at_ += limits_.page_events_max;
  auto stored =
      history_.read(client.grant.org, client.offset, limits_.page_events_max, kReplayPageBytes);
  if (!stored) {
    close(client.id, Errc::journal_io);
    return Page::ended;
  }
  Page out = Page::empty;
  const bool as_it_is = client.everything && !client.page && !client.stream;
  for (auto& one : *stored) {
    if (may_see(client.grant, one.org, one.audience)) {
      if (client.acks && client.acks->full()) {
        hold_back(client, client.offset);
        return out;
      }
      if (as_it_is) {  // nothing to match and nothing to make: the bytes of the journal
        hand(client, one.body, one.offset);
        out = Page::queued;
      } else {
        auto event = decode_event(one.body->text(), std::move(one.audience));
        if (!event) {
          // Bytes of our own that we cannot read: a hole that must not be silent. The client starts
          // over from a snapshot.
          log::error("stored_event_unreadable", {{"org", one.org},
                                                 {"offset", std::to_string(one.offset)},
                                                 {"why", event.error().detail}});
          close(client.id, Errc::internal_error);
          return Page::ended;
        }
        const ToldEvent told{std::move(*event), one.body};
        if (client.wants(told.event()) && deliver(client, told, false)) out = Page::queued;
      }
    }
    client.offset = one.offset;
  }
  return out;
}

// --- acknowledgements

void Hub::hold_back(HubClient& client, std::uint64_t offered) {
  client.phase = Phase::held_back;
  client.offset = offered;
  metrics_.held_back.add();
  for (const auto& text : std::exchange(client.after_replay, {})) send(client, text);
}

void Hub::acknowledge(ClientId id, const Cursor& cursor) {
  HubClient* client = find(id);
  if (client == nullptr) return;
  const auto refuse = [&](std::string_view why) {
    say(id, error_frame(Errc::bad_message, {}, why));
  };
  if (!client->acks) return refuse("Acknowledgements were not asked for in hello.");
  const std::uint64_t offered =
      client->phase == Phase::live ? history_.newest(client->grant.org) : client->offset;
  if (cursor.epoch != history_.epoch() || cursor.offset > offered)
    return refuse("The cursor is not one that this client was sent.");
  client->acks->acknowledged(cursor.offset);
  if (client->phase != Phase::held_back || !client->acks->has_room()) return;
  client->phase = Phase::replay;
  next_page(*client);
}

}  // namespace hookswitch
