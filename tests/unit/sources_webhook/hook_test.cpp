#include "base/hash.hpp"
#include "hook_fixture.hpp"

namespace hookswitch::testing {
namespace {

Hook hook_of(const std::string& text, HookOptions options = options_with()) {
  return Hook{compiled(text), std::move(options)};
}

/// The custom_data that a dialect with these decode steps makes of a body: shows what was decoded.
std::string decoded(const std::string& steps, const std::string& pointer,
                    const HookRequest& request) {
  const auto out =
      hook_of(R"({"dialect":"t","methods":["POST","GET"],"decode":)" + steps +
              R"(,"rules":[{"emit":{"type":"updated","custom_data":")" + pointer + R"("}}]})")
          .handle(request);
  return out ? out->facts.at(0).custom_data.str() : "error " + error_of(out);
}

HookRequest form(std::string body) {
  return post(std::move(body), "application/x-www-form-urlencoded");
}

TEST(Decode, AutoTellsJsonFromFormByTypeAndElseByTheFirstCharacter) {
  EXPECT_EQ(decoded(R"(["auto"])", "/body/a", post(R"({"a":"1"})")), "1");
  EXPECT_EQ(decoded(R"(["auto"])", "/body/a", post(R"({"a":"1"})", "application/vnd.api+json")),
            "1");
  EXPECT_EQ(decoded(R"(["auto"])", "/body/a", post(R"( {"a":"1"})", "")), "1");
  EXPECT_EQ(decoded(R"(["auto"])", "/body/a", post("a=1", "text/plain")), "1");
  EXPECT_EQ(decoded(R"(["auto"])", "/body/a", form("a=1")), "1");
  EXPECT_EQ(decoded(R"(["auto"])", "/body/a", post("a=1", "multipart/form-data; boundary=x")),
            "error unsupported_media_type");
}

TEST(Decode, AutoTakesTheQueryWhenThereIsNoBody) {
  EXPECT_EQ(decoded(R"(["auto"])", "/body/a", HookRequest{"GET", "", "a=1%2B1", {}, "", kReceived}),
            "1+1");
}

TEST(Decode, FormReadsPlusEscapesAndPhpBrackets) {
  EXPECT_EQ(decoded(R"(["form"])", "/body/a", form("a=1+2%20%C3%A9")), "1 2 \xC3\xA9");
  EXPECT_EQ(decoded(R"(["form"])", "/body/data/CALL_ID", form("data[CALL_ID]=x")), "x");
  EXPECT_EQ(decoded(R"(["form"])", "/body/l/1", form("l[]=a&l[]=b")), "b");
  EXPECT_EQ(decoded(R"(["form"])", "/body/a", form("a=1&a=2")), "2");
  EXPECT_EQ(decoded(R"(["form"])", "/body/a[", form("a[=1")), "1");
}

TEST(Decode, FormIsBounded) {
  std::string many;
  for (std::size_t i = 0; i <= kFormFieldsMax; ++i) many += "a" + std::to_string(i) + "=1&";
  EXPECT_EQ(decoded(R"(["form"])", "/body/a", form(many)), "error too_many_fields");
  EXPECT_EQ(decoded(R"(["form"])", "/body/a", form("a[1][2][3][4][5][6][7][8]=1&a=x")), "x");
  EXPECT_EQ(decoded(R"(["form"])", "/body/a", form("a[1][2][3][4][5][6][7][8][9]=1")),
            "error too_deep");
  EXPECT_EQ(decoded(R"(["form"])", "/body/a", form("a=%FF")), "\u00ff");
  EXPECT_EQ(decoded(R"(["form"])", "/body/a", form("a=%4")), "%4");
  EXPECT_EQ(decoded(R"(["form"])", "/body/a", post("{}")), "error unsupported_media_type");
}

TEST(Decode, JsonInsideTextIsParsed) {
  EXPECT_EQ(decoded(R"(["json",{"parse":"/body/msg"}])", "/body/msg/a",
                    post(R"({"msg":"{\"a\":\"1\"}"})")),
            "1");
  EXPECT_EQ(decoded(R"(["json",{"parse":"/body/msg"}])", "/body/msg/a", post(R"({"msg":"{"})")),
            "error bad_json");
  EXPECT_EQ(decoded(R"(["form",{"parse":"/body/json"}])", "/raw_form/json",
                    form("json=%7B%22a%22%3A1%7D")),
            R"({"a":1})");
}

TEST(Decode, ThreeEncodingsOfOneDocumentAreTheSame) {
  const std::string json = R"({"variables":{"uuid":"a%2Bb"}})";
  const std::string lift = R"({"parse":"/body/cdr"},{"lift":"/body/cdr"},"pct"])";
  EXPECT_EQ(decoded(R"(["json","pct"])", "/body/variables/uuid", post(json)), "a+b");
  EXPECT_EQ(decoded(R"(["form",)" + lift, "/body/variables/uuid",
                    form("cdr=%7B%22variables%22%3A%7B%22uuid%22%3A%22a%252Bb%22%7D%7D")),
            "a+b");
  EXPECT_EQ(decoded(R"(["formraw",{"b64":"/body/cdr"},)" + lift, "/body/variables/uuid",
                    post("cdr=" + to_base64(json), "application/x-www-form-base64-encoded")),
            "a+b");
}

TEST(Decode, StepsMayDependOnTheContentType) {
  const auto hook = hook_of(
      R"({"dialect":"t","decode_by_content_type":{"application/json":["json"],"application/x-www-form-urlencoded":["form"]},
    "rules":[{"emit":{"type":"updated","reason":"/body/a"}}]})");
  EXPECT_EQ(hook.handle(post(R"({"a":"1"})"))->facts.at(0).reason, "1");
  EXPECT_EQ(hook.handle(form("a=2"))->facts.at(0).reason, "2");
  EXPECT_EQ(error_of(hook.handle(post("a", "text/xml"))), "unsupported_media_type");
}

TEST(Decode, KeysMayBeLowered) {
  EXPECT_EQ(decoded(R"(["json","lowerkeys"])", "/body/call/id", post(R"({"Call":{"ID":"7"}})")),
            "7");
}

TEST(Decode, PathIsThere) {
  HookRequest request = post("{}");
  request.rest = "events/call%20x";
  EXPECT_EQ(decoded(R"(["json"])", "/path/1", request), "call x");
  request.rest = "a/%zz";
  EXPECT_EQ(decoded(R"(["json"])", "/path/1", request), "error bad_request");
}

TEST(Decode, InputsThatHurtAreRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {std::string{"{\"type\":\"ended\"}\0x", 17}, "bad_json"},
      {R"({"type":"ended","reason":"\uDD1E"})", "bad_encoding"},
      {R"({"type":"ended","reason":"\uD834"})", "bad_json"},
      {std::string(200'000, '['), "too_deep"},
      {R"({"type":"ended","type":"started"})", "bad_json"},
      {"\xEF\xBB\xBF{\"type\":\"ended\"}", "bad_json"},
      {"\xEF\xBB{\"type\":\"ended\"}", "bad_encoding"},
      {std::string{"{\0\"\0t\0", 6}, "bad_json"},
      {"{\"type\":\"ended\",\"reason\":\"\xED\xA0\x80\"}", "bad_encoding"},
      {"{\"type\":\"ended\",\"reason\":\"\xC0\xAF\"}", "bad_encoding"},
      {R"({"type":"ended","seq":123456789012345678901234567890})", "bad_request"},
      {R"({"type":"ended","seq":1e400})", "bad_json"},
      {R"({"type":"ended"} x)", "bad_json"},
      {R"({"type":"ended"}{"type":"ended"})", "bad_json"},
      {R"({"type":"ended","reason":")" + std::string(2001, 'x') + "\"}", "bad_request"},
      {"\"" + std::string(kBodyBytesMax, 'x') + "\"", "body_too_large"},
      {"", "bad_json"}};
  const Hook hook{shipped("native"), options_with()};
  for (const auto& [body, error] : rows)
    EXPECT_EQ(error_of(hook.handle(post(body))), error) << body.substr(0, 60);
}

TEST(Decode, ManyValuesAreRefusedNotBuilt) {
  std::string body = "[";
  for (std::size_t i = 0; i < kJsonValuesMax; ++i) body += "0,";
  EXPECT_EQ(error_of(Hook{shipped("native"), options_with()}.handle(post(body + "0]"))),
            "too_many_fields");
}

TEST(Handshake, EchoIsHeldToPlainWords) {
  const Hook hook{shipped("zadarma"), options_with()};
  const auto shake = [&](const std::string& value) {
    const auto out = hook.handle({"GET", "", "zd_echo=" + value, {}, "", kReceived});
    return out ? out->reply.body : "error " + error_of(out);
  };
  EXPECT_EQ(shake("Az09_-"), "Az09_-");
  EXPECT_EQ(shake(std::string(64, 'a')), std::string(64, 'a'));
  EXPECT_EQ(shake(std::string(65, 'a')), "error bad_request");
  EXPECT_EQ(shake("%3Cscript%3E"), "error bad_request");
  EXPECT_EQ(shake("a%0D%0Ab"), "error bad_request");
}

TEST(Handshake, HeaderEchoTakesNoLineEnds) {
  const auto hook = hook_of(
      R"({"dialect":"t","decode":["auto"],"rules":[],"handshake":[{"when":{"/header/validation-token":{"present":true}},
    "reply":{"headers":{"Validation-Token":"/header/validation-token"}}}]})");
  HookRequest request{"POST", "", "", {{"validation-token", "abc=1"}}, "", kReceived};
  const auto out = hook.handle(request);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->reply.headers.at(1),
            (std::pair<std::string, std::string>{"Validation-Token", "abc=1"}));
  request.headers[0].second = "abc\r\nX: 1";
  EXPECT_EQ(error_of(hook.handle(request)), "bad_request");
}

