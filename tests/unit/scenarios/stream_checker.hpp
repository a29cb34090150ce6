#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "calls/call_table.hpp"
#include "model/words.hpp"

/// What clients may rely on, whatever arrives when: promises (a) and (b) of model.md §7, "no silent
/// rewrites" of §5, and the same for what each single user sees.
namespace hookswitch::scenarios {

/// Feed it every step of one table. Independent of the fold: it knows the contract only.
class StreamChecker {
 public:
  void see(const Step& step) {
    std::vector<std::string> touched;
    for (const Event& event : step.events) {
      if (!event.call) {
        complain(event, "carries no call");
        continue;
      }
      see(event);
      const std::string& id = event.call->id;
      if (std::find(touched.begin(), touched.end(), id) == touched.end()) touched.push_back(id);
    }
    for (const std::string& id : touched) after_step(stories_.at(id));
    for (const auto& [user, event] : dismissed_)
      if (living(*stories_.at(event.call->id).last, user))
        complain(event, user + " was told to be gone from the absorbed call and goes on in this");
    dismissed_.clear();
  }

  /// Empty: every promise held. At most a few; the first is the one to look at.
  const std::vector<std::string>& problems() const { return problems_; }
  /// Told values that changed without call.amended (model.md §5, "no silent rewrites").
  const std::vector<std::string>& rewrites() const { return rewrites_; }
  /// Every call id that was told, in order of appearance.
  const std::vector<std::string>& call_ids() const { return call_ids_; }

  static int rank(LegState state) {
    switch (state) {
      case LegState::trying:
        return 0;
      case LegState::proceeding:
        return 1;
      case LegState::early:
        return 2;
      case LegState::confirmed:
      case LegState::held:
        return 3;
      case LegState::terminated:
        return 4;
    }
    return 4;
  }

 private:
  struct LegStory {
    LegState state = LegState::trying;
    bool rang = false, answered = false, ended = false;
  };
  /// What one user has been shown of a call.
  struct View {
    bool opened = false;     ///< was shown a living leg of the user's own
    bool said_over = false;  ///< own leg.ended or call.ended since the user last had a living leg
    bool closed = false;     ///< so at the end of a step
  };
  struct Story {
    std::string id;
    bool ended = false, merged = false;
    decltype(Event::call) last;
    std::map<std::string, LegStory> legs;
    std::map<std::string, View> views;
  };

  void complain(const Event& event, const std::string& what) { note(problems_, event, what); }
  void rewritten(const Event& event, const std::string& what) {
    note(rewrites_, event, "rewrites " + what + " without call.amended");
  }

  static void note(std::vector<std::string>& into, const Event& event, const std::string& what) {
    if (into.size() >= 8) return;
    std::string line{to_string(event.type)};
    if (event.call) {
      line += " of " + std::string{event.call->id};
      if (const Leg* leg = event.call->find_leg(event.leg)) line += "/" + name_of(*leg);
    }
    into.push_back(line + ": " + what);
  }

  static std::string name_of(const Leg& leg) {
    std::string out{leg.id};
    const std::string line{leg.ext.empty() ? leg.number : leg.ext};
    return line.empty() ? out : out + " (" + line + ")";
  }

  static bool living(const Call& call, const std::string& user) {
    return std::any_of(call.legs.begin(), call.legs.end(), [&](const Leg& leg) {
      return leg.user == user && leg.state != LegState::terminated;
    });
  }

  void see(const Event& event) {
    const Call& call = *event.call;
    const std::string id{call.id};
    const bool first = !stories_.contains(id);
    Story& story = stories_[id];
    if (first) {
      story.id = id;
      call_ids_.push_back(id);
    }
    check_order(event, call, story, first);
    check_legs(event, call, story);
    if (!first) check_rewrites(event, call, *story.last);
    check_views(event, call, story);
    if (event.type == EventType::call_merged) absorb(event, call, story);
    story.last = event.call;
  }

