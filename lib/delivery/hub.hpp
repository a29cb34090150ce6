#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "auth/grant.hpp"
#include "base/metrics.hpp"
#include "delivery/filter.hpp"
#include "delivery/frame_sink.hpp"
#include "dialects/dialect.hpp"
#include "directory/directory.hpp"
#include "journal/journal.hpp"
#include "model/event.hpp"

namespace hookswitch {

/// What the hub needs to know of the past and present; the broker's. Broker thread.
class History {
 public:
  virtual ~History() = default;
  virtual const std::string& epoch() const = 0;
  /// Offset of the newest event that the hub has been given, or 0.
  virtual std::uint64_t newest(const std::string& org) const = 0;
  virtual std::uint64_t complete_after(const std::string& org) const = 0;
  virtual Result<std::vector<StoredEvent>> read(const std::string& org, std::uint64_t offset,
                                                std::size_t events_max, std::size_t bytes_max) = 0;
  /// Calls of `org` that have not ended.
  virtual LiveCalls live(const std::string& org) const = 0;
};

/// Counters of delivery. Identity, held by tests: clients_attached == clients_detached +
/// clients_now.
struct HubMetrics {
  explicit HubMetrics(Registry& registry);
  Counter &attached, &detached, &resumed, &snapshots, &frames, &events, &commands_refused;
  Gauge& clients;
};

using ClientId = std::uint64_t;

/// A client's wish, as its session read and checked it.
struct Attach {
  ClientId id = 0;
  std::string session;
  std::shared_ptr<FrameSink> sink;
  Grant grant;
  Dialect dialect = Dialect::native;
  std::optional<Cursor> since;
  bool asked_since = false;  ///< `since` was there, even if it could not be read
  std::optional<std::vector<std::pair<std::string, Filter>>>
      filters;  ///< not there: everything the grant may see
};

/// One event on its way out, with the bytes that the journal keeps of it.
struct Published {
  const Event* event;
  Frame native;
};

/// Who gets what. Knows no sockets. One thread (the broker), so that a snapshot or the end of a
/// replay and the next live event have no seam between them. An event's cost is the number of
/// clients it could concern, found by user and extension.
class Hub {
 public:
  Hub(History& history, std::shared_ptr<const Directory> directory, Registry& registry);
  ~Hub();

  /// Answers with `welcome` (or the page dialect's first burst), then what was missed, then live
  /// events.
  void attach(Attach wish);
  void detach(ClientId id);
  void subscribe(ClientId id, const std::string& name, Filter filter);
  void unsubscribe(ClientId id, const std::string& name);
  void regrant(ClientId id, Grant grant);
  /// The client's queue is empty: a replay goes on.
  void drained(ClientId id);
  /// An answer of the session's, after everything that was published before; and its end, likewise.
  void say(ClientId id, std::string text);
  void close(ClientId id, Errc why);
  /// A frame of a page dialect, already known to be JSON.
  void page_frame(ClientId id, const json::Value& frame);

  /// In order, after they are durable.
  void publish(const std::vector<Published>& events);

  /// A page each for the next few replays. True: call again, after the next commit.
  bool go_on();

  void close_all(Errc why);
  void set_directory(std::shared_ptr<const Directory> directory);
  /// After a restore: statuses of people from the calls that live.
  void seed(const std::vector<std::string>& orgs);
  std::size_t clients() const { return clients_.size(); }

 private:
  struct Client;
  struct OrgIndex {
    std::unordered_set<Client*> broad;
    std::unordered_map<std::string, std::unordered_set<Client*>> by_user, by_ext;
  };

  void index(Client& client);
  void unindex(Client& client);
  static void narrow(Client& client);
  bool wants(const Client& client, const Event& event) const;
  void deliver(Client& client, const Event& event, const Frame& native, TelephonyStatus before,
               TelephonyStatus after);
  void replay(Client& client);
  /// A page of its replay, now or when it is its turn.
  void next_page(Client& client);
  void welcome(Client& client, bool resumed);
  LiveCalls visible_calls(const Client& client) const;
  LiveCalls own_calls(const Client& client) const;
  PageUser page_user(const Grant& grant) const;
  void send(Client& client, std::string text);

  History& history_;
  std::shared_ptr<const Directory> directory_;
  HubMetrics metrics_;
  PresenceBoard presence_;
  std::unordered_map<ClientId, std::unique_ptr<Client>> clients_;
  std::unordered_map<std::string, OrgIndex> orgs_;
  std::map<std::pair<Dialect, std::string>, std::vector<Frame>>
      page_cache_;  ///< of the event being delivered
  std::uint64_t turn_ = 0;
  std::size_t pages_this_turn_ = 0;
  std::deque<ClientId> later_;  ///< replays that wait for their turn
};

}  // namespace hookswitch
