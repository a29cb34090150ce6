#include <filesystem>
#include <set>

#include "base/hash.hpp"
#include "hook_fixture.hpp"
#include "sources/webhook/shape.hpp"

/// What a receiver of strangers' webhooks must get right, one test each, whoever the vendor is.
namespace hookswitch::testing {
namespace {

Hook hook_of(const std::string& text, HookOptions options = options_with()) {
  return Hook{compiled(text), std::move(options)};
}

/// The text that a dialect with these decode steps finds at a pointer.
std::string found(const std::string& steps, const std::string& pointer,
                  const HookRequest& request) {
  const auto out =
      hook_of(R"({"dialect":"t","methods":["GET","POST","OPTIONS"],"decode":)" + steps +
              R"(,"rules":[{"emit":{"type":"updated","custom_data":")" + pointer + R"("}}]})")
          .handle(request);
  return out ? out->facts.at(0).custom_data.str() : "error " + error_of(out);
}

std::string fact_with(const std::string& emit, const std::string& body) {
  return facts_of(
      hook_of(
          R"({"dialect":"t","source_defaults":{"tz":"UTC"},"decode":["json"],"rules":[{"emit":)" +
          emit + "}]}")
          .handle(post(body)));
}

constexpr const char* kForm = "application/x-www-form-urlencoded";

TEST(Ingress, AGetHookHasItsQueryAsDocument) {
  const HookRequest request{"GET", "", "status=ringing&uuid=a%2Bb&from=+1", {}, "", kReceived};
  for (const std::string step : {"auto", "query"}) {
    EXPECT_EQ(found("[\"" + step + "\"]", "/body/status", request), "ringing");
    EXPECT_EQ(found("[\"" + step + "\"]", "/body/uuid", request), "a+b");
  }
}

TEST(Ingress, AnOptionsHandshakeIsAnsweredAndIsNoEvent) {
  const auto hook = hook_of(
      R"({"dialect":"ce","decode":["auto"],"rules":[{"emit":{"type":"updated"}}],
          "handshake":[{"when":{"/method":"OPTIONS","/header/webhook-request-origin":{"present":true}},
            "reply":{"headers":{"WebHook-Allowed-Origin":"/header/webhook-request-origin","WebHook-Allowed-Rate":{"$lit":"120"}}}}]})");
  const auto out = hook.handle(
      {"OPTIONS", "", "", {{"webhook-request-origin", "events.example"}}, "", kReceived});
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->facts.empty());
  EXPECT_EQ(out->reply.status, 200U);
  EXPECT_EQ(out->reply.body, "");
  EXPECT_EQ(out->reply.headers.at(1).second, "events.example");
  EXPECT_EQ(out->reply.headers.at(2).second, "120");
  EXPECT_EQ(hook.methods(), (std::vector<std::string>{"POST", "OPTIONS"}));
  EXPECT_EQ(error_of(hook.handle({"OPTIONS", "", "", {}, "", kReceived})), "method_not_allowed");
}

TEST(Ingress, ACompressedBodyIsReadAndItsSignatureIsOverWhatCame) {
  const std::string packed =
      *from_hex("1f8b0800000000000203ab564a54b2523254aa050075cc0c0509000000");  // {"a":"1"}
  const auto hook = hook_of(
      R"({"dialect":"d","decode":["gunzip","json"],"rules":[{"emit":{"type":"updated","reason":"/body/a"}}],
          "auth":[{"scheme":"hmac","header":"x-sig","signed":["$raw"],"secret":"S"}]})",
      options_with({{"S", {"k"}}}));
  auto request = post(packed, "application/vnd.api+json");
  request.headers.emplace_back("content-encoding", "gzip");
  request.headers.emplace_back("x-sig", to_hex(hmac(HashKind::sha256, "k", packed)));
  EXPECT_EQ(facts_of(hook.handle(request)), R"({"type":"updated","reason":"1"})");
  request.body = R"({"a":"1"})";
  EXPECT_EQ(error_of(hook.handle(request)), "signature_invalid");
}

TEST(Ingress, PathParametersNameTheEvent) {
  auto request = post("json=%7B%7D", kForm);
  request.rest = "events/call";
  EXPECT_EQ(found(R"(["form"])", "/path/1", request), "call");
  EXPECT_EQ(facts_of(hook_of(R"({"dialect":"t","decode":["form"],"rules":[
      {"when":{"/path/0":"events","/path/1":"call"},"emit":{"type":"ringing"}}]})")
                         .handle(request)),
            R"({"type":"ringing"})");
}

