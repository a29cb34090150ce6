#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "recorder/bundle.hpp"

namespace hookswitch {

/// Where what was told now first differs from what was told then.
struct Difference {
  std::size_t event = 0;       ///< counts from 1
  std::string pointer;         ///< RFC 6901, into the frame; "audience" for who was told
  std::string expected, told;  ///< JSON; empty: there is nothing
  std::string text() const;    ///< one line, for people
};

struct Replay {
  std::vector<BundleEvent> told;
  std::optional<Difference> difference;  ///< nullopt: byte for byte the same
};

/// Feeds the inputs to a new call table, in order, and compares what it tells of the bundle's calls
/// with the bundle's events. Calls get the ids they had, events the cursors they had. `before` is
/// called with the time of each input before it is fed, `tell` with each event as it is told. Pure
/// but for those two.
Replay replay(const Bundle& bundle, const std::function<void(Time)>& before = {},
              const std::function<void(const BundleEvent&)>& tell = {});

/// The first difference between two frames; nullopt when they are the same bytes.
std::optional<Difference> difference_of(const std::string& expected, const std::string& told);

}  // namespace hookswitch
