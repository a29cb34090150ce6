#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "sources/webhook/hook.hpp"

namespace hookswitch {

/// Of one source, with all that is said of each: 20 requests of a usual size.
inline constexpr std::size_t kUnmatchedBytesMax = 256 * 1024;

/// Authentic webhooks that no rule took, the last of each source, redacted: what who writes a
/// dialect has to look at. In memory only. Any thread.
class Unmatched {
 public:
  /// `most`: how many of this source are kept; 0: none. What tells of people is replaced before it
  /// is kept; values of `hide` are never in it.
  void keep(const std::string& source, std::size_t most, const HookRequest& request,
            const HookTrace& trace, const std::vector<Secret>& hide);
  /// {"source","total","requests":[…]}, newest first.
  std::string to_json(const std::string& source) const;

 private:
  struct Source {
    std::deque<std::string> kept;  ///< JSON objects, oldest first
    std::size_t bytes = 0;
    std::uint64_t total = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Source, std::less<>> sources_;
};

}  // namespace hookswitch
