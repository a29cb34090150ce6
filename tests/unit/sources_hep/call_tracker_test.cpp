#include "sources/hep/call_tracker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "base/text.hpp"
#include "hep_test_support.hpp"
#include "sources/hep/hep_frame.hpp"

namespace hookswitch::hep {
namespace {

using test::lines;

constexpr Time kStart{milliseconds{1'800'000'000'000}};

NumberPlan plan() {
  NumberPlan out;
  out.short_is_extension = true;
  return out;
}

/// Feeds messages and keeps what was told, each as "type who" with what matters behind it.
struct Mirror {
  CallTracker tracker{plan()};
  std::vector<Fact> facts;
  Time now = kStart;

  Seen sip(std::string text, std::string_view correlation = {}) {
    now += milliseconds{10};
    const auto message = read_sip(text);
    EXPECT_TRUE(message) << text;
    return message ? tracker.feed(*message, correlation, now, now, facts) : Seen::not_a_call;
  }
  void wait(milliseconds time) {
    now += time;
    tracker.tick(now, facts);
  }
  void play(const std::vector<std::string>& packets) {
    for (const auto& packet : packets) {
      const auto frame = read_frame(packet);
      ASSERT_TRUE(frame);
      std::string text{frame->payload};
      const auto message = read_sip(text);
      if (!message) continue;  // a phone of the recording answers without Via
      now = frame->captured.value_or(now);
      tracker.feed(*message, frame->correlation, now, now, facts);
    }
    wait(kCancelAnswer);
  }
  std::vector<std::string> told() const {
    std::vector<std::string> out;
    for (const Fact& fact : facts) {
      std::string line{to_string(fact.type)};
      line += " " + (fact.agent.ext.empty() ? std::string{"outside"} : fact.agent.ext.str());
      if (fact.disposition) line += " " + std::string{to_string(*fact.disposition)};
      if (!fact.transfer.kind.empty())
        line += " " + fact.transfer.kind.str() + " to " + fact.transfer.to.ext.str();
      out.push_back(std::move(line));
    }
    return out;
  }
};

std::vector<std::string> recorded(const std::string& name) {
  std::ifstream in{HOOKSWITCH_SOURCE_DIR "/tests/unit/sources_hep/data/" + name + ".hex"};
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(from_hex(line).value_or(""));
  EXPECT_FALSE(out.empty()) << name;
  return out;
}

using Told = std::vector<std::string>;

Told story(const std::string& name) {
  Mirror mirror;
  mirror.play(recorded(name));
  return mirror.told();
}

// ---- recorded: a proxy mirrors both its sides, so each message comes twice
TEST(CallTracker, AnAnsweredCallIsToldOnceThoughEachMessageComesTwice) {
  EXPECT_EQ((Told{"dialing 1001", "ringing 1002", "answered 1002", "answered 1001",
                  "ended 1001 answered", "ended 1002 answered"}),
            story("answered"));
}

TEST(CallTracker, ACallThatFailsEndsForTheReasonOfItsAnswer) {
  EXPECT_EQ((Told{"dialing 1001", "ended 1001 busy"}), story("busy"));
  EXPECT_EQ((Told{"dialing 1001", "ringing 1002", "ended 1002 rejected", "ended 1001 rejected"}),
            story("rejected"));
  EXPECT_EQ((Told{"dialing 1001", "ringing 1002", "ended 1001 no_answer", "ended 1002 no_answer"}),
            story("noanswer"));
}

TEST(CallTracker, ACallerWhoCancelsEndsTheCallEvenWhenItsAnswerIsLost) {
  EXPECT_EQ((Told{"dialing 1001", "ringing 1002", "ended 1002 cancelled", "ended 1001 cancelled"}),
            story("abandoned"));
}

TEST(CallTracker, EachPhoneOfAForkIsALegAndTheOthersEndAnsweredElsewhere) {
  EXPECT_EQ((Told{"dialing 1001", "ringing 1002", "ringing 1002", "answered 1002", "answered 1001",
                  "ended 1002 answered_elsewhere", "ended 1001 answered", "ended 1002 answered"}),
            story("fork"));
  EXPECT_EQ((Told{"dialing 1003", "ringing 1001", "ringing 1002", "answered 1002", "answered 1003",
                  "ended 1001 answered_elsewhere", "ended 1003 answered", "ended 1002 answered"}),
            story("group"));
}

TEST(CallTracker, WhoSendsSendonlyHoldsAndResumes) {
  EXPECT_EQ((Told{"dialing 1001", "ringing 1002", "answered 1002", "answered 1001", "held 1001",
                  "resumed 1001", "ended 1001 answered", "ended 1002 answered"}),
            story("hold"));
}

TEST(CallTracker, ABlindTransferGoesOnWithTheLegOfWhoWasHandedOn) {
  Mirror mirror;
  mirror.play(recorded("blind"));
  EXPECT_EQ((Told{"dialing 1001", "ringing 1002", "answered 1002", "answered 1001", "held 1002",
                  "resumed 1002", "transferred 1002 blind to 1003", "dialing 1001", "ringing 1003",
                  "answered 1003", "answered 1001", "ended 1002 redirected", "ended 1001 answered",
                  "ended 1003 answered"}),
            mirror.told());
  EXPECT_EQ(mirror.facts[0].ids.leg, mirror.facts[7].ids.leg);
  EXPECT_EQ(mirror.facts[0].ids.sip[0], mirror.facts[7].ids.sip[1]) << "the Call-ID of before";
}

TEST(CallTracker, AnAttendedTransferLeavesTheTwoWhoTalk) {
  Mirror mirror;
  mirror.play(recorded("attended"));
  EXPECT_EQ((Told{"dialing 1001", "ringing 1002", "answered 1002", "answered 1001", "dialing 1002",
                  "ringing 1003", "held 1002", "answered 1003", "answered 1002",
                  "transferred 1002 attended to 1003", "dialing 1001", "ringing 1003",
                  "answered 1003", "answered 1001", "ended 1002 answered", "ended 1002 replaced",
                  "ended 1001 answered", "ended 1003 answered"}),
            mirror.told());
  EXPECT_EQ(mirror.facts[4].ids.sip[0], mirror.facts[9].ids.replaces[0]);
  EXPECT_EQ(mirror.facts[5].ids.leg, mirror.facts[12].ids.leg) << "1003 goes on in its own leg";
}

TEST(CallTracker, RepeatedAndDuplicatedPacketsAreNoNews) {
  for (const char* name : {"answered", "group", "hold", "blind", "attended"}) {
    std::vector<std::string> doubled;
    for (const auto& packet : recorded(name)) doubled.insert(doubled.end(), 3, packet);
    Mirror mirror;
    mirror.play(doubled);
    EXPECT_EQ(story(name), mirror.told()) << name;
  }
}

TEST(CallTracker, AnyLossOrOrderEndsWithinItsBounds) {
  std::mt19937 random{20261121};
  for (const char* name : {"answered", "group", "hold", "blind", "attended", "b2bua"}) {
    for (int round = 0; round < 50; ++round) {
      auto packets = recorded(name);
      std::shuffle(packets.begin(), packets.end(), random);
      packets.resize(packets.size() * 2 / 3);
      Mirror mirror;
      mirror.play(packets);
      mirror.wait(kAnsweredMost);
      mirror.wait(kEndedKept);  // also for who was handed on and never went on
      mirror.wait(kEndedKept);
      EXPECT_EQ(0U, mirror.tracker.sessions());
      for (const Fact& fact : mirror.facts) EXPECT_LE(fact.ids.leg.str().size(), 256U);
    }
  }
}

// ---- composed
std::string message(const std::string& start, const std::string& cseq, const std::string& to_tag,
                    const std::vector<std::string>& more = {}, const std::string& branch = "b1",
                    const std::string& call_id = "c1@gw") {
  std::vector<std::string> all{
      start,
      "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK" + branch,
      "From: \"Jane Doe\" <sip:+12025550143@gw.example.com>;tag=f1",
      "To: <sip:101@pbx.example.com>" + (to_tag.empty() ? std::string{} : ";tag=" + to_tag),
      "Call-ID: " + call_id,
      "CSeq: " + cseq};
  all.insert(all.end(), more.begin(), more.end());
  return lines(all);
}
std::string invite(const std::string& cseq = "1 INVITE", const std::string& branch = "b1",
                   const std::vector<std::string>& more = {}) {
  return message("INVITE sip:101@pbx.example.com SIP/2.0", cseq, "", more, branch);
}

TEST(CallTracker, AnInboundCallTellsWhoAndAllThatJoinsIt) {
  Mirror mirror;
  mirror.sip(invite("1 INVITE", "b1",
                    {"Session-ID: 8a5ac25fa1bf4ddd8ae6b3e90de34bb1", "X-CID: 42",
                     "P-Asserted-Identity: <sip:+12025550199@gw.example.com>"}),
             "linked-7");
  mirror.sip(message("SIP/2.0 183 Session Progress", "1 INVITE", "t1"));
  ASSERT_EQ((Told{"dialing outside", "ringing 101"}), mirror.told());
  const Fact& rings = mirror.facts[1];
  EXPECT_EQ(Direction::inbound, rings.direction);
  EXPECT_EQ("+12025550199", rings.from.number);
  EXPECT_EQ("Jane Doe", rings.from.name);
  EXPECT_EQ("8a5ac25fa1bf4ddd8ae6b3e90de34bb1", rings.ids.session);
  EXPECT_EQ("linked-7", rings.ids.call.at(0));
  EXPECT_EQ("42", rings.headers.at("X-CID"));
  EXPECT_EQ(mirror.now, rings.at);
}

TEST(CallTracker, AChallengeIsNoEndIfItIsAnswered) {
  Mirror mirror;
  mirror.sip(invite());
  mirror.sip(message("SIP/2.0 407 Proxy Authentication Required", "1 INVITE", "x"));
  mirror.sip(invite("2 INVITE", "b2"));
  mirror.wait(kChallengeTime);
  mirror.sip(message("SIP/2.0 180 Ringing", "2 INVITE", "t1", {}, "b2"));
  EXPECT_EQ((Told{"dialing outside", "ringing 101"}), mirror.told());
}

TEST(CallTracker, AChallengeThatNobodyAnswersEndsTheCall) {
  Mirror mirror;
  mirror.sip(invite());
  mirror.sip(message("SIP/2.0 401 Unauthorized", "1 INVITE", "x"));
  mirror.wait(kChallengeTime);
  EXPECT_EQ((Told{"dialing outside", "ended outside failed"}), mirror.told());
}

TEST(CallTracker, ACancelSaysThatAnotherHasAnswered) {
  Mirror mirror;
  mirror.sip(invite());
  mirror.sip(message("SIP/2.0 180 Ringing", "1 INVITE", "t1"));
  mirror.sip(message("CANCEL sip:101@pbx.example.com SIP/2.0", "1 CANCEL", "",
                     {"Reason: SIP ;cause=200 ;text=\"Call completed elsewhere\""}));
  mirror.sip(message("SIP/2.0 487 Request Terminated", "1 INVITE", "t1"));
  EXPECT_EQ("ended 101 answered_elsewhere", mirror.told().back());
}

TEST(CallTracker, PrackAndItsAnswerAreNoAnswerOfTheCall) {
  Mirror mirror;
  mirror.sip(invite());
  mirror.sip(message("SIP/2.0 180 Ringing", "1 INVITE", "t1", {"RSeq: 1", "Require: 100rel"}));
  EXPECT_EQ(Seen::not_a_call,
            mirror.sip(message("PRACK sip:101@pbx.example.com SIP/2.0", "2 PRACK", "t1")));
  EXPECT_EQ(Seen::not_a_call, mirror.sip(message("SIP/2.0 200 OK", "2 PRACK", "t1")));
  EXPECT_EQ("ringing 101", mirror.told().back());
}

TEST(CallTracker, AByeWithoutAnswerCountsAfterASecond) {
  Mirror mirror;
  mirror.sip(invite());
  mirror.sip(message("SIP/2.0 200 OK", "1 INVITE", "t1"));
  mirror.sip(message("BYE sip:101@pbx.example.com SIP/2.0", "2 BYE", "t1", {}, "b9"));
  EXPECT_EQ("answered outside", mirror.told().back());
  mirror.wait(kByeAnswer);
  EXPECT_EQ("ended 101 answered", mirror.told().back());
}

TEST(CallTracker, ADialogThatNobodyHasSeenBeginIsNotMadeUp) {
  Mirror mirror;
  EXPECT_EQ(Seen::unknown_dialog, mirror.sip(message("SIP/2.0 200 OK", "1 INVITE", "t1")));
  EXPECT_EQ(Seen::unknown_dialog,
            mirror.sip(message("BYE sip:101@pbx.example.com SIP/2.0", "2 BYE", "t1")));
  EXPECT_TRUE(mirror.facts.empty());
}

TEST(CallTracker, WhatAFormerProcessToldGoesOn) {
  Mirror before;
  before.sip(invite());
  before.sip(message("SIP/2.0 200 OK", "1 INVITE", "t1"));
  Mirror after;
  for (const Fact& fact : before.facts)
    if (fact.type == FactType::answered) after.tracker.restore(fact, after.now);
  after.sip(message("BYE sip:101@pbx.example.com SIP/2.0", "2 BYE", "t1"));
  after.sip(message("SIP/2.0 200 OK", "2 BYE", "t1"));
  EXPECT_EQ((Told{"ended outside answered", "ended 101 answered"}), after.told());
  EXPECT_EQ(before.facts[1].ids.leg, after.facts[1].ids.leg);
}

TEST(CallTracker, SessionsAreBounded) {
  Mirror mirror;
  for (std::size_t i = 0; i < kSessionsMax; ++i)
    mirror.sip(message("INVITE sip:101@pbx SIP/2.0", "1 INVITE", "", {}, "b", std::to_string(i)));
  EXPECT_EQ(kSessionsMax, mirror.tracker.sessions());
  EXPECT_EQ(Seen::over_limit, mirror.sip(invite()));
}

}  // namespace
}  // namespace hookswitch::hep