  // --- (a) what comes first, last and once
  void check_order(const Event& event, const Call& call, Story& story, bool first) {
    if (first != (event.type == EventType::call_started))
      complain(event, first ? "is the first event of its call" : "call.started comes twice");
    if (first && call.state != CallState::dialing && call.state != CallState::ringing)
      complain(event, "a call starts in state dialing or ringing");
    if (story.merged) complain(event, "is told under an id that was absorbed");
    const bool after = event.type == EventType::call_report ||
                       event.type == EventType::call_amended ||
                       event.type == EventType::call_merged;
    if (story.ended && event.type == EventType::call_ended)
      complain(event, "call.ended twice");
    else if (story.ended && !after)
      complain(event, "comes after call.ended");
    if (event.type == EventType::call_report && !story.ended)
      complain(event, "call.report before call.ended");
    story.ended |= event.type == EventType::call_ended;
    if ((call.state == CallState::ended) != story.ended)
      complain(event, "the call's state is `ended` from call.ended on and not before");
    const bool complete = call.ended_at && call.disposition && call.ring && call.talk && call.hold;
    const bool any = call.ended_at || call.disposition;
    if (story.ended ? !complete : any)
      complain(event, "ended_at, disposition and the times are set from call.ended on");
    if (call.disposition && *call.disposition > Disposition::unknown)
      complain(event, "a leg's word is no disposition");
    if (complete && (call.ring->count() < 0 || call.talk->count() < 0 || call.hold->count() < 0))
      complain(event, "a negative time");
  }

  // --- (b) per leg only legal steps
  void check_legs(const Event& event, const Call& call, Story& story) {
    for (std::size_t i = 0; i < call.legs.size(); ++i) {
      const Leg& leg = call.legs[i];
      LegStory& told = story.legs[leg.id];
      if (told.state == LegState::terminated && leg.state != LegState::terminated)
        complain(event, name_of(leg) + " left `terminated`");
      else if (rank(leg.state) < rank(told.state))
        complain(event, name_of(leg) + " fell from " + std::string{to_string(told.state)} + " to " +
                            std::string{to_string(leg.state)});
      told.state = leg.state;
      if ((leg.state == LegState::terminated) != (leg.ended_at && leg.end_reason))
        complain(event, name_of(leg) + " has an end time and reason exactly when it has ended");
      if (story.ended && leg.state != LegState::terminated)
        complain(event, name_of(leg) + " outlives its call");
      for (std::size_t other = 0; other < i; ++other)
        if (call.legs[other].id == leg.id) complain(event, "two legs have id " + name_of(leg));
    }
    for (const auto& [id, told] : story.legs)
      if (told.state != LegState::terminated && call.find_leg(id) == nullptr)
        complain(event, "leg " + id + " vanished without an end");
    for (const auto& id : event.changed)
      if (call.find_leg(id) == nullptr) complain(event, "`changed` names no leg");

    const Leg* leg = call.find_leg(event.leg);
    if (!event.leg.empty() && leg == nullptr)
      return complain(event, "names a leg it does not have");
    const bool of_leg = event.type == EventType::call_ringing ||
                        event.type == EventType::call_answered ||
                        event.type == EventType::call_held ||
                        event.type == EventType::call_resumed || event.type == EventType::leg_ended;
    if (!of_leg) return;
    if (leg == nullptr) return complain(event, "names no leg");
    LegStory& told = story.legs[leg->id];
    switch (event.type) {
      case EventType::call_ringing:
        once(event, told.rang);
        wants(event, *leg, LegState::early);
        if (told.answered) complain(event, "rings after it was answered");
        break;
      case EventType::call_answered:
        once(event, told.answered);
        wants(event, *leg, LegState::confirmed);
        break;
      case EventType::call_held:
        wants(event, *leg, LegState::held);
        break;
      case EventType::call_resumed:
        wants(event, *leg, LegState::confirmed);
        break;
      default:
        once(event, told.ended);
        wants(event, *leg, LegState::terminated);
        break;
    }
  }

  void once(const Event& event, bool& told) {
    if (told) complain(event, "told twice for one leg");
    told = true;
  }
  void wants(const Event& event, const Leg& leg, LegState state) {
    if (leg.state != state)
      complain(event, "its leg is " + std::string{to_string(leg.state)} + ", not " +
                          std::string{to_string(state)});
  }

  // --- no silent rewrites (model.md §5, corrections)
  template <class Value>
  void same(const Event& event, const char* field, const Value& was, const Value& is) {
    if (was && was != is) rewritten(event, field);
  }

