#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "calls/call_table.hpp"
#include "calls/leg_steps.hpp"

/// Facts in few words, a table that checks what it tells, and its story as text. For the tests of
/// calls.
namespace hookswitch::calls_test {

inline Time at_ms(std::int64_t ms) {
  return *parse_rfc3339("2026-11-20T15:00:00.000Z") + milliseconds{ms};
}

/// acme: 101 and 111 alice, 102 bob, 103 carol, 104 dave, and 201… users u201… of globex.
inline std::shared_ptr<const Directory> people() {
  auto out = std::make_shared<Directory>();
  for (const char* org : {"acme", "globex"}) out->add(Org{org, "US", "+12025550100"});
  out->add(User{"acme", "alice", "Alice Agent", "alice@example.com", {"101", "111"}});
  out->add(User{"acme", "bob", "Bob Agent", "bob@example.com", {"102"}});
  out->add(User{"acme", "carol", "Carol Agent", "carol@example.com", {"103"}});
  out->add(User{"acme", "dave", "Dave Agent", "dave@example.com", {"104"}});
  out->add(User{"globex", "gina", "Gina Guest", "gina@example.com", {"101"}});
  return out;
}

inline constexpr const char* kJane = "+12025550143";

/// A fact of the native dialect, of source "pbx" of "acme", received at `ms`.
struct Say {
  Fact fact;
  Say(FactType type, std::int64_t ms) {
    fact.org = "acme";
    fact.source = "pbx";
    fact.type = type;
    fact.received = at_ms(ms);
  }
  Say& id(std::string call) {
    fact.ids.call.push_back(std::move(call));
    return *this;
  }
  Say& leg(std::string leg) {
    fact.ids.leg = std::move(leg);
    return *this;
  }
  Say& sip(std::string call_id) {
    fact.ids.sip.push_back(std::move(call_id));
    return *this;
  }
  Say& org(std::string org) {
    fact.org = std::move(org);
    return *this;
  }
  Say& source(std::string source) {
    fact.source = std::move(source);
    return *this;
  }
  Say& inbound() {
    fact.direction = Direction::inbound;
    return *this;
  }
  Say& outbound() {
    fact.direction = Direction::outbound;
    return *this;
  }
  Say& internal() {
    fact.direction = Direction::internal;
    return *this;
  }
  Say& from(std::string number) {
    fact.from.number = std::move(number);
    return *this;
  }
  Say& from_ext(std::string ext) {
    fact.from.ext = std::move(ext);
    return *this;
  }
  Say& to(std::string number) {
    fact.to.number = std::move(number);
    return *this;
  }
  Say& to_ext(std::string ext) {
    fact.to.ext = std::move(ext);
    return *this;
  }
  Say& agent(std::string ext) {
    fact.agent.ext = std::move(ext);
    return *this;
  }
  Say& why(Disposition why) {
    fact.disposition = why;
    return *this;
  }
  Say& status(int sip_status) {
    fact.sip_status = sip_status;
    return *this;
  }
  Say& cause(int cause) {
    fact.cause = cause;
    return *this;
  }
  Say& reason(std::string reason) {
    fact.reason = std::move(reason);
    return *this;
  }
  Say& took(std::int64_t ms) {
    fact.duration = milliseconds{ms};
    return *this;
  }
  /// The source says when it happened.
  Say& told() {
    fact.at = fact.received;
    return *this;
  }
  Say& told(std::int64_t ms) {
    fact.at = at_ms(ms);
    return *this;
  }
  Say& report() {
    fact.state_report = true;
    return *this;
  }
  operator Fact() const { return fact; }  // NOLINT(google-explicit-constructor)
};

/// Inbound call "c1" from Jane.
inline Say jane(FactType type, std::int64_t ms) {
  return Say{type, ms}.id("c1").inbound().from(kJane);
}

/// A line or an outside number.
inline Party side(const std::string& text) {
  Party out;
  (text.starts_with('+') ? out.number : out.ext) = text;
  return out;
}

/// As lib/sources/sip/dialog_tracker tells of a dialog of the watched extension `ext`.
inline Say dialog(const std::string& ext, FactType type, std::int64_t ms, const std::string& from,
                  const std::string& to, const std::string& call_id = "a84b@hq") {
  Say out{type, ms};
  out.source("hq").sip(call_id).leg(ext + "/" + call_id).agent(ext).report();
  out.fact.from = side(from);
  out.fact.to = side(to);
  return out;
}

/// The promises of model.md §7 (a) and (b), and who is told what. Feed it every step.
class Promises {
 public:
  void see(const Step& step) {
    for (const Event& event : step.events) see(event);
    for (const Event& event : step.events)
      if (event.call) after_step(event.call->id);
  }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct Story {
    bool ended = false, merged = false;
    bool ended_before = false;  ///< its end was told by an earlier event
    std::map<std::string, LegState> legs;
    std::set<std::string> rang, answered;
    Call now;
    std::map<std::string, EventType> seen;  ///< user -> type of the last event that the user saw
  };

