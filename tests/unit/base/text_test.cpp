#include "base/text.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

namespace hookswitch {
namespace {

using namespace std::string_view_literals;

std::string utf8_of(std::uint32_t code) {
  const auto byte = [](std::uint32_t v) { return static_cast<char>(v); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0 | code >> 6), byte(0x80 | (code & 63))};
  if (code < 0x10000)
    return {byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 63)), byte(0x80 | (code & 63))};
  return {byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 63)), byte(0x80 | (code >> 6 & 63)),
          byte(0x80 | (code & 63))};
}

TEST(Utf8, EveryScalarValueIsAcceptedAndEverySurrogateRefused) {
  for (std::uint32_t code = 0; code <= 0x10ffff; ++code) {
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (is_utf8(utf8_of(code)) == surrogate) FAIL() << "U+" << std::hex << code;
  }
  EXPECT_FALSE(is_utf8(utf8_of(0x110000)));
}

TEST(Utf8, OverlongTornAndStrayBytesAreRefused) {
  for (const auto text : {"\xc0\x80"sv,
                          "\xc1\xbf"sv,
                          "\xe0\x80\xaf"sv,
                          "\xe0\x9f\xbf"sv,
                          "\xf0\x80\x80\xaf"sv,
                          "\xf0\x8f\xbf\xbf"sv,
                          "\x80"sv,
                          "\xbf"sv,
                          "\xc3"sv,
                          "\xe2\x82"sv,
                          "\xf0\x9f\x98"sv,
                          "\xc3("sv,
                          "\xe2(\xac"sv,
                          "\xe2\x82("sv,
                          "\xf4\x90\x80\x80"sv,
                          "\xf5\x80\x80\x80"sv,
                          "\xfe"sv,
                          "\xff"sv,
                          "\xf8\x88\x80\x80\x80"sv,
                          "ok\xc3"sv})
    EXPECT_FALSE(is_utf8(text)) << to_hex(text);
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\0b"sv));
}

TEST(Base64, GivesTheVectorsOfTheStandard) {  // RFC 4648 §10
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(plain), coded);
    EXPECT_EQ(from_base64(coded), plain);
    const std::string bare{coded.substr(0, coded.find('='))};
    EXPECT_EQ(to_base64url(plain), bare);
    EXPECT_EQ(from_base64url(bare), plain);
  }
  EXPECT_EQ(to_base64("\xfb\xff"), "+/8=");
  EXPECT_EQ(to_base64url("\xfb\xff"), "-_8");
}

TEST(Base64, RefusesAnythingButTheCanonicalText) {
  for (const auto text :
       {"Zg"sv,    "Zg="sv,      "Zg==="sv, "Zh=="sv,   "Zm9="sv,     "Zm8"sv,       "Z"sv,
        "Zm9v="sv, "Zm9v===="sv, "===="sv,  "=Zg="sv,   "Zg==Zg=="sv, "Zm9v\n"sv,    " Zm9v"sv,
        "Zm9-"sv,  "Zm9_"sv,     "Zm 9"sv,  "Zm9v\0"sv, "Z=g="sv,     "\xc3\xa4zz"sv})
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

TEST(Base64Url, RefusesPaddingStandardLettersAndSpareBits) {
  for (const auto text : {"Zg=="sv, "Zh"sv, "Zm9"sv, "Z"sv, "+/8"sv, "Zm9v\n"sv, "Zm9v "sv,
                          "Zm9v."sv, "Zm9vZ"sv, "-_9"sv})
    EXPECT_EQ(from_base64url(text), std::nullopt) << text;
}

TEST(Base64Url, HasOneTextForEveryBytes) {
  std::mt19937 random{20261120};
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string text = to_base64url(bytes);
    ASSERT_EQ(from_base64url(text), bytes);
    if (text.empty()) continue;
    std::string other = text;
    other.back() = other.back() == 'A' ? 'B' : 'A';
    const auto decoded = from_base64url(other);
    ASSERT_TRUE(!decoded || *decoded != bytes) << text << " and " << other;
  }
}

TEST(Hex, TakesBothCasesAndRefusesTheRest) {
  EXPECT_EQ(to_hex("\x00\x7f\xff"sv), "007fff");
  EXPECT_EQ(from_hex("00fFaB"), "\x00\xff\xab"sv);
  EXPECT_EQ(from_hex(""), "");
  for (const char* text : {"0", "0g", "0x", " 00", "00 ", "-1"})
    EXPECT_EQ(from_hex(text), std::nullopt) << text;
}

TEST(Percent, DecodesWholeEscapesOnly) {
  EXPECT_EQ(percent_decode("a%41%2fb+c"), "aA/b+c");
  EXPECT_EQ(percent_decode("a+b%2B", true), "a b+");
  EXPECT_EQ(percent_decode("%00"), "\0"sv);
  for (const char* text : {"%", "%4", "%4g", "%g4", "a%", "%%41", "% 41", "%+1"})
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
}

TEST(Percent, EncodesAllButUnreservedCharacters) {  // RFC 3986 §2.3
  EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(percent_encode("a b&c=/?#%+\r\n\xc3\xa4"), "a%20b%26c%3D%2F%3F%23%25%2B%0D%0A%C3%A4");
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(every)), every);
}

TEST(ParseInt, TakesWholeDecimalsOnly) {
  EXPECT_EQ(parse_int("0"), 0);
  EXPECT_EQ(parse_int("-12"), -12);
  EXPECT_EQ(parse_int("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_int("-9223372036854775808"), INT64_MIN);
  for (const char* text : {"", "-", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "9223372036854775808",
                           "-9223372036854775809", "12a", "--1"})
    EXPECT_EQ(parse_int(text), std::nullopt) << text;
}

TEST(Text, CaseAndBlanksAreAsciiOnly) {
  EXPECT_EQ(to_lower("ABCXYZ[\xc3\x84"), "abcxyz[\xc3\x84");
  EXPECT_TRUE(equals_ignore_case("Content-TYPE", "content-type"));
  EXPECT_FALSE(equals_ignore_case("a", "ab"));
  EXPECT_FALSE(equals_ignore_case("@", "`"));
  EXPECT_EQ(trim(" \t\r\na b\n "), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim("\v\xc2\xa0x"), "\v\xc2\xa0x");
}

}  // namespace
}  // namespace hookswitch
