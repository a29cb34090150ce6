#include "sim/truth.hpp"

#include <algorithm>
#include <cstdlib>

namespace hookswitch::sim {
namespace {

/// What the sources told precisely enough for.
struct Tolerance {
  Ms moment = 0, span = 0;
  bool legs = true;  ///< each leg, not only each user
};

Tolerance tolerance_of(const World& world) {
  if (world.profile == Profile::two_sources) {
    // Any of both clocks may have been believed.
    const Ms skew = std::abs(world.skew) + 1'600;
    return {skew, 2 * skew, false};
  }
  if (world.pbx.at) return {1, 2, true};
  // Without times of its own each change is as late as its delivery, and a call holds several
  // times.
  return {world.delay_max + 25, 6 * world.delay_max + 25, true};
}

class Comparison {
 public:
  Comparison(const World& world, const RealCall& real, const Invariants::Told& told)
      : world_(world), real_(real), told_(told), call_(told.call), within_(tolerance_of(world)) {}

  std::vector<Finding> run() {
    whole();
    times();
    if (within_.legs)
      legs();
    else
      users();
    happenings();
    return std::move(findings_);
  }

 private:
  void find(const char* rule, std::string what) {
    findings_.push_back({rule, {real_.place}, std::move(what)});
  }

  void whole() {
    if (call_.state != CallState::ended) return find("truth-still-alive", line_of(call_));
    if (call_.disposition != real_.disposition)
      find("truth-disposition", std::string{to_string(*call_.disposition)});
    if (call_.answered_at.has_value() != real_.answered.has_value())
      find("truth-answered", line_of(call_));
    if (real_.answered_by && call_.answered_by != real_.answered_by)
      find("truth-answered-by", line_of(call_));
    if (call_.direction != real_.vendor_calls[0].direction)
      find("truth-direction", std::string{to_string(call_.direction)});
  }

  void moment(const char* rule, const std::optional<Time>& is, const std::optional<Ms>& due) {
    if (is && due && std::abs(ms_of(*is) - *due) > within_.moment)
      find(rule, std::to_string(ms_of(*is)) + " is " + std::to_string(*due));
  }
  void span(const char* rule, const std::optional<milliseconds>& is, Ms due) {
    if (is && std::abs(is->count() - due) > within_.span)
      find(rule, std::to_string(is->count()) + " is " + std::to_string(due));
  }

  void times() {
    moment("truth-started-at", call_.started_at, real_.started);
    moment("truth-answered-at", call_.answered_at, real_.answered);
    moment("truth-ended-at", call_.ended_at, real_.ended);
    // How long it rang is plain when somebody answered, or some line rang to the end.
    const Ms until = real_.answered.value_or(real_.ended);
    const bool to_the_end = std::any_of(real_.legs.begin(), real_.legs.end(), [&](const auto& leg) {
      return leg.rang && leg.ended == real_.ended;
    });
    if (real_.answered || to_the_end)
      span("truth-ring-ms", call_.ring,
           std::max<Ms>(0, until - real_.first_ring().value_or(until)));
    if (world_.profile == Profile::two_sources || !real_.plain()) return;
    span("truth-hold-ms", call_.hold, real_.held());
    if (real_.answered)
      span("truth-talk-ms", call_.talk, real_.ended - *real_.answered - real_.held());
  }

  static bool shown(const TrueLeg& leg) {
    return !leg.ext.empty() && (leg.caller || leg.rang || leg.answered);
  }

  void legs() {
    std::vector<const Leg*> left;
    for (const Leg& leg : call_.legs)
      if (!leg.user.empty()) left.push_back(&leg);
    for (const TrueLeg& leg : real_.legs) {
      if (!shown(leg)) continue;
      const auto same = std::find_if(left.begin(), left.end(), [&](const Leg* told) {
        return told->ext == leg.ext && told->answered_at.has_value() == leg.answered.has_value() &&
               std::find(leg.reasons.begin(), leg.reasons.end(),
                         told->end_reason.value_or(Disposition::unknown)) != leg.reasons.end();
      });
      if (same == left.end()) {
        why_not(leg, left);
        continue;
      }
      if (!leg.caller && (*same)->ringing_at.has_value() != leg.rang.has_value())
        find("truth-leg-rang", leg.ext);
      if (leg.caller != ((*same)->role == LegRole::caller)) find("truth-leg-role", leg.ext);
      moment("truth-leg-ringing-at", (*same)->ringing_at, leg.rang);
      moment("truth-leg-answered-at", (*same)->answered_at, leg.answered);
      moment("truth-leg-ended-at", (*same)->ended_at, leg.ended);
      left.erase(same);
    }
    for (const Leg* leg : left)
      find("truth-leg-extra", std::string{leg->id} + " " + std::string{leg->ext});
  }