TEST(Handshake, MayLookAtTheBody) {
  const auto hook = hook_of(
      R"({"dialect":"t","decode":["json"],"rules":[],"handshake":[{"when":{"/body/test":1},"decode":["auto"],
    "reply":{"status":201}}]})");
  EXPECT_EQ(hook.handle(post(R"({"test":1})"))->reply.status, 201U);
  EXPECT_FALSE(hook.handle(post(R"({"test":2})"))->matched);
  EXPECT_EQ(error_of(hook.handle(post("{"))), "bad_json");
}

TEST(Auth, SecretWithoutAnyRuleRefusesEverybody) {
  EXPECT_EQ(error_of(hook_of(emitting(R"({"type":"started"})"), options_with({{"S", {"x"}}}))
                         .handle(post("{}"))),
            "signature_invalid");
}

TEST(Auth, EveryRuleThatAppliesMustFit) {
  const auto hook = hook_of(
      emitting(
          R"({"type":"started"})",
          R"("auth":[{"scheme":"bearer","secret":"A"},{"scheme":"equals","header":"x-b","secret":"B"}],)"),
      options_with({{"A", {"a"}}, {"B", {"b"}}}));
  HookRequest request = post("{}");
  request.headers.emplace_back("authorization", "Bearer a");
  EXPECT_EQ(error_of(hook.handle(request)), "signature_invalid");
  request.headers.emplace_back("x-b", "b");
  EXPECT_EQ(error_of(hook.handle(request)), "none");
}

