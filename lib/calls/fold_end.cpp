// When a leg, a part and the call are over, and why.
#include <algorithm>

#include "calls/folding.hpp"

namespace hookswitch {
namespace {

/// A PBX that hands a call on tidies its own calls up at once; that is no hang-up.
constexpr milliseconds kTransferTidiesUp{500};

/// How much longer the end of a caller's leg is waited for, where its source tells of that leg: one
/// side's end may be lost (kam-bye-one-way).
constexpr milliseconds kCallersEnd{4500};

/// Some PBXs repeat the duration of the call before (osips-acc-stale).
constexpr milliseconds kDurationSlack{5000};

const Text kState{"state"};

}  // namespace

void Folding::end_leg(FoldLeg& leg, Disposition reason) {
  if (!lives(leg)) return;
  if (leg.held_since) {
    leg.held += std::max(milliseconds{0}, step_.at - *leg.held_since);
    leg.held_since.reset();
  }
  leg.leg.state = after(leg.leg.state, LegStep::end);
  leg.leg.ended_at = step_.at;
  leg.leg.end_reason = reason;
  leg.end_seq = step_.note->seq;
}

bool Folding::callee_lives(std::uint8_t conversation) const {
  return std::any_of(truth_.legs.begin(), truth_.legs.end(), [&](const FoldLeg& leg) {
    return leg.leg.role == LegRole::callee && leg.conversation == conversation && lives(leg);
  });
}

std::ptrdiff_t Folding::living(std::uint8_t conversation) const {
  return std::count_if(truth_.legs.begin(), truth_.legs.end(), [&](const FoldLeg& leg) {
    return leg.conversation == conversation && lives(leg);
  });
}

bool Folding::anybody_lives() const {
  return std::any_of(truth_.legs.begin(), truth_.legs.end(),
                     [](const FoldLeg& leg) { return lives(leg); });
}

bool Folding::callee_lives() const { return callee_lives(step_.part->conversation); }

/// Not over yet: it may ring elsewhere next. Who reports the caller will report its end; else a
/// moment is waited.
void Folding::wait_for_another(milliseconds extra) {
  if (!anybody_lives()) handed_on_ = false;  // nobody is left whom it could be handed on to
  if (waiting_ || handed_on_) return note_rule("waits", {}, "parked, queued or handed on");
  settle_end_ = step_.at;
  truth_.settle_from = step_.note->received + extra;
  note_rule("settles");
}

void Folding::on_ended() {
  if (step_.note->joined_by == JoinedBy::tick) {
    const bool settled = truth_.settle_from.has_value();
    const bool ghost = step_.note->reason == Disposition::reconciled;
    const Disposition why = reason_of_end();
    for (FoldLeg& leg : truth_.legs)
      if (ghost) end_leg(leg, Disposition::reconciled);
    note_rule(ghost ? "ghost" : "settled");
    return end_call(why, settled && !ghost && settle_end_ ? *settle_end_ : step_.at);
  }
  const Note& note = *step_.note;
  if (!note.told_at && told_duration_.count() > 0 && call_.answered_at && !note.state_report)
    step_.at = std::min(step_.at, *call_.answered_at + told_duration_);
  At at;
  if (note.state_report || step_.mention->has_agent || tells_leg_id())
    at = target(!note.state_report && step_.mention->has_agent);
  if (!at && (note.state_report || tells_leg_id())) {
    note_rule("end_of_unknown_leg");
    if (!note.state_report && !callee_lives()) wait_for_another();
    return;
  }
  if (!at) return end_part();

  FoldLeg& leg = truth_.legs[*at];
  const bool others_live =
      std::any_of(truth_.legs.begin(), truth_.legs.end(), [&](const FoldLeg& other) {
        return &other != &leg && other.leg.role == LegRole::callee && lives(other) &&
               other.conversation == leg.conversation;
      });
  // A source that tells of legs means the leg. One that only adds who it was about means the call,
  // unless it can only mean this branch: it never answered and another lives, or the word is one
  // for legs.
  const bool of_leg = note.state_report || tells_leg_id() ||
                      (note.reason && of_leg_only(*note.reason)) ||
                      (leg.leg.role == LegRole::callee && !leg.leg.answered_at && others_live) ||
                      (!lives(leg) && (others_live || waiting_ || handed_on_));
  if (!of_leg) return end_part();
  if (!lives(leg)) {
    leg.inferred_end = false;
    return note_rule("nothing_leaves_terminated", at);
  }

  if (leg.leg.role == LegRole::caller) {
    const bool others_talk =
        std::count_if(truth_.legs.begin(), truth_.legs.end(), [&](const FoldLeg& other) {
          return &other != &leg && talking(other) && other.conversation == leg.conversation;
        }) > 1;
    if (others_talk || (note.reason && (*note.reason == Disposition::redirected ||
                                        *note.reason == Disposition::replaced))) {
      end_leg(leg, note.reason.value_or(Disposition::answered));
      note_rule("party_leaves", at);
      if (!anybody_lives()) wait_for_another();
      return;
    }
    // A caller who is gone takes the branches along, for the same reason.
    reason_told();
    return end_conversation(leg.conversation, reason_of_end());
  }
  end_leg(leg, note.reason.value_or(leg.leg.answered_at  ? Disposition::answered
                                    : leg.leg.ringing_at ? Disposition::no_answer
                                                         : Disposition::unknown));
  note_rule("leg_ends", at);
  const bool went_on = note.reason && (*note.reason == Disposition::redirected ||
                                       *note.reason == Disposition::replaced ||
                                       *note.reason == Disposition::transferred);
  if (went_on && !others_live) {
    handed_on_ = true;
    // Without leg ids it is the source's whole call that goes on under another id.
    if (!tells_leg_id()) step_.part->ended = true;
  }
  // Two who still talk, or somebody who still rings, need no third.
  if (others_live && living(leg.conversation) >= 2) return;
  const bool caller_reported =
      std::any_of(truth_.legs.begin(), truth_.legs.end(), [&](const FoldLeg& other) {
        return other.leg.role == LegRole::caller && lives(other) && other.observed &&
               other.conversation == leg.conversation;
      });
  if (!leg.leg.answered_at) {
    // Its source will tell of the caller's end.
    if (!caller_reported) wait_for_another();
    return;
  }
  // Somebody talked and has hung up: with nobody left to talk to, the call is over. The same is
  // seen just before a call that was handed on rings its next line; that is waited for, and the end
  // of the caller's own leg, where it is told, for longer.
  reason_told();
  if (went_on && !anybody_lives()) return wait_for_another();
  if (waiting_ || (handed_on_ && anybody_lives()))
    return note_rule("waits", {}, "parked, queued or handed on");
  if (!note.state_report && !caller_reported)
    return end_conversation(leg.conversation, reason_of_end());
  wait_for_another(caller_reported ? kCallersEnd : milliseconds{0});
}

/// The source says that its call is over. Of its legs those end that no other living call of that
/// source has told of.
void Folding::end_part() {
  FoldPart& part = *step_.part;
  const Note& note = *step_.note;
  const bool tidies_up =
      transferred_at_ && (note.reason == Disposition::transferred ||
                          (joined_ && step_.at - *transferred_at_ <= kTransferTidiesUp));
  std::uint64_t alive = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i)
    if (record_.parts[i].source == step_.source && !parts_[i].ended && &parts_[i] != &part &&
        parts_[i].conversation == part.conversation)
      alive |= std::uint64_t{1} << i;
  // Parts that a later note brings are not alive yet.
  std::uint64_t told = 0;
  for (const FoldLeg& leg : truth_.legs) told |= leg.parts;
  alive &= told;
  part.ended = true;
  if (tidies_up && alive != 0) return note_rule("transfer_tidies_up");
  if (tidies_up && note.reason == Disposition::transferred && handed_on_)
    return note_rule("transfer_tidies_up");
  reason_told();
  const bool main_part = part.first_of_source || joined_;
  if (alive == 0 || main_part) return end_conversation(part.conversation, reason_of_end());
  const auto bit = std::uint64_t{1} << step_.part_at;
  for (FoldLeg& leg : truth_.legs)
    if ((leg.parts & bit) != 0 && (leg.parts & alive) == 0)
      end_leg(leg, note.reason.value_or(leg.leg.answered_at  ? Disposition::answered
                                        : leg.leg.ringing_at ? Disposition::no_answer
                                                             : Disposition::unknown));
  note_rule("part_ends", {}, "another call of that source goes on");
  if (!callee_lives(part.conversation)) wait_for_another();
}