  /// Takes the leg that was meant out of `left`, so that it is not also one too many.
  void why_not(const TrueLeg& leg, std::vector<const Leg*>& left) {
    const auto meant = std::find_if(left.begin(), left.end(),
                                    [&](const Leg* told) { return told->ext == leg.ext; });
    if (meant == left.end()) return find("truth-leg-missing", leg.ext);
    const bool answered = (*meant)->answered_at.has_value();
    if (answered != leg.answered.has_value())
      find("truth-leg-answered", leg.ext);
    else
      find("truth-leg-reason",
           leg.ext + " " +
               std::string{to_string((*meant)->end_reason.value_or(Disposition::unknown))});
    left.erase(meant);
  }

  void users() {
    std::set<std::string> rang, answered, told_rang, told_answered;
    for (const TrueLeg& leg : real_.legs) {
      if (!shown(leg)) continue;
      if (leg.rang) rang.insert(leg.ext);
      if (leg.answered) answered.insert(leg.ext);
    }
    for (const Leg& leg : call_.legs) {
      if (leg.user.empty()) continue;
      if (leg.ringing_at && leg.role == LegRole::callee) told_rang.insert(std::string{leg.ext});
      if (leg.answered_at) told_answered.insert(std::string{leg.ext});
    }
    if (rang != told_rang) find("truth-who-rang", line_of(call_));
    if (answered != told_answered) find("truth-who-answered", line_of(call_));
  }

  void happenings() {
    const auto count = [&](EventType type) {
      const auto at = told_.count.find(type);
      return at == told_.count.end() ? 0 : at->second;
    };
    const auto due = [&](const char* rule, EventType type, int times) {
      if (count(type) != times)
        find(rule, std::to_string(count(type)) + " is " + std::to_string(times));
    };
    due("truth-transfers-told", EventType::call_transferred, real_.transfers);
    due("truth-parks-told", EventType::call_parked, real_.parks);
    due("truth-queues-told", EventType::call_queued, real_.queues);
    if (world_.profile != Profile::clean) return;
    int rang = 0, answered = 0;
    for (const TrueLeg& leg : real_.legs) {
      rang += leg.rang && !leg.ext.empty() && !leg.caller;
      answered += leg.answered && !leg.caller &&
                  (!leg.ext.empty() || real_.vendor_calls[0].direction == Direction::outbound);
    }
    due("truth-rings-told", EventType::call_ringing, rang);
    due("truth-answers-told", EventType::call_answered, answered);
    due("truth-nothing-amended", EventType::call_amended, 0);
  }

  const World& world_;
  const RealCall& real_;
  const Invariants::Told& told_;
  const Call& call_;
  Tolerance within_;
  std::vector<Finding> findings_;
};

}  // namespace

std::set<int> marks_of(const Call& call) {
  std::set<int> out;
  static const std::string prefix = mark_of(0).substr(0, mark_of(0).size() - 1);
  for (const auto& [name, value] : call.variables) {
    const std::string text = name;
    if (text.starts_with(prefix)) out.insert(std::stoi(text.substr(prefix.size())));
  }
  return out;
}

Matching match(const Invariants& told) {
  Matching out;
  for (const auto& [id, call] : told.calls()) {
    if (call.merged) continue;
    for (const int real : marks_of(call.call)) out.of_real[real].insert(id);
  }
  return out;
}

std::vector<Finding> against_truth(const World& world, const RealCall& real,
                                   const Invariants::Told& told) {
  return Comparison{world, real, told}.run();
}

}  // namespace hookswitch::sim
