#include "base/hash.hpp"
#include "hook_fixture.hpp"

namespace hookswitch::testing {
namespace {

const char* const kSecret = "zadarma-test-secret";

Hook hook() { return Hook{shipped("zadarma"), options_with({{"API_SECRET", {kSecret}}})}; }

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
