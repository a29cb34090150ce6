// What a call keeps of a fact: add_note and add_notes_of of record.hpp.
#include <algorithm>

#include "calls/order.hpp"
#include "calls/record.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kPartsMax = 60;  // bits of FoldLeg::parts
constexpr std::size_t kMentionsMax = 250;
constexpr std::size_t kExtrasMax = 250;

/// The last notes are for what ends a call.
constexpr std::size_t kNotesForEnd = 16;

template <class List, class Value>
std::optional<std::size_t> place(List& list, Value value, std::size_t count_max) {
  const auto at = std::find(list.begin(), list.end(), value);
  if (at != list.end()) return static_cast<std::size_t>(at - list.begin());
  if (list.size() >= count_max) return std::nullopt;
  grow_by_one(list);
  list.push_back(std::move(value));
  return list.size() - 1;
}

/// A part as `record` has it: what ties it to others there stays.
std::optional<std::size_t> place_part(CallRecord& record, const Part& part) {
  return place(record.parts, Part{part.source, part.id}, kPartsMax);
}

/// One allocation for what a call has said before.
void share(Text& text, const Text& known) {
  if (text == known) text = known;
}

Text user_of_ext(const Directory& directory, const Text& org, const Text& ext) {
  if (ext.empty()) return {};
  const User* user = directory.find_by_ext(org, ext);
  return user == nullptr ? Text{} : Text{user->id};
}

/// A party that is named by the id of one of our users has that user's line.
void name_line(Party& party, Text& user, const Directory& directory, const Text& org) {
  if (!party.ext.empty() || party.aor.empty()) return;
  const User* known = directory.find_user(org, party.aor);
  if (known == nullptr) return;
  user = known->id;
  if (!known->extensions.empty()) party.ext = known->extensions.front();
}

Mention mention_of(const Fact& fact, const CallRecord& record, std::uint8_t part,
                   const Directory& directory) {
  Mention out;
  out.part = part;
  out.direction = fact.direction.value_or(Direction::unknown);
  out.leg = fact.ids.leg;
  out.did = fact.did;
  out.from = fact.from;
  out.to = fact.to;
  out.has_agent = !fact.agent.empty();
  if (out.has_agent) {
    out.agent_ext = fact.agent.ext;
    const User* user =
        out.agent_ext.empty() ? nullptr : directory.find_by_ext(record.org, out.agent_ext);
    if (user == nullptr && !fact.agent.id.empty())
      user = directory.find_user(record.org, fact.agent.id);
    if (user == nullptr && !fact.agent.email.empty())
      user = directory.find_by_email(record.org, fact.agent.email);
    if (user != nullptr) {
      out.agent_user = user->id;
      if (out.agent_ext.empty() && !user->extensions.empty())
        out.agent_ext = user->extensions.front();
    }
  }
  // Who has the line now has the leg for good: moving an extension changes later calls only.
  out.from_user = user_of_ext(directory, record.org, out.from.ext);
  out.to_user = user_of_ext(directory, record.org, out.to.ext);
  name_line(out.from, out.from_user, directory, record.org);
  name_line(out.to, out.to_user, directory, record.org);
  for (const Mention& known : record.mentions) {
    share(out.leg, known.leg);
    share(out.did, known.did);
    for (const auto member : {&Party::number, &Party::presented, &Party::ext, &Party::name}) {
      share(out.from.*member, known.from.*member);
      share(out.to.*member, known.to.*member);
    }
  }
  return out;
}

/// Whether a fact names nobody but whom `known` names: then nobody has to be looked up.
bool names_the_same(const Mention& known, const Fact& fact, std::uint8_t part) {
  const bool has_agent = !fact.agent.empty();
  return known.part == part && known.has_agent == has_agent && known.leg == fact.ids.leg &&
         known.direction == fact.direction.value_or(Direction::unknown) &&
         (!has_agent || (!fact.agent.ext.empty() && known.agent_ext == fact.agent.ext)) &&
         known.from == fact.from && known.to == fact.to && known.did == fact.did;
}

std::optional<std::size_t> place_mention(CallRecord& record, const Fact& fact, std::uint8_t part,
                                         const Directory& directory) {
  const auto known =
      std::find_if(record.mentions.begin(), record.mentions.end(),
                   [&](const Mention& mention) { return names_the_same(mention, fact, part); });
  if (known != record.mentions.end())
    return static_cast<std::size_t>(known - record.mentions.begin());
  return place(record.mentions, mention_of(fact, record, part, directory), kMentionsMax);
}

