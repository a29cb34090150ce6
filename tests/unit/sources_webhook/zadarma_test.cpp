#include "base/hash.hpp"
#include "hook_fixture.hpp"

namespace hookswitch::testing {
namespace {

const char* const kSecret = "zadarma-test-secret";

Hook hook() { return Hook{shipped("zadarma"), options_with({{"API_SECRET", {kSecret}}})}; }

struct Row {
  const char* request;
  const char* facts;
};

class ZadarmaPayload : public ::testing::TestWithParam<Row> {};

TEST_P(ZadarmaPayload, GivesItsFacts) {
  EXPECT_EQ(facts_of(hook().handle(recorded("zadarma", GetParam().request))), GetParam().facts);
}

#define IN_CALL R"("ids":{"call":["in_0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"]})"
#define OUT_CALL R"("ids":{"call":["out_99aa88bb77cc66dd55ee44ff33001122334455aa"]})"

INSTANTIATE_TEST_SUITE_P(
    All, ZadarmaPayload,
    ::testing::Values(
        Row{"01-notify_start",
            R"({"type":"started",)" IN_CALL
            R"(,"direction":"inbound","from":{"number":"+12025550143"},"did":"+12025550100","at":"2025-11-20T13:00:00.000Z"})"},
        Row{"02-notify_internal",
            R"({"type":"ringing",)" IN_CALL
            R"(,"direction":"inbound","from":{"number":"+12025550143"},"did":"+12025550100","agent":{"ext":"101"}})"},
        Row{"03-notify_answer",
            R"({"type":"answered",)" IN_CALL
            R"(,"from":{"number":"+12025550143"},"agent":{"ext":"101"},"at":"2025-11-20T13:00:09.000Z"})"},
        Row{"04-notify_end",
            R"({"type":"ended",)" IN_CALL
            R"(,"direction":"inbound","from":{"number":"+12025550143"},"did":"+12025550100","agent":{"ext":"101"},)"
            R"("duration_ms":42000,"disposition":"answered","cause":16,"recording":{"id":"1763650800.1234567"}})"},
        Row{"05-notify_record",
            R"({"type":"recording",)" IN_CALL R"(,"recording":{"id":"1763650800.1234567"}})"},
        Row{"11-notify_out_start",
            R"({"type":"started",)" OUT_CALL
            R"(,"direction":"outbound","to":{"number":"+12025550143","presented":"12025550143"},"agent":{"ext":"101"},)"
            R"("at":"2025-11-20T13:10:00.000Z"})"},
        Row{"12-notify_out_end",
            R"({"type":"ended",)" OUT_CALL
            R"(,"direction":"outbound","from":{"number":"+12025550100","presented":"12025550100"},)"
            R"("to":{"number":"+12025550143","presented":"12025550143"},"agent":{"ext":"101"},)"
            R"("duration_ms":0,"disposition":"no_answer","cause":19})"}),
    [](const auto& row) {
      std::string name{row.param.request};
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(Zadarma, HandshakeEchoesTheValueAndNothingElse) {
  const auto out = hook().handle(recorded("zadarma", "00-handshake"));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->reply.status, 200U);
  EXPECT_EQ(out->reply.content_type, "text/plain");
  EXPECT_EQ(out->reply.body, "f1a2b3c4d5");
  ASSERT_EQ(out->reply.headers.size(), 1U);
  EXPECT_EQ(out->reply.headers[0].first, "X-Content-Type-Options");
  EXPECT_TRUE(out->facts.empty());
}

TEST(Zadarma, EveryFlippedByteOfASignedFieldIsRefused) {
  const std::map<std::string, std::vector<std::string>> signed_fields{
      {"01-notify_start", {"caller_id", "called_did", "call_start"}},
      {"02-notify_internal", {"caller_id", "called_did", "call_start"}},
      {"03-notify_answer", {"caller_id", "destination", "call_start"}},
      {"04-notify_end", {"caller_id", "called_did", "call_start"}},
      {"05-notify_record", {"pbx_call_id", "call_id_with_rec"}},
      {"11-notify_out_start", {"internal", "destination", "call_start"}},
      {"12-notify_out_end", {"internal", "destination", "call_start"}}};
  const Hook tested = hook();
  for (const auto& [name, fields] : signed_fields) {
    const HookRequest original = recorded("zadarma", name);
    for (const auto& field : fields) {
      const auto begin = ("&" + original.body).find("&" + field + "=") + field.size() + 1;
      const auto end = std::min(original.body.find('&', begin), original.body.size());
      for (auto i = begin; i < end; ++i) {
        HookRequest request = original;
        if (request.body[i] < '0' || request.body[i] > '9') continue;
        request.body[i] = request.body[i] == '0' ? '1' : '0';
        if (request.body == original.body) continue;
        // An escape may become another byte, or no UTF-8 at all; it is never taken.
        const auto error = error_of(tested.handle(request));
        EXPECT_TRUE(error == "signature_invalid" || error == "bad_encoding")
            << name << " " << field << " " << error;
      }
    }
  }
}

TEST(Zadarma, EveryFlippedByteOfTheSignatureIsRefused) {
  const Hook tested = hook();
  const HookRequest original = recorded("zadarma", "04-notify_end");
  const std::string& header = original.headers.back().second;
  ASSERT_EQ(original.headers.back().first, "signature");
  for (std::size_t i = 0; i < header.size(); ++i) {
    HookRequest request = original;
    char& byte = request.headers.back().second[i];
    byte = byte == 'A' ? 'B' : 'A';
    EXPECT_EQ(error_of(tested.handle(request)), "signature_invalid") << i;
  }
}

TEST(Zadarma, RequestWithoutSignatureIsRefused) {
  HookRequest request = recorded("zadarma", "01-notify_start");
  request.headers.pop_back();
  EXPECT_EQ(error_of(hook().handle(request)), "signature_invalid");
}

TEST(Zadarma, EventThatNoRuleSignsIsRefusedWhileThereIsASecret) {
  HookRequest request = recorded("zadarma", "01-notify_start");
  request.body.replace(request.body.find("NOTIFY_START"), 12, "NOTIFY_OTHER");
  EXPECT_EQ(error_of(hook().handle(request)), "signature_invalid");
  const auto open = Hook{shipped("zadarma"), options_with()}.handle(request);
  ASSERT_TRUE(open);
  EXPECT_FALSE(open->matched);
  EXPECT_TRUE(open->facts.empty());
}

TEST(Zadarma, ListInPlaceOfASignedTextIsRefused) {
  // Were it taken for an empty text, a signature over the two other fields would fit.
  HookRequest request = post(
      "event=NOTIFY_START&caller_id[]=1&called_did=12025550100&call_start=2025-11-20+15%3A00%3A00",
      "application/x-www-form-urlencoded");
  const auto sign = [&](const std::string& text) {
    return to_base64(to_hex(hmac(HashKind::sha1, kSecret, text)));
  };
  request.headers.emplace_back("signature", sign("120255501002025-11-20 15:00:00"));
  EXPECT_EQ(error_of(hook().handle(request)), "signature_invalid");
  request.body.replace(request.body.find("[]=1"), 4, "=");
  EXPECT_EQ(error_of(hook().handle(request)), "none");
}

TEST(Zadarma, BothSecretsLiveWhileOneIsReplaced) {
  const auto request = recorded("zadarma", "01-notify_start");
  const auto with = [&](std::vector<std::string> values) {
    return error_of(
        Hook{shipped("zadarma"), options_with({{"API_SECRET", std::move(values)}})}.handle(
            request));
  };
  EXPECT_EQ(with({"new-secret", kSecret}), "none");
  EXPECT_EQ(with({kSecret, "new-secret"}), "none");
  EXPECT_EQ(with({"new-secret", "newer-secret"}), "signature_invalid");
}

TEST(Zadarma, GetWithoutHandshakeIsNoMethodOfIt) {
  HookRequest request = recorded("zadarma", "00-handshake");
  request.query.clear();
  EXPECT_EQ(error_of(hook().handle(request)), "method_not_allowed");
  EXPECT_EQ(hook().methods(), (std::vector<std::string>{"POST", "GET"}));
}

TEST(Zadarma, TimeZoneOfTheSourceWinsOverThatOfTheDialect) {
  auto options = options_with();
  options.time_zone = "America/New_York";
  const auto out = Hook{shipped("zadarma"), options}.handle(recorded("zadarma", "01-notify_start"));
  ASSERT_TRUE(out);
  EXPECT_EQ(to_rfc3339(out->facts.at(0).occurred()), "2025-11-20T20:00:00.000Z");
}

TEST(Zadarma, FactsCarryOrgSourceAndTimeOfReceipt) {
  const auto out = hook().handle(recorded("zadarma", "02-notify_internal"));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->facts.at(0).org, "acme");
  EXPECT_EQ(out->facts.at(0).source, "cloud");
  EXPECT_EQ(out->facts.at(0).received, kReceived);
  EXPECT_EQ(out->facts.at(0).occurred(), kReceived);
}

}  // namespace
}  // namespace hookswitch::testing