TEST(Auth, BasicTakesUserAndPassword) {
  const auto hook = hook_of(
      emitting(R"({"type":"started"})", R"("auth":[{"scheme":"basic","user":"u","secret":"P"}],)"),
      options_with({{"P", {"pw"}}}));
  HookRequest request = post("{}");
  request.headers.emplace_back("authorization", "Basic " + to_base64("u:pw"));
  EXPECT_EQ(error_of(hook.handle(request)), "none");
  request.headers.back().second = "Basic " + to_base64("v:pw");
  EXPECT_EQ(error_of(hook.handle(request)), "signature_invalid");
}

TEST(Auth, HashOverSecretsAndFieldAsMangoDoesIt) {
  const auto hook = hook_of(
      R"({"dialect":"m","decode":["form",{"parse":"/body/json"}],"rules":[{"emit":{"type":"updated"}}],"auth":[{"scheme":"hash","hash":"sha256",
    "at":"/body/sign","signed":[{"$secret":"KEY"},"/raw_form/json",{"$secret":"SALT"}]}]})",
      options_with({{"KEY", {"k"}}, {"SALT", {"old", "s"}}}));
  const auto with = [&](const std::string& sign) {
    return error_of(hook.handle(form("json=%7B%22a%22%3A1%7D&sign=" + sign)));
  };
  // printf 'k{"a":1}s' | sha256sum
  EXPECT_EQ(with("9eefb34c92e0fa5473558ca3806ab7cac11cace9255d5fddee556a2d720b5939"), "none");
  EXPECT_EQ(with("0eefb34c92e0fa5473558ca3806ab7cac11cace9255d5fddee556a2d720b5939"),
            "signature_invalid");
  EXPECT_EQ(with(""), "signature_invalid");
}

TEST(Auth, TimestampInsideTheHeaderAsDidwwDoesIt) {
  const auto hook = hook_of(
      emitting(
          R"({"type":"started"})",
          R"~("auth":[{"scheme":"hmac","header":"x-ps-signature","pick":"v1=([0-9a-f]+)","secret":"S",
    "signed":[{"$re":"t=([0-9]+)","of":"/header/x-ps-signature"},".","$raw"],"timestamp":{"$re":"t=([0-9]+)","of":"/header/x-ps-signature"},"tolerance":60}],)~"),
      options_with({{"S", {"key"}}}));
  const auto signed_at = [](long long t) {
    HookRequest request = post("{}");
    request.headers.emplace_back(
        "x-ps-signature", "t=" + std::to_string(t) + ",v1=" +
                              to_hex(hmac(HashKind::sha256, "key", std::to_string(t) + ".{}")));
    return request;
  };
  const long long now = to_unix_ms(kReceived) / 1000;
  EXPECT_EQ(error_of(hook.handle(signed_at(now))), "none");
  EXPECT_EQ(error_of(hook.handle(signed_at(now - 61))), "signature_invalid");
}

