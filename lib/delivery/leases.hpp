#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "base/time.hpp"

namespace hookswitch {

using ClientId = std::uint64_t;

/// A tab (or a browser that speaks for its tabs) as its connection names it.
struct Tab {
  std::string id;  ///< not empty; the same of all connections of one tab
  bool visible = false, focused = false;
};

/// Who acts for a person over all tabs, browsers and computers.
struct Lease {
  std::string purpose;  ///< "calls", or "pop:" and the id of a call
  std::string holder;   ///< the id of a tab; empty: nobody
  std::int64_t token = 0;
  friend bool operator==(const Lease&, const Lease&) = default;
};

/// The tokens of one run: those above `after`. `reserved` is to be made durable before the first is
/// given, and is `reserved_before` of the next run.
struct LeaseTokens {
  std::int64_t after = 0, reserved = 0;
};
/// Above all tokens of earlier runs: by what they reserved, whatever the clock says, and by the
/// clock (one for each microsecond since 1970) when the journal is another. They are exact in
/// JSON numbers of any client (below 2^53).
LeaseTokens lease_tokens(std::optional<std::int64_t> reserved_before, Time now);

/// One holder per person and purpose, with fencing tokens. Knows no sockets and no clock: a tab
/// lives as long as it has a connection. Not thread-safe (the hub's thread).
///
/// `calls`: the holder stays while it lives. Focus moves it, and enable(); a tab that comes focused
/// takes it from one that is not. When the holder has gone it is the best of the others at once:
/// focused, else visible, else the newest. Somebody holds it whenever there is a tab.
///
/// `pop:<call>`: given to who holds `calls` as the call reaches the person, then to that tab's
/// successor as long as nobody has claimed it. Exactly one claim() of it succeeds.
///
/// Tokens are one sequence for all persons and purposes; each change of a holder takes the next.
class Leases {
 public:
  /// (organisation, user)
  using Person = std::pair<std::string, std::string>;
  struct Change {
    Person person;
    Lease lease;
  };

  static constexpr std::string_view kCalls = "calls";

  /// All tokens from here on are above `token`.
  void begin_after(std::int64_t token);

  /// A connection of one of the person's tabs; what it says of the tab is the newest. False: the
  /// person has kTabsPerUserMax tabs, and this one takes no part.
  bool join(const Person& person, ClientId client, const Tab& tab);
  /// Nothing, if the connection has no part.
  void leave(ClientId client);
  void focus(ClientId client, bool visible, bool focused);
  bool has_part(ClientId client) const { return clients_.contains(client); }
  /// The client's tab is the one for calls. It has a part.
  void enable(ClientId client);

  /// A call has reached the person. Nothing, if it has no tabs or the call is known.
  void offer_pop(const Person& person, std::string_view call);
  /// The call has ended: who may open it still may, but nobody comes after it.
  void end_pop(const Person& person, std::string_view call);
  /// The call `absorbed` is now known as `call`: a claim of the one was a claim of the other.
  void merge_pop(const Person& person, std::string_view absorbed, std::string_view call);
  /// True once for each pop: for the tab that holds it, with the token of now. Nobody holds it
  /// afterwards.
  bool claim(ClientId client, std::string_view call, std::int64_t token);

  /// The lease for calls of the client's person; nothing, if it has no part.
  std::optional<Lease> calls_of(ClientId client) const;
  /// The tab of the client; empty, if it has no part.
  std::string_view tab_of(ClientId client) const;

  /// What somebody who comes now has to be told.
  std::vector<Lease> of(const Person& person) const;
  /// Leases whose holder has changed since the last time, each as it is now.
  std::vector<Change> take_changes();

  bool empty() const { return people_.empty(); }
  std::size_t tabs() const { return tabs_; }

 private:
  struct Candidate {
    Tab tab;
    std::uint64_t arrived = 0;
    std::size_t connections = 0;
  };
  struct Held {
    Lease lease;
    bool changed = false;  ///< since take_changes()
    bool claimed = false, ended = false;
    bool open() const { return !claimed && !ended; }
  };
  struct Own {
    std::vector<Candidate> tabs;
    Held calls;
    std::vector<Held> pops;   ///< oldest first, claimed ones too as long as they are remembered
    std::vector<Lease> gone;  ///< forgotten since take_changes()
    bool changed = false;     ///< it is in changed_
  };
  struct PersonHash {
    std::size_t operator()(const Person& person) const {
      const std::hash<std::string> hash;
      return hash(person.first) * 31 + hash(person.second);
    }
  };
  using People = std::unordered_map<Person, Own, PersonHash>;
  struct Place {
    Person person;
    std::string tab;
  };

  static Candidate* find(Own& own, std::string_view tab);
  static const Candidate* best(const Own& own);
  using Pop = std::vector<Held>::iterator;
  static Pop find_pop(Own& own, std::string_view call);
  void give(const Person& person, Own& own, Held& held, const std::string& holder);
  void forget(const Person& person, Own& own, Pop pop);
  void note(const Person& person, Own& own);
  void came_into_focus(const Person& person, Own& own, const Candidate& candidate, bool takes);

  People people_;
  std::unordered_map<ClientId, Place> clients_;
  std::vector<Person> changed_;
  std::int64_t token_ = 0;
  std::uint64_t arrivals_ = 0;
  std::size_t tabs_ = 0;
};

}  // namespace hookswitch
