#include "base/json.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/text.hpp"
#include "support/temp_folder.hpp"

namespace hookswitch {
namespace {

using testing_support::read_file;

/// The code of the refusal; nullopt: it was accepted.
std::optional<Errc> refusal(std::string_view text, const json::Limits& limits = {}) {
  const auto parsed = json::parse(text, limits);
  if (parsed) return std::nullopt;
  return parsed.error().code;
}

std::string repeat(std::string_view unit, std::size_t times) {
  std::string out;
  out.reserve(unit.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += unit;
  return out;
}

TEST(Json, TextAfterANulByteIsRefused) {
  using namespace std::string_view_literals;
  EXPECT_EQ(refusal("{\"a\":1}\0{\"b\":2}"sv), Errc::bad_json);
  EXPECT_EQ(refusal("{\"a\":1}\0"sv), Errc::bad_json);
  EXPECT_EQ(refusal("\0"sv), Errc::bad_json);
  EXPECT_EQ(refusal("{\"a\":\"x\0y\"}"sv), Errc::bad_json);
}

TEST(Json, LoneSurrogatesAreRefused) {
  EXPECT_EQ(refusal(R"({"callerName":"\uDD1E"})"), Errc::bad_encoding);
  EXPECT_TRUE(refusal(R"({"callerName":"\uD834"})").has_value());
  EXPECT_TRUE(refusal(R"({"callerName":"\uD834\u0041"})").has_value());
  EXPECT_TRUE(refusal(R"({"callerName":"\uD834x"})").has_value());
  EXPECT_TRUE(refusal(R"({"callerName":"\uDD1E\uD834"})").has_value());
  EXPECT_TRUE(refusal(R"({"\uDD1E":1})").has_value());
  EXPECT_EQ(refusal(R"(["\uD834\uDD1E"])"), std::nullopt);
}

TEST(Json, BytesThatAreNoUtf8AreRefused) {
  EXPECT_EQ(refusal("{\"a\":\"\xed\xa0\x80\"}"), Errc::bad_encoding);
  EXPECT_EQ(refusal("{\"a\":\"\xc0\xaf\"}"), Errc::bad_encoding);
  EXPECT_EQ(refusal("{\"a\xff\":1}"), Errc::bad_encoding);
  EXPECT_TRUE(refusal(std::string_view{"{\0\"\0a\0\"\0:\0001\0}\0", 14}).has_value());
}

TEST(Json, ByteOrderMarksAreRefusedWholeOrPartial) {
  EXPECT_EQ(refusal("\xef\xbb\xbf{\"a\":1}"), Errc::bad_json);
  EXPECT_EQ(refusal("\xef\xbb{\"a\":1}"), Errc::bad_encoding);
  EXPECT_EQ(refusal("\xef{\"a\":1}"), Errc::bad_encoding);
}

TEST(Json, DuplicateKeysAreRefusedOnEveryLevel) {
  EXPECT_EQ(refusal(R"({"callId":"1","callId":"2"})"), Errc::bad_json);
  EXPECT_EQ(refusal(R"({"callId":"1","call\u0049d":"2"})"), Errc::bad_json);
  EXPECT_EQ(refusal(R"([{"x":{"a":1,"b":2,"a":3}}])"), Errc::bad_json);
  EXPECT_EQ(refusal(R"({"":1,"":2})"), Errc::bad_json);
  EXPECT_EQ(refusal(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})"), std::nullopt);
}

TEST(Json, TrailingBytesAreRefused) {
  for (const char* text :
       {"{\"a\":1}}", "{\"a\":1}\n{\"a\":2}", "[] x", "1 2", "nullnull", "{} //c"})
    EXPECT_EQ(refusal(text), Errc::bad_json) << text;
  EXPECT_EQ(refusal(" \t\r\n{} \t\r\n"), std::nullopt);
}

TEST(Json, ExtensionsOfTheGrammarAreRefused) {
  for (const char* text :
       {"",      " ",          "[1,]",        "{\"a\":1,}", "{a:1}",       "{'a':1}",
        "[NaN]", "[Infinity]", "[-Infinity]", "[01]",       "[+1]",        "[.5]",
        "[1.]",  "[0x1]",      "[1e]",        "/*c*/[]",    "[\"\\x41\"]", "[\"\\'\"]",
        "[tru]", "[True]",     "[\"a\nb\"]",  "[\"a\tb\"]", "[\"\x01\"]",  "[1 2]",
        "[",     "]",          "\"",          "[\"a\"",     "{\"a\"}",     "[,1]"})
    EXPECT_EQ(refusal(text), Errc::bad_json) << text;
}

TEST(Json, DepthIsCountedExactlyForArraysAndObjects) {
  EXPECT_EQ(refusal(repeat("[", 32) + repeat("]", 32)), std::nullopt);
  EXPECT_EQ(refusal(repeat("[", 33) + repeat("]", 33)), Errc::too_deep);
  EXPECT_EQ(refusal(repeat("{\"a\":", 32) + "1" + repeat("}", 32)), std::nullopt);
  EXPECT_EQ(refusal(repeat("{\"a\":", 33) + "1" + repeat("}", 33)), Errc::too_deep);
  EXPECT_EQ(refusal("[[1]]", {.depth_max = 1}), Errc::too_deep);
  EXPECT_EQ(refusal("[1,[2],[3],[4]]", {.depth_max = 2}), std::nullopt);
}

TEST(Json, TwoHundredThousandOpenBracketsCostNoStack) {
  const json::Limits wide{.bytes_max = 2'000'000, .depth_max = 32, .values_max = 2'000'000};
  EXPECT_EQ(refusal(repeat("[", 200'000), wide), Errc::too_deep);
  EXPECT_EQ(refusal(repeat("{\"a\":", 200'000), wide), Errc::too_deep);
}

TEST(Json, SizeAndCountAreBounded) {
  const std::string largest = "\"" + std::string(kBodyBytesMax - 2, 'x') + "\"";
  EXPECT_EQ(refusal(largest), std::nullopt);
  EXPECT_EQ(refusal(largest + " "), Errc::body_too_large);
  EXPECT_EQ(refusal("[1,2,3]", {.values_max = 4}), std::nullopt);
  EXPECT_EQ(refusal("[1,2,3,4]", {.values_max = 4}), Errc::too_many_fields);
  EXPECT_EQ(refusal("[" + repeat("0,", kJsonValuesMax) + "0]"), Errc::too_many_fields);
  std::string keys = "{";
  for (int i = 0; i < 200'000; ++i) keys += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(refusal(keys + "\"z\":0}", {.bytes_max = 4'000'000}), Errc::too_many_fields);
}

TEST(Json, WholeNumbersKeepEveryDigit) {
  const auto parsed = json::parse(
      R"({"callId":9007199254740993,"least":-9223372036854775808,"most":9223372036854775807})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(json::find_int(*parsed, "callId"), 9007199254740993);
  EXPECT_EQ(json::find_int(*parsed, "least"), INT64_MIN);
  EXPECT_EQ(json::find_int(*parsed, "most"), INT64_MAX);
  EXPECT_EQ(
      json::to_string(*parsed),
      R"({"callId":9007199254740993,"least":-9223372036854775808,"most":9223372036854775807})");
}

TEST(Json, NumbersBeyondInt64AreNoWholeNumbersAndBeyondDoubleAreRefused) {
  const auto parsed =
      json::parse(R"({"callId":12345678901234567890123456789,"u":18446744073709551615})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(json::find_int(*parsed, "callId"), std::nullopt);
  EXPECT_EQ(json::find_int(*parsed, "u"), std::nullopt);
  EXPECT_EQ(refusal(R"({"d":1e400})"), Errc::bad_json);
}

TEST(Json, RealNumbersAreReadWithFullPrecision) {
  const auto parsed =
      json::parse("[0.1,2.2250738585072011e-308,1.7976931348623157e308,123456789012345.67]");
  ASSERT_TRUE(parsed);
  EXPECT_EQ((*parsed)[0].GetDouble(), 0.1);
  EXPECT_EQ((*parsed)[1].GetDouble(), 2.2250738585072011e-308);
  EXPECT_EQ((*parsed)[2].GetDouble(), 1.7976931348623157e308);
  EXPECT_EQ((*parsed)[3].GetDouble(), 123456789012345.67);
}

TEST(Json, HostileTextIsOnlyText) {
  for (const char* text : {R"({"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}}})",
                           R"({"srcPhone":"+1$(id)`id`;|&<>\"' %n"})",
                           R"({"callerName":"</script><script>alert(1)</script>"})",
                           "{\"callerName\":\"\xe2\x80\xaegpj.exe\xe2\x81\xa6\"}",
                           R"({"callerName":"a\u0000b\u001B[2J\r\n2026 ERROR forged"})"}) {
    const auto parsed = json::parse(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(json::to_string(*parsed), text);
  }
}

TEST(Json, EscapedNulStaysInsideItsString) {
  const auto parsed = json::parse(R"({"a":"x\u0000y","x\u0000":1})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(json::find_string(*parsed, "a"), (std::string_view{"x\0y", 3}));
  EXPECT_EQ(json::find(*parsed, "x"), nullptr);
  EXPECT_NE(json::find(*parsed, std::string_view("x\0", 2)), nullptr);
}

TEST(Json, FindersAnswerForWrongTypesAndNonObjects) {
  const auto parsed = json::parse(R"({"s":"t","n":5,"b":true,"z":null,"r":1.5})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(json::find_string(*parsed, "s"), "t");
  EXPECT_EQ(json::find_string(*parsed, "n"), std::nullopt);
  EXPECT_EQ(json::find_string(*parsed, "none"), std::nullopt);
  EXPECT_EQ(json::find_int(*parsed, "n"), 5);
  EXPECT_EQ(json::find_int(*parsed, "r"), std::nullopt);
  EXPECT_EQ(json::find_int(*parsed, "s"), std::nullopt);
  EXPECT_EQ(json::find_bool(*parsed, "b"), true);
  EXPECT_EQ(json::find_bool(*parsed, "n"), std::nullopt);
  const auto list = json::parse("[1]");
  ASSERT_TRUE(list);
  EXPECT_EQ(json::find(*list, "0"), nullptr);
}

TEST(Json, RefusalsNameNothingOfTheText) {
  for (const char* text : {R"({"secretword":1,"secretword":2})", "[secretword]", "[\"secretword",
                           "{\"secretword\":\"\xff\"}"}) {
    const auto parsed = json::parse(text);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().detail.find("secret"), std::string::npos) << parsed.error().detail;
  }
}

TEST(JsonWriter, WritesCompactEscapedText) {
  json::Writer out;
  out.begin_object()
      .member("text", "a\"b\\c\n\x01\xc3\xa4")
      .member("n", 5)
      .member("big", std::int64_t{INT64_MIN})
      .member("b", false);
  out.key("list").begin_array().null().real(1.5).boolean(true).integer(-1).end_array().end_object();
  EXPECT_EQ(out.view(),
            "{\"text\":\"a\\\"b\\\\c\\n\\u0001\xc3\xa4\",\"n\":5,\"big\":-9223372036854775808,"
            "\"b\":false,"
            "\"list\":[null,1.5,true,-1]}");
}

TEST(JsonWriter, CanBeUsedAgainAfterClear) {
  json::Writer out;
  out.begin_object().member("a", 1).end_object();
  out.clear();
  out.begin_array().raw("{\"x\":1}").string("y").end_array();
  EXPECT_EQ(out.str(), R"([{"x":1},"y"])");
}

TEST(JsonWriterDeathTest, DefaultViewIsEmptyText) {
  EXPECT_EXIT(
      {
        json::Writer out;
        out.begin_array().string(std::string_view{}).end_array();
        std::exit(out.view() == "[\"\"]" ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(JsonDeathTest, DefaultViewsAreRefusedOrNotFoundWithoutAborting) {
  EXPECT_EXIT(
      {
        const bool refused = !json::parse(std::string_view{});
        const auto object = json::parse(R"({"a":1})");
        std::exit(refused && json::find(*object, std::string_view{}) == nullptr ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Json, NumbersAreReadExactlyOrNotAtAll) {
  const auto read = [](const std::string& text) {
    const auto out = json::parse("[" + text + "]");
    return out ? json::to_string((*out)[0]) : "error";
  };
  for (const std::string same : {"0", "7", "-1", "9223372036854775807", "-9223372036854775808",
                                 "18446744073709551615", "1.5", "-0.1", "1e-7"})
    EXPECT_EQ(read(same), same);
  EXPECT_EQ(read("-0"), "0");
  EXPECT_EQ((*json::parse("[18446744073709551616]"))[0].GetDouble(), 18446744073709551616.0);
  for (const std::string zero : {"0.0e40", "0e-400", "0.0e0"}) EXPECT_EQ(read(zero), "0.0") << zero;
  for (const std::string& tiny : std::vector<std::string>{
           "1e-400", "-1e-400", "0." + std::string(400, '0') + "1", "1.5E-99999999999"})
    EXPECT_EQ(read(tiny), "0.0") << tiny;
  for (const std::string& huge :
       std::vector<std::string>{std::string{"1e400"}, std::string{"-1.5E+400"},
                                std::string(400, '9'), std::string(400, '9') + ".5e-1"})
    EXPECT_EQ(read(huge), "error") << huge;
  const auto small = json::parse("[7]");
  EXPECT_TRUE((*small)[0].IsInt() && (*small)[0].IsUint() && (*small)[0].IsInt64());
}

/// A public suite of JSON documents that lies beside the repository where somebody put it.
TEST(Json, TheJsonTestSuiteIsAnsweredAsItsNamesSay) {
  const std::filesystem::path folder{HOOKSWITCH_SOURCE_DIR
                                     "/../shared/corpora/jsontestsuite/test_parsing"};
  if (!std::filesystem::is_directory(folder))
    GTEST_SKIP() << "JSONTestSuite is not beside the repository";
  const std::set<std::string> refused_by_design{"y_object_duplicated_key.json",
                                                "y_object_duplicated_key_and_value.json"};
  int good = 0, bad = 0;
  for (const auto& file : std::filesystem::directory_iterator{folder}) {
    const std::string name = file.path().filename().string();
    // Its deep ones are meant to crash, not to test the limits.
    const bool accepted =
        json::parse(read_file(file.path().string()), {.bytes_max = 4'000'000}).has_value();
    if (name.starts_with("y_")) {
      ++good;
      EXPECT_EQ(accepted, !refused_by_design.contains(name)) << name;
    } else if (name.starts_with("n_")) {
      ++bad;
      EXPECT_FALSE(accepted) << name;
    }
  }
  EXPECT_GE(good, 95);
  EXPECT_GE(bad, 188);
}

}  // namespace
}  // namespace hookswitch
