#include "hook_fixture.hpp"
#include "sources/webhook/blocks.hpp"
#include "sources/webhook/gzip.hpp"
#include "sources/webhook/program.hpp"

namespace hookswitch::testing {
namespace {

/// What a dialect with these decode steps makes of `/body`.
std::string body_of(const std::string& steps, const HookRequest& request) {
  const Hook hook{compiled(R"({"dialect":"t","methods":["POST","GET"],"decode":)" + steps +
                           R"(,"rules":[{"emit":{"type":"ignore"}}]})"),
                  options_with()};
  const auto out = hook.explain(request);
  if (!out.outcome) return "error " + error_of(out.outcome);
  return json::to_string(
      *json::find(*json::parse(out.trace.document, {1 << 20, 64, 1 << 20}), "body"));
}

std::string encoded(const std::string& header, const std::string& claims) {
  return to_base64url(header) + "." + to_base64url(claims) + "." + to_base64url("signature");
}

TEST(DecodeJwt, TheBodyBecomesTheClaims) {
  const auto token = encoded(R"({"alg":"HS256"})", R"({"state":"hold","id":5635304278851584})");
  const std::string claims = R"({"state":"hold","id":5635304278851584})";
  EXPECT_EQ(body_of(R"(["jwt"])", post(token, "")), claims);
  EXPECT_EQ(body_of(R"(["auto"])", post(token + "\r\n", "application/jwt; charset=utf-8")), claims);
}

TEST(DecodeJwt, AutoTakesATokenForOneWhateverItsType) {
  const std::string claims = R"({"state":"hold"})", token = encoded(R"({"alg":"HS256"})", claims);
  for (const std::string type : {"", "text/plain", "application/json", "application/vnd.a+json",
                                 "application/x-www-form-urlencoded", "application/jwt"})
    EXPECT_EQ(body_of(R"(["auto"])", post(token + "\r\n", type)), claims) << type;
  EXPECT_EQ(body_of(R"(["auto"])", post(token, "image/png")), "error unsupported_media_type");
}

TEST(DecodeJwt, AutoTakesNothingElseForAToken) {
  EXPECT_EQ(body_of(R"(["auto"])", post("a.b.c", "")), R"({"a.b.c":""})");
  EXPECT_EQ(body_of(R"(["auto"])", post("ab12.cd34.ef56", "text/plain")),
            R"({"ab12.cd34.ef56":""})");
  EXPECT_EQ(body_of(R"(["auto"])", post("a=e30.e30.e30", "")), R"({"a":"e30.e30.e30"})");
  EXPECT_EQ(body_of(R"(["auto"])", post("1.2", "application/json")), "1.2");
}

TEST(DecodeJwt, AHandshakesReadingOfATokenIsNotThatOfItsText) {
  const Hook hook{
      compiled(R"({"dialect":"t","handshake":[{"when":{"/body/test":1},"decode":["auto"],
                   "reply":{}}],"decode":["json"],"rules":[{"emit":{"type":"updated"}}]})"),
      options_with()};
  EXPECT_EQ(error_of(hook.handle(post(encoded(R"({"alg":"HS256"})", "{}")))), "bad_json");
}

TEST(DecodeJwt, WhatIsNoTokenIsRefused) {
  for (const std::string text : {"", "a", "a.b", "..", "e30..", "e30.e30.a.b", "e30.e30.=", "{}"})
    EXPECT_EQ(body_of(R"(["jwt"])", post(text, "application/jwt")), "error bad_request") << text;
  EXPECT_EQ(body_of(R"(["jwt"])", post(encoded("{}", "{"), "application/jwt")), "error bad_json");
  EXPECT_EQ(body_of(R"(["jwt"])", post(encoded("{}", "\"\xff\""), "application/jwt")),
            "error bad_encoding");
}

TEST(DecodeForm, ABrokenEscapeStaysAndOtherBytesAreLatin1) {
  const auto read = [](const std::string& text) {
    return body_of(R"(["form"])", post(text, "application/x-www-form-urlencoded"));
  };
  EXPECT_EQ(read("a=100%&b=%zz&c=%4&d=%41%"), R"({"a":"100%","b":"%zz","c":"%4","d":"A%"})");
  EXPECT_EQ(read("a=%%41&b%=1+2"), R"({"a":"%A","b%":"1 2"})");
  EXPECT_EQ(read("a=Ren%E9&b=Ren%C3%A9&c=Ren\xe9"), R"({"a":"René","b":"René","c":"René"})");
}

