#include "numbers/address.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

TEST(Address, PartsOfASipUri) {
  const auto read = read_address(
      "\"Jane \\\"J\\\" Doe\" "
      "<sip:+1202;ext=7;Phone-Context=+1:pw@[2001:DB8::1]:5061;user=phone?x=y>;tag=1");
  EXPECT_EQ(read.display, "Jane \"J\" Doe");
  EXPECT_EQ(read.user, "+1202");
  EXPECT_EQ(address_param(read, "ext"), "7");
  EXPECT_EQ(read.host, "[2001:db8::1]");
  EXPECT_TRUE(read.uri);
  EXPECT_EQ(address_param(read, "user"), "") << "of the URI, not of the user";
}

TEST(Address, HostAloneNamesNobody) {
  EXPECT_EQ(read_address("sip:pbx.example.com:5060").user, "");
  EXPECT_EQ(read_address("sip:pbx.example.com;lr").host, "pbx.example.com");
}

TEST(Address, WithoutSchemeItIsWhatItLooksLike) {
  EXPECT_EQ(read_address("101@Example.COM").host, "example.com");
  EXPECT_EQ(read_address(" 101 ").user, "101");
  EXPECT_FALSE(read_address("202.555.0143").uri);
  EXPECT_EQ(read_address("client:alice").user, "client:alice");
}

TEST(Address, EscapesAreReadOnlyInUris) {
  EXPECT_EQ(read_address("sip:%2B1202@gw").user, "+1202");
  EXPECT_EQ(read_address("50%25").user, "50%25");
  EXPECT_EQ(read_address("sip:2%0d%0a05@h").user, "2  05");
  EXPECT_EQ(read_address("sip:%ff@h").user, "%ff") << "not UTF-8";
}

TEST(Address, TooLongForAnIdIsLeftOut) {
  EXPECT_EQ(read_address("sip:" + std::string(300, '1') + "@h").user, "");
}

TEST(Withheld, NamesOfPeopleAreNot) {
  for (const char* text :
       {"Ann Onymous", "Mr. Private Ltd", "p", "o", "asterisk", "0", "00", "000", ""})
    EXPECT_FALSE(is_withheld(read_address(text))) << text;
}

}  // namespace
}  // namespace hookswitch