TEST(Ingress, FormsAreReadAsTheirSendersMeanThem) {
  EXPECT_EQ(found(R"(["auto"])", "/body/t", post("t=Thu%2C+20+Nov", kForm)), "Thu, 20 Nov");
  EXPECT_EQ(found(R"(["auto"])", "/body/a", post("a=1&a=2", kForm)), "2");
  EXPECT_EQ(found(R"(["auto"])", "/body/data/CALL_ID", post("event=X&data[CALL_ID]=c-1", kForm)),
            "c-1");
  EXPECT_EQ(found(R"(["auto"])", "/body/data/CALL_ID", post("event=X&data%5BCALL_ID%5D=c-1", "")),
            "c-1");
}

TEST(Ingress, ContentTypesHaveParametersAndSuffixes) {
  for (const std::string type :
       {"application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8",
        "application/vnd.api+json", "application/cloudevents+json; charset=utf-8",
        "application/cloudevents-batch+json", "text/plain", ""}) {
    EXPECT_EQ(found(R"(["auto"])", "/body/0/id", post(R"([{"id":"x"}])", type)), "x") << type;
  }
  EXPECT_EQ(found(R"(["form"])", "/body/a",
                  post("a=1", "application/x-www-form-urlencoded; charset=UTF-8")),
            "1");
  EXPECT_EQ(found(R"(["auto"])", "/body/a", post("{}", "application/xml")),
            "error unsupported_media_type");
}

TEST(Ingress, JsonInATextOrAFormFieldIsOneDocument) {
  EXPECT_EQ(found(R"(["json",{"parse":"/body/msg"}])", "/body/msg/call_id",
                  post(R"({"type":30011,"msg":"{\"call_id\":\"1.2\"}"})")),
            "1.2");
  EXPECT_EQ(found(R"(["form",{"parse":"/body/json"}])", "/body/json/entry_id",
                  post("json=%7B%22entry_id%22%3A%22e%3D%22%7D", kForm)),
            "e=");
}

TEST(Ingress, NumbersMayComeAsTextAndTextAsNumbers) {
  const std::string emit =
      R"({"type":{"$map":{"1":"started"},"of":"/body/kind"},"ids":{"call":["/body/id"]},"seq":{"$int":"/body/seq"},"at":{"$time":"/body/t","as":"unix"}})";
  const std::string fact =
      R"({"type":"started","ids":{"call":["7"]},"seq":3,"at":"2025-11-20T15:00:00.000Z"})";
  EXPECT_EQ(fact_with(emit, R"({"kind":1,"id":7,"seq":"3","t":"1763650800"})"), fact);
  EXPECT_EQ(fact_with(emit, R"({"kind":"1","id":"7","seq":3,"t":1763650800})"), fact);
}

TEST(Ingress, IntegersOfSixtyFourBitsStayExact) {
  const std::string emit =
      R"({"type":"updated","ids":{"call":["/body/id"]},"at":{"$time":"/body/t","as":"ns"}})";
  EXPECT_EQ(
      fact_with(emit, R"({"id":9007199254740993,"t":1763650800123456789})"),
      R"({"type":"updated","ids":{"call":["9007199254740993"]},"at":"2025-11-20T15:00:00.123Z"})");
  EXPECT_EQ(fact_with(emit, R"({"id":18446744073709551615})"),
            R"({"type":"updated","ids":{"call":["18446744073709551615"]}})");
}

TEST(Ingress, ANumberThatCannotBeHeldExactlyIsNoId) {
  // Two calls whose ids differ in the last digit must not become one.
  EXPECT_EQ(fact_with(R"({"type":"updated","ids":{"call":["/body/id"]}})",
                      R"({"id":12345678901234567890123456789})"),
            R"({"type":"updated"})");
  EXPECT_EQ(fact_with(R"({"type":"updated","duration":"/body/d"})", R"({"d":1.5})"),
            R"({"type":"updated","duration_ms":1500})");
}

TEST(Ingress, BlanksOfAllKindsAreNothing) {
  for (const std::string blank : {R"(" ")", R"("")", "null", "{}", "[]", R"("\t\r\n")"}) {
    EXPECT_EQ(
        fact_with(
            R"({"type":"updated","agent":{"ext":"/body/a"},"reason":{"$or":["/body/a",{"$lit":"none"}]}})",
            R"({"a":)" + blank + "}"),
        R"({"type":"updated","reason":"none"})")
        << blank;
    const auto hook = hook_of(
        R"({"dialect":"t","decode":["json"],"rules":[{"when":{"/body/a":null},"emit":{"type":"updated"}}]})");
    EXPECT_TRUE(hook.handle(post(R"({"a":)" + blank + "}"))->matched) << blank;
  }
  EXPECT_EQ(fact_with(R"({"type":"updated","from":{"number":{"$phone":"/body/a"}}})",
                      R"({"a":"<unknown>"})"),
            R"({"type":"updated","from":{"presented":"<unknown>"}})");
}

TEST(Ingress, AllFormsOfIsoTimesAreOneMoment) {
  for (const std::string time :
       {"2025-11-20T15:00:00Z", "2025-11-20T15:00:00+00:00", "2025-11-20T15:00:00+0000",
        "2025-11-20T16:00:00+0100", "20251120T150000Z", "2025-11-20T15:00:00.000000Z",
        "2025-11-20 15:00:00", "2025-11-20T15:00:00.000+00:00"})
    EXPECT_EQ(
        fact_with(R"({"type":"updated","at":{"$time":"/body/t"}})", R"({"t":")" + time + "\"}"),
        R"({"type":"updated","at":"2025-11-20T15:00:00.000Z"})")
        << time;
}