TEST(DecodeBlocks, BlocksOfLinesAreAListOfObjects) {
  EXPECT_EQ(body_of(R"(["blocks"])", post("Asterisk Call Manager/9.0.0\r\nEvent: Newchannel\r\n"
                                          "Uniqueid: 1.1\r\nConnectedLineNum: <unknown>\r\n"
                                          "AccountCode:\r\n\r\n\r\nEvent: Hangup\nTime: 10:20:30\n",
                                          "text/plain")),
            R"([{"event":"Newchannel","uniqueid":"1.1","connectedlinenum":"","accountcode":""},)"
            R"({"event":"Hangup","time":"10:20:30"}])");
  EXPECT_EQ(body_of(R"(["blocks"])", post("", "")), "[]");
  EXPECT_EQ(body_of(R"(["blocks"])", post("no colon\n: no name\n", "")), "[]");
}

TEST(DecodeBlocks, ARepeatedKeyBecomesAList) {
  EXPECT_EQ(body_of(R"(["blocks"])", post("ChanVariable: a=1\nchanvariable: b=2\nX: 1\n"
                                          "CHANVARIABLE: c\n",
                                          "")),
            R"([{"chanvariable":["a=1","b=2","c"],"x":"1"}])");
}

TEST(DecodeBlocks, LinesAreBounded) {
  std::string block;
  for (std::size_t i = 0; i < webhook::kBlockLinesMax; ++i) block += "a: 1\n";
  EXPECT_NE(body_of(R"(["blocks"])", post(block, "")), "error too_many_fields");
  EXPECT_EQ(body_of(R"(["blocks"])", post(block + "a: 1\n", "")), "error too_many_fields");
  std::string many;
  for (std::size_t i = 0; i <= webhook::kBlockFieldsMax; ++i) many += "a:\n\n";
  EXPECT_EQ(body_of(R"(["blocks"])", post(many, "")), "error too_many_fields");
  EXPECT_EQ(body_of(R"(["blocks"])", post("a: \xff\n", "")), "error bad_encoding");
}

/// printf '{"a":"1"}' | gzip -9n
const std::string kSmall = *from_hex("1f8b0800000000000203ab564a54b2523254aa050075cc0c0509000000");
/// 4 MiB of zeros in 32 KiB.
std::string bomb();

TEST(DecodeGzip, ItIsUndoneWhereItIs) {
  EXPECT_EQ(body_of(R"(["gunzip","json"])", post(kSmall)), R"({"a":"1"})");
  EXPECT_EQ(body_of(R"(["gunzip","json"])", post(R"({"a":"1"})")), R"({"a":"1"})");
  EXPECT_EQ(body_of(R"(["gunzip","auto"])", post(kSmall, "application/vnd.api+json")),
            R"({"a":"1"})");
  EXPECT_EQ(body_of(R"(["json"])", post(kSmall)), "error bad_encoding");
}

TEST(DecodeGzip, BrokenTextIsRefused) {
  for (std::size_t i = 2; i < kSmall.size(); ++i)
    EXPECT_EQ(body_of(R"(["gunzip","json"])", post(kSmall.substr(0, i))), "error bad_request") << i;
  EXPECT_EQ(body_of(R"(["gunzip","json"])", post(kSmall + "x")), "error bad_request");
  EXPECT_EQ(body_of(R"(["gunzip","json"])", post(kSmall + kSmall)), "error bad_request");
  auto wrong_sum = kSmall;
  wrong_sum[wrong_sum.size() - 6] ^= 1;
  EXPECT_EQ(body_of(R"(["gunzip","json"])", post(wrong_sum)), "error bad_request");
}

TEST(DecodeGzip, ABombIsGivenUpOnTheWay) {
  const auto out = webhook::gunzip(bomb(), kBodyBytesMax);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Errc::body_too_large);
  // By its ratio already, when the size would do.
  EXPECT_EQ(webhook::gunzip(bomb(), 64 << 20).error().code, Errc::body_too_large);
  EXPECT_EQ(body_of(R"(["gunzip","json"])", post(bomb())), "error body_too_large");
}

TEST(DecodeGzip, OthersReadWhatItLeavesSoItComesFirst) {
  EXPECT_EQ(problems_of(R"({"dialect":"t","decode":["json","gunzip"],"rules":[]})").front().what,
            "must be the first step: the others read what it leaves");
}

std::string bomb() {
  // A deflate stream of stored and repeated zeros, written by hand: fixed Huffman, one literal 0,
  // then lengths of 258 at distance 1.
  std::string bits;
  const auto put = [&](unsigned value, int count) {
    for (int i = 0; i < count; ++i) bits += static_cast<char>('0' + (value >> i & 1));
  };
  const auto code = [&](unsigned value, int count) {
    for (int i = count - 1; i >= 0; --i) bits += static_cast<char>('0' + (value >> i & 1));
  };
  put(1, 1);
  put(1, 2);
  code(0x30, 8);  // literal 0
  for (int i = 0; i < 16'256; ++i) {
    code(0xC5, 8);  // length 258
    code(0, 5);     // distance 1
  }
  code(0, 7);
  std::string out{"\x1f\x8b\x08\0\0\0\0\0\0\x03", 10};
  for (std::size_t i = 0; i < bits.size(); i += 8) {
    unsigned byte = 0;
    for (std::size_t j = 0; j < 8 && i + j < bits.size(); ++j)
      byte |= static_cast<unsigned>(bits[i + j] - '0') << j;
    out += static_cast<char>(byte);
  }
  return out + std::string(8, '\0');
}