  void complain(const Event& event, const std::string& what) {
    problems_.push_back(std::string{to_string(event.type)} + " " +
                        (event.call ? event.call->id : "") + "/" + event.leg + ": " + what);
  }

  void see(const Event& event) {
    if (!event.call) return complain(event, "no call");
    const Call& call = *event.call;
    const bool first = !stories_.contains(call.id);
    Story& story = stories_[call.id];
    if (first != (event.type == EventType::call_started))
      complain(event, "call.started is first, and once");
    if (story.merged) complain(event, "told under an absorbed id");
    const bool aftermath = event.type == EventType::call_report ||
                           event.type == EventType::call_amended ||
                           event.type == EventType::call_merged;
    if (story.ended && !aftermath) complain(event, "after call.ended");
    if (event.type == EventType::call_report && !story.ended)
      complain(event, "call.report before call.ended");
    story.ended_before = story.ended;
    story.ended |= event.type == EventType::call_ended;
    check_call(event, call, story);
    check_legs(event, call, story);
    check_audience(event, call, story);
    if (event.type == EventType::call_merged) absorb(event, story);
    story.now = call;
  }

  void check_call(const Event& event, const Call& call, const Story& story) {
    if ((call.state == CallState::ended) != story.ended)
      complain(event, "the state is ended from call.ended on");
    if (event.type == EventType::call_started && call.state != CallState::dialing &&
        call.state != CallState::ringing)
      complain(event, "starts in state dialing or ringing");
    const bool told = call.ended_at && call.disposition && call.ring && call.talk && call.hold;
    if (story.ended != told)
      complain(event, "ended_at, disposition and the times are set when it ended");
    if (story.ended && call.disposition && *call.disposition > Disposition::unknown)
      complain(event, "a leg's word as disposition");
    if (call.ring && (call.ring->count() < 0 || call.talk->count() < 0 || call.hold->count() < 0))
      complain(event, "negative time");
  }

  void check_legs(const Event& event, const Call& call, Story& story) {
    std::map<std::string, LegState> legs;
    for (const Leg& leg : call.legs) {
      if (!legs.emplace(leg.id, leg.state).second) complain(event, "two legs " + leg.id);
      if (const auto old = story.legs.find(leg.id);
          old != story.legs.end() && rank(leg.state) < rank(old->second))
        complain(event, leg.id + " fell from " + std::string{to_string(old->second)} + " to " +
                            std::string{to_string(leg.state)});
      if ((leg.state == LegState::terminated) != (leg.ended_at && leg.end_reason))
        complain(event, leg.id + " ends with time and reason");
      if (story.ended && leg.state != LegState::terminated)
        complain(event, leg.id + " outlives the call");
    }
    for (const auto& [id, state] : story.legs)
      if (!legs.contains(id) && state != LegState::terminated) complain(event, id + " vanished");
    story.legs = std::move(legs);
    const Leg* leg = call.find_leg(event.leg);
    if (!event.leg.empty() && leg == nullptr) complain(event, "no such leg");
    for (const auto& id : event.changed)
      if (call.find_leg(id) == nullptr) complain(event, "changed names no leg");
    const bool of_leg = event.type == EventType::call_ringing ||
                        event.type == EventType::call_answered ||
                        event.type == EventType::call_held ||
                        event.type == EventType::call_resumed || event.type == EventType::leg_ended;
    if (!of_leg) return;
    if (leg == nullptr) return complain(event, "is about a leg");
    if (event.type == EventType::call_ringing &&
        (!story.rang.insert(leg->id).second || leg->state != LegState::early))
      complain(event, "rings once, in state early");
    if (event.type == EventType::call_answered &&
        (!story.answered.insert(leg->id).second || leg->state != LegState::confirmed))
      complain(event, "answered once, in state confirmed");
    if (event.type == EventType::call_held && leg->state != LegState::held)
      complain(event, "is not held");
    if (event.type == EventType::call_resumed && leg->state != LegState::confirmed)
      complain(event, "is not confirmed");
    if (event.type == EventType::leg_ended && leg->state != LegState::terminated)
      complain(event, "has not ended");
  }

