#pragma once

#include <optional>
#include <string>

namespace hookswitch {

struct ReplayOptions {
  std::string bundle;           ///< file
  std::optional<double> speed;  ///< 1: as it happened, 2: twice as fast; none: at once
  bool accept = false;          ///< what is told now becomes what the bundle expects
};

/// Plays a bundle back and prints each event that is told, one JSON object a line. 0: byte for byte
/// what the bundle holds; 1: not so (the first difference goes to stderr), or not a bundle. With
/// `accept` the file is written anew when there is a difference, and that is 0.
int replay_bundle(const ReplayOptions& options);

}  // namespace hookswitch
