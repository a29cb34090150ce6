#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "delivery/hub.hpp"
#include "delivery/session.hpp"

/// A history in memory, clients that remember what they were sent, and small calls. For the tests
/// of delivery.
namespace hookswitch::delivery_test {

inline Time at_ms(std::int64_t ms) {
  return *parse_rfc3339("2026-11-20T15:00:00.000Z") + milliseconds{ms};
}

class RecordingClient : public FrameSink {
 public:
  void send(const Frame& frame) override { frames.push_back(frame); }
  void notify_drained() override { ++drains_asked; }
  void close(Errc why, std::string_view cursor) override {
    closed.push_back(why);
    closed_at = cursor;
  }

  /// Cursors of the events among the frames, in order.
  std::vector<std::string> cursors() const {
    std::vector<std::string> out;
    for (const auto& frame : frames) {
      // As encode() begins an event: much is asked here, and parsing all of it again costs seconds.
      static constexpr std::string_view kStart = R"({"specversion":"1.0","id":")";
      if (!frame->text().starts_with(kStart)) continue;
      const auto rest = frame->text().substr(kStart.size());
      out.emplace_back(rest.substr(0, rest.find('"')));
    }
    return out;
  }
  /// The last frame of that `op`, as text; empty: there is none.
  std::string op(std::string_view name) const {
    std::string out;
    for (const auto& frame : frames)
      if (auto read = json::parse(frame->text()); read && json::find_string(*read, "op") == name)
        out = frame->text();
    return out;
  }

  std::vector<Frame> frames;
  std::vector<Errc> closed;
  std::string closed_at;  ///< the cursor of the last close
  int drains_asked = 0;
};

/// What the broker would hold: stored events of one organisation and the calls that live.
class FakeHistory : public History {
 public:
  const std::string& epoch() const override { return epoch_; }
  std::uint64_t newest(const std::string& org) const override {
    return org == "acme" ? newest_ : 0;
  }
  std::uint64_t complete_after(const std::string& org) const override {
    return org == "acme" ? complete_after_ : 0;
  }
  Result<std::vector<StoredEvent>> read(const std::string& org, std::uint64_t offset,
                                        std::size_t events_max, std::size_t) override {
    ++reads;
    if (broken) return Error{Errc::journal_io, "broken"};
    std::vector<StoredEvent> out;
    for (const auto& event : events_)
      if (event.org == org && event.offset > offset && out.size() < std::min(events_max, page_max))
        out.push_back(event);
    return out;
  }
  LiveCalls live(const std::string& org) const override {
    LiveCalls out;
    for (const auto& call : calls)
      if (call.org == org) out.push_back(std::make_shared<const Call>(call));
    return out;
  }

  /// Stores the event under the next cursor; the hub still has to publish it.
  Event store(Event event) {
    event.org = "acme";
    event.cursor = {epoch_, ++newest_};
    events_.push_back({"acme", newest_, event.time, event.audience, make_frame(encode(event))});
    return event;
  }
  /// Everything stored, decoded.
  std::vector<Event> all() const {
    std::vector<Event> out;
    for (const auto& event : events_)
      out.push_back(*decode_event(event.body->text(), event.audience));
    return out;
  }
  void prune_to(std::uint64_t offset) {
    std::erase_if(events_, [&](const StoredEvent& event) { return event.offset <= offset; });
    complete_after_ = offset;
  }

  std::vector<Call> calls;
  std::size_t page_max = 1000;
  bool broken = false;
  int reads = 0;

 private:
  std::string epoch_ = "e1";
  std::uint64_t newest_ = 0, complete_after_ = 0;
  std::vector<StoredEvent> events_;
};

inline std::shared_ptr<const Directory> people() {
  auto out = std::make_shared<Directory>();
  out->add(Org{"acme", "US", "+12025550100"});
  out->add(User{"acme", "alice", "Alice Agent", "alice@example.com", {"101"}});
  out->add(User{"acme", "bob", "Bob Agent", "bob@example.com", {"102"}});
  return out;
}

inline Grant grant(const std::string& user, Scope scope, const std::string& org = "acme") {
  Grant out;
  out.org = org;
  out.user = user;
  out.add(scope);
  return out;
}

/// Jane's call, rung at the lines named; one leg per line after the caller's.
inline Call call_at(const std::string& id,
                    const std::vector<std::pair<std::string, std::string>>& lines,
                    LegState state = LegState::early) {
  Call call;
  call.id = id;
  call.org = "acme";
  call.state = CallState::ringing;
  call.direction = Direction::inbound;
  call.from.number = "+12025550143";
  call.started_at = at_ms(0);
  call.ids.push_back({KeyKind::vendor_call_id, "pbx", id});
  call.legs.push_back(
      {"l1", LegRole::caller, "", "", "+12025550143", LegState::proceeding, {}, {}, {}, {}, false});
  for (const auto& [user, ext] : lines) {
    Leg leg;
    leg.id = "l" + std::to_string(call.legs.size() + 1);
    leg.user = user;
    leg.ext = ext;
    leg.state = state;
    leg.ringing_at = at_ms(1);
    call.legs.push_back(leg);
  }
  return call;
}

/// An event of that call about its second leg, for everybody on it.
inline Event event_of(EventType type, const Call& call) {
  Event out;
  out.type = type;
  out.org = "acme";
  out.time = at_ms(2);
  out.call = std::make_shared<const Call>(call);
  if (call.legs.size() > 1) {
    out.leg = call.legs[1].id;
    out.changed = {out.leg};
  }
  for (const Leg& leg : call.legs)
    if (!leg.user.empty()) out.audience.push_back(leg.user);
  return out;
}

inline Event ring(const std::string& id, const std::string& user, const std::string& ext) {
  return event_of(EventType::call_ringing, call_at(id, {{user, ext}}));
}

/// Without a tail, so that what is replayed comes from the history.
inline constexpr HubLimits kNoTail{.tail_events_max = 0};

struct HubBench {
  explicit HubBench(HubLimits limits = kNoTail) : hub{history, people(), registry, limits} {}

  FakeHistory history;
  Registry registry;
  Hub hub;
  ClientId next = 1;

  struct Ticket {
    ClientId id;
    std::shared_ptr<RecordingClient> sink;
  };

  Ticket attach(Grant who, Dialect dialect = Dialect::native, const std::string& since = {}) {
    Attach wish = this->wish(std::move(who), dialect);
    wish.asked_since = !since.empty();
    wish.since = parse_cursor(since);
    return attach(std::move(wish));
  }
  Attach wish(Grant who, Dialect dialect = Dialect::native) {
    Attach out;
    out.grant = std::move(who);
    out.dialect = dialect;
    return out;
  }
  Ticket attach(Attach wish) {
    auto sink = std::make_shared<RecordingClient>();
    wish.id = next++;
    wish.session = "s";
    wish.sink = sink;
    const ClientId id = wish.id;
    hub.attach(std::move(wish));
    return {id, sink};
  }
  /// Stores and publishes.
  Event publish(const Event& event) {
    const Event stored = history.store(event);
    hub.publish({{&stored, make_frame(encode(stored))}});
    return stored;
  }
};

}  // namespace hookswitch::delivery_test
