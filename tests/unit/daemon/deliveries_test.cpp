#include "daemon/deliveries.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using Standing = Deliveries::Standing;

class DeliveriesTest : public ::testing::Test {
 protected:
  Standing begin(const std::string& key, const std::string& source = "cloud") {
    return book.begin(source, key, at,
                      [this](std::optional<Errc> failure) { told.push_back(failure); });
  }
  /// Takes it to the end; the notes that became durable.
  Deliveries::Notes take(const std::string& key, const std::string& source = "cloud",
                         std::optional<Errc> failure = {}) {
    EXPECT_EQ(begin(key, source), Standing::fresh);
    auto notes = book.notes(source, key, at + 600s);
    book.end(source, key, at + 600s, notes, failure);
    if (!failure)
      for (const auto& [name, text] : notes) {
        if (text.empty())
          stored.erase(name);
        else
          stored[name] = text;
      }
    return notes;
  }

  Registry registry;
  Deliveries book{registry, 4};
  Time at = from_unix_ms(1'763'650'800'000);
  std::vector<std::optional<Errc>> told;
  Deliveries::Notes stored;
};

TEST_F(DeliveriesTest, TakenDeliveryIsARepeatUntilItsTimeIsOver) {
  take("k");
  at += 599s;
  EXPECT_EQ(begin("k"), Standing::repeated);
  at += 1s;
  EXPECT_EQ(begin("k"), Standing::fresh);
}

TEST_F(DeliveriesTest, DeliveryWhoseFactsWereNotMadeDurableIsNotRemembered) {
  take("k", "cloud", Errc::journal_io);
  EXPECT_EQ(begin("k"), Standing::fresh);
}

TEST_F(DeliveriesTest, SameDeliveryWaitsWhileTheFirstIsUnderWayAndIsToldTheSame) {
  for (const auto failure : {std::optional<Errc>{}, std::optional{Errc::overload}}) {
    told.clear();
    const std::string key = failure ? "lost" : "kept";
    EXPECT_EQ(begin(key), Standing::fresh);
    EXPECT_EQ(begin(key), Standing::waits);
    EXPECT_TRUE(told.empty()) << "told before the first was durable";
    book.end("cloud", key, at + 600s, {}, failure);
    EXPECT_EQ(told, (std::vector<std::optional<Errc>>{failure}));
  }
}

TEST_F(DeliveriesTest, WhatIsPutAsideIsARepeatAtOnceUnlessItMayBeAnotherOccurrence) {
  EXPECT_EQ(begin("sure"), Standing::fresh);
  EXPECT_EQ(begin("sure"), Standing::waits);
  book.put_aside("cloud", "sure", true);
  EXPECT_EQ(told.size(), 1u);
  EXPECT_EQ(begin("sure"), Standing::repeated);
  book.end("cloud", "sure", at + 600s, {}, Errc::overload);
  EXPECT_EQ(begin("sure"), Standing::fresh) << "it was shed";
  EXPECT_EQ(begin("unsure"), Standing::fresh);
  book.put_aside("cloud", "unsure", false);
  EXPECT_EQ(begin("unsure"), Standing::fresh);
}

TEST_F(DeliveriesTest, TooManyOfTheSameAtOnceAreTurnedAway) {
  EXPECT_EQ(begin("k"), Standing::fresh);
  for (std::size_t i = 0; i < kTwinsMax; ++i) EXPECT_EQ(begin("k"), Standing::waits);
  EXPECT_EQ(begin("k"), Standing::crowded);
}

TEST_F(DeliveriesTest, OldestGoesFirstAndOnlyOfItsOwnSource) {
  take("calm", "other");
  for (const char* key : {"1", "2", "3", "4", "5"}) take(key);
  EXPECT_EQ(begin("5"), Standing::repeated);
  EXPECT_EQ(begin("1"), Standing::fresh);
  EXPECT_EQ(begin("calm", "other"), Standing::repeated);
  EXPECT_EQ(registry.value("hookswitch_hook_deliveries_dropped_total", {{"source", "cloud"}}), 1);
}

TEST_F(DeliveriesTest, SameKeyOfTwoSourcesIsTwoDeliveries) {
  take("k");
  EXPECT_EQ(begin("k", "other"), Standing::fresh);
}

TEST_F(DeliveriesTest, WhatIsStoredIsKnownAfterARestart) {
  take("a");
  take("b", "name/with/slashes");
  Deliveries again{registry, 4};
  again.restore(stored, at + 1s);
  const auto standing = [&](const std::string& source, const std::string& key) {
    return again.begin(source, key, at + 2s, [](auto) {});
  };
  EXPECT_EQ(standing("cloud", "a"), Standing::repeated);
  EXPECT_EQ(standing("name/with/slashes", "b"), Standing::repeated);
  EXPECT_EQ(standing("cloud", "b"), Standing::fresh);
}

TEST_F(DeliveriesTest, JournalKeepsNoMoreNotesThanThereAreDeliveries) {
  for (int i = 0; i < 100; ++i) take("k" + std::to_string(i));
  EXPECT_LE(stored.size(), 6u);
  Deliveries again{registry, 4};
  again.restore(stored, at + 601s);  // all are over: the next ones let them go
  for (int i = 0; i < 3; ++i) {
    const std::string key = "n" + std::to_string(i);
    ASSERT_EQ(again.begin("cloud", key, at + 601s, [](auto) {}), Standing::fresh);
    const auto notes = again.notes("cloud", key, at + 1200s);
    for (const auto& [name, text] : notes) {
      if (text.empty()) stored.erase(name);
    }
    again.end("cloud", key, at + 1200s, notes, {});
  }
  EXPECT_TRUE(stored.empty());
}

TEST_F(DeliveriesTest, NoteThatComesAgainIsNotLetGo) {
  take("k");
  at += 601s;
  take("k");  // the old note was due to be forgotten
  take("l");
  Deliveries again{registry, 4};
  again.restore(stored, at);
  EXPECT_EQ(again.begin("cloud", "k", at, [](auto) {}), Standing::repeated);
}

TEST_F(DeliveriesTest, ForgettingThatWasNotDurableIsTriedAgain) {
  for (const char* key : {"1", "2", "3", "4", "5"}) take(key);  // "1" is to be let go
  const auto failed = take("6", "cloud", Errc::journal_io);
  EXPECT_EQ(failed.size(), 2u);
  EXPECT_EQ(take("7").size(), 2u);
}

}  // namespace
}  // namespace hookswitch
