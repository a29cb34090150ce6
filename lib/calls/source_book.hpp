#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/shared_text.hpp"

namespace hookswitch {

/// How one source departs from the plain reading of its facts. Settings, not code: `quirks` and the
/// other keys of a [[source]].
struct SourceRules {
  std::vector<std::string> key_headers;  ///< lower-case names of headers that are strong keys
  bool fuses = true;                     ///< may its calls be found to be those of another source?
  bool confirms_early = false;  ///< kam-prack-confirmed: `answered` is not believed while the other
                                ///< side of the same dialog only rings
  bool callback_is_caller = false;  ///< sipgate-c2d-in: a ring linked to a call of the same person
                                    ///< is that call's own caller leg
  friend bool operator==(const SourceRules&, const SourceRules&) = default;
};

/// The quirks that settings may name, and what each sets. nullptr: no such quirk.
using SetQuirk = void (*)(SourceRules&);
SetQuirk find_quirk(std::string_view name);
std::vector<std::string_view> quirk_names();

using SourceIndex = std::uint16_t;

/// The sources of all organisations by a small number, in the order in which they were met. 0 is
/// the broker itself (ticks). One thread.
class SourceBook {
 public:
  struct Entry {
    Text org, name;
    SourceRules rules;
  };
  static constexpr SourceIndex kBroker = 0;
  static constexpr std::size_t kMax = 65'000;

  SourceBook() { entries_.push_back({}); }
  /// The number of that source; the broker's when there is no room for another.
  SourceIndex index(const std::string& org, const std::string& name);
  const Entry& operator[](SourceIndex at) const { return entries_[at]; }
  std::size_t size() const { return entries_.size(); }
  /// Rules of a source, now and when it is met.
  void set_rules(const std::string& org, const std::string& name, SourceRules rules);
  /// Whether two sources of that organisation have been met that may tell of the same calls.
  bool may_fuse(const std::string& org) const;

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::string, SourceIndex> by_name_;
  std::unordered_map<std::string, SourceRules> rules_;
  std::unordered_map<std::string, int> fusing_;  // org -> sources that fuse
};

}  // namespace hookswitch
