#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "calls/record.hpp"
#include "model/fact.hpp"

namespace hookswitch {

/// Fusion (model.md §4.3): the same call, told by another source under ids of its own. What is
/// compared is a step (somebody rings, answers, ends) with its extension, its outside number and
/// its direction.
struct FusionSight {
  std::uint32_t slot = 0;
  std::uint16_t note = 0;  ///< of that call's record
  std::uint64_t call = 0;  ///< hash of the call id: a slot may have been used again
  SourceIndex source = SourceBook::kBroker;
  FactType type = FactType::ringing;
  Direction direction = Direction::unknown;
  Text ext, number;
  Time at{}, received{};
  bool told_at = false;  ///< the source says when
};

/// Why a sighting does or does not make two calls one; `explain` prints the words. In the order in
/// which the conditions are tried.
enum class FusionVerdict : std::uint8_t {
  fuses,
  same_source,  ///< a source does not tell one call twice
  number_differs,
  ext_differs,
  nothing_in_common,  ///< neither an extension nor a number is told by both
  direction_differs,
  too_far_apart,  ///< by both clocks
  fusion_off,     ///< one of the two sources is not to be fused
  strong_key_contradicts,
  already_over,  ///< the other call had ended, and this is nothing that was before its end
  several_candidates,
};
std::string_view to_string(FusionVerdict);

/// Confidence in per cent of a fusion by this much common ground.
std::uint8_t fusion_confidence(const FusionSight& a, const FusionSight& b);

/// What both sightings say.
FusionVerdict compare(const FusionSight& a, const FusionSight& b, milliseconds window);

/// Whether `sight` of the call `own` is the step `note` of the call `other`: every condition but
/// that there is no second candidate, which is the caller's to find out.
FusionVerdict verdict_on(const FusionSight& sight, const CallRecord& own, const CallRecord& other,
                         const Note& note, const SourceBook& sources, milliseconds window);

/// What a fact shows of its call for this purpose; empty ext and number: nothing.
FusionSight sight_of(const Fact& fact, SourceIndex source);
/// The same of a note.
FusionSight sight_of(const CallRecord& record, const Note& note);
/// ... with the number and the direction that the call knows by other facts of that source.
FusionSight whole_sight_of(const CallRecord& record, const Note& note);

/// The sightings of the last moments, by organisation and extension or number. Bounded by time and
/// by count.
class FusionIndex {
 public:
  void add(const Text& org, FusionSight sight);
  /// Those that share an extension or a number with `sight`. False: so many do that nothing can be
  /// said of any of them.
  bool near(const Text& org, const FusionSight& sight,
            std::vector<const FusionSight*>& found) const;
  /// Forgets what was received before `time`.
  void forget_before(Time time);
  void clear();

 private:
  static constexpr std::size_t kMax = 200'000;
  static constexpr std::uint32_t kOfOneValueMax = 512;
  struct Entry {
    FusionSight sight;
    std::uint64_t hashes[2] = {0, 0};  ///< of its extension and its number; 0: has none
    std::uint64_t next[2] = {0, 0};    ///< number of the next entry with that value
  };
  /// The entries of one value, by number, in the order in which they came and go.
  struct Chain {
    std::uint64_t first = 0, last = 0;
    std::uint32_t count = 0;
  };
  Entry& at(std::uint64_t number) { return entries_[static_cast<std::size_t>(number - first_)]; }
  const Entry& at(std::uint64_t number) const {
    return entries_[static_cast<std::size_t>(number - first_)];
  }
  std::deque<Entry> entries_;
  std::uint64_t first_ = 1;  ///< number of entries_.front()
  boost::unordered_flat_map<std::uint64_t, Chain> chains_;
};

}  // namespace hookswitch
