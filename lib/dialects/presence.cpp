#include "dialects/presence.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "dialects/participation.hpp"

namespace hookswitch {
namespace {

std::string user_key(std::string_view org, std::string_view user) {
  // The length keeps ("a", "b/c") and ("a/b", "c") apart.
  return std::to_string(org.size()) + ":" + std::string{org} + "/" + std::string{user};
}

std::size_t index(TelephonyStatus status) { return static_cast<std::size_t>(status); }

TelephonyStatus busiest(const std::array<std::uint32_t, kTelephonyStatuses>& counts) {
  for (std::size_t i = kTelephonyStatuses; i-- > 1;)
    if (counts[i] > 0) return static_cast<TelephonyStatus>(i);
  return TelephonyStatus::NoCall;
}

/// A leg of `user` is among those that the event is about.
bool concerns(const Event& event, const Text& user) {
  return std::any_of(event.call->legs.begin(), event.call->legs.end(), [&](const Leg& leg) {
    if (leg.user != user) return false;
    return leg.id == event.leg ||
           std::find(event.changed.begin(), event.changed.end(), leg.id) != event.changed.end();
  });
}

}  // namespace

std::string_view to_string(TelephonyStatus status) {
  switch (status) {
    case TelephonyStatus::NoCall:
      return "NoCall";
    case TelephonyStatus::ParkedCall:
      return "ParkedCall";
    case TelephonyStatus::OnHold:
      return "OnHold";
    case TelephonyStatus::Ringing:
      return "Ringing";
    case TelephonyStatus::CallConnected:
      return "CallConnected";
  }
  HS_ASSERT(false);
  return "NoCall";
}

TelephonyStatus status_in_call(const Call& call, std::string_view user) {
  TelephonyStatus most = TelephonyStatus::NoCall;
  for (const auto& part : dialects::participations(call, user))
    most = std::max(most, dialects::status_of(call, part));
  return most;
}

std::vector<PresenceBoard::Change> PresenceBoard::apply(const Event& event) {
  std::vector<Change> changes;
  if (!event.call) return changes;
  if (!event.absorbed.empty()) remove(event.absorbed, &changes);
  put(*event.call, &event, &changes);
  // A merge takes a user out of one call and into the other: only the sum is news.
  std::erase_if(changes, [](const Change& change) { return change.before == change.after; });
  return changes;
}

void PresenceBoard::seed(const LiveCalls& calls) {
  for (const auto& call : calls) put(*call, nullptr, nullptr);
}

TelephonyStatus PresenceBoard::status(std::string_view org, std::string_view user) const {
  const auto found = users_.find(user_key(org, user));
  return found == users_.end() ? TelephonyStatus::NoCall : busiest(found->second);
}

void PresenceBoard::put(const Call& call, const Event* event, std::vector<Change>* changes) {
  const bool over = event != nullptr &&
                    (event->type == EventType::call_ended || event->type == EventType::call_report);
  if (over || call.state == CallState::ended) return remove(call.id, changes);
  std::vector<Share> now;
  for (const auto& leg : call.legs) {
    const auto same = [&](const Share& share) { return share.user == leg.user; };
    if (leg.user.empty() || std::any_of(now.begin(), now.end(), same)) continue;
    now.push_back({leg.user, status_in_call(call, leg.user)});
  }
  Entry& entry = calls_[call.id];
  entry.org = call.org;
  std::vector<Share> old = std::exchange(entry.shares, {});
  for (auto& share : now) {
    const auto was =
        std::find_if(old.begin(), old.end(), [&](const Share& o) { return o.user == share.user; });
    const TelephonyStatus before = was == old.end() ? TelephonyStatus::NoCall : was->status;
    // Of two telephones one answers: the event of the answer is not for the other's user, whose own
    // leg.ended follows.
    if (event != nullptr && share.status == TelephonyStatus::NoCall &&
        !concerns(*event, share.user))
      share.status = before;
    move(call.org, share.user, before, share.status, changes);
    if (was != old.end()) old.erase(was);
  }
  for (const auto& gone : old)
    move(call.org, gone.user, gone.status, TelephonyStatus::NoCall, changes);
  entry.shares = std::move(now);
}

void PresenceBoard::remove(const std::string& call_id, std::vector<Change>* changes) {
  const auto found = calls_.find(call_id);
  if (found == calls_.end()) return;
  const Entry entry = std::move(found->second);
  calls_.erase(found);
  for (const auto& share : entry.shares)
    move(entry.org, share.user, share.status, TelephonyStatus::NoCall, changes);
}

void PresenceBoard::move(const Text& org, const Text& user, TelephonyStatus from,
                         TelephonyStatus to, std::vector<Change>* changes) {
  if (from == to) return;
  const std::string key = user_key(org, user);
  Counts& counts = users_[key];
  const TelephonyStatus before = busiest(counts);
  if (from != TelephonyStatus::NoCall) {
    HS_ASSERT(counts[index(from)] > 0);
    --counts[index(from)];
  }
  if (to != TelephonyStatus::NoCall) ++counts[index(to)];
  const TelephonyStatus after = busiest(counts);
  if (after == TelephonyStatus::NoCall) users_.erase(key);
  if (changes == nullptr || before == after) return;
  const auto known = std::find_if(changes->begin(), changes->end(),
                                  [&](const Change& c) { return c.user == user; });
  if (known == changes->end())
    changes->push_back({user, before, after});
  else
    known->after = after;
}

}  // namespace hookswitch
