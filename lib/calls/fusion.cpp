#include "calls/fusion.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

std::uint64_t hash_value(const Text& org, char kind, const Text& value) {
  const std::uint64_t h = std::hash<std::string_view>{}(value.str());
  const std::uint64_t o = std::hash<std::string_view>{}(org.str());
  const std::uint64_t mixed =
      (h * 0x9E3779B97F4A7C15ULL) ^ (o + static_cast<std::uint64_t>(kind) * 1000003);
  return mixed == 0 ? 1 : mixed;  // 0 is: no value
}

bool near_in_time(Time a, Time b, milliseconds window) {
  return a > b ? a - b <= window : b - a <= window;
}

/// "No strong key contradicts": what both calls have of one kind must not differ.
bool keys_contradict(const CallRecord& one, const CallRecord& two) {
  for (const Part& part : one.parts)
    if (part.source != SourceBook::kBroker && told_by(two, part.source)) return true;
  bool both = false, shared = false;
  for (const Key& a : one.keys) {
    for (const Key& b : two.keys) {
      if (a.kind != b.kind) continue;
      if (a.kind == KeyKind::session_id) {
        both = true;
        shared |= a.value == b.value;
      }
      if (a.kind == KeyKind::header) {
        const auto name = [](const Text& text) {
          return text.str().substr(0, text.str().find(':'));
        };
        if (name(a.value) == name(b.value) && a.value != b.value) return true;
      }
    }
  }
  return both && !shared;
}

}  // namespace

std::string_view to_string(FusionVerdict verdict) {
  switch (verdict) {
    case FusionVerdict::fuses:
      return "fuses";
    case FusionVerdict::same_source:
      return "same_source";
    case FusionVerdict::number_differs:
      return "number_differs";
    case FusionVerdict::ext_differs:
      return "ext_differs";
    case FusionVerdict::nothing_in_common:
      return "nothing_in_common";
    case FusionVerdict::direction_differs:
      return "direction_differs";
    case FusionVerdict::too_far_apart:
      return "too_far_apart";
    case FusionVerdict::fusion_off:
      return "fusion_off";
    case FusionVerdict::strong_key_contradicts:
      return "strong_key_contradicts";
    case FusionVerdict::already_over:
      return "already_over";
    case FusionVerdict::several_candidates:
      return "several_candidates";
  }
  return "fuses";
}

std::uint8_t fusion_confidence(const FusionSight& a, const FusionSight& b) {
  const bool number = !a.number.empty() && a.number == b.number;
  const bool ext = !a.ext.empty() && a.ext == b.ext;
  return number && ext ? 95 : number ? 80 : 60;
}

FusionVerdict compare(const FusionSight& a, const FusionSight& b, milliseconds window) {
  if (a.source == b.source) return FusionVerdict::same_source;
  if (!a.number.empty() && !b.number.empty() && a.number != b.number)
    return FusionVerdict::number_differs;
  if (!a.ext.empty() && !b.ext.empty() && a.ext != b.ext) return FusionVerdict::ext_differs;
  const bool number = !a.number.empty() && a.number == b.number;
  const bool ext = !a.ext.empty() && a.ext == b.ext;
  if (!number && !ext) return FusionVerdict::nothing_in_common;
  if (a.direction != Direction::unknown && b.direction != Direction::unknown &&
      a.direction != b.direction)
    return FusionVerdict::direction_differs;
  if (a.type != b.type ||
      (!near_in_time(a.at, b.at, window) && !near_in_time(a.received, b.received, window)))
    return FusionVerdict::too_far_apart;
  return FusionVerdict::fuses;
}

FusionVerdict verdict_on(const FusionSight& sight, const CallRecord& own, const CallRecord& other,
                         const Note& note, const SourceBook& sources, milliseconds window) {
  // As much as is known of it by now.
  const FusionSight seen = whole_sight_of(other, note);
  const FusionVerdict verdict = compare(seen, sight, window);
  if (verdict != FusionVerdict::fuses) return verdict;
  if (told_by(other, sight.source)) return FusionVerdict::same_source;
  if (!sources[seen.source].rules.fuses || !sources[sight.source].rules.fuses)
    return FusionVerdict::fusion_off;
  if (keys_contradict(own, other)) return FusionVerdict::strong_key_contradicts;
  if (!other.ended) return FusionVerdict::fuses;
  // A call that is over is only taken up by a source that tells times, and only for what it tells
  // of before that end, or of both the same line and the same number: a short call of which one
  // source has told all before the other begins.
  const bool both = fusion_confidence(seen, sight) > 90;
  const bool of_its_end = sight.type == FactType::ended && both;
  const bool both_over = own.ended && both;
  const bool before_its_end = sight.told_at && (sight.at <= other.ended_at || both);
  return of_its_end || both_over || before_its_end ? FusionVerdict::fuses
                                                   : FusionVerdict::already_over;
}

