// What happens to a leg, step by step. Which leg is in fold_legs.cpp, the end in fold_end.cpp.
#include "calls/fold.hpp"

#include <algorithm>
#include <utility>

#include "calls/folding.hpp"

namespace hookswitch {
namespace {

const Text kFrom{"from"}, kTo{"to"}, kCustomer{"customer"}, kDirection{"direction"},
    kAnsweredAt{"answered_at"};

}  // namespace

Truth fold(const CallRecord& record, const SourceBook& sources, Trace* trace) {
  return Folding{record, sources, trace}.run();
}

bool fold_step(const CallRecord& record, const SourceBook& sources, Earlier& before, Truth& after) {
  Folding folding{record, sources, nullptr};
  if (!folding.newest_is_last()) return false;
  folding.run_to_newest();
  before = folding.so_far();
  folding.run_newest();
  after = std::move(folding).end();
  return true;
}

Call whole_call(const Truth& truth) {
  Call out = truth.call;
  out.legs.reserve(truth.legs.size());
  for (const FoldLeg& leg : truth.legs) out.legs.push_back(leg.leg);
  return out;
}

Call whole_call(Truth&& truth) {
  Call out = std::move(truth.call);
  out.legs.reserve(truth.legs.size());
  for (FoldLeg& leg : truth.legs) out.legs.push_back(std::move(leg.leg));
  return out;
}

Folding::Folding(const CallRecord& record, const SourceBook& sources, Trace* trace)
    : record_(record), sources_(sources), trace_(trace), call_(truth_.call) {}

Truth Folding::run() {
  order_ = canonical_order(record_, sources_);
  survey(order_);
  call_.org = record_.org;
  call_.provenance.reserve(8);
  for (const Placed& placed : order_) take_note(placed);
  return std::move(*this).end();
}

Truth Folding::end() && {
  finish(call_);
  if (!truth_.ended) {
    if (truth_.settle_from && callee_lives(0)) truth_.settle_from.reset();
    truth_.patient |= call_.answered_at.has_value();
  }
  return std::move(truth_);
}

Earlier Folding::so_far() const {
  Earlier out{whole_call(truth_), truth_.happenings.size()};
  finish(out.call);
  return out;
}

void Folding::take_note(const Placed& placed) {
  const Note& note = record_.notes[placed.note];
  step_.note = &note;
  step_.mention = &record_.mentions[note.mention];
  step_.extras = note.extras == Note::kNoExtras ? nullptr : record_.extras[note.extras].get();
  step_.part_at = root_part(record_, step_.mention->part);
  step_.part = &parts_[step_.part_at];
  step_.source = record_.parts[step_.mention->part].source;
  step_.at = note.told_at ? note.at : placed.at;
  step_.index = placed.note;
  take_step();
  last_at_ = std::max(last_at_, step_.at);
}

bool Folding::newest_is_last() {
  // With several parts the newest may change how the others belong together.
  const Note& newest = record_.notes.back();
  const auto& notes = record_.notes;
  const bool one_part = std::all_of(notes.begin(), notes.end(), [&](const Note& note) {
    return record_.mentions[note.mention].part == record_.mentions[newest.mention].part;
  });
  if (!one_part || notes.size() < 2) return false;
  order_ = canonical_order(record_, sources_);
  if (order_.back().note + std::size_t{1} != notes.size()) return false;
  // Nor may it have moved another: what came late has been put before it.
  for (const Placed& placed : order_)
    if (placed.at != notes[placed.note].at) return false;
  // What the part tells of itself must have been told before it.
  const Mention& mention = record_.mentions[newest.mention];
  bool direction = mention.direction == Direction::unknown, from = !names_line(mention.from);
  for (std::size_t i = 0; i + 1 < order_.size(); ++i) {
    const Mention& other = record_.mentions[notes[order_[i].note].mention];
    direction |= other.direction != Direction::unknown;
    from |= names_line(other.from);
  }
  return direction && from;
}

void Folding::run_to_newest() {
  survey(order_);
  call_.org = record_.org;
  call_.provenance.reserve(8);
  for (std::size_t i = 0; i + 1 < order_.size(); ++i) take_note(order_[i]);
}

void Folding::run_newest() { take_note(order_.back()); }

void Folding::survey(const Order& order) {
  parts_.resize(record_.parts.size());
  boost::container::small_vector<SourceIndex, 4> met;
  for (const Placed& placed : order) {
    const Mention& mention = record_.mentions[record_.notes[placed.note].mention];
    FoldPart& part = parts_[root_part(record_, mention.part)];
    part.told = true;
    const SourceIndex source = record_.parts[mention.part].source;
    if (std::find(met.begin(), met.end(), source) == met.end()) {
      met.push_back(source);
      part.first_of_source = true;
    }
    if (part.from_ext.empty() && names_line(mention.from)) part.from_ext = mention.from.ext;
    if (part.direction == Direction::unknown) part.direction = mention.direction;
  }
  if (parts_.size() < 2) return;
  find_callbacks();
  // A consult call is a conversation of its own: a further call of somebody who is already in this
  // one, or the one that an attended transfer names.
  const auto is_in_call = [&](const Text& ext) {
    return std::any_of(record_.notes.begin(), record_.notes.end(), [&](const Note& note) {
      const Mention& one = record_.mentions[note.mention];
      return parts_[root_part(record_, one.part)].first_of_source &&
             (one.has_agent ? one.agent_ext : one.to.ext) == ext;
    });
  };
  std::uint8_t next = 1;
  for (FoldPart& part : parts_) {
    if (part.first_of_source || !part.told) continue;
    const auto at = static_cast<std::size_t>(&part - parts_.data());
    const bool own_caller = !part.from_ext.empty() &&
                            std::none_of(parts_.begin(), parts_.end(), [&](const FoldPart& other) {
                              return other.first_of_source && other.from_ext == part.from_ext;
                            });
    if (!(own_caller && is_in_call(part.from_ext)) && !record_.parts[at].handed_on) continue;
    const auto same = std::find_if(parts_.begin(), parts_.end(), [&](const FoldPart& other) {
      return other.conversation != 0 && other.from_ext == part.from_ext;
    });
    part.conversation = same == parts_.end() ? next++ : same->conversation;
  }
}

/// sipgate-c2d-in: of a click-to-dial the caller's own phone is told as an inbound call. It is
/// known by the same two parties the other way round.
void Folding::find_callbacks() {
  const auto mentions_of = [&](const FoldPart& part, auto fits) {
    return std::any_of(record_.notes.begin(), record_.notes.end(), [&](const Note& note) {
      const Mention& mention = record_.mentions[note.mention];
      return &parts_[root_part(record_, mention.part)] == &part && fits(mention);
    });
  };
  for (FoldPart& part : parts_) {
    const auto at = static_cast<std::size_t>(&part - parts_.data());
    const SourceIndex source = record_.parts[at].source;
    if (!sources_[source].rules.callback_is_caller || part.direction != Direction::inbound)
      continue;
    for (const FoldPart& other : parts_) {
      const auto index = static_cast<std::size_t>(&other - parts_.data());
      if (record_.parts[index].source != source || other.direction != Direction::outbound) continue;
      part.callback |= mentions_of(part, [&](const Mention& in) {
        return mentions_of(other, [&](const Mention& out) {
          return !in.to.ext.empty() && in.to.ext == out.from.ext && !in.from.number.empty() &&
                 in.from.number == out.to.number;
        });
      });
    }
    if (!part.callback) continue;
    part.first_of_source = false;
    part.direction = Direction::outbound;
    for (FoldPart& other : parts_) {
      const auto index = static_cast<std::size_t>(&other - parts_.data());
      if (record_.parts[index].source == source && other.told && !other.callback) {
        other.first_of_source = true;
        break;
      }
    }
  }
}

void Folding::note_rule(const char* rule, At leg, std::string why) {
  if (trace_ != nullptr) trace_->push_back({step_.index, rule, leg, std::move(why)});
}

// --- what a note says of the call

void Folding::came_from(const Text& field) { came_from(call_, field, step_.source); }

void Folding::came_from(Call& call, const Text& field, SourceIndex by) const {
  const Text& source = sources_[by].name;
  for (auto& [name, known] : call.provenance)
    if (name == field) {
      known = source;
      return;
    }
  call.provenance.emplace_back(field, source);
}

void Folding::fill(Text& into, const Text& from) {
  if (into.empty() && !from.empty()) into = from;
}

void Folding::fill(Party& into, const Party& from, const Text& field) {
  if (from.empty()) return;
  // Another number is another party: the first one told stays.
  if (!into.number.empty() && !from.number.empty() && into.number != from.number) return;
  if (&field == &kFrom && !into.number.empty() && names_line(from)) return;
  if (into.empty()) came_from(field);
  fill(into.number, from.number);
  fill(into.presented, from.presented);
  fill(into.ext, from.ext);
  fill(into.name, from.name);
  fill(into.aor, from.aor);
}

Direction Folding::direction() const {
  const Mention& mention = *step_.mention;
  if (step_.part->callback) return Direction::outbound;
  if (mention.direction != Direction::unknown) return mention.direction;
  if (step_.part->direction != Direction::unknown) return step_.part->direction;
  if (step_.part->conversation == 0 && call_.direction != Direction::unknown)
    return call_.direction;
  if (names_line(mention.from) && names_line(mention.to)) return Direction::internal;
  if (names_line(mention.from) && !mention.to.number.empty()) return Direction::outbound;
  if (!mention.from.number.empty() && (!mention.to.ext.empty() || !mention.did.empty()))
    return Direction::inbound;
  return Direction::unknown;
}

void Folding::take(std::map<std::string, std::string>& into,
                   const std::map<std::string, std::string>& from) {
  for (const auto& [name, value] : from) {
    const auto known = into.find(name);
    if (known == into.end() && into.size() >= kHeadersPerCallMax) continue;
    const std::size_t before = known == into.end() ? 0 : name.size() + known->second.size();
    const std::size_t bytes = text_bytes_ - before + name.size() + value.size();
    if (bytes > kCallTextBytesMax) continue;
    text_bytes_ = bytes;
    into[name] = value;
  }
}

void Folding::learn_recording(const Recording& told) {
  if (told.empty()) return;
  const auto same =
      std::find_if(call_.recordings.begin(), call_.recordings.end(), [&](const Recording& known) {
        return !told.id.empty() ? known.id == told.id : known.url == told.url;
      });
  if (same != call_.recordings.end())
    fill(same->url, told.url);
  else if (call_.recordings.size() < kRecordingsPerCallMax)
    call_.recordings.push_back(told);
}

void Folding::learn() {
  const Mention& mention = *step_.mention;
  // A further part of the same source (a consult call, a branch) has parties of its own.
  if (step_.part->first_of_source) {
    const Direction way = direction();
    if (call_.direction == Direction::unknown && way != Direction::unknown) {
      call_.direction = way;
      came_from(kDirection);
    }
    fill(call_.from, mention.from, kFrom);
    if (way == Direction::outbound && call_.from.number.empty())
      fill(call_.from.ext, mention.agent_ext);
    // Of a ring group each line is rung; what was called is the number.
    const bool one_of_many = step_.note->type == FactType::ringing && way == Direction::inbound &&
                             (!mention.did.empty() || !call_.did.empty());
    // Nor is the line that is rung a further name of the number that was called.
    const bool line_of_number = way == Direction::inbound && !call_.to.number.empty() &&
                                names_line(mention.to) && mention.to.number.empty();
    // Of a parked call it is the space.
    const bool is_space = step_.note->type == FactType::parked;
    if (!one_of_many && !line_of_number && !is_space) fill(call_.to, mention.to, kTo);
    fill(call_.did, mention.did);
    if (call_.to.empty() && way == Direction::inbound) fill(call_.to.number, mention.did);
  }
  const Extras* extras = step_.extras;
  if (extras == nullptr) return;
  fill(call_.customer, extras->customer, kCustomer);
  if (!extras->queue.empty()) call_.queue = extras->queue;
  take(call_.headers, extras->headers);
  take(call_.variables, extras->variables);
  if (!extras->custom_data.empty()) call_.custom_data = extras->custom_data;
  if (!extras->conference.empty()) call_.conference = extras->conference;
  learn_recording(extras->recording);
  if (extras->duration.count() > 0) told_duration_ = extras->duration;
}

// --- steps

void Folding::take_step() {
  const FactType type = step_.note->type;
  if (call_.started_at == Time{}) call_.started_at = step_.at;
  learn();
  if (!begun_ && rank(type) >= 0) {
    begun_ = true;
    if (step_.note->joined_by != JoinedBy::tick) move(truth_.legs[caller()], LegStep::dial);
  } else if (step_.part->conversation != 0 && !step_.part->caller && !truth_.ended) {
    move(truth_.legs[caller()], LegStep::dial);  // a consult call has a caller of its own
  }
  if (truth_.ended) {
    // Old news: nothing leaves "ended". What it taught us is kept, and why it ended may be told
    // late.
    if (type == FactType::ended || type == FactType::report) reason_told();
    if (type == FactType::ended && (step_.mention->has_agent || tells_leg_id())) {
      // A leg's own word for its end wins over what the end of the call seemed to say of it; and
      // one that is heard of only now was there.
      const At at = target(!step_.note->state_report && step_.mention->has_agent);
      if (at && lives(truth_.legs[*at]))
        end_leg(truth_.legs[*at], step_.note->reason.value_or(Disposition::unknown));
      else if (at && truth_.legs[*at].inferred_end && step_.note->reason)
        truth_.legs[*at].leg.end_reason = step_.note->reason;
      if (at) truth_.legs[*at].inferred_end = false;
    }
    note_rule("nothing_leaves_ended");
    return;
  }
  switch (type) {
    case FactType::started:
    case FactType::dialing:
      on_dialing();
      break;
    case FactType::ringing:
      on_ringing();
      break;
    case FactType::answered:
      on_answered();
      break;
    case FactType::held:
    case FactType::resumed:
      on_hold(type == FactType::held);
      break;
    case FactType::muted:
    case FactType::unmuted:
      on_mute(type == FactType::muted);
      break;
    case FactType::queued:
      wait_in_place();
      happened(EventType::call_queued, std::nullopt);
      break;
    case FactType::parked:
      on_parked();
      break;
    case FactType::transferred:
      on_transferred();
      break;
    case FactType::transfer_failed:
      handed_on_ = false;
      happened(EventType::call_transfer_failed, target(false));
      break;
    case FactType::voicemail:
      on_voicemail();
      break;
    case FactType::declined:
      on_declined();
      break;
    case FactType::ended:
      on_ended();
      break;
    case FactType::report:
      on_report();
      break;
    default:
      break;  // dtmf, updated and recording bring only what learn() took
  }
}

void Folding::move(FoldLeg& leg, LegStep what) {
  const LegState to = after(leg.leg.state, what);
  if (to == leg.leg.state) return;
  leg.leg.state = to;
  state_source_ = step_.source;
  if (to == LegState::confirmed && !leg.leg.answered_at) leg.leg.answered_at = step_.at;
}

void Folding::on_dialing() {
  const auto wanted = who();
  const bool own_leg = wanted && (wanted->role == LegRole::caller || tells_leg_id());
  const At at = own_leg ? find_or_add(*wanted) : At{caller()};
  if (!at) return;
  if (!own_leg && tells_leg_id()) learn_leg_id(truth_.legs[*at]);
  move(truth_.legs[*at], step_.note->early ? LegStep::far_end_rings : LegStep::dial);
  if (truth_.legs[*at].leg.role == LegRole::caller && !step_.part->caller) step_.part->caller = at;
}

void Folding::on_ringing() {
  const At at = target(true);
  if (!at) {  // somebody rings, nobody says who
    move(truth_.legs[caller()], LegStep::far_end_rings);
    return;
  }
  FoldLeg& leg = truth_.legs[*at];
  if (leg.leg.role == LegRole::caller) {  // the far end of an outbound call rings
    leg.rings_itself |= (step_.mention->has_agent && tells_leg_id()) || step_.part->callback;
    move(leg, LegStep::far_end_rings);
    return;
  }
  if (!lives(leg)) return;
  const bool news = rank(leg.leg.state) < rank(LegState::early);
  move(leg, LegStep::ring);
  if (!leg.leg.ringing_at && (news || step_.at <= leg.leg.answered_at.value_or(Time::max())))
    leg.leg.ringing_at = step_.at;
  note_rule(news ? "leg_rings" : "rank_never_falls", at);
  if (!news) return;
  // A branch that is heard of only when another has answered lost before it was told.
  const bool lost = std::any_of(truth_.legs.begin(), truth_.legs.end(), [&](const FoldLeg& other) {
    return &other != &leg && other.leg.role == LegRole::callee && talking(other) &&
           other.conversation == leg.conversation && other.leg.answered_at &&
           step_.at <= *other.leg.answered_at && is_person(other);
  });
  if (lost) {
    end_leg(leg, Disposition::answered_elsewhere);
    note_rule("answered_elsewhere", at);
    return;
  }
  truth_.settle_from.reset();
  handed_on_ = false;  // whom it was handed to rings: from here on it is a call like any other
}

bool Folding::is_person(const FoldLeg& leg) const {
  return !leg.leg.user.empty() || !leg.leg.ext.empty() ||
         (call_.direction == Direction::outbound && !leg.machine);
}

/// kam-prack-confirmed: `answered` of one side while the other side of the dialog only rings.
bool Folding::is_doubtful_answer() const {
  if (!sources_[step_.source].rules.confirms_early || !step_.note->state_report) return false;
  return std::any_of(truth_.legs.begin(), truth_.legs.end(), [&](const FoldLeg& leg) {
    return leg.leg.role == LegRole::callee && leg.leg.state == LegState::early && leg.observed &&
           !leg.leg.ext.empty() && leg.leg.ext != step_.mention->agent_ext;
  });
}

void Folding::on_answered() {
  if (is_doubtful_answer()) return note_rule("kam-prack-confirmed");
  At at = target(true);
  if (!at) {
    // Nobody is named: an IVR or a queue picks up, or the far end of an outbound call answers.
    const bool out = direction() == Direction::outbound;
    const Text& told = step_.mention->to.number;
    at = find_or_add({LegRole::callee,
                      {},
                      {},
                      !told.empty() ? told
                      : out         ? call_.to.number
                                    : call_.did});
    if (!at) return;
    truth_.legs[*at].machine |= !out && truth_.legs[*at].leg.ext.empty();
  }
  FoldLeg& leg = truth_.legs[*at];
  if (leg.leg.state == LegState::held) {
    note_rule("answered_while_held_is_a_resume", at);
    return on_hold(false);
  }
  if (leg.leg.role == LegRole::callee) {
    // Its own word is better evidence than what another leg's answer seemed to say of it.
    if (!lives(leg) && leg.inferred_end && step_.at - *leg.leg.ended_at <= kReorderWindow) {
      leg.leg.state = LegState::early;
      leg.leg.ended_at.reset();
      leg.leg.end_reason.reset();
      leg.inferred_end = false;
      note_rule("answered_after_all", at);
    }
    if (rank(leg.leg.state) < rank(LegState::confirmed))
      confirm_callee(*at);
    else
      note_rule("rank_never_falls", at);
    return;
  }
  move(leg, LegStep::answer);
  if (leg.rings_itself)
    return note_rule("callers_own_leg", at, "the caller's own phone was called first");
  // The caller's own leg is confirmed when the far end answers. If that is one of our lines, its
  // own leg will say so.
  if (names_line(call_.to) || names_line(step_.mention->to))
    return note_rule("callers_own_leg", at, "the far end is a line: its own leg will say so");
  const bool line_lives =
      std::any_of(truth_.legs.begin(), truth_.legs.end(), [&](const FoldLeg& other) {
        return other.leg.role == LegRole::callee && lives(other) && !other.leg.ext.empty() &&
               other.conversation == leg.conversation;
      });
  if (line_lives || call_.answered_at) return note_rule("callers_own_leg", at);
  const At far = find_or_add({LegRole::callee, {}, {}, call_.to.number}, false);
  if (far && rank(truth_.legs[*far].leg.state) < rank(LegState::confirmed)) confirm_callee(*far);
}

void Folding::confirm_callee(std::size_t at) {
  move(truth_.legs[at], LegStep::answer);
  const std::size_t from = caller();
  move(truth_.legs[from], LegStep::answer);
  FoldLeg& leg = truth_.legs[at];
  if (!is_person(leg)) {  // an IVR, a queue, a voice box: connected, but nobody has answered
    leg.machine = true;
    if (!call_.answered_by && leg.conversation == 0)
      call_.answered_by = voicemail_            ? AnsweredBy::voicemail
                          : call_.queue.empty() ? AnsweredBy::ivr
                                                : AnsweredBy::queue;
    return note_rule("machine_answers", at, "no line or person of ours is named");
  }
  note_rule("person_answers", at);
  waiting_ = handed_on_ = false;
  call_.parked.clear();
  truth_.settle_from.reset();
  if (!call_.answered_at && leg.conversation == 0) {
    call_.answered_at = step_.at;
    call_.answered_by = leg.leg.user.empty() ? AnsweredBy::unknown : AnsweredBy::user;
    came_from(kAnsweredAt);
  }
  for (std::size_t i = 0; i < truth_.legs.size(); ++i) {
    FoldLeg& other = truth_.legs[i];
    if (i == at || other.leg.role != LegRole::callee || !lives(other) ||
        other.conversation != leg.conversation)
      continue;
    if (rank(other.leg.state) <= rank(LegState::early)) {
      end_leg(other, Disposition::answered_elsewhere);
      other.inferred_end = true;
      note_rule("answered_elsewhere", i);
    } else if (other.machine) {
      end_leg(other, Disposition::redirected);
      note_rule("machine_hands_on", i);
    }
  }
}

void Folding::on_hold(bool held) {
  const At at = target(true);
  if (!at || !lives(truth_.legs[*at]))
    return note_rule("hold_without_a_leg", at, "no one leg is meant that talks");
  // Who holds or resumes has answered, whether we heard of it or not.
  if (rank(truth_.legs[*at].leg.state) < rank(LegState::confirmed)) {
    if (truth_.legs[*at].leg.role == LegRole::callee)
      confirm_callee(*at);
    else
      move(truth_.legs[*at], LegStep::answer);
  }
  FoldLeg& leg = truth_.legs[*at];
  auto own = std::find_if(leg.hold_changes.begin(), leg.hold_changes.end(),
                          [&](const auto& one) { return one.first == step_.source; });
  if (own == leg.hold_changes.end()) {
    leg.hold_changes.emplace_back(step_.source, std::uint16_t{0});
    own = leg.hold_changes.end() - 1;
  }
  if ((own->second % 2 == 1) == held) return note_rule("told_before", at);
  if (++own->second <= leg.hold_changes_max) return note_rule("another_source_is_further", at);
  leg.hold_changes_max = own->second;
  move(leg, held ? LegStep::hold : LegStep::resume);
  if (held) {
    leg.held_since = step_.at;
  } else if (leg.held_since) {
    leg.held += std::max(milliseconds{0}, step_.at - *leg.held_since);
    leg.held_since.reset();
  }
  note_rule(held ? "hold" : "resume", at);
}

void Folding::on_mute(bool muted) {
  if (const At at = target(true); at && lives(truth_.legs[*at])) truth_.legs[*at].leg.muted = muted;
}

void Folding::on_voicemail() {
  voicemail_ = true;
  call_.answered_by = AnsweredBy::voicemail;
  wait_in_place();
  note_rule("voicemail_is_no_answer");
}

void Folding::on_declined() {
  const At at = target(true);
  if (!at || talking(truth_.legs[*at]) || !lives(truth_.legs[*at])) return;
  end_leg(truth_.legs[*at], Disposition::rejected);
  note_rule("declined", at);
  if (!callee_lives()) wait_for_another();
}

void Folding::on_parked() {
  const At at = target(false);
  wait_in_place();
  const Mention& mention = *step_.mention;
  call_.parked = !mention.to.ext.empty()      ? mention.to.ext
                 : !mention.to.number.empty() ? mention.to.number
                                              : Text{"?"};
  happened(EventType::call_parked, at);
  if (at && lives(truth_.legs[*at]) && mention.has_agent)
    end_leg(truth_.legs[*at], Disposition::redirected);
}

void Folding::happened(EventType type, At leg) {
  const Note& note = *step_.note;
  const Extras none;
  const Extras& extras = step_.extras == nullptr ? none : *step_.extras;
  std::string mark{to_string(type)};
  for (const std::string& part :
       {extras.queue.str(), extras.transfer.kind.str(), extras.transfer.to.ext.str(),
        extras.transfer.to.number.str(), note.has_seq() ? std::to_string(note.seq) : std::string{},
        note.told_at ? std::to_string(to_unix_ms(note.at)) : std::string{}})
    mark += '\x1f' + part;
  auto& known = truth_.happenings;
  if (std::any_of(known.begin(), known.end(),
                  [&](const auto& one) { return one.mark == mark && one.leg == leg; }))
    return;
  known.push_back({type, step_.at, leg, extras.transfer.kind, extras.transfer.to, std::move(mark)});
}

void Folding::on_transferred() {
  const At by = target(false);
  const Extras none;
  const Extras& extras = step_.extras == nullptr ? none : *step_.extras;
  const bool attended = extras.transfer.kind == "attended" || !extras.transfer.other_calls.empty();
  // Told once of each of the two calls that became one.
  if (attended && joined_ && by && truth_.legs[*by].leg.end_reason == Disposition::replaced)
    return note_rule("told_before", by);
  happened(EventType::call_transferred, by);
  transferred_at_ = step_.at;
  handed_on_ = true;
  truth_.settle_from.reset();
  const Disposition reason = attended ? Disposition::replaced : Disposition::redirected;
  if (by) {
    // All legs of who hands on: the one in the call and the one that consulted.
    const Leg out = truth_.legs[*by].leg;
    for (std::size_t i = 0; i < truth_.legs.size(); ++i) {
      FoldLeg& leg = truth_.legs[i];
      const bool same_person =
          i == *by || (attended && ((!out.ext.empty() && leg.leg.ext == out.ext) ||
                                    (!out.user.empty() && leg.leg.user == out.user)));
      if (!same_person || !lives(leg)) continue;
      end_leg(leg, reason);
      note_rule(attended ? "attended_transfer" : "blind_transfer", i);
    }
  }
  if (living(step_.part->conversation) >= 2) handed_on_ = false;
  if (!attended) return;
  // From here on it is one conversation: whoever is left in either talks with the others.
  joined_ = true;
  for (FoldLeg& leg : truth_.legs) leg.conversation = 0;
  for (FoldPart& part : parts_) part.conversation = 0;
  if (living(0) >= 2) handed_on_ = false;
}

/// In a queue, parked or with a voice box: nobody needs to ring or talk for the call to go on.
void Folding::wait_in_place() {
  waiting_ = true;
  truth_.patient = true;
  truth_.settle_from.reset();
}

}  // namespace hookswitch