/// Why a leg ended that the end of the whole took along.
Disposition Folding::reason_with_call(const FoldLeg& leg, Disposition call) {
  if (leg.leg.answered_at) return Disposition::answered;
  if (call != Disposition::answered) return call;
  return leg.leg.ringing_at ? Disposition::no_answer : Disposition::unknown;
}

void Folding::end_conversation(std::uint8_t conversation, Disposition why) {
  const bool others = std::any_of(truth_.legs.begin(), truth_.legs.end(), [&](const FoldLeg& leg) {
    return leg.conversation != conversation && lives(leg);
  });
  if (!others) return end_call(why, step_.at);
  for (FoldLeg& leg : truth_.legs)
    if (leg.conversation == conversation) end_leg(leg, reason_with_call(leg, why));
  note_rule("conversation_ends", {}, "the call has another that goes on");
}

/// A cause has a confidence: the first explicit one wins over what was inferred.
void Folding::reason_told() {
  const Note& note = *step_.note;
  if (!note.reason || of_leg_only(*note.reason)) return;
  if (note.confidence <= truth_.end_confidence) return;
  truth_.end_confidence = note.confidence;
  call_.disposition = note.reason;
}

Disposition Folding::reason_of_end() const {
  if (truth_.end_confidence > 0 && call_.disposition) return *call_.disposition;
  if (voicemail_) return Disposition::voicemail;
  if (call_.answered_at) return Disposition::answered;
  // The last callee that said why; a ring group's earlier refusals matter less.
  const FoldLeg* last = nullptr;
  for (const FoldLeg& leg : truth_.legs)
    if (leg.leg.role == LegRole::callee && leg.leg.end_reason &&
        !of_leg_only(*leg.leg.end_reason) && *leg.leg.end_reason != Disposition::unknown &&
        (last == nullptr || *leg.leg.ended_at >= *last->leg.ended_at))
      last = &leg;
  if (last != nullptr) return *last->leg.end_reason;
  const bool connected = std::any_of(truth_.legs.begin(), truth_.legs.end(), [](const auto& leg) {
    return leg.leg.role == LegRole::caller && leg.leg.answered_at;
  });
  if (connected) return Disposition::answered;
  const bool rang = std::any_of(truth_.legs.begin(), truth_.legs.end(),
                                [](const auto& leg) { return leg.leg.ringing_at.has_value(); });
  return rang ? Disposition::no_answer : Disposition::unknown;
}

