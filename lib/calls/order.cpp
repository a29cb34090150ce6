#include "calls/order.hpp"

#include <algorithm>
#include <tuple>

namespace hookswitch {

int rank(FactType type) noexcept {
  switch (type) {
    case FactType::started:
      return 0;
    case FactType::dialing:
      return 1;
    case FactType::queued:
      return 2;
    case FactType::ringing:
      return 3;
    case FactType::declined:
      return 4;
    case FactType::answered:
    case FactType::voicemail:
      return 5;
    case FactType::held:
    case FactType::resumed:
    case FactType::muted:
    case FactType::unmuted:
    case FactType::parked:
      return 6;
    case FactType::transferred:
    case FactType::transfer_failed:
      return 7;
    case FactType::ended:
      return 8;
    case FactType::recording:
    case FactType::report:
      return 9;
    default:
      return -1;
  }
}

bool same_subject(const Mention& a, const Mention& b) {
  if (!a.leg.empty() && !b.leg.empty()) return a.leg == b.leg;
  const Text& ext_a = a.has_agent ? a.agent_ext : a.to.ext;
  const Text& ext_b = b.has_agent ? b.agent_ext : b.to.ext;
  return ext_a.empty() || ext_b.empty() || ext_a == ext_b;
}

bool begins(FactType type) noexcept {
  return type == FactType::started || type == FactType::dialing || type == FactType::ringing ||
         type == FactType::answered;
}

namespace {

bool is_toggle(FactType type) {
  return type == FactType::held || type == FactType::resumed || type == FactType::muted ||
         type == FactType::unmuted;
}

/// When a note without a time of its own happened: not after a later state of the same leg that was
/// told shortly before it. One that says again what was said has its own time: it may be a second
/// try.
Time untimed_place(const CallRecord& record, std::size_t at) {
  const Note& late = record.notes[at];
  if (!begins(late.type)) return late.at;
  Time out = late.at;
  const Mention& who = record.mentions[late.mention];
  for (std::size_t i = 0; i < record.notes.size(); ++i) {
    const Note& other = record.notes[i];
    if (i == at || other.at > late.at || late.at - other.at > kReorderWindow) continue;
    // What the record of a whole call names may be the call's start.
    const bool of_all = other.type == FactType::report || other.type == FactType::recording;
    if (of_all && other.told_at) continue;
    const Mention& about = record.mentions[other.mention];
    if (record.parts[about.part].source != record.parts[who.part].source) continue;
    // Who calls did so before anybody answered that call.
    // Dialogs of two watchers tell of one ring and one answer each in their own time.
    const bool calls = late.type == FactType::started || late.type == FactType::dialing ||
                       (late.type == FactType::ringing && late.state_report);
    if (calls ? about.part != who.part && !same_subject(about, who) : !same_subject(about, who))
      continue;
    // A source's own sequence of that leg says more.
    if (late.has_seq() && other.has_seq() && about.part == who.part && about.leg == who.leg)
      continue;
    // Only of the same facts in another order; a leg of its own begins with its own first fact.
    if (other.type == late.type && other.mention == late.mention) return late.at;
    // What was heard of before the later state did not overtake it: that one's clock is coarse.
    if (other.told_at && i > at) continue;
    if (rank(other.type) > rank(late.type)) out = std::min(out, other.at);
  }
  return out;
}

/// Where a told state belongs that arrives after untimed ones of its leg and yet names an earlier
/// time: after them, where they belong (`placed`: those before `at` are). Its clock is not ours:
/// some tell whole seconds, some are far off.
Time after_untimed(const CallRecord& record, std::size_t at, const Order& placed) {
  const Note& note = record.notes[at];
  const Mention& who = record.mentions[note.mention];
  Time out = note.at;
  for (std::size_t i = 0; i < at; ++i) {
    const Note& other = record.notes[i];
    if (other.told_at || rank(other.type) < 0 || rank(other.type) >= rank(note.type) ||
        placed[i].at <= note.at)
      continue;
    const Mention& about = record.mentions[other.mention];
    if (record.parts[about.part].source == record.parts[who.part].source &&
        same_subject(about, who))
      out = std::max(out, placed[i].at);
  }
  return out;
}

}  // namespace

Order canonical_order(const CallRecord& record, const SourceBook& sources) {
  const auto part_of = [&](const Placed& placed) {
    return record.mentions[record.notes[placed.note].mention].part;
  };
  Order out;
  out.resize(record.notes.size());
  bool any_seq = false;
  int highest = -1;
  bool any_untimed = false;
  for (const Note& note : record.notes) {
    highest = std::max(highest, rank(note.type));
    any_untimed |= !note.told_at;
  }
  for (std::size_t i = 0; i < record.notes.size(); ++i) {
    const Note& note = record.notes[i];
    const int own = rank(note.type);
    out[i] = {static_cast<std::uint16_t>(i), static_cast<std::int16_t>(own), note.at};
    any_seq |= note.has_seq();
    if (!note.told_at && own >= 0 && own < highest) out[i].at = untimed_place(record, i);
    if (note.told_at && any_untimed && own > 0) out[i].at = after_untimed(record, i, out);
  }
  // Of two sources, one's clock may be behind: the end that it tells comes after what the other has
  // told of the call, as far as clocks differ.
  bool several_sources = false;
  for (const Part& part : record.parts)
    several_sources |= part.source != SourceBook::kBroker && part.source != record.parts[0].source;
  for (Placed& placed : out) {
    const Note& note = record.notes[placed.note];
    if (!several_sources || note.type != FactType::ended) continue;
    const SourceIndex own = record.parts[part_of(placed)].source;
    if (own == SourceBook::kBroker) continue;
    for (const Note& other : record.notes) {
      const SourceIndex theirs = record.parts[record.mentions[other.mention].part].source;
      if (theirs != own && theirs != SourceBook::kBroker && rank(other.type) >= 0 &&
          rank(other.type) < rank(FactType::ended) && other.at - note.at <= kSkewMax)
        placed.at = std::max(placed.at, other.at);
    }
  }
  // A tick comes after all that had been heard of by then, whatever their clocks say.
  for (Placed& placed : out)
    if (record.notes[placed.note].joined_by == JoinedBy::tick)
      for (const Placed& earlier : out)
        if (earlier.note < placed.note) placed.at = std::max(placed.at, earlier.at);
  // A record of the whole call belongs after it, whatever time it names: some give the call's
  // start.
  for (Placed& placed : out) {
    const Note& note = record.notes[placed.note];
    if (note.type != FactType::report) continue;
    for (const Note& other : record.notes)
      if (rank(other.type) >= 0 && rank(other.type) < rank(FactType::report))
        placed.at = std::max(placed.at, other.at);
  }
  if (any_seq) {
    // A source's own sequence comes before its clock and before the states: along it neither falls.
    // It counts within a leg: some begin anew with each.
    boost::container::small_vector<std::uint16_t, 16> counted;
    for (const Placed& placed : out)
      if (record.notes[placed.note].has_seq()) counted.push_back(placed.note);
    std::sort(counted.begin(), counted.end(), [&](auto a, auto b) {
      const Note &one = record.notes[a], &two = record.notes[b];
      const Text &leg = record.mentions[one.mention].leg, &other = record.mentions[two.mention].leg;
      if (part_of(out[a]) != part_of(out[b])) return part_of(out[a]) < part_of(out[b]);
      if (!(leg == other)) return leg < other;
      return std::tuple{one.seq, rank(one.type), one.at, a} <
             std::tuple{two.seq, rank(two.type), two.at, b};
    });
    const auto one_count = [&](const Placed& a, const Placed& b) {
      const Mention& one = record.mentions[record.notes[a.note].mention];
      const Mention& two = record.mentions[record.notes[b.note].mention];
      return one.part == two.part && one.leg == two.leg;
    };
    // What came late and has no time of its own happened before what it should have come before …
    for (std::size_t i = counted.size(); i-- > 1;) {
      Placed& before = out[counted[i - 1]];
      const Placed& next = out[counted[i]];
      if (one_count(before, next) && !record.notes[before.note].told_at)
        before.at = std::min(before.at, next.at);
    }
    // … and a clock that runs back does not turn the sequence round.
    for (std::size_t i = 1; i < counted.size(); ++i) {
      const Placed& before = out[counted[i - 1]];
      Placed& next = out[counted[i]];
      if (!one_count(before, next) || before.at < next.at) continue;
      next.at = before.at;
      next.rank = std::max(next.rank, before.rank);
    }
  }
  const auto precedes = [&](const Placed& a, const Placed& b) {
    if (a.at != b.at) return a.at < b.at;
    if (a.rank != b.rank) return a.rank < b.rank;
    const Note &one = record.notes[a.note], &two = record.notes[b.note];
    const Mention &who = record.mentions[one.mention], &other = record.mentions[two.mention];
    if (who.part != other.part) {
      const Part &p = record.parts[who.part], &q = record.parts[other.part];
      if (p.source != q.source) return sources[p.source].name < sources[q.source].name;
      return p.id < q.id;
    }
    if (one.seq != two.seq) return one.seq < two.seq;
    // Of toggles that bring neither time nor number only their arrival tells which came first.
    const auto arrived = [&](const Note& note, std::size_t at) {
      return is_toggle(note.type) && !note.told_at && !note.has_seq() ? at + 1 : 0;
    };
    if (const auto p = arrived(one, a.note), q = arrived(two, b.note); p != q) return p < q;
    // The same moment, the same rank: by what is said, never by arrival.
    if (one.type != two.type) return one.type < two.type;
    // A leg's own end says more of it than the end of the whole call.
    const auto of_all = [](const Mention& mention) { return !mention.has_agent; };
    if (of_all(who) != of_all(other)) return of_all(other);
    return std::tie(who.leg, who.agent_ext, who.agent_user, who.from.number, who.from.ext,
                    who.to.number, who.to.ext, who.did, a.note) <
           std::tie(other.leg, other.agent_ext, other.agent_user, other.from.number, other.from.ext,
                    other.to.number, other.to.ext, other.did, b.note);
  };
  if (!std::is_sorted(out.begin(), out.end(), precedes))
    std::sort(out.begin(), out.end(), precedes);
  return out;
}

}  // namespace hookswitch
