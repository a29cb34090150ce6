#include "hook_fixture.hpp"

namespace hookswitch::testing {
namespace {

std::string facts(const std::string& body) {
  return facts_of(Hook{shipped("elma365"), options_with()}.handle(post(body)));
}

TEST(Elma365, CallLinkOfTheVendorsOtherPageIsTakenToo) {
  EXPECT_EQ(
      facts(
          R"({"callRecord":{"srcPhone":"101","dstPhone":"102","direction":"internal","call":{"callLink":"https://example.com/a"}}})"),
      R"({"type":"report","direction":"internal","from":{"ext":"101"},"to":{"ext":"102"},"agent":{"ext":"102"},)"
      R"("recording":{"url":"https://example.com/a"}})");
}

TEST(Elma365, OneRequestMayHoldBoth) {
  EXPECT_EQ(
      facts(
          R"({"event":{"event":"NotifyEnd","callId":"c1","direction":"in","disposition":"No Answer"},"callRecord":{"callId":"c1","duration":0}})"),
      R"({"type":"ended","ids":{"call":["c1"]},"direction":"inbound","disposition":"no_answer"})"
      "\n"
      R"({"type":"report","ids":{"call":["c1"]},"direction":"inbound","duration_ms":0})");
}

TEST(Elma365, OutboundSidesAreTheOtherWayRound) {
  EXPECT_EQ(
      facts(
          R"({"srcPhone":"101","dstPhone":"12025550143","dstPhoneExt":"7","direction":"out","event":"NotifyOutStart"})"),
      R"({"type":"started","direction":"outbound","from":{"ext":"101"},)"
      R"("to":{"number":"+12025550143","presented":"12025550143","ext":"7"},"agent":{"ext":"101"}})");
}

TEST(Elma365, OutboundEventSaysTheDirectionThatIsMissing) {
  EXPECT_EQ(
      facts(
          R"({"srcPhone":"101","dstPhone":"12025550143","event":"notify out end","disposition":"busy"})"),
      R"({"type":"ended","direction":"outbound","from":{"ext":"101"},)"
      R"("to":{"number":"+12025550143","presented":"12025550143"},"agent":{"ext":"101"},"disposition":"busy"})");
}

TEST(Elma365, ExtensionBehindTheClientIsKept) {
  EXPECT_EQ(
      facts(R"({"srcPhone":"12025550143","srcPhoneExt":"9","dstPhone":101,"direction":"In"})"),
      R"({"type":"ringing","direction":"inbound","from":{"number":"+12025550143","presented":"12025550143","ext":"9"},)"
      R"("to":{"ext":"101"},"agent":{"ext":"101"}})");
}

TEST(Elma365, WordsAreTakenWhateverTheirCaseBlanksAndBars) {
  for (const std::string word : {"NotifyAnswer", "notify_answer", "NOTIFY_ANSWER", "Notify Answer"})
    EXPECT_EQ(
        facts(R"({"srcPhone":"a1","dstPhone":"101","event":")" + word + "\"}"),
        R"({"type":"answered","direction":"inbound","from":{"number":"a1"},"to":{"ext":"101"},"agent":{"ext":"101"}})");
}

TEST(Elma365, UnknownEventWordIsNotGuessed) {
  const auto out = Hook{shipped("elma365"), options_with()}.handle(
      post(R"({"srcPhone":"1","dstPhone":"2","event":"NotifyMoon"})"));
  ASSERT_TRUE(out);
  EXPECT_FALSE(out->matched);
  EXPECT_TRUE(out->facts.empty());
}

TEST(Elma365, EmptyObjectIsAnsweredAndTellsNothing) {
  const auto out = Hook{shipped("elma365"), options_with()}.handle(post("{}"));
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->matched);
  EXPECT_TRUE(out->facts.empty());
}

TEST(Elma365, TokenInHeaderOrQueryProvesTheSender) {
  const Hook hook{shipped("elma365"), options_with({{"SECRET", {"s3cret"}}})};
  auto request = recorded("elma365", "01-doc-sample");
  EXPECT_EQ(error_of(hook.handle(request)), "signature_invalid");
  request.headers.emplace_back("authorization", "Bearer s3cret");
  EXPECT_EQ(error_of(hook.handle(request)), "none");
  request.query = "token=wrong";
  EXPECT_EQ(error_of(hook.handle(request)), "signature_invalid");
  request.headers.pop_back();
  request.query = "token=s3cret";
  EXPECT_EQ(error_of(hook.handle(request)), "none");
}

}  // namespace
}  // namespace hookswitch::testing