  void check_audience(const Event& event, const Call& call, Story& story) {
    std::set<std::string> due;
    for (const Leg& leg : call.legs) {
      const bool moved =
          std::find(event.changed.begin(), event.changed.end(), leg.id) != event.changed.end();
      if (!leg.user.empty() && (leg.state != LegState::terminated || moved || story.ended_before))
        due.insert(leg.user);
    }
    const std::set<std::string> is{event.audience.begin(), event.audience.end()};
    if (is != due || is.size() != event.audience.size())
      complain(event, "audience is not who has a living or just changed leg");
    for (const auto& user : is) story.seen[user] = event.type;
  }

  /// A user who has no living leg any more has been told so.
  void after_step(const std::string& id) {
    const Story& story = stories_.at(id);
    if (story.merged) return;
    for (const auto& [user, last] : story.seen) {
      const bool living = std::any_of(story.now.legs.begin(), story.now.legs.end(),
                                      [&, &who = user](const Leg& leg) {
                                        return leg.user == who && leg.state != LegState::terminated;
                                      });
      const bool closed = last == EventType::leg_ended || last == EventType::call_ended ||
                          last == EventType::call_report || story.ended;
      if (!living && !closed)
        problems_.push_back(id + ": the own view of " + user + " stops at " +
                            std::string{to_string(last)} + " with no leg alive");
    }
  }

  void absorb(const Event& event, Story& story) {
    const auto gone = stories_.find(event.absorbed);
    if (gone == stories_.end() || gone->second.merged) return complain(event, "absorbs no call");
    gone->second.merged = true;
    for (const auto& [user, last] : gone->second.seen)
      story.seen.try_emplace(user, gone->second.ended ? EventType::call_ended : last);
  }

  std::map<std::string, Story> stories_;
  std::vector<std::string> problems_;
};

/// A table whose every step is checked, with the saved state kept as the broker keeps it: only what
/// a step says it touched.
class Bench {
 public:
  explicit Bench(CallLimits limits = {}, std::uint64_t seed = 7) : table(people(), seed, limits) {}

  std::vector<Event> feed(const Fact& fact) {
    Step step;
    table.apply(fact, step);
    return take(std::move(step));
  }
  std::vector<Event> tick(std::int64_t ms) {
    Step step;
    table.tick(at_ms(ms), step);
    return take(std::move(step));
  }
  void feed(const std::vector<Fact>& facts) {
    for (const Fact& fact : facts) feed(fact);
  }

  /// "call.started, call.ringing 101, …": each event with the line of its leg, updates left out.
  std::string story(bool with_updates = false) const { return text_of(events, with_updates); }
  static std::string text_of(const std::vector<Event>& events, bool with_updates = false) {
    std::string out;
    for (const Event& event : events) {
      if (event.type == EventType::call_updated && !with_updates) continue;
      if (!out.empty()) out += ", ";
      out += std::string{to_string(event.type)}.substr(event.type == EventType::leg_ended ? 0 : 5);
      const Leg* leg = event.call ? event.call->find_leg(event.leg) : nullptr;
      if (leg != nullptr && event.type != EventType::call_started &&
          event.type != EventType::call_ended)
        out += " " + (leg->ext.empty() ? leg->number : leg->ext);
      if (leg != nullptr && event.type == EventType::leg_ended && leg->end_reason)
        out += "=" + std::string{to_string(*leg->end_reason)};
      if (event.type == EventType::call_ended)
        out += "=" + std::string{to_string(event.call->disposition.value_or(Disposition::unknown))};
    }
    return out;
  }

  /// The call that any of its ids names, as it is now.
  Call call(const std::string& any_id = "c1", const std::string& org = "acme") const {
    const auto found = table.find(org, any_id);
    return found == nullptr ? Call{} : *found;
  }
  Leg leg(const std::string& ext, const std::string& any_id = "c1") const {
    const Call now = call(any_id);
    for (std::size_t i = now.legs.size(); i-- > 0;)
      if (now.legs[i].ext == ext || (now.legs[i].ext.empty() && now.legs[i].number == ext))
        return now.legs[i];
    return Leg{};
  }
  std::string problems() const {
    std::string out;
    for (const auto& one : promises.problems()) out += one + "\n";
    return out;
  }

  CallTable table;
  Promises promises;
  std::vector<Event> events;
  std::map<std::string, std::string> saved;

 private:
  std::vector<Event> take(Step step) {
    promises.see(step);
    for (const auto& id : step.touched) {
      if (auto state = table.save(id); state.empty())
        saved.erase(id);
      else
        saved[id] = std::move(state);
    }
    events.insert(events.end(), step.events.begin(), step.events.end());
    return std::move(step.events);
  }
};

}  // namespace hookswitch::calls_test
