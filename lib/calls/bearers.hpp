#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <unordered_map>

namespace hookswitch {

/// Which calls bear a key, by the key's hash: nearly always one, seldom a few (an ended call and
/// the next one, or two hashes that collide: who asks compares the key itself). Not thread-safe.
class Bearers {
 public:
  using Slot = std::uint32_t;

  void add(std::uint64_t hash, Slot slot) {
    if (const auto [at, fresh] = first_.try_emplace(hash, slot); !fresh) more_.emplace(hash, slot);
  }
  /// Takes one entry away, if it is there.
  void remove(std::uint64_t hash, Slot slot) {
    const auto others = more_.equal_range(hash);
    for (auto it = others.first; it != others.second; ++it)
      if (it->second == slot) {
        more_.erase(it);
        return;
      }
    const auto at = first_.find(hash);
    if (at == first_.end() || at->second != slot) return;
    if (others.first == others.second) {
      first_.erase(at);
    } else {
      at->second = others.first->second;
      more_.erase(others.first);
    }
  }
  template <class Visit>
  void visit(std::uint64_t hash, Visit visit) const {
    const auto at = first_.find(hash);
    if (at == first_.end()) return;
    visit(at->second);
    if (more_.empty()) return;
    const auto [begin, end] = more_.equal_range(hash);
    for (auto it = begin; it != end; ++it) visit(it->second);
  }
  void clear() {
    first_.clear();
    more_.clear();
  }

 private:
  struct Hashed {  // they are hashes already
    using is_avalanching = void;
    std::size_t operator()(std::uint64_t hash) const { return hash; }
  };
  boost::unordered_flat_map<std::uint64_t, Slot, Hashed> first_;
  std::unordered_multimap<std::uint64_t, Slot> more_;
};

}  // namespace hookswitch
