#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace hookswitch {

/// How far a sink is in its organisation's events: every event up to `accepted()` is dealt with,
/// and some beyond it, where one call waits and others went on. Pure.
class Progress {
 public:
  Progress() = default;
  Progress(std::string epoch, std::uint64_t accepted)
      : epoch_(std::move(epoch)), accepted_(accepted) {}

  const std::string& epoch() const { return epoch_; }
  std::uint64_t accepted() const { return accepted_; }
  bool is_done(std::uint64_t offset) const;
  void done(std::uint64_t offset) { done(offset, offset); }
  void done(std::uint64_t first, std::uint64_t last);
  /// The last offset of the stretch of dealt-with events that begins right after `offset`; `offset`
  /// itself where there is none.
  std::uint64_t skip(std::uint64_t offset) const;
  std::size_t stretches() const { return beyond_.size(); }

  /// One line of JSON with the organisation, and back. nullopt: not of that form.
  std::string encode(std::string_view org) const;
  static std::optional<Progress> decode(std::string_view text, std::string_view org);

 private:
  std::string epoch_;
  std::uint64_t accepted_ = 0;
  std::map<std::uint64_t, std::uint64_t> beyond_;  ///< first -> last, apart from each other
};

}  // namespace hookswitch
