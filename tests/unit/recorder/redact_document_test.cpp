#include "recorder/redact_document.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"

namespace hookswitch {
namespace {

const Time kNow = from_unix_ms(1'795'186'801'000);  // 2026-11-20

std::string redacted(const std::string& document) {
  const auto out = redact_document(document, kNow);
  return out ? *out : out.error().detail;
}

TEST(RedactDocument, KeepsTheShapeTimesCountsAndWordsOfAKind) {
  const std::string plain =
      R"({"event":"call.ringing","direction":"inbound","seq":3,"ok":true,"none":null,"list":[1,2],)"
      R"("time":"2026-11-20T15:00:00Z","ts":1795186801,"ms":"1795186801123","rate":1.5})";
  EXPECT_EQ(redacted(plain), plain);
}

TEST(RedactDocument, ReplacesWhatTellsOfPeopleTheSameByTheSame) {
  const std::string out = redacted(
      R"({"from":"+12025550143","again":"+12025550143","n":12025550143,"ext":"104",)"
      R"("caller_name":"Jane","mail":"Jane@example.com","link":"https://pbx.example.net/rec/77",)"
      R"("uuid":"8a2f-77","text":"call me back","status":"gone to Jane 5550143"})");
  for (const char* gone : {"2025550143\",\"again\":\"+12025550143", "Jane", "104", "8a2f",
                           "pbx.example.net", "call me", "5550143\""})
    EXPECT_EQ(out.find(gone), std::string::npos) << gone << " in " << out;
  const auto document = json::parse(out);
  ASSERT_TRUE(document);
  EXPECT_EQ(json::find_string(*document, "from"), json::find_string(*document, "again"));
  EXPECT_EQ(json::find_string(*document, "from")->substr(0, 2), "+1");
}

TEST(RedactDocument, DropsProofsWhateverTheyAre) {
  const std::string out = redacted(
      R"({"header":{"authorization":"Bearer x","x-signature":"v1","cookie":"a=b"},"token":7})");
  const std::string gone = "\"(not kept)\"";
  EXPECT_EQ(out, "{\"header\":{\"authorization\":" + gone + ",\"x-signature\":" + gone +
                     ",\"cookie\":" + gone + "},\"token\":" + gone + "}");
}

TEST(RedactDocument, ReplacesMembersThatAreNumbersThemselves) {
  EXPECT_EQ(redacted(R"({"+12025550143":true})").find("0143"), std::string::npos);
}

TEST(RedactDocument, TakesNoTelephoneNumberForATime) {
  for (const char* number : {"2025550143", "12025550143", "1125550143"})
    EXPECT_EQ(redacted(R"({"a":")" + std::string{number} + R"("})").find(number), std::string::npos)
        << number;
}

TEST(RedactDocument, SaysThatItIsNoJson) { EXPECT_FALSE(redact_document("{", kNow)); }

}  // namespace
}  // namespace hookswitch
