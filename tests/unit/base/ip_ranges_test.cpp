#include "base/ip_ranges.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

IpRanges ranges(std::initializer_list<std::string_view> texts) {
  IpRanges out;
  for (const auto text : texts) EXPECT_TRUE(out.add(text)) << text;
  return out;
}

TEST(IpRanges, HoldTheAddressesOfTheirNetworksOnly) {
  const auto some = ranges({"203.0.113.0/24", "198.51.100.7", "2001:db8::/33"});
  for (const char* in :
       {"203.0.113.0", "203.0.113.255", "198.51.100.7", "2001:db8:7fff::1", "::ffff:203.0.113.9"})
    EXPECT_TRUE(some.contains(in)) << in;
  for (const char* out : {"203.0.112.255", "203.0.114.0", "198.51.100.8", "2001:db8:8000::1",
                          "::203.0.113.9", "", "cti.example.com", "203.0.113.9 "})
    EXPECT_FALSE(some.contains(out)) << out;
}

TEST(IpRanges, LengthZeroIsEverybodyOfThatFamily) {
  EXPECT_TRUE(ranges({"0.0.0.0/0"}).contains("192.0.2.1"));
  EXPECT_FALSE(ranges({"0.0.0.0/0"}).contains("2001:db8::1"));
  EXPECT_TRUE(ranges({"::/0"}).contains("2001:db8::1"));
}

TEST(IpRanges, RefuseWhatIsNoNetwork) {
  IpRanges one;
  for (const char* bad : {"", "203.0.113.0/33", "203.0.113.0/", "203.0.113.0/-1", "203.0.113.1/24",
                          "2001:db8::/129", "2001:db8::1/32", "203.0.113", "example.com", "/8"})
    EXPECT_FALSE(one.add(bad)) << bad;
  EXPECT_TRUE(one.empty());
}

TEST(SenderBehind, IsTheLastWhoIsNoProxyOfOurs) {
  const auto trusted = ranges({"192.0.2.0/24"});
  EXPECT_EQ(sender_behind(trusted, "192.0.2.1", "203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(sender_behind(trusted, "192.0.2.1", "198.51.100.1, 203.0.113.9 , 192.0.2.8"),
            "203.0.113.9")
      << "what is left of the sender it wrote itself";
  EXPECT_EQ(sender_behind(trusted, "192.0.2.1", ""), "192.0.2.1");
  EXPECT_EQ(sender_behind(trusted, "192.0.2.1", "203.0.113.9:4711"), "203.0.113.9");
  EXPECT_EQ(sender_behind(trusted, "192.0.2.1", "[2001:db8::1]:4711"), "2001:db8::1");
}

TEST(SenderBehind, IsThePeerWhoeverItNamesUnlessThePeerIsTrusted) {
  EXPECT_EQ(sender_behind({}, "192.0.2.1", "203.0.113.9"), "192.0.2.1");
  EXPECT_EQ(sender_behind(ranges({"192.0.2.9"}), "192.0.2.1", "203.0.113.9"), "192.0.2.1");
}

TEST(SenderBehind, IsNobodyWhereAProxyWroteNoAddress) {
  const auto trusted = ranges({"192.0.2.1"});
  for (const char* bad : {"unknown", "203.0.113.9,", "[", "203.0.113.9/32", "_hidden"})
    EXPECT_EQ(sender_behind(trusted, "192.0.2.1", bad), "") << bad;
}

}  // namespace
}  // namespace hookswitch
