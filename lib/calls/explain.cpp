#include "calls/explain.hpp"

#include <algorithm>
#include <array>

#include "base/json.hpp"

namespace hookswitch {
namespace {

struct RuleText {
  std::string_view name, sentence;
};

/// One row a rule of which `explain` speaks: how a fact came to its call, what it did there.
constexpr std::array kRules{
    // correlation
    RuleText{"first_fact", "No call was known by any of its ids: a new call."},
    RuleText{"vendor_call_id", "The source's own call id is known to this call."},
    RuleText{"vendor_leg_id", "The source's own leg id is known to this call."},
    RuleText{"sip_call_id", "The SIP Call-ID is known to this call."},
    RuleText{"session_id", "A UUID of the Session-ID is known to this call."},
    RuleText{"header", "A header that the source's settings name as a key has the same value."},
    RuleText{"tuple", "It has no id; the same parties have a call of that source that goes on."},
    RuleText{"fusion",
             "Another source tells of a call with the same line or number, direction and time."},
    RuleText{"tick", "Nothing was told; time has passed."},
    // legs
    RuleText{"leg_rings", "The leg rings for the first time."},
    RuleText{"rank_never_falls",
             "The leg has come further already: late news do not move it back."},
    RuleText{"answered_elsewhere", "Another leg of the same call was answered first."},
    RuleText{"answered_after_all",
             "Thought lost to another leg, but its own source says it answered."},
    RuleText{"person_answers", "A leg of a person is confirmed: the call is answered."},
    RuleText{"machine_answers", "Connected, but nobody has answered."},
    RuleText{"machine_hands_on", "A person has taken over from an IVR or a queue."},
    RuleText{"callers_own_leg", "The caller's own leg is confirmed; that is no answer."},
    RuleText{"answered_while_held_is_a_resume", "Answered while held is a resume."},
    RuleText{"hold", "The leg holds."},
    RuleText{"resume", "The leg is back."},
    RuleText{"told_before", "This source has told the same before."},
    RuleText{"another_source_is_further", "Another source has told of more changes of hold."},
    RuleText{"hold_without_a_leg", "No leg that talks is meant without doubt."},
    RuleText{"voicemail_is_no_answer", "Voicemail has picked up; that is no answer of a person."},
    RuleText{"declined", "The person has declined."},
    RuleText{"kam-prack-confirmed", "Confirmed while the other side only rings: not believed."},
    // ends
    RuleText{"leg_ends", "The leg is over; the call may go on."},
    RuleText{"party_leaves", "One party leaves, others go on talking."},
    RuleText{"blind_transfer", "Who hands a call on leaves it."},
    RuleText{"attended_transfer", "Who hands a call on leaves both it and the consult call."},
    RuleText{"transfer_tidies_up",
             "The source ends one of its calls just after a transfer; the other goes on."},
    RuleText{"part_ends", "One of the source's calls is over, another of them goes on."},
    RuleText{"conversation_ends", "One conversation is over, another of this call goes on."},
    RuleText{"waits", "Nobody rings or talks, and that is expected."},
    RuleText{"settles", "Nobody is left to ring; a moment is waited for another line."},
    RuleText{"settled", "No other line has rung: the call is over."},
    RuleText{"ghost",
             "Silent for longer than its state allows, and its source does not confirm it."},
    RuleText{"call_ends", "Nobody of the call is left, or its source says that it is over."},
    RuleText{"report_ends", "A record of the whole call says that it is over."},
    RuleText{"end_of_unknown_leg", "The end of a leg that nobody has told us of."},
    RuleText{"nothing_leaves_terminated", "The leg is over already."},
    RuleText{"nothing_leaves_ended", "The call is over already."},
};

void write_fact(json::Writer& out, const CallRecord& record, const SourceBook& sources,
                const Note& note) {
  const Mention& mention = record.mentions[note.mention];
  const Part& part = record.parts[mention.part];
  out.begin_object().member("type", to_string(note.type));
  if (part.source != SourceBook::kBroker) out.member("source", sources[part.source].name);
  out.member("at", to_rfc3339(note.at));
  if (note.received != note.at) out.member("received", to_rfc3339(note.received));
  if (note.has_seq()) out.member("seq", note.seq);
  if (!part.id.empty()) out.member("call", part.id);
  if (!mention.leg.empty()) out.member("leg", mention.leg);
  if (!mention.agent_ext.empty()) out.member("agent", mention.agent_ext);
  if (!mention.from.number.empty()) out.member("from", mention.from.number);
  if (!mention.from.ext.empty()) out.member("from_ext", mention.from.ext);
  if (!mention.to.number.empty()) out.member("to", mention.to.number);
  if (!mention.to.ext.empty()) out.member("to_ext", mention.to.ext);
  if (note.reason) out.member("reason", to_string(*note.reason));
  out.end_object();
}

void write_joins(json::Writer& out, const CallRecord& record, const SourceBook& sources) {
  out.key("joins").begin_array();
  for (const Joined& joined : record.joined) {
    const std::string_view rule = to_string(joined.rule);
    out.begin_object()
        .member("rule", rule)
        .member("sentence", sentence_of(rule))
        .key("confidence")
        .real(static_cast<double>(joined.confidence) / 100);
    if (joined.source != SourceBook::kBroker) out.member("source", sources[joined.source].name);
    out.member("at", to_rfc3339(joined.at));
    if (!joined.with.empty()) out.member("absorbed", joined.with);
    if (!joined.evidence.empty()) out.member("evidence", joined.evidence);
    out.end_object();
  }
  out.end_array();
}

}  // namespace

std::string_view sentence_of(std::string_view rule) {
  for (const auto& row : kRules)
    if (row.name == rule) return row.sentence;
  return {};
}

std::vector<std::string_view> rule_names() {
  std::vector<std::string_view> out;
  for (const auto& row : kRules) out.push_back(row.name);
  return out;
}

std::optional<NearMiss> near_miss(const CallRecord& own, const CallRecord& other,
                                  const SourceBook& sources, milliseconds window) {
  std::optional<NearMiss> best;
  using Sighting = std::pair<const Note*, FusionSight>;
  const auto sights = [](const CallRecord& record) {
    std::vector<Sighting> out;
    for (const Note& note : record.notes) {
      FusionSight sight = whole_sight_of(record, note);
      if (!sight.ext.empty() || !sight.number.empty()) out.emplace_back(&note, std::move(sight));
    }
    return out;
  };
  const auto theirs = sights(other);
  for (const auto& [own_note, a] : sights(own)) {
    for (const auto& [note, b] : theirs) {
      const bool number = !a.number.empty() && a.number == b.number;
      const bool ext = !a.ext.empty() && a.ext == b.ext;
      if (!number && !ext) continue;
      // Which came later was the one to find the other.
      FusionVerdict verdict = a.received < b.received
                                  ? verdict_on(b, other, own, *own_note, sources, window)
                                  : verdict_on(a, own, other, *note, sources, window);
      // Each would do alone.
      if (verdict == FusionVerdict::fuses) verdict = FusionVerdict::several_candidates;
      // The condition that comes last in the order of trying is the nearest miss.
      if (!best || verdict > best->failed) best = NearMiss{other.id, verdict};
    }
  }
  return best;
}

std::string explain_call(const CallRecord& record, const SourceBook& sources,
                         const std::vector<NearMiss>& near) {
  Trace trace;
  fold(record, sources, &trace);
  json::Writer out;
  out.begin_object().member("call", record.id);
  write_joins(out, record, sources);
  out.key("facts").begin_array();
  const Order order = canonical_order(record, sources);
  for (const Placed& placed : order) {
    const Note& note = record.notes[placed.note];
    const std::string_view by = to_string(note.joined_by);
    out.begin_object().key("fact");
    write_fact(out, record, sources, note);
    out.member("arrival", static_cast<int>(placed.note) + 1);
    out.member("joined_by", by).member("why", sentence_of(by));
    out.key("decisions").begin_array();
    for (const Decision& decision : trace) {
      if (decision.note != placed.note) continue;
      out.begin_object()
          .member("rule", decision.rule)
          .member("sentence", sentence_of(decision.rule));
      if (decision.leg && *decision.leg < record.legs.size())
        out.member("leg", "l" + std::to_string(record.legs[*decision.leg].number));
      if (!decision.why.empty()) out.member("because", decision.why);
      out.end_object();
    }
    out.end_array().end_object();
  }
  out.end_array().key("not_joined").begin_array();
  for (const NearMiss& miss : near)
    out.begin_object()
        .member("call", miss.call)
        .member("rule", "fusion")
        .member("failed", to_string(miss.failed))
        .end_object();
  out.end_array().end_object();
  return out.str();
}

}  // namespace hookswitch
