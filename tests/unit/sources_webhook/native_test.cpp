#include "base/hash.hpp"
#include "hook_fixture.hpp"

namespace hookswitch::testing {
namespace {

const std::string kFact =
    R"({"type":"ringing","ids":{"call":["8a2f"]},"direction":"inbound","to":{"ext":"101"}})";

Hook open_hook() { return Hook{shipped("native"), options_with()}; }
Hook closed_hook() { return Hook{shipped("native"), options_with({{"SECRET", {"s3cret"}}})}; }

HookRequest standard_webhook(const std::string& key, Time sent) {
  HookRequest request = post(kFact);
  const std::string stamp = std::to_string(to_unix_ms(sent) / 1000);
  request.headers.emplace_back("webhook-id", "msg_1");
  request.headers.emplace_back("webhook-timestamp", stamp);
  request.headers.emplace_back(
      "webhook-signature",
      "v1,AAAA v1," + to_base64(hmac(HashKind::sha256, key, "msg_1." + stamp + "." + kFact)));
  return request;
}

TEST(NativeDialect, FactsPassAsTheyAre) {
  EXPECT_EQ(facts_of(open_hook().handle(post(kFact))), kFact);
  EXPECT_EQ(facts_of(open_hook().handle(
                post("[" + kFact + "," + kFact + "]", "application/json; charset=utf-8"))),
            kFact + "\n" + kFact);
}

TEST(NativeDialect, NumbersAreReadByThePlanOfTheSource) {
  const auto told = [](const std::string& parties, HookOptions options = options_with()) {
    const std::string head = R"({"type":"ringing",)";
    auto fact =
        facts_of(Hook{shipped("native"), std::move(options)}.handle(post(head + parties + "}")));
    return fact.substr(std::min(head.size(), fact.size()), fact.size() - head.size() - 1);
  };
  HookOptions german = options_with();
  german.org_country = "DE";
  german.numbers.strip_prefixes = {"0"};
  const std::string e164 =
      R"("from":{"number":"+12025550143"},"to":{"ext":"101"},"did":"+12025550100")";
  EXPECT_EQ(told(e164), e164);
  EXPECT_EQ(told(e164, german), e164);
  EXPECT_EQ(told(R"("to":{"number":"0030 23125-123"})", german),
            R"("to":{"number":"+493023125123","presented":"0030 23125-123"})");
  german.numbers.country = "US";
  EXPECT_EQ(told(R"("from":{"number":"(202) 555-0143"},"did":"2025550100")", german),
            R"("from":{"number":"+12025550143","presented":"(202) 555-0143"},"did":"+12025550100")")
      << "the source's country goes before the organisation's";
  EXPECT_EQ(told(R"("from":{"number":"anonymous"})"), R"("from":{"presented":"anonymous"})");
}

TEST(NativeDialect, UnknownWordIsRefused) {
  EXPECT_EQ(error_of(open_hook().handle(post(R"({"type":"exploded"})"))), "bad_request");
  EXPECT_EQ(error_of(open_hook().handle(post("7"))), "bad_request");
}

TEST(NativeDialect, BatchIsBounded) {
  std::string body = "[" + kFact;
  for (std::size_t i = 0; i < kFactsPerRequestMax; ++i) body += "," + kFact;
  EXPECT_EQ(error_of(open_hook().handle(post(body + "]"))), "too_many_fields");
}

TEST(NativeDialect, OtherMediaTypesAreRefused) {
  EXPECT_EQ(error_of(open_hook().handle(post(kFact, "text/plain"))), "unsupported_media_type");
  EXPECT_EQ(error_of(open_hook().handle(post(kFact, ""))), "none");
}

TEST(NativeDialect, BearerMustMatchWhenThereIsASecret) {
  HookRequest request = post(kFact);
  EXPECT_EQ(error_of(closed_hook().handle(request)), "signature_invalid");
  request.headers.emplace_back("authorization", "Bearer s3cre");
  EXPECT_EQ(error_of(closed_hook().handle(request)), "signature_invalid");
  request.headers.back().second = "Bearer s3cret";
  EXPECT_EQ(error_of(closed_hook().handle(request)), "none");
  request.headers.push_back(request.headers.back());
  EXPECT_EQ(error_of(closed_hook().handle(request)), "signature_invalid") << "two headers are none";
}

TEST(NativeDialect, ProofComesBeforeTheBodyIsParsed) {
  EXPECT_EQ(error_of(closed_hook().handle(post("{not json"))), "signature_invalid");
}

TEST(NativeDialect, StandardWebhooksSignatureIsTaken) {
  EXPECT_EQ(error_of(closed_hook().handle(standard_webhook("s3cret", kReceived))), "none");
  EXPECT_EQ(error_of(closed_hook().handle(standard_webhook("other", kReceived))),
            "signature_invalid");
  const Hook prefixed{shipped("native"),
                      options_with({{"SECRET", {"whsec_" + to_base64("raw key")}}})};
  EXPECT_EQ(error_of(prefixed.handle(standard_webhook("raw key", kReceived))), "none");
}

TEST(NativeDialect, StandardWebhooksBodyIdAndTimeAreSigned) {
  for (const char* what : {"body", "webhook-id", "webhook-timestamp"}) {
    HookRequest request = standard_webhook("s3cret", kReceived);
    if (std::string_view{what} == "body") request.body += " ";
    for (auto& [name, value] : request.headers)
      if (name == what) value.back() = value.back() == '1' ? '2' : '1';
    EXPECT_EQ(error_of(closed_hook().handle(request)), "signature_invalid") << what;
  }
}

TEST(NativeDialect, StandardWebhooksSignatureGoesStale) {
  using std::chrono::seconds;
  EXPECT_EQ(error_of(closed_hook().handle(standard_webhook("s3cret", kReceived - seconds{299}))),
            "none");
  EXPECT_EQ(error_of(closed_hook().handle(standard_webhook("s3cret", kReceived - seconds{301}))),
            "signature_invalid");
  EXPECT_EQ(error_of(closed_hook().handle(standard_webhook("s3cret", kReceived + seconds{301}))),
            "signature_invalid");
}

TEST(NativeDialect, OnlyASignatureSaysUntilWhenARequestCouldComeAgain) {
  HookRequest plain = post(kFact);
  plain.headers.emplace_back("authorization", "Bearer s3cret");
  plain.headers.emplace_back("webhook-id", "m-1");
  const auto by_token = closed_hook().handle(plain);
  ASSERT_TRUE(by_token);
  EXPECT_EQ(by_token->replay_time.count(), 0) << "a hold that comes again is news";
  EXPECT_EQ(by_token->delivery_id, "") << "nobody vouches for the header";
  const auto is_signed = closed_hook().handle(standard_webhook("s3cret", kReceived));
  ASSERT_TRUE(is_signed);
  EXPECT_EQ(is_signed->replay_time.count(), 600);
  EXPECT_FALSE(is_signed->delivery_id.empty());
}

TEST(NativeDialect, SecretOfAnotherNameOrWithoutValueLetsNobodyIn) {
  HookRequest request = post(kFact);
  request.headers.emplace_back("authorization", "Bearer ");
  EXPECT_EQ(error_of(Hook{shipped("native"), options_with({{"SECRET", {""}}})}.handle(request)),
            "signature_invalid");
  EXPECT_EQ(
      error_of(Hook{shipped("native"), options_with({{"OTHER", {"s3cret"}}})}.handle(request)),
      "signature_invalid");
  HookOptions none = options_with();
  none.secrets["SECRET"];
  EXPECT_EQ(error_of(Hook{shipped("native"), none}.handle(request)), "signature_invalid");
}

}  // namespace
}  // namespace hookswitch::testing
