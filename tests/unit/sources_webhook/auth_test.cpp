#include <chrono>

#include "base/hash.hpp"
#include "hook_fixture.hpp"

namespace hookswitch::testing {
namespace {

const std::string kUrl = "https://cti.example.net/hooks/x";
const auto kNow = to_unix_ms(kReceived) / 1000;

/// A source of a dialect with this auth rule, which takes JSON, forms and tokens.
Hook proving(const std::string& auth, std::map<std::string, std::vector<std::string>> secrets,
             std::string public_url = kUrl) {
  auto options = options_with(std::move(secrets));
  options.public_url = std::move(public_url);
  return Hook{compiled(R"({"dialect":"t","methods":["POST","GET"],"decode":["auto"],"auth":[)" +
                       auth + R"(],"rules":[{"emit":{"type":"updated"}}]})"),
              std::move(options)};
}

bool takes(const Hook& hook, const HookRequest& request) {
  const auto out = hook.handle(request);
  EXPECT_TRUE(out || out.error().code == Errc::signature_invalid) << error_of(out);
  return static_cast<bool>(out);
}

HookRequest with_header(HookRequest request, const std::string& name, std::string value) {
  request.headers.emplace_back(name, std::move(value));
  return request;
}

HookRequest form(std::string body) {
  return post(std::move(body), "application/x-www-form-urlencoded");
}

/// Every bit of the body and of the last header, one at a time, must be refused. Forms have bits
/// that say the same either way (%2b and %2B), so their bodies are not walked here.
void expect_each_flip_refused(const Hook& hook, const HookRequest& good, bool body = true) {
  ASSERT_TRUE(takes(hook, good));
  const auto refused = [&](const HookRequest& request) {
    const auto out = hook.handle(request);
    return !out && out.error().code == Errc::signature_invalid;
  };
  for (std::size_t i = 0; body && i < good.body.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      HookRequest bad = good;
      bad.body[i] = static_cast<char>(bad.body[i] ^ (1 << bit));
      EXPECT_TRUE(refused(bad)) << "body byte " << i << " bit " << bit;
    }
  const bool header = good.headers.back().first != "content-type";
  for (std::size_t i = 0; header && i < good.headers.back().second.size(); ++i) {
    HookRequest bad = good;
    bad.headers.back().second[i] ^= 1;
    EXPECT_TRUE(refused(bad)) << "proof byte " << i;
  }
}

// --- Ed25519 ----------------------------------------------------------------------------------

constexpr const char* kTelnyx =
    R"({"scheme":"ed25519","header":"telnyx-signature-ed25519","signed":["/header/telnyx-timestamp","|","$raw"],
        "secret":"KEY","timestamp":"/header/telnyx-timestamp","tolerance":300})";
const std::string kTelnyxKey = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";