std::shared_ptr<const Extras> extras_of(const Fact& fact) {
  const bool has_transfer = !fact.transfer.kind.empty() || !fact.transfer.to.empty() ||
                            !fact.transfer.other_calls.empty();
  const bool has_duration = fact.duration && fact.duration->count() > 0;
  if (fact.customer.empty() && fact.queue.empty() && fact.custom_data.empty() &&
      fact.reason.empty() && fact.conference.empty() && fact.recording.empty() && !has_transfer &&
      !has_duration && fact.headers.empty() && fact.variables.empty())
    return nullptr;
  auto out = std::make_shared<Extras>();
  out->customer = fact.customer;
  out->queue = fact.queue;
  out->custom_data = fact.custom_data;
  out->reason = fact.reason;
  out->conference = fact.conference;
  out->recording = fact.recording;
  out->transfer = fact.transfer;
  if (has_duration) out->duration = *fact.duration;
  out->headers = fact.headers;
  out->variables = fact.variables;
  return out;
}

/// Told again: the same words with the same time or number, or without both and not long ago. A
/// state that has changed in between is news, so toggles are compared with the last word only.
bool is_repeat(const CallRecord& record, const Note& note) {
  const auto is_toggle = [](FactType type) {
    return type == FactType::answered || type == FactType::held || type == FactType::resumed ||
           type == FactType::muted || type == FactType::unmuted;
  };
  const bool toggles = is_toggle(note.type) || note.type == FactType::updated;
  const auto same_leg = [&](const Note& known) {
    const Mention &one = record.mentions[known.mention], &two = record.mentions[note.mention];
    if (record.parts[one.part].source != record.parts[two.part].source) return false;
    // A leg id is of one leg in all calls of its source; a line may be in several of them.
    if (!one.leg.empty() && !two.leg.empty()) return one.leg == two.leg;
    return one.part == two.part && same_subject(one, two);
  };
  for (std::size_t i = record.notes.size(); i-- > 0;) {
    const Note& known = record.notes[i];
    if (known.mention != note.mention) {
      // Some name other parties when a leg holds than when it talks, or nobody; it is the same leg.
      if (is_toggle(note.type) && is_toggle(known.type) && known.type != note.type &&
          !note.told_at && !note.has_seq() && !known.told_at && !known.has_seq() && same_leg(known))
        return false;
      continue;
    }
    const bool same = known.type == note.type && known.extras == note.extras &&
                      known.reason == note.reason && known.early == note.early;
    if (note.told_at || note.has_seq()) {
      if (same && known.seq == note.seq && known.told_at == note.told_at &&
          (!note.told_at || known.at == note.at))
        return true;
      continue;
    }
    if (known.told_at || known.has_seq()) continue;
    if (same && (toggles || note.received - known.received <= kReorderWindow)) return true;
    if (toggles && !(known.type == FactType::updated && note.type != FactType::updated))
      return false;
  }
  return false;
}

}  // namespace

std::string_view to_string(JoinedBy rule) {
  switch (rule) {
    case JoinedBy::first_fact:
      return "first_fact";
    case JoinedBy::vendor_call_id:
      return "vendor_call_id";
    case JoinedBy::vendor_leg_id:
      return "vendor_leg_id";
    case JoinedBy::sip_call_id:
      return "sip_call_id";
    case JoinedBy::session_id:
      return "session_id";
    case JoinedBy::header:
      return "header";
    case JoinedBy::tuple:
      return "tuple";
    case JoinedBy::fusion:
      return "fusion";
    case JoinedBy::tick:
      return "tick";
  }
  return "first_fact";
}

std::optional<Disposition> told_reason(const Fact& fact) {
  if (fact.disposition && *fact.disposition != Disposition::unknown) return fact.disposition;
  if (fact.sip_status) {
    switch (*fact.sip_status) {
      case 486:
      case 600:
        return Disposition::busy;
      case 603:
      case 607:
      case 608:
        return Disposition::rejected;
      case 487:
        return Disposition::cancelled;
      case 408:
      case 480:
        return Disposition::no_answer;
      default:
        if (*fact.sip_status >= 400) return Disposition::failed;
    }
  }
  if (fact.cause) {
    switch (*fact.cause) {  // ITU-T Q.850
      case 17:
        return Disposition::busy;
      case 18:
      case 19:
        return Disposition::no_answer;
      case 21:
        return Disposition::rejected;
      case 16:
      case 31:
        return std::nullopt;  // normal clearing says nothing of who or when
      case 26:
        return Disposition::answered_elsewhere;
      default:
        return Disposition::failed;
    }
  }
  return std::nullopt;
}