void Folding::end_call(Disposition disposition, Time when) {
  note_rule("call_ends");
  const Time now = step_.at;
  step_.at = when;
  for (FoldLeg& leg : truth_.legs) {
    if (!lives(leg)) continue;
    end_leg(leg, reason_with_call(leg, disposition));
    leg.inferred_end = true;
  }
  step_.at = now;
  truth_.settle_from.reset();
  truth_.ended = true;
  call_.state = CallState::ended;
  call_.ended_at = when;
  call_.disposition = disposition;
  call_.parked.clear();
  if (step_.source != SourceBook::kBroker) state_source_ = step_.source;
}

void Folding::on_report() {
  // A record of the whole call says that it is over, whatever else was lost.
  reason_told();
  note_rule("report_ends");
  // The time it names may be that of the call's start.
  Time end = step_.at;
  if (call_.answered_at && told_duration_.count() > 0 &&
      *call_.answered_at + told_duration_ >= last_at_)
    end = *call_.answered_at + told_duration_;
  end_call(reason_of_end(), std::max(end, last_at_));
}

/// Where no source says so: by who is one of ours.
Direction Folding::direction_by_legs() const {
  bool line_calls = false, outsider_calls = false, line_called = false, outsider_called = false;
  for (const FoldLeg& leg : truth_.legs) {
    if (leg.conversation != 0) continue;
    const bool line = !leg.leg.ext.empty() || !leg.leg.user.empty();
    const bool outsider = !line && !leg.leg.number.empty() && !leg.machine;
    const bool calls = leg.leg.role == LegRole::caller;
    (calls ? line_calls : line_called) |= line;
    (calls ? outsider_calls : outsider_called) |= outsider;
  }
  if (outsider_calls && line_called) return Direction::inbound;
  if (line_calls && line_called) return Direction::internal;
  if (line_calls && outsider_called) return Direction::outbound;
  return Direction::unknown;
}

void Folding::finish(Call& call) const {
  if (state_source_) came_from(call, kState, *state_source_);
  if (call.direction == Direction::unknown) call.direction = direction_by_legs();
  // Who the customer is follows from the parties, unless a source has told.
  if (call.direction == Direction::inbound && !call.from.number.empty()) {
    fill(call.customer.number, call.from.number);
    if (call.customer.number == call.from.number) fill(call.customer.name, call.from.name);
  } else if (call.direction == Direction::outbound && !call.to.number.empty()) {
    fill(call.customer.number, call.to.number);
    if (call.customer.number == call.to.number) fill(call.customer.name, call.to.name);
  }
  if (!truth_.ended) {
    call.disposition.reset();
    call.state = living_state(truth_.legs, [](const FoldLeg& leg) { return leg.leg.state; });
    return;
  }
  const milliseconds none{0};
  const Time when = *call.ended_at;
  const bool stale = call.answered_at && told_duration_ > when - *call.answered_at + kDurationSlack;
  const milliseconds told = stale ? none : told_duration_;
  std::optional<Time> rang;
  milliseconds held{0};
  for (const FoldLeg& leg : truth_.legs) {
    if (leg.leg.ringing_at && (!rang || *leg.leg.ringing_at < *rang)) rang = leg.leg.ringing_at;
    held += leg.held;
  }
  call.ring = std::max(none, call.answered_at.value_or(when) -
                                 rang.value_or(call.answered_at ? *call.answered_at : when));
  call.hold = held;
  call.talk = none;
  if (call.answered_at) {
    const milliseconds whole = told.count() > 0 ? told : when - *call.answered_at;
    call.talk = std::max(none, whole - held);
  } else if (call.disposition == Disposition::answered && told.count() > 0) {
    call.talk = told;  // some PBXs tell of an answer only afterwards
  }
}

}  // namespace hookswitch
