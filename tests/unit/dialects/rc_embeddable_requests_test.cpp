#include <gtest/gtest.h>

#include "dialects/dialect.hpp"
#include "sample_calls.hpp"

namespace hookswitch {
namespace {

using namespace samples;
using Kind = PageRequest::Kind;

PageRequest rc(std::string_view frame, const std::vector<Call>& live = {}) {
  return read(Dialect::rc_embeddable, frame, live);
}

Call second_ringing_call() {
  Call call = ringing_call();
  call.id = "01KAG3Q8M0000000000000000B";
  call.ids = {{KeyKind::sip_call_id, "hq", "second@192.0.2.10"}};
  return call;
}

TEST(RcEmbeddableRequests, SessionsSyncIsAnsweredWithTheSessionsNow) {
  const auto asked = rc(R"({"type":"rc-adapter-webphone-sessions-sync"})",
                        {talking_call(), second_ringing_call()});
  ASSERT_EQ(asked.kind, Kind::reply);
  const Frame frame{asked.replies.at(0)};
  ASSERT_EQ(frame["calls"].Size(), 2U);
  EXPECT_STREQ(frame["calls"][0]["callStatus"].GetString(), "webphone-session-connected");
  EXPECT_EQ(frame["calls"][0]["startTime"].GetInt64(), to_unix_ms(at(7)));
  EXPECT_STREQ(frame["calls"][1]["callStatus"].GetString(), "webphone-session-connecting");
}

TEST(RcEmbeddableRequests, ANewCallIsMadeOnlyWhenAskedTo) {
  const auto call =
      rc(R"({"type":"rc-adapter-new-call","phoneNumber":"+12025550143","toCall":true})");
  EXPECT_EQ(call.kind, Kind::command);
  EXPECT_EQ(call.command, "initiate_call");
  EXPECT_EQ(call.params_json, R"({"phone_number":"+12025550143"})");
  EXPECT_EQ(rc(R"({"type":"rc-adapter-new-call","phoneNumber":"+12025550143"})").kind,
            Kind::ignore);
  EXPECT_EQ(rc(R"({"type":"rc-adapter-new-call","toCall":true})").kind, Kind::ignore);
}

TEST(RcEmbeddableRequests, ASecondClickOnTheNumberBeingCalledIsIgnored) {
  const auto frame = R"({"type":"rc-adapter-new-call","phoneNumber":"+12025550143","toCall":true})";
  EXPECT_EQ(rc(frame, {dialing_call()}).kind, Kind::ignore);
  EXPECT_EQ(rc(frame, {talking_call()}).kind,
            Kind::command);  // an inbound call with the same number is another matter
}

TEST(RcEmbeddableRequests, ControlsNameTheCallAndTheLeg) {
  const auto hold = rc(R"({"type":"rc-adapter-control-call","callAction":"unhold",)"
                       R"("callId":"01KAG3Q8M0000000000000000A-l2"})",
                       {second_ringing_call(), talking_call()});
  EXPECT_EQ(hold.kind, Kind::command);
  EXPECT_EQ(hold.command, "resume");
  EXPECT_EQ(hold.params_json, R"({"call_id":"01KAG3Q8M0000000000000000A","leg_id":"l2"})");
}

TEST(RcEmbeddableRequests, ACallCanBeNamedByItsSipCallId) {
  const auto frame =
      R"({"type":"rc-adapter-control-call","callAction":"hangup","callId":"second@192.0.2.10"})";
  const auto asked = rc(frame, {talking_call(), second_ringing_call()});
  EXPECT_EQ(asked.command, "hang_up");
  EXPECT_EQ(asked.params_json, R"({"call_id":"01KAG3Q8M0000000000000000B","leg_id":"l2"})");
}

TEST(RcEmbeddableRequests, WithoutAnIdTheRingingCallIsAnsweredAndTheOtherHeld) {
  const std::vector<Call> live{talking_call(), second_ringing_call()};
  EXPECT_EQ(rc(R"({"type":"rc-adapter-control-call","callAction":"answer"})", live).params_json,
            R"({"call_id":"01KAG3Q8M0000000000000000B","leg_id":"l2"})");
  EXPECT_EQ(rc(R"({"type":"rc-adapter-control-call","callAction":"hold"})", live).params_json,
            R"({"call_id":"01KAG3Q8M0000000000000000A","leg_id":"l2"})");
}

TEST(RcEmbeddableRequests, AControlOfNoCallOfTheUserIsIgnored) {
  EXPECT_EQ(rc(R"({"type":"rc-adapter-control-call","callAction":"hangup"})").kind, Kind::ignore);
  Call bobs = talking_call();
  bobs.legs[1].user = "bob";
  EXPECT_EQ(rc(R"({"type":"rc-adapter-control-call","callAction":"hangup",)"
               R"("callId":"01KAG3Q8M0000000000000000A-l2"})",
               {bobs})
                .kind,
            Kind::ignore);
}

TEST(RcEmbeddableRequests, TransferAndTonesNeedTheirOptions) {
  const std::vector<Call> live{talking_call()};
  EXPECT_EQ(
      rc(R"({"type":"rc-adapter-control-call","callAction":"transfer",)"
         R"("options":{"transferNumber":"+12025550144"}})",
         live)
          .params_json,
      R"({"call_id":"01KAG3Q8M0000000000000000A","leg_id":"l2","to":"+12025550144","kind":"blind"})");
  EXPECT_EQ(
      rc(R"({"type":"rc-adapter-control-call","callAction":"dtmf","options":{"dtmf":"12#"}})", live)
          .params_json,
      R"({"call_id":"01KAG3Q8M0000000000000000A","leg_id":"l2","digits":"12#"})");
  EXPECT_EQ(rc(R"({"type":"rc-adapter-control-call","callAction":"transfer"})", live).kind,
            Kind::ignore);
  EXPECT_EQ(
      rc(R"({"type":"rc-adapter-control-call","callAction":"dtmf","options":{"dtmf":"x"}})", live)
          .kind,
      Kind::ignore);
}

TEST(RcEmbeddableRequests, OneWrongPresenceWordSpoilsTheWholeMessage) {
  EXPECT_EQ(
      rc(R"({"type":"rc-adapter-set-presence","userStatus":"Busy","dndStatus":"TakeAllCalls"})")
          .params_json,
      R"({"user_status":"Busy","dnd_status":"TakeAllCalls"})");
  EXPECT_EQ(
      rc(R"({"type":"rc-adapter-set-presence","userStatus":"Busy","dndStatus":"Never"})").kind,
      Kind::ignore);
}

TEST(RcEmbeddableRequests, ARequestIsAnsweredAtOnceSoThatThePageDoesNotWait) {
  const auto asked =
      rc(R"({"type":"rc-adapter-message-request","requestId":"7","path":"/unlogged-calls"})");
  ASSERT_EQ(asked.kind, Kind::reply);
  const Frame frame{asked.replies.at(0)};
  EXPECT_EQ(frame.text("responseId"), "7");
  EXPECT_EQ(frame.text("response/data"), "no matched path");
  EXPECT_EQ(rc(R"({"type":"rc-adapter-message-request","requestId":"7"})").kind, Kind::ignore);
}

}  // namespace
}  // namespace hookswitch
