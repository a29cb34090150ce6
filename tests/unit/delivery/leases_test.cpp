#include "delivery/leases.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace hookswitch {
namespace {

const Leases::Person kAlice{"acme", "alice"}, kBob{"acme", "bob"};

Tab hidden(std::string id) { return {std::move(id), false, false}; }
Tab visible(std::string id) { return {std::move(id), true, false}; }
Tab focused(std::string id) { return {std::move(id), true, true}; }

std::string holder(const Leases& leases, const std::string& purpose = "calls",
                   const Leases::Person& person = kAlice) {
  for (const Lease& lease : leases.of(person))
    if (lease.purpose == purpose) return lease.holder;
  return {};
}

std::int64_t token(const Leases& leases, const std::string& purpose = "calls") {
  for (const Lease& lease : leases.of(kAlice))
    if (lease.purpose == purpose) return lease.token;
  return 0;
}

TEST(Leases, TheFirstTabHoldsCallsAndTheNextOnesWait) {
  Leases leases;
  leases.join(kAlice, 1, hidden("a"));
  leases.join(kAlice, 2, visible("b"));
  EXPECT_EQ(holder(leases), "a") << "who holds it keeps it while it lives";
  EXPECT_EQ(leases.take_changes().size(), 1u);
  EXPECT_TRUE(leases.take_changes().empty());
}

TEST(Leases, FocusMovesItAndLosingFocusDoesNot) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  leases.join(kAlice, 2, hidden("b"));
  const auto before = token(leases);
  leases.focus(1, false, false);
  leases.focus(2, true, false);
  EXPECT_EQ(holder(leases), "a");
  EXPECT_EQ(token(leases), before);
  leases.focus(2, true, true);
  EXPECT_EQ(holder(leases), "b");
  EXPECT_GT(token(leases), before);
}

TEST(Leases, AFocusedTabThatComesTakesItFromOneThatIsNot) {
  Leases leases;
  leases.join(kAlice, 1, visible("a"));
  leases.join(kAlice, 2, focused("b"));
  EXPECT_EQ(holder(leases), "b");
  leases.join(kAlice, 3, focused("c"));
  EXPECT_EQ(holder(leases), "b") << "two computers: coming back is not turning to it";
  leases.focus(3, true, true);
  EXPECT_EQ(holder(leases), "c");
}

TEST(Leases, EnableMovesItWhateverIsFocused) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  leases.join(kAlice, 2, hidden("b"));
  leases.enable(2);
  EXPECT_EQ(holder(leases), "b");
}

TEST(Leases, TheBestOfTheOthersComesAfterAHolderThatHasGone) {
  Leases leases;
  leases.join(kAlice, 1, hidden("gone"));
  leases.join(kAlice, 2, visible("visible"));
  leases.join(kAlice, 3, hidden("old"));
  leases.join(kAlice, 4, hidden("new"));
  leases.leave(1);
  EXPECT_EQ(holder(leases), "visible");
  leases.leave(2);
  EXPECT_EQ(holder(leases), "new");
  leases.leave(4);
  EXPECT_EQ(holder(leases), "old");
  leases.leave(3);
  EXPECT_EQ(holder(leases), "");
}

TEST(Leases, ATabLivesAsLongAsItHasAConnection) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  leases.join(kAlice, 2, focused("a"));
  leases.join(kAlice, 3, hidden("b"));
  const auto before = token(leases);
  leases.leave(1);
  EXPECT_EQ(holder(leases), "a");
  EXPECT_EQ(token(leases), before);
  EXPECT_EQ(leases.tabs(), 2u);
  leases.leave(2);
  EXPECT_EQ(holder(leases), "b");
}

TEST(Leases, PersonsAreKeptApart) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  leases.join(kBob, 2, focused("a"));
  leases.join({"globex", "alice"}, 3, focused("x"));
  leases.leave(1);
  EXPECT_EQ(holder(leases), "");
  EXPECT_EQ(holder(leases, "calls", kBob), "a");
  EXPECT_EQ(holder(leases, "calls", {"globex", "alice"}), "x");
}

TEST(Leases, ATabTooManyTakesNoPart) {
  Leases leases;
  for (std::size_t i = 0; i < kTabsPerUserMax; ++i)
    EXPECT_TRUE(leases.join(kAlice, i, hidden("t" + std::to_string(i))));
  EXPECT_FALSE(leases.join(kAlice, 1000, focused("more")));
  EXPECT_FALSE(leases.has_part(1000));
  EXPECT_EQ(holder(leases), "t0");
  leases.leave(1000);
  EXPECT_TRUE(leases.join(kAlice, 1001, focused("t1"))) << "a further connection is no further tab";
}