TEST(Decode, WhatAHandshakeReadIsReadAgainAsTheEventsStepsSay) {
  const auto with = [](const std::string& steps, const HookRequest& request) {
    const Hook hook{
        compiled(
            R"({"dialect":"t","handshake":[{"when":{"/body/test":1},"decode":["auto"],"reply":{}},
                {"when":{"/body/test":2},"decode":["json"],"reply":{"status":201}}],"decode":)" +
            steps +
            R"(,"rules":[{"emit":{"type":"updated","custom_data":{"$or":["/body/A","/body/a","/raw_form/a"]}}}]})"),
        options_with()};
    const auto out = hook.handle(request);
    if (!out) return "error " + error_of(out);
    return out->facts.empty() ? std::to_string(out->reply.status) : out->facts[0].custom_data.str();
  };
  EXPECT_EQ(with(R"(["json"])", post(R"({"A":"%41"})")), "%41");
  EXPECT_EQ(with(R"(["auto","pct","lowerkeys"])", post(R"({"A":"%41"})")), "A");
  EXPECT_EQ(with(R"(["json"])", post(R"({"test":2})")), "201");
  EXPECT_EQ(with(R"(["json"])", post(R"({"A":"1"})", "text/plain")),
            "error unsupported_media_type");
  EXPECT_EQ(with(R"(["form"])", post("a=1", "")), "1");
  EXPECT_EQ(with(R"(["none"])", post(R"({"A":"1"})")), "");
  EXPECT_EQ(with(R"(["json"])", post("null")), "");
  EXPECT_EQ(with(R"(["json"])", post("{")), "error bad_json");
}

const char* kDedupe =
    R"({"dialect":"t","decode":["json"],"dedupe":{"$or":["/header/x-id","/body/id"]},
        "handshake":[{"when":{"/body/test":1},"decode":["json"],"reply":{}}],
        "rules":[{"emit":{"type":"updated"}}]})";

// Yeastar: the snapshot after a hold is, byte for byte, that of the answer.
TEST(Dedupe, FalseSaysThatTheSameBytesMayBeNews) {
  const Hook plain{compiled(R"({"dialect":"t","decode":["json"],"rules":[]})"), options_with()};
  EXPECT_FALSE(plain.handle(post("{}"))->repeats_are_news);
  const Hook hook{compiled(R"({"dialect":"t","decode":["json"],"dedupe":false,"rules":[]})"),
                  options_with()};
  EXPECT_TRUE(hook.handle(post("{}"))->repeats_are_news);
  EXPECT_EQ(hook.handle(post("{}"))->delivery_id, "");
}

TEST(Dedupe, TheVendorsIdOfADeliveryIsTold) {
  const Hook hook{compiled(kDedupe), options_with()};
  EXPECT_EQ(hook.handle(post(R"({"id":" e-1 "})"))->delivery_id, "e-1");
  EXPECT_EQ(hook.handle(post(R"({"id":9007199254740993})"))->delivery_id, "9007199254740993");
  auto request = post(R"({"id":"e-1"})");
  request.headers.emplace_back("x-id", "h");
  EXPECT_EQ(hook.handle(request)->delivery_id, "h");
}

TEST(Dedupe, WithoutAnIdItIsEmpty) {
  const Hook hook{compiled(kDedupe), options_with()};
  for (const std::string body :
       {R"({})", R"({"id":null})", R"({"id":" "})", R"({"id":[1]})", R"({"test":1,"id":"x"})"})
    EXPECT_EQ(hook.handle(post(body))->delivery_id, "") << body;
  EXPECT_EQ(
      hook.handle(post(R"({"id":")" + std::string(kIdBytesMax + 1, 'x') + "\"}"))->delivery_id, "");
  EXPECT_EQ(
      Hook(shipped("native"), options_with()).handle(post(R"({"type":"ended"})"))->delivery_id, "");
}

TEST(Dedupe, TheExpressionIsCheckedAsAnyOther) {
  EXPECT_EQ(problems_of(R"({"dialect":"t","decode":["json"],"dedupe":"/item/id","rules":[]})")
                .front()
                .place,
            "x.json:1: /dedupe");
}

}  // namespace
}  // namespace hookswitch::testing
