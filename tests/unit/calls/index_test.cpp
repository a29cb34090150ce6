#include <gtest/gtest.h>

#include <algorithm>

#include "calls/bearers.hpp"
#include "calls/fusion.hpp"

namespace hookswitch {
namespace {

std::vector<Bearers::Slot> of(const Bearers& bearers, std::uint64_t hash) {
  std::vector<Bearers::Slot> out;
  bearers.visit(hash, [&](Bearers::Slot slot) { out.push_back(slot); });
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Bearers, KeyMayHaveSeveral) {
  Bearers bearers;
  for (const Bearers::Slot slot : {1U, 2U, 3U}) bearers.add(77, slot);
  bearers.add(78, 4);
  EXPECT_EQ(of(bearers, 77), (std::vector<Bearers::Slot>{1, 2, 3}));
  EXPECT_EQ(of(bearers, 79), std::vector<Bearers::Slot>{});
}

TEST(Bearers, OneThatIsTakenAwayLeavesTheOthers) {
  for (const Bearers::Slot gone : {1U, 2U, 3U}) {
    Bearers bearers;
    for (const Bearers::Slot slot : {1U, 2U, 3U}) bearers.add(77, slot);
    bearers.remove(77, gone);
    bearers.remove(77, 9);  // never was one
    std::vector<Bearers::Slot> left{1, 2, 3};
    std::erase(left, gone);
    EXPECT_EQ(of(bearers, 77), left);
    for (const Bearers::Slot slot : left) bearers.remove(77, slot);
    EXPECT_EQ(of(bearers, 77), std::vector<Bearers::Slot>{});
  }
}

FusionSight sight(const Text& ext, const Text& number, std::int64_t ms) {
  FusionSight out;
  out.ext = ext;
  out.number = number;
  out.received = from_unix_ms(ms);
  return out;
}

std::size_t near(const FusionIndex& index, const FusionSight& like) {
  std::vector<const FusionSight*> found;
  return index.near("acme", like, found) ? found.size() : 999;
}

TEST(FusionIndex, FindsWhatSharesALineOrANumberOnce) {
  FusionIndex index;
  index.add("acme", sight("101", "+12025550143", 1));
  index.add("acme", sight("101", "", 2));
  index.add("acme", sight("", "+12025550143", 3));
  index.add("acme", sight("102", "+12025550144", 4));
  index.add("globex", sight("101", "+12025550143", 5));
  EXPECT_EQ(near(index, sight("101", "+12025550143", 9)), 3U);
  EXPECT_EQ(near(index, sight("101", "", 9)), 2U);
  EXPECT_EQ(near(index, sight("103", "", 9)), 0U);
}

TEST(FusionIndex, ForgetsInTheOrderInWhichThingsCame) {
  FusionIndex index;
  for (int i = 0; i < 6; ++i) index.add("acme", sight("101", i % 2 == 0 ? "+12025550143" : "", i));
  index.forget_before(from_unix_ms(3));
  EXPECT_EQ(near(index, sight("101", "", 9)), 3U);
  EXPECT_EQ(near(index, sight("", "+12025550143", 9)), 1U);
  index.forget_before(from_unix_ms(9));
  EXPECT_EQ(near(index, sight("101", "+12025550143", 9)), 0U);
}

TEST(FusionIndex, SaysNothingOfALineWithTooManyCalls) {
  FusionIndex index;
  for (int i = 0; i < 600; ++i) index.add("acme", sight("101", "", i));
  EXPECT_EQ(near(index, sight("101", "", 9)), 999U);
}

}  // namespace
}  // namespace hookswitch