TEST(Leases, APopIsClaimedOnceByItsHolderWithTheTokenOfNow) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  leases.join(kAlice, 2, hidden("b"));
  leases.offer_pop(kAlice, "c1");
  const auto now = token(leases, "pop:c1");
  EXPECT_FALSE(leases.claim(2, "c1", now)) << "not its holder";
  EXPECT_FALSE(leases.claim(1, "c1", now - 1));
  EXPECT_FALSE(leases.claim(1, "c2", now));
  EXPECT_TRUE(leases.claim(1, "c1", now));
  EXPECT_FALSE(leases.claim(1, "c1", now));
  leases.offer_pop(kAlice, "c1");
  EXPECT_FALSE(leases.claim(1, "c1", token(leases, "pop:c1")));
}

TEST(Leases, APopFollowsTheHolderThatHasGoneUnlessItIsClaimed) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  leases.join(kAlice, 2, hidden("b"));
  leases.offer_pop(kAlice, "c1");
  leases.offer_pop(kAlice, "c2");
  const auto stale = token(leases, "pop:c1");
  EXPECT_TRUE(leases.claim(1, "c2", token(leases, "pop:c2")));
  leases.leave(1);
  EXPECT_EQ(holder(leases, "pop:c1"), "b");
  EXPECT_EQ(holder(leases, "pop:c2"), "");
  EXPECT_FALSE(leases.claim(2, "c1", stale));
  EXPECT_TRUE(leases.claim(2, "c1", token(leases, "pop:c1")));
}

TEST(Leases, FocusDoesNotTakeAPopAway) {
  Leases leases;
  leases.join(kAlice, 1, hidden("a"));
  leases.join(kAlice, 2, hidden("b"));
  leases.offer_pop(kAlice, "c1");
  const auto now = token(leases, "pop:c1");
  leases.focus(2, true, true);
  EXPECT_TRUE(leases.claim(1, "c1", now));
}

TEST(Leases, APopWaitsForATabThatComesBack) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  leases.offer_pop(kAlice, "c1");
  leases.leave(1);
  leases.take_changes();
  leases.join(kAlice, 2, focused("a"));
  EXPECT_EQ(holder(leases, "pop:c1"), "a");
  EXPECT_TRUE(leases.claim(2, "c1", token(leases, "pop:c1")));
}

TEST(Leases, AfterTheEndOfTheCallItsHolderMayStillClaimAndNobodyElse) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  leases.join(kAlice, 2, hidden("b"));
  leases.offer_pop(kAlice, "c1");
  leases.offer_pop(kAlice, "c2");
  leases.end_pop(kAlice, "c1");
  leases.end_pop(kAlice, "c2");
  EXPECT_TRUE(leases.claim(1, "c1", token(leases, "pop:c1")));
  leases.take_changes();
  leases.leave(1);
  EXPECT_EQ(holder(leases, "pop:c2"), "");
  bool told = false;
  for (const auto& change : leases.take_changes())
    told |= change.lease.purpose == "pop:c2" && change.lease.holder.empty();
  EXPECT_TRUE(told);
}

TEST(Leases, CallsThatAreOneHaveOnePop) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  leases.offer_pop(kAlice, "c1");
  EXPECT_TRUE(leases.claim(1, "c1", token(leases, "pop:c1")));
  leases.merge_pop(kAlice, "c1", "c2");
  EXPECT_EQ(holder(leases, "pop:c2"), "");
  leases.offer_pop(kAlice, "c3");
  leases.merge_pop(kAlice, "c3", "c4");
  EXPECT_EQ(holder(leases, "pop:c3"), "");
  EXPECT_TRUE(leases.claim(1, "c4", token(leases, "pop:c4")));
}

TEST(Leases, PopsOfOnePersonAreBoundedAndThoseOfEndedCallsGoFirst) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  for (std::size_t i = 0; i < kPopsPerUserMax; ++i)
    leases.offer_pop(kAlice, "c" + std::to_string(i));
  leases.end_pop(kAlice, "c7");
  leases.offer_pop(kAlice, "one");
  EXPECT_EQ(holder(leases, "pop:c7"), "");
  EXPECT_EQ(holder(leases, "pop:c0"), "a");
  leases.offer_pop(kAlice, "two");
  EXPECT_EQ(holder(leases, "pop:c0"), "");
  EXPECT_EQ(leases.of(kAlice).size(), 1 + kPopsPerUserMax);
}

TEST(Leases, APersonWithoutTabsAndPopsIsForgotten) {
  Leases leases;
  leases.join(kAlice, 1, focused("a"));
  leases.offer_pop(kAlice, "c1");
  const auto before = token(leases, "pop:c1");
  leases.leave(1);
  leases.take_changes();
  EXPECT_FALSE(leases.empty()) << "the call goes on";
  leases.end_pop(kAlice, "c1");
  leases.take_changes();
  EXPECT_TRUE(leases.empty());
  leases.join(kAlice, 2, focused("a"));
  EXPECT_GT(token(leases), before);
}

