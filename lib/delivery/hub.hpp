#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/limits.hpp"
#include "base/metrics.hpp"
#include "delivery/event_tail.hpp"
#include "delivery/history.hpp"
#include "delivery/hub_client.hpp"
#include "delivery/leases.hpp"
#include "delivery/page_view.hpp"
#include "delivery/snapshots.hpp"
#include "directory/directory.hpp"

namespace hookswitch {

/// How often the place of an event stream is told while nothing is sent on it.
inline constexpr std::chrono::seconds kStreamPlaceTime{30};

/// Counters of delivery. Identity, held by tests: clients_attached == clients_detached +
/// clients_now.
struct HubMetrics {
  explicit HubMetrics(Registry& registry);
  Counter &attached, &detached, &resumed, &snapshots, &frames, &events, &considered, &held_back,
      &commands_refused, &lease_changes, &lease_frames, &pops, &stale_leases, &tabs_refused;
  Gauge &clients, &tabs;
};

struct HubLimits {
  std::size_t tail_events_max = kTailEvents, tail_bytes_max = kTailBytes;
  std::size_t page_events_max = kReplayPageEvents;
};

/// One event on its way out, with the bytes that the journal keeps of it.
struct Published {
  const Event* event;
  Frame native;
};

/// A command that a lease is about, as the session read it.
struct LeaseCommand {
  std::string id, name;
  std::string call;                   ///< of open_pop
  std::optional<std::int64_t> token;  ///< as shown; open_pop has one
};

/// Who gets what. Knows no sockets. One thread (the broker), so that a snapshot or the end of a
/// replay and the next live event have no seam between them. An event's cost is the number of
/// clients it could concern (SubscriptionIndex).
class Hub {
 public:
  Hub(History& history, std::shared_ptr<const Directory> directory, Registry& registry,
      HubLimits limits = {});
  ~Hub();

  /// Closes with shutting_down once close_all() said so. Else answers with `welcome` (or the page
  /// dialect's first burst), then what was missed, then live events.
  void attach(Attach wish);
  void detach(ClientId id);
  void subscribe(ClientId id, const std::string& name, Filter filter);
  void unsubscribe(ClientId id, const std::string& name);
  /// Everything up to the cursor was handled. Answered with error bad_message when the client did
  /// not ask to acknowledge, or has not been offered that much.
  void acknowledge(ClientId id, const Cursor& cursor);
  void regrant(ClientId id, Grant grant);
  /// The client's queue is empty: a replay goes on.
  void drained(ClientId id);
  /// An answer of the session's, after everything that was published before; and its end, likewise.
  void say(ClientId id, std::string text);
  /// Answers a ping; of a live client with the cursor up to which it has been offered everything.
  void pong(ClientId id, Time time);
  /// Tells a live event stream that cursor, unless the last message did, so that one that hears
  /// little comes back to where it was.
  void tell_place(ClientId id);
  void close(ClientId id, Errc why);
  /// A frame of a page dialect, already known to be JSON.
  void page_frame(ClientId id, const json::Value& frame);

  /// What becomes of the client's tab. Nothing, if it has none.
  void focus(ClientId id, bool visible, bool focused);
  /// A command about leases, or one that shows a token; answered with `reply`.
  void lease_command(ClientId id, const LeaseCommand& command);
  /// All lease tokens from here on are above `token`.
  void begin_tokens_after(std::int64_t token) { leases_.begin_after(token); }

  /// In order, after they are durable.
  void publish(const std::vector<Published>& events);

  /// Tells the leases that have changed, each as it is now, then a page each for the next few
  /// replays. True: call again, after the next commit. Once in each turn of the broker.
  bool go_on();

  /// With shutting_down each is told its cursor, unless it acknowledges: in the reason, or by an
  /// event stream's last `id:`; and nobody is welcomed afterwards.
  void close_all(Errc why);
  void set_directory(std::shared_ptr<const Directory> directory);
  /// After a restore: what is remembered of calls and events begins anew.
  void begin_anew();
  std::size_t clients() const { return clients_.size(); }

 private:
  using Phase = HubClient::Phase;

  HubClient* find(ClientId id);
  void enter(HubClient& client);
  void leave(HubClient& client);
  static void narrow(HubClient& client);
  /// `is_match`: its filters are known to match.
  void offer_live(HubClient& client, const ToldEvent& told, bool is_match);
  /// Its window is full; `offered`: the last event that it was offered.
  void hold_back(HubClient& client, std::uint64_t offered);
  /// The event as this client has it. False: it is nothing to its page.
  bool deliver(HubClient& client, const ToldEvent& told, bool live);
  void hand(HubClient& client, const Frame& frame, std::uint64_t offset);
  void replay(HubClient& client);
  enum class Page : std::uint8_t { queued, empty, ended };  ///< ended: with the client
  Page tail_page(HubClient& client, const EventTail::Page& past);
  Page journal_page(HubClient& client);
  /// A page of its replay, now or when it is its turn.
  void next_page(HubClient& client);
  void welcome(HubClient& client, bool resumed);
  /// The calls that it may see and asked for, as a JSON array.
  std::string own_snapshot(const HubClient& client);
  Cursor newest(const HubClient& client) const;
  /// Up to where the client has been offered everything that it may see.
  Cursor offered(const HubClient& client) const;
  LiveCalls own_calls(const HubClient& client);
  PageUser page_user(const Grant& grant) const;
  void send(HubClient& client, std::string_view text);
  void join_leases(HubClient& client, const std::optional<Tab>& tab);
  void leave_leases(const HubClient& client);
  void offer_pops(const Event& event);
  void tell_leases();

  History& history_;
  std::shared_ptr<const Directory> directory_;
  HubMetrics metrics_;
  HubLimits limits_;
  std::unordered_map<ClientId, std::unique_ptr<HubClient>> clients_;
  std::unordered_map<std::string, SubscriptionIndex> orgs_;
  Leases leases_;
  std::map<Leases::Person, std::vector<ClientId>> of_person_;  ///< who is told leases
  PageView pages_;
  Snapshots snapshots_;
  EventTail tail_;
  bool closing_ = false;
  std::size_t looked_at_ = 0;   ///< past events since the last commit
  std::deque<ClientId> later_;  ///< replays that wait for their turn
};

}  // namespace hookswitch
