// RapidJSON's defaults, which lib/base/json.cpp exists to keep away from outside bytes.
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/encodedstream.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <signal.h>

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/text.hpp"

namespace {

using rapidjson::Document;
using namespace std::string_view_literals;

bool taken_by_default(std::string_view text) {
  Document document;
  document.Parse(text.data(), text.size());
  return !document.HasParseError();
}

bool we_refuse(std::string_view text) { return !hookswitch::json::parse(text); }

TEST(RapidJson, LeavesTextAfterANulUnread) {
  const auto text = "{\"a\":1}\0{\"b\":2}"sv;
  EXPECT_TRUE(taken_by_default(text));
  EXPECT_TRUE(we_refuse(text));
}

TEST(RapidJson, LetsALoneLowSurrogateThroughEvenWithTheValidateFlag) {
  const auto text = R"(["\uDD1E"])"sv;
  Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(text.data(), text.size());
  ASSERT_FALSE(document.HasParseError());
  EXPECT_FALSE(hookswitch::is_utf8({document[0].GetString(), document[0].GetStringLength()}));
  EXPECT_TRUE(we_refuse(text));
}

TEST(RapidJson, WritesInvalidUtf8AsItIs) {  // a browser closes the WebSocket with 1007 on it
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};
  EXPECT_TRUE(writer.String("\xed\xb4\x9e", 3));
  EXPECT_FALSE(hookswitch::is_utf8({buffer.GetString(), buffer.GetSize()}));
}

TEST(RapidJson, TakesBytesThatAreNoUtf8) {
  for (const auto text : {"[\"\xc0\xaf\"]"sv, "[\"\xff\"]"sv, "[\"\xed\xa0\x80\"]"sv}) {
    EXPECT_TRUE(taken_by_default(text));
    EXPECT_TRUE(we_refuse(text));
  }
}

TEST(RapidJson, KeepsBothOfTwoEqualKeys) {
  const auto text = R"({"a":1,"a":2})"sv;
  Document document;
  document.Parse(text.data(), text.size());
  ASSERT_FALSE(document.HasParseError());
  EXPECT_EQ(document.MemberCount(), 2U);
  EXPECT_TRUE(we_refuse(text));
}

TEST(RapidJson, SkipsAByteOrderMarkThatItIsGiven) {
  const auto text = "\xef\xbb\xbf{\"a\":1}"sv;
  Document document;
  rapidjson::MemoryStream bytes{text.data(), text.size()};
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream{bytes};
  document.ParseStream(stream);
  EXPECT_FALSE(document.HasParseError());
  EXPECT_TRUE(we_refuse(text));
}

TEST(RapidJson, LosesTheLastBitOfSomeNumbersWithoutTheFullPrecisionFlag) {
  const auto text = "[123456789012345.67e-20]"sv;
  Document document;
  document.Parse<rapidjson::kParseFullPrecisionFlag>(text.data(), text.size());
  EXPECT_EQ(document[0].GetDouble(), 123456789012345.67e-20);
}

TEST(RapidJson, IterativeParserHasNoDepthLimitOfItsOwn) {
  const std::string text = std::string(200'000, '[') + std::string(200'000, ']');
  rapidjson::Reader reader;
  rapidjson::BaseReaderHandler<> nobody;
  rapidjson::MemoryStream stream{text.data(), text.size()};
  EXPECT_FALSE(reader.Parse<rapidjson::kParseIterativeFlag>(stream, nobody).IsError());
  const auto ours = hookswitch::json::parse(text, {.bytes_max = 1'000'000});
  ASSERT_FALSE(ours);
  EXPECT_EQ(ours.error().code, hookswitch::Errc::too_deep);
}

TEST(RapidJsonDeathTest, RecursiveParserRunsOutOfStack) {
  // Enough for any stack; sanitizers end the child in their own way, so any death will do.
  const std::string text(3'000'000, '[');
  EXPECT_DEATH(
      {
        signal(SIGSEGV, SIG_DFL);
        Document document;
        document.Parse(text.data(), text.size());
      },
      "");
}

}  // namespace