FusionSight sight_of(const Fact& fact, SourceIndex source) {
  FusionSight out;
  switch (fact.type) {
    case FactType::started:
    case FactType::dialing:
      out.type = FactType::started;
      break;
    case FactType::ringing:
    case FactType::answered:
    case FactType::ended:
      out.type = fact.type;
      break;
    default:
      return out;
  }
  out.source = source;
  out.at = fact.occurred();
  out.told_at = fact.at.has_value();
  out.received = fact.received;
  const bool from_line = !fact.from.ext.empty() && fact.from.number.empty();
  const bool to_line = !fact.to.ext.empty();
  out.direction = fact.direction.value_or(Direction::unknown);
  if (out.direction == Direction::unknown) {
    if (from_line && to_line && fact.to.number.empty())
      out.direction = Direction::internal;
    else if (from_line && !fact.to.number.empty())
      out.direction = Direction::outbound;
    else if (!fact.from.number.empty() && (to_line || !fact.did.empty()))
      out.direction = Direction::inbound;
  }
  switch (out.direction) {
    case Direction::outbound:
      out.number = fact.to.number;
      out.ext = from_line ? fact.from.ext : fact.agent.ext;
      break;
    case Direction::internal:  // both ends are lines: the pair is what tells such calls apart
      if (!fact.from.ext.empty() && !fact.to.ext.empty()) {
        out.ext = fact.from.ext;
        out.number = fact.to.ext;
      }
      break;
    default:
      out.number = fact.from.number;
      out.ext = !fact.agent.ext.empty() ? fact.agent.ext : fact.to.ext;
      break;
  }
  return out;
}

FusionSight sight_of(const CallRecord& record, const Note& note) {
  const Mention& mention = record.mentions[note.mention];
  const SourceIndex source = record.parts[mention.part].source;
  Fact fact;
  fact.type = note.type;
  fact.received = note.received;
  fact.at = note.at;
  if (mention.direction != Direction::unknown) fact.direction = mention.direction;
  fact.from = mention.from;
  fact.to = mention.to;
  fact.did = mention.did;
  fact.agent.ext = mention.agent_ext;
  FusionSight out = sight_of(fact, source);
  out.told_at = note.told_at;
  return out;
}

FusionSight whole_sight_of(const CallRecord& record, const Note& note) {
  FusionSight out = sight_of(record, note);
  if (out.ext.empty() || !out.number.empty() || out.direction == Direction::internal) return out;
  for (const Mention& other : record.mentions) {
    if (record.parts[other.part].source != out.source) continue;
    if (out.direction == Direction::unknown) out.direction = other.direction;
    if (out.number.empty())
      out.number = out.direction == Direction::outbound ? other.to.number : other.from.number;
  }
  return out;
}

void FusionIndex::add(const Text& org, FusionSight sight) {
  if (sight.ext.empty() && sight.number.empty()) return;
  while (entries_.size() >= kMax) forget_before(entries_.front().sight.received + milliseconds{1});
  Entry entry{std::move(sight), {0, 0}, {0, 0}};
  if (!entry.sight.ext.empty()) entry.hashes[0] = hash_value(org, 'e', entry.sight.ext);
  if (!entry.sight.number.empty()) entry.hashes[1] = hash_value(org, 'n', entry.sight.number);
  const std::uint64_t number = first_ + entries_.size();
  entries_.push_back(std::move(entry));
  for (const std::uint64_t hash : entries_.back().hashes) {
    if (hash == 0) continue;
    Chain& chain = chains_[hash];
    if (chain.count++ == 0) {
      chain.first = number;
    } else {
      Entry& before = at(chain.last);
      before.next[before.hashes[0] == hash ? 0 : 1] = number;
    }
    chain.last = number;
  }
}

bool FusionIndex::near(const Text& org, const FusionSight& sight,
                       std::vector<const FusionSight*>& found) const {
  const auto look = [&](std::uint64_t hash, std::uint64_t but_not) {
    const auto chain = chains_.find(hash);
    if (chain == chains_.end()) return true;
    if (chain->second.count > kOfOneValueMax) return false;
    std::uint64_t number = chain->second.first;
    for (std::uint32_t i = 0; i < chain->second.count; ++i) {
      const Entry& entry = at(number);
      if (but_not == 0 || (entry.hashes[0] != but_not && entry.hashes[1] != but_not))
        found.push_back(&entry.sight);
      number = entry.next[entry.hashes[0] == hash ? 0 : 1];
    }
    return true;
  };
  const std::uint64_t of_number = sight.number.empty() ? 0 : hash_value(org, 'n', sight.number);
  if (of_number != 0 && !look(of_number, 0)) return false;
  return sight.ext.empty() || look(hash_value(org, 'e', sight.ext), of_number);
}

void FusionIndex::forget_before(Time time) {
  while (!entries_.empty() && entries_.front().sight.received < time) {
    const Entry& entry = entries_.front();
    for (int i = 0; i < 2; ++i) {
      if (entry.hashes[i] == 0) continue;
      const auto chain = chains_.find(entry.hashes[i]);
      chain->second.first = entry.next[i];
      if (--chain->second.count == 0) chains_.erase(chain);
    }
    entries_.pop_front();
    ++first_;
  }
}

void FusionIndex::clear() {
  entries_.clear();
  chains_.clear();
}

}  // namespace hookswitch
