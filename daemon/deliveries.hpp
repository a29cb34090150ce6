#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/metrics.hpp"
#include "base/time.hpp"

namespace hookswitch {

/// Deliveries of one source that are remembered: 54 a second for ten minutes, which is a PBX with
/// some 10,000 extensions; about 8 MiB with what the journal keeps of them.
inline constexpr std::size_t kDeliveriesMax = 32'768;
/// Requests that wait for the answer to the same one: a sender that does not wait itself.
inline constexpr std::size_t kTwinsMax = 8;

/// Which deliveries of webhooks have been taken: the same one again is answered as it was and gives
/// no facts. A delivery is taken once its facts are durable, and the note of it becomes so in the
/// same commit; until then the same one waits. Each source has room of its own, the oldest goes
/// first. Any thread.
class Deliveries {
 public:
  /// By name, as the journal keeps them; empty text: forget it.
  using Notes = std::map<std::string, std::string>;
  /// How it went: nothing, or why the facts are not durable.
  using Answer = std::function<void(std::optional<Errc>)>;
  enum class Standing {
    fresh,     ///< take it, then say how it went by end()
    repeated,  ///< it was taken
    waits,     ///< it is being taken: `twin` will be told how that went
    crowded,   ///< as waits, but too many wait already
  };

  Deliveries(Registry& registry, std::size_t most = kDeliveriesMax)
      : registry_(registry), most_(most) {}

  /// What the journal kept. Before anything else.
  void restore(const Notes& notes, Time now);

  Standing begin(const std::string& source, const std::string& key, Time now, Answer twin);
  /// What must become durable with the facts of a delivery that begin() called fresh, so that it is
  /// known until `expires`.
  Notes notes(const std::string& source, const std::string& key, Time expires);
  /// It will be taken later and its sender has been told so: those who wait are told too, and the
  /// same again is a repeat if that `is_sure`, else a delivery of its own.
  void put_aside(const std::string& source, const std::string& key, bool is_sure);
  /// It went as `failure` says. With `expires` and without failure it is remembered.
  void end(const std::string& source, const std::string& key, std::optional<Time> expires,
           const Notes& notes, std::optional<Errc> failure);

  std::size_t remembered(const std::string& source) const;

 private:
  struct Source {
    std::unordered_map<std::string, Time> taken;
    std::deque<std::string> order;  ///< of taken, oldest first
    struct UnderWay {
      std::vector<Answer> twins;
      bool is_aside = false;
    };
    std::unordered_map<std::string, UnderWay> under_way;
  };
  void forget_oldest(const std::string& name, Source& source);

  Registry& registry_;
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::map<std::string, Source, std::less<>> sources_;
  /// (source, key) of notes that the journal still has.
  std::deque<std::pair<std::string, std::string>> forgotten_;
};

}  // namespace hookswitch