TEST(LeaseTokens, AreAboveThoseOfEarlierRunsWhateverTheClockSays) {
  const Time now = from_unix_ms(1'700'000'000'000), past = from_unix_ms(0);
  const auto first = lease_tokens(std::nullopt, now);
  EXPECT_GT(first.reserved, first.after);
  EXPECT_EQ(lease_tokens(first.reserved, past).after, first.reserved);
  const auto of_another_journal = lease_tokens(std::nullopt, now + std::chrono::hours{3});
  EXPECT_GE(of_another_journal.after, first.reserved);
  EXPECT_LT(lease_tokens(std::nullopt, from_unix_ms(4'102'444'800'000)).reserved,
            std::int64_t{1} << 53);
}

/// A person's tabs, calls, restarts of ours by chance; what was told, as a client that is never
/// away would have it.
class RandomTabs {
 public:
  explicit RandomTabs(unsigned seed) : random_(seed) { restart(); }

  void step() {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        come();
        break;
      case 3:
      case 4:
        go();
        break;
      case 5:
      case 6:
        if (const auto client = any()) leases_->focus(client, maybe(), maybe());
        break;
      case 7:
        if (const auto client = any()) leases_->enable(client);
        break;
      case 8:
        leases_->offer_pop(kAlice, "c" + std::to_string(calls_++));
        break;
      case 9:
        claim();
        break;
      case 10:
        leases_->end_pop(kAlice, "c" + std::to_string(below(calls_ + 1)));
        break;
      default:
        if (below(10) == 0) restart();
    }
    check();
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool maybe() { return below(2) == 0; }
  ClientId any() {
    if (tabs_.empty()) return 0;
    auto it = tabs_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(below(tabs_.size())));
    return it->first;
  }

  void come() {
    const std::string id = "t" + std::to_string(below(8));
    tabs_[++clients_] = id;
    EXPECT_TRUE(leases_->join(kAlice, clients_, {id, maybe(), maybe()}));
  }
  void go() {
    const ClientId client = any();
    leases_->leave(client);
    tabs_.erase(client);
  }
  /// Every connection claims with what any client might have heard, true or stale.
  void claim() {
    const std::string call = "c" + std::to_string(below(calls_ + 1));
    const auto known = told_.find("pop:" + call);
    if (known == told_.end()) return;
    for (const auto& [client, tab] : tabs_) {
      const std::int64_t shown = known->second.token - static_cast<std::int64_t>(below(3));
      if (!leases_->claim(client, call, shown)) continue;
      EXPECT_EQ(shown, known->second.token);
      EXPECT_EQ(tab, known->second.holder);
      EXPECT_TRUE(claimed_.insert(call).second) << call << " popped twice";
    }
  }
  void restart() {
    // The clock has gone back, too.
    const auto tokens = lease_tokens(reserved_, from_unix_ms(1'700'000'000'000 - ++restarts_));
    reserved_ = tokens.reserved;
    leases_.emplace();
    leases_->begin_after(tokens.after);
    calls_ += 10;  // those of before are offered to nobody again
    tabs_.clear();
    live_.clear();
  }

  void check() {
    for (const auto& [person, lease] : leases_->take_changes()) {
      const auto known = told_.find(lease.purpose);
      EXPECT_TRUE(known == told_.end() || lease.token > known->second.token)
          << "a change without a higher token";
      told_[lease.purpose] = live_[lease.purpose] = lease;
    }
    std::set<std::string> tabs;
    for (const auto& [client, tab] : tabs_) tabs.insert(tab);
    std::set<std::string> purposes;
    for (const Lease& lease : leases_->of(kAlice)) {
      EXPECT_TRUE(purposes.insert(lease.purpose).second) << "two holders";
      EXPECT_EQ(lease, live_[lease.purpose]) << "not as it was told";
      EXPECT_EQ(lease.holder.empty(), tabs.empty()) << lease.purpose << ": somebody could hold it";
      EXPECT_TRUE(tabs.empty() || tabs.contains(lease.holder)) << "held by nobody who is there";
    }
    for (const auto& [purpose, lease] : live_)
      EXPECT_TRUE(lease.holder.empty() || purposes.contains(purpose)) << purpose << " is not over";
    EXPECT_EQ(leases_->tabs(), tabs.size());
  }

  std::mt19937 random_;
  std::optional<Leases> leases_;
  std::map<ClientId, std::string> tabs_;
  std::map<std::string, Lease> told_;  ///< over restarts
  std::map<std::string, Lease> live_;  ///< since the last one
  std::set<std::string> claimed_;
  std::optional<std::int64_t> reserved_;
  ClientId clients_ = 0;
  std::size_t calls_ = 0;
  int restarts_ = 0;
};

TEST(Leases, WhateverComesAndGoesOneHoldsThatCanAndTokensRise) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomTabs tabs{seed};
    for (int i = 0; i < 300; ++i) tabs.step();
    if (::testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace hookswitch