  void check_rewrites(const Event& event, const Call& call, const Call& was) {
    // A merge brings another call's knowledge along and says so; a report brings the final figures.
    if (event.type == EventType::call_amended || event.type == EventType::call_merged) return;
    if (was.direction != Direction::unknown && was.direction != call.direction)
      rewritten(event, "direction");
    if (was.started_at != call.started_at) rewritten(event, "started_at");
    same(event, "answered_at", was.answered_at, call.answered_at);
    if (event.type != EventType::call_answered)  // an IVR first, then a person
      same(event, "answered_by", was.answered_by, call.answered_by);
    if (event.type != EventType::call_report) {
      same(event, "ended_at", was.ended_at, call.ended_at);
      same(event, "disposition", was.disposition, call.disposition);
      same(event, "ring_ms", was.ring, call.ring);
      same(event, "talk_ms", was.talk, call.talk);
      same(event, "hold_ms", was.hold, call.hold);
    }
    for (const Leg& old : was.legs) {
      const Leg* leg = call.find_leg(old.id);
      if (leg == nullptr) continue;
      if (old.role != leg->role) rewritten(event, "a leg's role");
      if (!old.ext.empty() && !(old.ext == leg->ext)) rewritten(event, "a leg's ext");
      if (!old.user.empty() && !(old.user == leg->user)) rewritten(event, "a leg's user");
      same(event, "a leg's ringing_at", old.ringing_at, leg->ringing_at);
      same(event, "a leg's answered_at", old.answered_at, leg->answered_at);
      if (event.type == EventType::call_report) continue;
      same(event, "a leg's ended_at", old.ended_at, leg->ended_at);
      same(event, "a leg's end_reason", old.end_reason, leg->end_reason);
    }
  }

  // --- who sees what (model.md §7)
  void check_views(const Event& event, const Call& call, Story& story) {
    for (std::size_t i = 0; i < event.audience.size(); ++i) {
      const std::string& user = event.audience[i];
      for (std::size_t other = 0; other < i; ++other)
        if (event.audience[other] == user) complain(event, user + " is twice in the audience");
      const bool has_leg = std::any_of(call.legs.begin(), call.legs.end(),
                                       [&](const Leg& leg) { return leg.user == user; });
      if (!has_leg) {
        complain(event, user + " may see it and has no leg in the call");
        continue;
      }
      View& view = story.views[user];
      const bool lives = living(call, user);
      const bool after = event.type == EventType::call_report ||
                         event.type == EventType::call_amended ||
                         event.type == EventType::call_merged;
      if (view.closed && !lives && !after)
        complain(event, "is shown to " + user + " after the end of the own part");
      if (lives) {
        view.opened = true;
        view.said_over = view.closed = false;
      }
      const Leg* leg = call.find_leg(event.leg);
      const bool own_end =
          event.type == EventType::leg_ended && leg != nullptr && leg->user == user && !lives;
      if (own_end || event.type == EventType::call_ended) view.said_over = true;
    }
    for (const Leg& leg : call.legs) {
      if (leg.user.empty() || leg.state == LegState::terminated) continue;
      const bool sees = std::any_of(event.audience.begin(), event.audience.end(),
                                    [&](const auto& user) { return user == leg.user; });
      if (!sees) complain(event, std::string{leg.user} + " has a living leg and may not see it");
    }
  }

  void after_step(Story& story) {
    if (story.merged || !story.last) return;
    for (auto& [user, view] : story.views) {
      if (living(*story.last, user)) continue;
      if (view.opened && !view.said_over && problems_.size() < 8)
        problems_.push_back("the own view of " + user + " in " + story.id +
                            " never says that it is over");
      view.closed = true;
    }
  }

  void absorb(const Event& event, const Call& call, Story& story) {
    const auto at = stories_.find(event.absorbed);
    if (at == stories_.end()) return complain(event, "absorbs a call nobody was told of");
    Story& gone = at->second;
    if (&gone == &story) return complain(event, "absorbs itself");
    if (gone.merged) return complain(event, "absorbs a call that was absorbed before");
    gone.merged = true;
    if (gone.ended) return;
    for (const auto& [user, view] : gone.views) {
      if (view.closed) continue;
      const bool sees = std::any_of(event.audience.begin(), event.audience.end(),
                                    [&who = user](const auto& each) { return each == who; });
      // The end of the own part is the last that is told of it (model.md §7), if it is the end.
      if (view.said_over) {
        if (!sees) dismissed_.emplace_back(user, event);
        continue;
      }
      story.views.try_emplace(user, view);
      if (!sees) complain(event, user + " was in the absorbed call and is not told");
    }
    for (const Leg& old : gone.last->legs) {
      if (old.state == LegState::terminated || old.ext.empty()) continue;
      const bool goes_on = std::any_of(call.legs.begin(), call.legs.end(), [&](const Leg& leg) {
        return leg.ext == old.ext && rank(leg.state) >= rank(old.state);
      });
      if (!goes_on) complain(event, name_of(old) + " of the absorbed call vanished or fell back");
    }
  }

  std::map<std::string, Story, std::less<>> stories_;
  std::vector<std::string> call_ids_;
  std::vector<std::string> problems_, rewrites_;
  std::vector<std::pair<std::string, Event>> dismissed_;  ///< by a merge of this step
};

}  // namespace hookswitch::scenarios