TEST(Auth, UrlOfTheSenderIsSigned) {
  auto options = options_with({{"S", {"key"}}});
  options.public_url = "https://cti.example.com/v1/hooks/cloud";
  const auto hook = hook_of(
      emitting(
          R"({"type":"started"})",
          R"("auth":[{"scheme":"hmac","encode":"b64","header":"x-sig","secret":"S","signed":["$url"]}],)"),
      options);
  HookRequest request = post("{}");
  request.rest = "a";
  request.query = "b=c";
  request.headers.emplace_back(
      "x-sig",
      to_base64(hmac(HashKind::sha256, "key", "https://cti.example.com/v1/hooks/cloud/a?b=c")));
  EXPECT_EQ(error_of(hook.handle(request)), "none");
  request.query = "b=d";
  EXPECT_EQ(error_of(hook.handle(request)), "signature_invalid");
}

TEST(Rules, FirstMatchWinsUnlessItSaysAlso) {
  const auto types = [](const std::string& also) {
    return facts_of(
        hook_of(
            R"({"dialect":"t","decode":["json"],"rules":[{"also":)" + also +
            R"(,"emit":{"type":"started"}},{"emit":{"type":"ringing"}},{"emit":{"type":"ended"}}]})")
            .handle(post("{}")));
  };
  EXPECT_EQ(types("false"), R"({"type":"started"})");
  EXPECT_EQ(types("true"), "{\"type\":\"started\"}\n{\"type\":\"ringing\"}");
}

TEST(Rules, EachGivesAFactPerItemWithinItsBound) {
  const auto hook = hook_of(
      R"({"dialect":"t","decode":["json"],"rules":[{"each":"/body/l","if":{"/item/skip":null},"emit":{"type":"ringing","seq":"/index","agent":{"ext":"/item/e"}}}]})");
  EXPECT_EQ(facts_of(hook.handle(post(R"({"l":[{"e":"101"},{"e":"102","skip":1},{"e":103}]})"))),
            "{\"type\":\"ringing\",\"agent\":{\"ext\":\"101\"},\"seq\":0}\n{\"type\":\"ringing\","
            "\"agent\":{\"ext\":\"103\"},\"seq\":2}");
  std::string body = R"({"l":[{})";
  for (int i = 0; i < 64; ++i) body += ",{}";
  EXPECT_EQ(error_of(hook.handle(post(body + "]}"))), "too_many_fields");
  EXPECT_FALSE(hook.handle(post("{}"))->matched);
}

TEST(Rules, IgnoreIsMatchedAndMissingTypeIsNot) {
  EXPECT_TRUE(hook_of(emitting(R"({"type":"ignore"})")).handle(post("{}"))->matched);
  EXPECT_FALSE(hook_of(emitting(R"({"type":{"$map":{"a":"started"},"of":"/body/x"}})"))
                   .handle(post(R"({"x":"b"})"))
                   ->matched);
}

TEST(Rules, RuleWinsOverBaseAndBaseFillsWhatItLeavesEmpty) {
  const auto hook = hook_of(
      R"({"dialect":"t","decode":["json"],"base":{"type":"updated","from":{"number":"1","name":"N"},"reason":"base"},
    "rules":[{"emit":{"from":{"number":"2"},"reason":"/body/none"}}]})");
  EXPECT_EQ(facts_of(hook.handle(post("{}"))),
            R"({"type":"updated","from":{"number":"2","name":"N"},"reason":"base"})");
}

TEST(Rules, WorkIsBounded) {
  // 64 items, each copying the whole of a large body.
  const auto hook = hook_of(
      R"({"dialect":"t","decode":["json"],"rules":[{"each":"/body/l","emit":{"type":"updated","variables":{"x":"/body/big"}}}]})");
  std::string body = R"({"l":[0)";
  for (int i = 1; i < 64; ++i) body += ",0";
  body += R"(],"big":[0)";
  for (int i = 1; i < 50'000; ++i) body += ",0";
  EXPECT_EQ(error_of(hook.handle(post(body + "]}"))), "too_many_fields");
}

TEST(Rules, DetailOfARefusalHoldsNoRequestData) {
  const auto out = Hook{shipped("zadarma"), options_with({{"API_SECRET", {"k"}}})}.handle(
      form("event=NOTIFY_START&caller_id=SENTINEL"));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().detail.find("SENTINEL"), std::string::npos);
}

}  // namespace
}  // namespace hookswitch::testing