TEST(Ingress, AnswersAreShort) {
  // Some vendors give up above 1024 bytes of headers and body together. The listener adds five
  // lines.
  const auto hook = hook_of(
      R"({"dialect":"rc","decode":["auto"],"rules":[{"emit":{"type":"updated"}}],
          "handshake":[{"when":{"/header/validation-token":{"present":true},"/body":null},
            "reply":{"content_type":"application/json","headers":{"Validation-Token":"/header/validation-token"}}}]})");
  auto request = post("", "");
  request.headers.emplace_back("validation-token", std::string(256, 'v'));
  const auto out = hook.handle(request);
  ASSERT_TRUE(out);
  std::size_t size = out->reply.body.size();
  for (const auto& [name, value] : out->reply.headers) size += name.size() + value.size() + 4;
  EXPECT_LE(size, 512U);
  request.headers.back().second += 'v';
  EXPECT_EQ(error_of(hook.handle(request)), "bad_request");
  const auto event = hook.handle(post(R"({"a":1})"));
  EXPECT_EQ(event->reply.status, 200U);
  EXPECT_TRUE(event->reply.body.empty() && event->reply.headers.empty() &&
              event->reply.content_type.empty());
}

TEST(Ingress, DeliveriesOfTheSameEventHaveOneId) {
  const auto id = [](const std::string& dedupe, const HookRequest& request) {
    return hook_of(R"({"dialect":"t","decode":["auto"],"dedupe":)" + dedupe +
                   R"(,"rules":[{"emit":{"type":"updated"}}]})")
        .handle(request)
        ->delivery_id;
  };
  EXPECT_EQ(id(R"("/body/uuid")", post(R"({"uuid":"u-1","timestamp":1})")), "u-1");
  EXPECT_EQ(id(R"("/body/data/id")", post(R"({"data":{"id":"d-1"},"meta":{"attempt":2}})")), "d-1");
  EXPECT_EQ(
      id(R"({"$join":["/body/source","/body/id"],"sep":" "})", post(R"({"source":"/s","id":"1"})")),
      "/s 1");
  auto request = post("CallSid=x", kForm);
  request.headers.emplace_back("i-twilio-idempotency-token", "t-1");
  EXPECT_EQ(id(R"("/header/i-twilio-idempotency-token")", request), "t-1");
}

/// Everything a source can refuse, each with the marks of one request.
std::vector<HookRequest> refused_requests() {
  const std::string mark = "SENTINEL";
  auto wrong = post(R"({"a":"SENTINEL"})");
  wrong.headers.emplace_back("x-sig", mark);
  std::vector<HookRequest> out{wrong,
                               post(mark),
                               post("{\"SENTINEL\":\"\xff\"}"),
                               post(R"({"SENTINEL":1,"SENTINEL":2})"),
                               post(R"({"a":"1"})", "application/" + mark),
                               HookRequest{mark, "", "", {}, "", kReceived}};
  out.push_back(post("{}"));
  out.back().rest = "SENTINEL/%zz";
  out.push_back(post("{}"));
  out.back().query = "SENTINEL=%zz";
  out.push_back(post(R"({"l":[)" + std::string(99, ' ') + R"("SENTINEL"],"type":"SENTINEL"})"));
  for (auto& request : out)
    if (request.query.empty()) request.query = "token=SENTINEL";
  return out;
}

