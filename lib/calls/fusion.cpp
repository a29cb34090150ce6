#include "calls/fusion.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

std::uint64_t hash_value(const Text& org, char kind, const Text& value) {
  const std::uint64_t h = std::hash<std::string_view>{}(value.str());
  const std::uint64_t o = std::hash<std::string_view>{}(org.str());
  return (h * 0x9E3779B97F4A7C15ULL) ^ (o + static_cast<std::uint64_t>(kind) * 1000003);
}

bool near_in_time(Time a, Time b, milliseconds window) {
  return a > b ? a - b <= window : b - a <= window;
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
    case FusionVerdict::strong_key_contradicts:
      return "strong_key_contradicts";
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
  Entry entry{std::move(sight), {0, 0}};
  const std::uint64_t number = first_ + entries_.size();
  if (!entry.sight.ext.empty()) {
    entry.hashes[0] = hash_value(org, 'e', entry.sight.ext);
    by_value_.emplace(entry.hashes[0], number);
  }
  if (!entry.sight.number.empty()) {
    entry.hashes[1] = hash_value(org, 'n', entry.sight.number);
    by_value_.emplace(entry.hashes[1], number);
  }
  entries_.push_back(std::move(entry));
}

std::vector<const FusionSight*> FusionIndex::near(const Text& org, const FusionSight& sight) const {
  std::vector<const FusionSight*> out;
  const auto look = [&](std::uint64_t hash) {
    const auto [begin, end] = by_value_.equal_range(hash);
    for (auto it = begin; it != end; ++it) {
      const FusionSight* found = &entries_[static_cast<std::size_t>(it->second - first_)].sight;
      if (std::find(out.begin(), out.end(), found) == out.end()) out.push_back(found);
    }
  };
  if (!sight.number.empty()) look(hash_value(org, 'n', sight.number));
  if (!sight.ext.empty()) look(hash_value(org, 'e', sight.ext));
  return out;
}

void FusionIndex::forget_before(Time time) {
  while (!entries_.empty() && entries_.front().sight.received < time) {
    for (const std::uint64_t hash : entries_.front().hashes) {
      const auto [begin, end] = by_value_.equal_range(hash);
      for (auto it = begin; it != end; ++it)
        if (it->second == first_) {
          by_value_.erase(it);
          break;
        }
    }
    entries_.pop_front();
    ++first_;
  }
}

void FusionIndex::clear() {
  entries_.clear();
  by_value_.clear();
}

}  // namespace hookswitch
