#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

TEST(Ulid, HoldsTwentySixCharactersOfCrockfordBase32) {
  EXPECT_EQ(make_ulid(from_unix_ms(0), 0, 0), std::string(26, '0'));
  EXPECT_EQ(make_ulid(from_unix_ms(0xffffffffffff), UINT64_MAX, UINT64_MAX),
            "7" + std::string(25, 'Z'));
  EXPECT_EQ(make_ulid(from_unix_ms(1'469'918'176'385), 0, 0).substr(0, 10),
            "01ARYZ6S41");  // the ULID specification's example
  const std::string id =
      make_ulid(from_unix_ms(1'795'186'801'000), 0x0123456789abcdef, 0xfedcba9876543210);
  EXPECT_EQ(id.size(), 26U);
  EXPECT_EQ(id.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), std::string::npos);
}

TEST(Ulid, SortsByTime) {
  std::string before = make_ulid(from_unix_ms(0), UINT64_MAX, UINT64_MAX);
  for (std::int64_t ms = 1; ms < 0xffffffffffff; ms = ms * 3 + 1) {
    const std::string id = make_ulid(from_unix_ms(ms), 0, 0);
    ASSERT_LT(before, id) << ms;
    before = make_ulid(from_unix_ms(ms), UINT64_MAX, UINT64_MAX);
  }
}

TEST(IdSequence, GivesEachIdOnce) {
  IdSequence ids{42};
  std::set<std::string> seen;
  for (int i = 0; i < 100'000; ++i)
    ASSERT_TRUE(seen.insert(ids.next(from_unix_ms(1000))).second) << i;
}

TEST(IdSequence, IsTheSameForTheSameSeedAndAnotherForAnother) {
  IdSequence one{42}, same{42}, other{43};
  for (int i = 0; i < 1000; ++i) {
    const std::string id = one.next(from_unix_ms(i));
    ASSERT_EQ(id, same.next(from_unix_ms(i)));
    ASSERT_NE(id, other.next(from_unix_ms(i)));
  }
}

TEST(RandomHex, GivesTheAskedNumberOfBytesAndNeverTheSame) {
  EXPECT_EQ(random_hex(0), "");
  EXPECT_EQ(random_hex(64).size(), 128U);
  EXPECT_TRUE(from_hex(random_hex(8)).has_value());
  EXPECT_NE(random_hex(16), random_hex(16));
  EXPECT_NE(random_u64(), random_u64());
}

TEST(Hash, GivesTheVectorsOfTheStandards) {  // FIPS 180-4, RFC 2202 §3, RFC 4231 §4.3
  EXPECT_EQ(to_hex(digest(HashKind::sha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(to_hex(digest(HashKind::sha256, "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(hmac(HashKind::sha1, "Jefe", "what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(to_hex(hmac(HashKind::sha256, "Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(digest(HashKind::sha256, "")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(EqualConstantTime, ComparesContentAndLength) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_constant_time("abc", "abcd"));
  EXPECT_FALSE(equal_constant_time("", "a"));
}

}  // namespace
}  // namespace hookswitch