HookRequest telnyx() {
  return with_header(
      with_header(
          post(
              R"({"data":{"record_type":"event","event_type":"call.hold","id":"0ccc7b54-4df3-4bca-a65a-3da1ecc70007","occurred_at":"2025-11-20T15:00:20.000000Z","payload":{"call_control_id":"v3:BBBB","call_leg_id":"b0e6224c-c81c-11f0-afbb-00000000000b","call_session_id":"b0e6141e-c81c-11f0-abac-000000000000","connection_id":"1234567890123456789","client_state":null,"from":"+12025550100","to":"sip:101@acme.sip.telnyx.example"}},"meta":{"attempt":1,"delivered_to":"https://cti.example.net/hooks/telnyx"}})"),
          "telnyx-timestamp", "1763650800"),
      "telnyx-signature-ed25519",
      "2V/ePdmJs9IZ0Z1NDN4miuMJVXEQ9l8RpkPyDCrpu6YXGgqOdTUdpS4BMhLM++"
      "DtENHNJvRTV/JZvmNr/h7kAA==");
}

TEST(AuthEd25519, SignatureOverTimeAndBodyIsTakenAndNothingElse) {
  expect_each_flip_refused(proving(kTelnyx, {{"KEY", {kTelnyxKey}}}), telnyx());
}

TEST(AuthEd25519, OneOfTwoLiveKeysIsEnough) {
  EXPECT_TRUE(
      takes(proving(kTelnyx, {{"KEY", {to_base64(std::string(32, '\1')), kTelnyxKey}}}), telnyx()));
}

TEST(AuthEd25519, KeysThatAreNoneRefuseEverybody) {
  for (const std::string key : {"", "x", "AAAA", "\xff\xff", "zz=="})
    EXPECT_FALSE(takes(proving(kTelnyx, {{"KEY", {key}}}), telnyx())) << key;
  EXPECT_FALSE(takes(proving(kTelnyx, {{"KEY", {to_base64(std::string(32, '\0'))}}}), telnyx()));
}

TEST(AuthEd25519, OldAndFutureRequestsAreRefused) {
  const auto hook = proving(kTelnyx, {{"KEY", {kTelnyxKey}}});
  for (const int late : {-331, 271}) {
    auto request = telnyx();
    request.received += std::chrono::seconds{late};
    EXPECT_FALSE(takes(hook, request)) << late;
  }
}

TEST(AuthEd25519, HexIsTakenWhereTheFileSaysSo) {
  // RFC 8032 §7.1, test 2: one byte, 72 hex.
  const auto hook = proving(
      R"({"scheme":"ed25519","header":"x-sig","prefix":"v1a=","encode":"hex","key":"hex","secret":"KEY","signed":["/query/q"]})",
      {{"KEY", {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"}}});
  HookRequest request{"GET", "", "q=r", {}, "", kReceived};
  request = with_header(std::move(request), "x-sig",
                        "v1a=92A009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(takes(hook, request));
  request.query = "q=s";
  EXPECT_FALSE(takes(hook, request));
}

// --- tokens -----------------------------------------------------------------------------------

std::string token(const std::string& claims, const std::string& secret,
                  const std::string& header = R"({"alg":"HS256","typ":"JWT"})") {
  const std::string input = to_base64url(header) + "." + to_base64url(claims);
  return input + "." + to_base64url(hmac(HashKind::sha256, secret, input));
}

constexpr const char* kVonage =
    R"({"scheme":"jwt_header","header":"Authorization","prefix":"Bearer ","secret":"S","body_hash":"payload_hash","tolerance":300})";

HookRequest vonage(const std::string& token_text, std::string body = "{}") {
  return with_header(post(std::move(body)), "authorization", "Bearer " + token_text);
}

std::string vonage_claims(const std::string& body = "{}") {
  return R"({"iat":)" + std::to_string(kNow) + R"(,"payload_hash":")" +
         to_hex(digest(HashKind::sha256, body)) + "\"}";
}

TEST(AuthJwtHeader, ATokenOfTheVendorWithTheHashOfTheBodyIsTaken) {
  const auto hook = proving(kVonage, {{"S", {"vonage-signature-secret-0123456789abcdef"}}});
  expect_each_flip_refused(
      hook,
      vonage(
          "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
          "eyJpYXQiOjE3NjM2NTA4MDAsImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTAwMDAwMDAwMDAwNCIsIml"
          "zcyI6IlZvbmFnZSIsInBheWxvYWRfaGFzaCI6ImM5YWM1NjE2MTAzZmE0ZjgzOGQ4YjAyYzA1YjVhMGZjMmNkNT"
          "lkY2M2MTBiYWJlNjM5Y2ZmYjRlZDliNDdjZTQiLCJhcGlfa2V5IjoiYTFiMmMzZCIsImFwcGxpY2F0aW9uX2lkI"
          "joiYWFhYWFhYWEtYmJiYi1jY2NjLWRkZGQtMDEyMzQ1Njc4OWFiIn0."
          "nDdYLz6lx02yPcF6utNX0jmP3sjbzTSywjfqrVPt4V8",
          R"({"from":"442079460100","to":"447700900101","uuid":"aaaaaaaa-bbbb-cccc-dddd-000000000002","conversation_uuid":"CON-aaaaaaaa-bbbb-cccc-dddd-0123456789ab","status":"started","direction":"outbound","timestamp":"2025-11-20T15:00:01.000Z"})"));
}

TEST(AuthJwtHeader, TheAlgorithmIsNotTheTokensToChoose) {
  const auto hook = proving(kVonage, {{"S", {"k"}}});
  const auto claims = vonage_claims();
  EXPECT_TRUE(takes(hook, vonage(token(claims, "k"))));
  for (const std::string header :
       {R"({"alg":"none"})", R"({"alg":"RS256"})", R"({"alg":"hs256"})", R"({})", "{", "[]",
        R"({"alg":["HS256"]})", R"({"alg":"HS256","crit":["b64"],"b64":false})",
        R"({"alg":"none","alg":"HS256"})"})
    EXPECT_FALSE(takes(hook, vonage(token(claims, "k", header)))) << header;
  const auto good = token(claims, "k");
  EXPECT_FALSE(takes(hook, vonage(good.substr(0, good.rfind('.') + 1))));
}

TEST(AuthJwtHeader, SpareBitsOfBase64urlMustBeZero) {
  const auto hook = proving(kVonage, {{"S", {"k"}}});
  auto text = token(vonage_claims(), "k");
  constexpr std::string_view kUrlDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const auto digit = kUrlDigits.find(text.back());
  text.back() = kUrlDigits[digit ^ 1];  // 43 digits of 32 bytes: the last two bits mean nothing
  EXPECT_FALSE(takes(hook, vonage(text)));
  EXPECT_FALSE(takes(hook, vonage(token(vonage_claims(), "k") + "=")));
}

TEST(AuthJwtHeader, TokensOfOtherBodiesTimesAndKeysAreRefused) {
  const auto hook = proving(kVonage, {{"S", {"k", "next"}}});
  const std::string hash = R"("payload_hash":")" + to_hex(digest(HashKind::sha256, "{}")) + '"';
  const auto claims = [&](const std::string& more) { return "{" + hash + "," + more + "}"; };
  const auto now = std::to_string(kNow);
  EXPECT_TRUE(takes(hook, vonage(token(claims(R"("iat":)" + now), "next"))));
  EXPECT_TRUE(takes(hook, vonage(token(claims(R"("iat":)" + now + R"(,"exp":)" + now), "k"))));
  EXPECT_FALSE(takes(hook, vonage(token(claims(R"("iat":)" + now), "other"))));
  EXPECT_FALSE(takes(hook, vonage(token(claims(R"("iat":)" + now), "k"), "{ }")));
  EXPECT_FALSE(takes(hook, vonage(token(R"({"iat":)" + now + "}", "k"))));
  for (const std::string& more :
       {R"("iat":)" + std::to_string(kNow - 301), R"("iat":)" + std::to_string(kNow + 301),
        R"("iat":")" + now + '"', std::string{R"("iat":1e300)"}, std::string{R"("x":1)"},
        R"("iat":)" + now + R"(,"exp":)" + std::to_string(kNow - 60),
        R"("iat":)" + now + R"(,"exp":"never")",
        R"("iat":)" + now + R"(,"nbf":)" + std::to_string(kNow + 61)})
    EXPECT_FALSE(takes(hook, vonage(token(claims(more), "k")))) << more;
}

TEST(AuthJwtBody, PlainJsonIsRefusedWhileThereIsASecret) {
  const auto hook = proving(R"({"scheme":"jwt_body","secret":"S"})", {{"S", {"k"}}});
  expect_each_flip_refused(hook, post(token(R"({"state":"hold"})", "k"), "application/jwt"));
  EXPECT_FALSE(takes(hook, post(R"({"state":"hold"})")));
  EXPECT_FALSE(takes(hook, post("", "application/jwt")));
  EXPECT_FALSE(takes(hook, post(token("{}", "k", R"({"alg":"none"})"), "application/jwt")));
}

// --- signed URLs ------------------------------------------------------------------------------

constexpr const char* kTwilio = R"({"scheme":"twilio","secret":"TOKEN"})";
const std::string kTwilioToken = "0123456789abcdef0123456789abcdef";

std::string sha1_of(const std::string& text) {
  return to_base64(hmac(HashKind::sha1, kTwilioToken, text));
}

HookRequest twilio(HookRequest request, const std::string& signature) {
  return with_header(std::move(request), "x-twilio-signature", signature);
}

TEST(AuthTwilio, AFormIsSignedWithItsUrl) {
  const auto hook =
      proving(kTwilio, {{"TOKEN", {kTwilioToken}}}, "https://cti.example.net/hooks/twilio");
  const auto good = twilio(
      form("AccountSid=AC00000000000000000000000000000001&ApiVersion=2010-04-01&"
           "CallSid=CA00000000000000000000000000000002&"
           "ParentCallSid=CA00000000000000000000000000000001&From=%2B12025550143&To=sip%3A101%"
           "40acme.sip.twilio.example&Caller=%2B12025550143&Called=sip%3A101%40acme.sip.twilio."
           "example&Direction=outbound-dial&CallbackSource=call-progress-events&CallStatus="
           "initiated&Timestamp=Thu%2C+20+Nov+2025+15%3A00%3A01+%2B0000&SequenceNumber=0"),
      "ZzWfwQGkwywCK9HoNFHDayBEUds=");
  expect_each_flip_refused(hook, good, false);
  for (std::size_t i = 0; i < good.body.size(); ++i) {
    HookRequest bad = good;
    bad.body[i] = bad.body[i] == 'x' ? 'y' : 'x';
    const auto out = hook.handle(bad);
    EXPECT_TRUE(!out) << "body byte " << i;
  }
  HookRequest longer = good;
  longer.body += "&Extra=1";
  EXPECT_FALSE(takes(hook, longer));
  EXPECT_FALSE(takes(proving(kTwilio, {{"TOKEN", {kTwilioToken}}}, ""), good));
  EXPECT_FALSE(takes(proving(kTwilio, {{"TOKEN", {kTwilioToken}}}), good));
}

TEST(AuthTwilio, ValuesOfARepeatedNameAreSortedAndCountOnce) {
  const auto hook = proving(kTwilio, {{"TOKEN", {kTwilioToken}}});
  EXPECT_TRUE(takes(hook, twilio(form("b=2&a=z&a=y&a=z&b="), sha1_of(kUrl + "ayazbb2"))));
  EXPECT_FALSE(takes(hook, twilio(form("b=2&a=z&a=y&a=z&b="), sha1_of(kUrl + "ayazazbb2"))));
}

TEST(AuthTwilio, TheUrlMayBeSignedWithItsPortOrWithout) {
  const std::map<std::string, std::vector<std::string>> secrets{{"TOKEN", {"old", kTwilioToken}}};
  const auto check = [&](const std::string& url, const std::string& signed_url) {
    HookRequest request = form("a=b");
    request.rest = "x";
    request.query = "q=1%202&p";
    return takes(proving(kTwilio, secrets, url),
                 twilio(request, sha1_of(signed_url + "/x?q=1%202&pab")));
  };
  EXPECT_TRUE(check("https://cti.example.net/h", "https://cti.example.net/h"));
  EXPECT_TRUE(check("https://cti.example.net/h", "https://cti.example.net:443/h"));
  EXPECT_TRUE(check("http://cti.example.net/h", "http://cti.example.net:80/h"));
  EXPECT_TRUE(check("https://cti.example.net:8443/h", "https://cti.example.net:8443/h"));
  EXPECT_TRUE(check("https://cti.example.net:8443/h", "https://cti.example.net/h"));
  EXPECT_TRUE(check("https://u:1@[2001:db8::1]/h", "https://u:1@[2001:db8::1]:443/h"));
  EXPECT_FALSE(check("https://cti.example.net/h", "https://cti.example.net:80/h"));
  EXPECT_FALSE(check("https://cti.example.net/h", "http://cti.example.net/h"));
}

TEST(AuthTwilio, JsonIsCoveredByTheHashInTheQueryOrNotTaken) {
  const auto hook = proving(kTwilio, {{"TOKEN", {kTwilioToken}}});
  HookRequest request = post(R"({"a":1})");
  request.query = "bodySHA256=" + to_hex(digest(HashKind::sha256, request.body));
  request = twilio(std::move(request), sha1_of(kUrl + "?" + request.query));
  expect_each_flip_refused(hook, request);
  EXPECT_FALSE(takes(hook, twilio(post(R"({"a":1})"), sha1_of(kUrl))));
  EXPECT_FALSE(takes(hook, twilio(post(R"({"a":1})"), sha1_of(kUrl + R"({"a":1})"))));
  EXPECT_TRUE(takes(hook, twilio({"GET", "", "", {}, "", kReceived}, sha1_of(kUrl))));
}

constexpr const char* kPlivo = R"({"scheme":"plivo_v3","secret":"TOKEN"})";

HookRequest plivo(HookRequest request, const std::string& signature,
                  const std::string& nonce = "12345") {
  return with_header(with_header(std::move(request), "x-plivo-signature-v3-nonce", nonce),
                     "x-plivo-signature-v3", signature);
}

/// Signatures made with Python's hmac from the published way of joining URL, fields and nonce.
TEST(AuthPlivo, PostAndGetAreSignedDifferently) {
  const auto hook =
      proving(kPlivo, {{"TOKEN", {"plivo-token"}}}, "https://cti.example.com/v1/hooks/plivo");
  const auto posted =
      plivo(form("To=12025550100&From=12025550143&CallUUID=a-1&Event=StartApp&Tag=b&Tag=a"),
            "RoXkYis+r7vZO3fULBygkMTnLqL+w0gGI286bzshgHQ=");
  expect_each_flip_refused(hook, posted, false);
  HookRequest query = form("From=12025550143");
  query.query = "z=1&a=%202";
  EXPECT_TRUE(takes(hook, plivo(query, "r7fsDsKO2xOkJMSze4V9n+56ooDDtOors9IXFn0b5TA=")));
  const HookRequest got{"GET", "", "To=12025550100&From=12025550143", {}, "", kReceived};
  EXPECT_TRUE(takes(hook, plivo(got, "0mRrLl3MQMtYmMNVTgEBeWdckGcsHJfHGdKwkd0vUjg=")));
  HookRequest smuggled = got;
  smuggled.body = "{}";
  EXPECT_FALSE(takes(hook, plivo(smuggled, "0mRrLl3MQMtYmMNVTgEBeWdckGcsHJfHGdKwkd0vUjg=")));
  EXPECT_TRUE(takes(hook, plivo(form(""), "H/MYC3s8CIOIl8+J6ZJusQVDeqmjB0NqeOiX0YzHt3s=")));
  EXPECT_FALSE(takes(hook, plivo(post("{}"), "H/MYC3s8CIOIl8+J6ZJusQVDeqmjB0NqeOiX0YzHt3s=")));
}

TEST(AuthPlivo, OneOfSeveralSignaturesIsEnoughWithinABound) {
  const auto hook =
      proving(kPlivo, {{"TOKEN", {"plivo-token"}}}, "https://cti.example.com/v1/hooks/plivo");
  const std::string good = "H/MYC3s8CIOIl8+J6ZJusQVDeqmjB0NqeOiX0YzHt3s=";
  EXPECT_TRUE(takes(hook, plivo(form(""), "AAAA, " + good)));
  EXPECT_FALSE(takes(hook, plivo(form(""), "A,A,A,A,A,A,A,A," + good)));
  EXPECT_FALSE(takes(hook, plivo(form(""), good, "12346")));
  EXPECT_FALSE(takes(hook, plivo(form(""), good, "")));
  EXPECT_FALSE(takes(hook, plivo(form(""), "")));
}

// --- all of them ------------------------------------------------------------------------------

TEST(Auth, EverySchemeRefusesARequestThatShowsNothing) {
  for (const std::string rule :
       {R"({"scheme":"equals","at":"/body/token","secret":"S"})",
        R"({"scheme":"bearer","secret":"S"})", R"({"scheme":"basic","secret":"S"})",
        R"({"scheme":"hmac","header":"x","signed":["$raw"],"secret":"S"})",
        R"({"scheme":"hash","header":"x","signed":[{"$secret":"S"},"$raw"]})",
        R"({"scheme":"ed25519","header":"x","signed":["$raw"],"secret":"S"})",
        R"({"scheme":"jwt_header","header":"x","secret":"S"})",
        R"({"scheme":"jwt_body","secret":"S"})", R"({"scheme":"twilio","secret":"S"})",
        R"({"scheme":"plivo_v3","secret":"S"})"}) {
    for (const std::string secret : {"", "k"})
      for (const std::string type : {"application/json", "application/x-www-form-urlencoded", ""})
        EXPECT_FALSE(takes(proving(rule, {{"S", {secret}}}), post("{}", type))) << rule;
    EXPECT_FALSE(takes(proving(rule, {{"OTHER", {"k"}}}), post("{}"))) << rule;
  }
}

TEST(Auth, AnEmptyProofNeverFits) {
  EXPECT_FALSE(takes(proving(R"({"scheme":"equals","header":"x","secret":"S"})", {{"S", {""}}}),
                     with_header(post("{}"), "x", "")));
  EXPECT_FALSE(takes(proving(R"({"scheme":"bearer","secret":"S"})", {{"S", {""}}}),
                     with_header(post("{}"), "authorization", "Bearer ")));
}

TEST(Auth, ASecretWithoutBytesSignsNothing) {
  const std::string proof = to_hex(hmac(HashKind::sha256, "", "{}"));
  EXPECT_FALSE(takes(
      proving(R"({"scheme":"hmac","header":"x","signed":["$raw"],"secret":"S"})", {{"S", {""}}}),
      with_header(post("{}"), "x", proof)));
  EXPECT_FALSE(takes(proving(R"({"scheme":"jwt_body","secret":"S"})", {{"S", {""}}}),
                     post(token("{}", ""), "application/jwt")));
}

TEST(Auth, AUrlThatIsNotKnownCannotBeSigned) {
  EXPECT_FALSE(
      takes(proving(R"({"scheme":"hmac","header":"x","signed":["$url","$raw"],"secret":"S"})",
                    {{"S", {"k"}}}, ""),
            with_header(post("{}"), "x", to_hex(hmac(HashKind::sha256, "k", "{}")))));
}

TEST(Auth, KeysOfOtherSchemesAreProblems) {
  const auto problem = [](const std::string& rule) {
    const auto found = problems_of(R"({"dialect":"t","decode":["auto"],"auth":[)" + rule +
                                   R"(],"rules":[{"emit":{"type":"updated"}}]})");
    return found.empty() ? "" : found.front().place + " " + found.front().what;
  };
  EXPECT_EQ(problem(R"({"scheme":"twilio","secret":"S","header":"x"})"),
            "x.json:1: /auth/0/header unknown key");
  EXPECT_EQ(problem(R"({"scheme":"jwt_body","secret":"S","alg":"none"})"),
            "x.json:1: /auth/0/alg unknown key");
  EXPECT_EQ(problem(R"({"scheme":"jwt_header","secret":"S"})"),
            "x.json:1: /auth/0 needs one of the keys at and header");
  EXPECT_EQ(problem(R"({"scheme":"ed25519","header":"x","secret":"S"})"),
            "x.json:1: /auth/0 needs the key signed: a list of what is signed");
  EXPECT_EQ(
      problem(R"({"scheme":"ed25519","header":"x","secret":"S","signed":["$raw"],"tolerance":9})"),
      "x.json:1: /auth/0/tolerance means nothing without timestamp");
  EXPECT_EQ(problem(R"({"scheme":"plivo_v2","secret":"S"})"),
            "x.json:1: /auth/0/scheme must be one of: equals bearer basic hmac hash ed25519 "
            "jwt_header jwt_body twilio plivo_v3");
}

TEST(Auth, VendorsThatSignAreKnown) {
  const auto is = [](const std::string& rule) {
    return is_signed(*compiled(R"({"dialect":"t","decode":["auto"],"auth":[)" + rule +
                               R"(],"rules":[{"emit":{"type":"updated"}}]})"));
  };
  EXPECT_TRUE(is(kTelnyx) && is(kVonage) && is(kTwilio) && is(kPlivo));
  EXPECT_FALSE(is(R"({"scheme":"bearer","secret":"S"})"));
}

}  // namespace
}  // namespace hookswitch::testing
