#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/call.hpp"
#include "model/event.hpp"

namespace hookswitch {

/// The words pages know, in rising order of how busy they make a person. The model has no parked
/// leg yet: ParkedCall is the page's word only.
enum class TelephonyStatus : std::uint8_t { NoCall, ParkedCall, OnHold, Ringing, CallConnected };

inline constexpr std::size_t kTelephonyStatuses = 5;

std::string_view to_string(TelephonyStatus status);

/// Calls that have not ended, shared with who keeps them.
using LiveCalls = std::vector<std::shared_ptr<const Call>>;

/// What `call` is to `user` now. A callee's leg rings until it is confirmed; a caller's leg rings
/// until the far side answers.
TelephonyStatus status_in_call(const Call& call, std::string_view user);

/// Per-user telephony status, folded out of the event stream: the busiest of the user's calls. One
/// per hub; single thread. Holds live calls only: a call leaves with `call.ended`, or under its old
/// id with `call.merged`.
class PresenceBoard {
 public:
  struct Change {
    Text user;
    TelephonyStatus before, after;
  };

  /// The users of the event's organisation whose status it changes, in the order of their legs.
  /// A user whose leg has ended, but whom another event of the step will tell so, keeps the status
  /// until that event.
  std::vector<Change> apply(const Event& event);

  /// Takes over the calls of a snapshot, before any event that follows it. Calls already known are
  /// replaced.
  void seed(const LiveCalls& calls);

  TelephonyStatus status(std::string_view org, std::string_view user) const;

  std::size_t calls() const { return calls_.size(); }
  std::size_t users() const { return users_.size(); }

 private:
  using Counts = std::array<std::uint32_t, kTelephonyStatuses>;
  struct Share {
    Text user;
    TelephonyStatus status;
  };
  struct Entry {
    Text org;
    std::vector<Share> shares;
  };

  void put(const Call& call, const Event* event, std::vector<Change>* changes);
  void remove(const std::string& call_id, std::vector<Change>* changes);
  void move(const Text& org, const Text& user, TelephonyStatus from, TelephonyStatus to,
            std::vector<Change>* changes);

  std::unordered_map<std::string, Entry> calls_;
  std::unordered_map<std::string, Counts> users_;
};

}  // namespace hookswitch