TEST(Ingress, RefusalsHoldNothingOfTheRequestAndNoneSaysGone) {
  const std::string dialect =
      R"({"dialect":"t","decode":["json"],"rules":[{"each":"/body/l","emit":{"type":"updated","at":"/item"}}],
          "auth":[{"scheme":"hmac","header":"x-sig","signed":["$raw"],"secret":"S"}]})";
  std::size_t refused = 0;
  for (const bool is_guarded : {false, true})
    for (const auto& request : refused_requests()) {
      const auto out = hook_of(dialect, is_guarded ? options_with({{"S", {"k"}}}) : options_with())
                           .handle(request);
      if (out) continue;
      ++refused;
      EXPECT_EQ(out.error().detail.find("SENTINEL"), std::string::npos) << out.error().detail;
      // 410 makes several vendors stop for good: it is the operator's to say, never a request's.
      EXPECT_NE(outcome(out.error().code).http, 410);
    }
  EXPECT_GE(refused, 14U);
}

TEST(Ingress, AFactThatBreaksTheModelIsRefusedWithoutItsText) {
  for (const std::string& body : std::vector<std::string>{
           R"({"type":"SENTINEL"})", R"({"type":"ended","at":"SENTINEL"})",
           R"({"type":"ended","reason":"SENTINEL)" + std::string(2001, 'x') + "\"}"}) {
    const auto out = Hook{shipped("native"), options_with()}.handle(post(body));
    ASSERT_FALSE(out) << body.substr(0, 40);
    EXPECT_EQ(out.error().detail.find("SENTINEL"), std::string::npos) << out.error().detail;
  }
}

/// Documents that hurt other receivers lie beside the repository where somebody put them.
TEST(Ingress, DocumentsThatHurtAreRefusedByNameOrReadAsWhatTheySay) {
  const std::filesystem::path folder{HOOKSWITCH_SOURCE_DIR "/../shared/corpora/json-attacks"};
  if (!std::filesystem::is_directory(folder))
    GTEST_SKIP() << "json-attacks is not beside the repository";
  const std::map<std::string, std::string> wanted{{"01-nul-trailing", "bad_json"},
                                                  {"02-lone-low-surrogate", "bad_encoding"},
                                                  {"03-lone-high-surrogate", "bad_json"},
                                                  {"04-depth-200k", "too_deep"},
                                                  {"05-depth-200k-objects", "body_too_large"},
                                                  {"06-dup-keys", "bad_json"},
                                                  {"07-bom", "bad_json"},
                                                  {"08-partial-bom", "bad_encoding"},
                                                  {"09-utf16le", "bad_json"},
                                                  {"10-raw-surrogate", "bad_encoding"},
                                                  {"11-overlong", "bad_encoding"},
                                                  {"14-1e400", "bad_json"},
                                                  {"19-1M-keys", "body_too_large"},
                                                  {"20-long-string-1MiB", "body_too_large"},
                                                  {"21-trailing-garbage", "bad_json"},
                                                  {"22-two-docs", "bad_json"}};
  const auto hook = hook_of(
      R"({"dialect":"t","decode":["json"],"rules":[{"emit":{"type":"updated","ids":{"call":["/body/callId"]},
          "from":{"number":{"$phone":"/body/srcPhone"},"name":"/body/callerName"},"recording":{"url":"/body/url"},"variables":"/body"}}]})");
  std::size_t seen = 0;
  for (const auto& file : std::filesystem::directory_iterator{folder}) {
    const auto name = file.path().stem().string();
    const auto out = hook.handle(post(read_bytes(file.path())));
    const auto error = wanted.find(name);
    EXPECT_EQ(error_of(out), error == wanted.end() ? "none" : error->second) << name;
    ++seen;
    if (!out) continue;
    const auto text = facts_of(out);
    const auto again = json::parse(text);
    ASSERT_TRUE(again) << name;
    EXPECT_TRUE(fact_from_json(*again)) << name;
    for (const char c : text) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << name;
  }
  EXPECT_EQ(seen, 24U);
}

}  // namespace
}  // namespace hookswitch::testing