std::optional<std::size_t> add_note(CallRecord& record, const Fact& fact, SourceIndex source,
                                    JoinedBy joined_by, const Directory& directory) {
  const bool ends = fact.type == FactType::ended || fact.type == FactType::report;
  if (record.notes.size() + (ends ? 0 : kNotesForEnd) >= kNotesPerCallMax) return std::nullopt;
  Text part_id;
  if (!fact.ids.call.empty())
    part_id = fact.ids.call.front();
  else if (!fact.ids.sip.empty())
    part_id = fact.ids.sip.front();
  // A leg id alone says nothing of the part; the source's first one will do.
  std::optional<std::size_t> part;
  if (part_id.empty())
    for (std::size_t i = 0; i < record.parts.size() && !part; ++i)
      if (record.parts[i].source == source) part = i;
  if (!part) part = place(record.parts, Part{source, part_id}, kPartsMax);
  if (!part) return std::nullopt;
  const auto mention = place_mention(record, fact, static_cast<std::uint8_t>(*part), directory);
  if (!mention) return std::nullopt;

  Note note;
  note.type = fact.type;
  note.mention = static_cast<std::uint8_t>(*mention);
  note.at = fact.occurred();
  note.received = fact.received;
  note.told_at = fact.at.has_value();
  note.seq = fact.seq.value_or(Note::kNoSeq);
  note.joined_by = joined_by;
  note.state_report = fact.state_report;
  note.early = fact.type == FactType::dialing && fact.reason == "early";
  note.reason = told_reason(fact);
  if (note.reason)
    note.confidence = fact.disposition && *fact.disposition != Disposition::unknown ? 2 : 1;
  if (auto extras = extras_of(fact)) {
    const auto at = std::find_if(record.extras.begin(), record.extras.end(),
                                 [&](const auto& known) { return *known == *extras; });
    if (at == record.extras.end() && record.extras.size() >= kExtrasMax) return std::nullopt;
    note.extras = static_cast<std::uint8_t>(at - record.extras.begin());
    if (at == record.extras.end()) {
      grow_by_one(record.extras);
      record.extras.push_back(std::move(extras));
    }
  }
  for (const Text& other : fact.transfer.other_calls)
    if (!other.empty()) place(record.parts, Part{source, other}, kPartsMax);
  if (is_repeat(record, note)) return std::nullopt;
  grow_by_one(record.notes);
  record.notes.push_back(note);
  return record.notes.size() - 1;
}

bool told_by(const CallRecord& record, SourceIndex source) {
  return std::any_of(record.parts.begin(), record.parts.end(),
                     [&](const Part& part) { return part.source == source; });
}

std::uint8_t root_part(const CallRecord& record, std::uint8_t part) {
  while (record.parts[part].same_as != Part::kItself) part = record.parts[part].same_as;
  return part;
}

namespace {

void tie(CallRecord& record, std::uint8_t one, std::uint8_t two) {
  one = root_part(record, one);
  two = root_part(record, two);
  if (one == two) return;
  record.parts[std::max(one, two)].same_as = std::min(one, two);
  record.parts[std::min(one, two)].handed_on |= record.parts[std::max(one, two)].handed_on;
}

}  // namespace

void tie_names(CallRecord& record, const Fact& fact, SourceIndex source) {
  std::optional<std::size_t> first;
  for (const Text& id : fact.ids.call) {
    const auto at = place(record.parts, Part{source, id}, kPartsMax);
    if (!at) return;
    if (first) tie(record, static_cast<std::uint8_t>(*first), static_cast<std::uint8_t>(*at));
    first = at;
  }
}

void mark_handed_on(CallRecord& record, const Fact& transfer, SourceIndex source) {
  if (transfer.transfer.other_calls.empty()) return;
  for (Part& part : record.parts) {
    const auto named = [&](const std::vector<Text>& ids) {
      return std::find(ids.begin(), ids.end(), part.id) != ids.end();
    };
    if (part.source == source && !part.id.empty() &&
        (named(transfer.transfer.other_calls) || named(transfer.ids.call)))
      part.handed_on = true;
  }
}

void add_notes_of(CallRecord& record, const CallRecord& gone) {
  for (std::uint8_t i = 0; i < gone.parts.size(); ++i) {
    if (gone.parts[i].same_as == Part::kItself) continue;
    const auto one = place_part(record, gone.parts[root_part(gone, i)]);
    const auto two = place_part(record, gone.parts[i]);
    if (!one || !two) break;
    tie(record, static_cast<std::uint8_t>(*one), static_cast<std::uint8_t>(*two));
  }
  for (const Note& other : gone.notes) {
    if (record.notes.size() >= kNotesPerCallMax) break;
    Mention mention = gone.mentions[other.mention];
    const auto part = place_part(record, gone.parts[mention.part]);
    if (!part) continue;
    record.parts[*part].handed_on |= gone.parts[mention.part].handed_on;
    mention.part = static_cast<std::uint8_t>(*part);
    const auto at = place(record.mentions, std::move(mention), kMentionsMax);
    if (!at) continue;
    Note note = other;
    note.mention = static_cast<std::uint8_t>(*at);
    if (note.extras != Note::kNoExtras) {
      const auto& extras = gone.extras[note.extras];
      const auto same = std::find_if(record.extras.begin(), record.extras.end(),
                                     [&](const auto& known) { return *known == *extras; });
      if (same == record.extras.end() && record.extras.size() >= kExtrasMax) continue;
      note.extras = static_cast<std::uint8_t>(same - record.extras.begin());
      if (same == record.extras.end()) record.extras.push_back(extras);
    }
    record.notes.push_back(note);
  }
}

}  // namespace hookswitch
