#include "sources/sip/dialog_tracker.hpp"

#include <gtest/gtest.h>

#include "sip_test_support.hpp"

namespace hookswitch::sip {
namespace {

using test::dialog;
using test::DialogXml;
using test::document;
using test::Feed;
using test::recorded;
using test::types;

std::vector<Fact> play(Feed& feed, const std::vector<std::string>& bodies) {
  std::vector<Fact> all;
  for (const auto& body : bodies)
    for (Fact& fact : feed.xml(body)) all.push_back(std::move(fact));
  return all;
}

std::vector<Fact> play(const std::string& scenario, const std::string& ext) {
  Feed feed{ext};
  return play(feed, recorded(scenario, ext));
}

// ---- recorded
TEST(DialogTracker, AnsweredCallAsTheCallerSeesIt) {
  const auto facts = play("answered", "1001");
  EXPECT_EQ(types(facts), "dialing dialing answered ended");
  EXPECT_EQ(facts.at(1).reason, "early");
}

TEST(DialogTracker, AnsweredCallAsTheCalleeSeesIt) {
  EXPECT_EQ(types(play("answered", "1002")), "ringing answered ended");
}

TEST(DialogTracker, EveryFactCarriesIdsPartiesAndExtension) {
  for (const Fact& fact : play("answered", "1002")) {
    EXPECT_EQ(fact.ids.leg, "1002/1-29713@127.0.0.1");
    EXPECT_EQ(fact.ids.sip, std::vector<Text>{"1-29713@127.0.0.1"});
    EXPECT_EQ(fact.from.ext + " " + fact.to.ext + " " + fact.agent.ext, "1001 1002 1002");
    EXPECT_TRUE(fact.state_report);
    EXPECT_FALSE(fact.direction);
  }
}

TEST(DialogTracker, BusyCallRingsNobody) {
  EXPECT_EQ(types(play("busy", "1002")), "ended");
  EXPECT_EQ(types(play("busy", "1001")), "dialing ended");
}

TEST(DialogTracker, ForkOfOneExtensionIsOneLeg) {
  const auto facts = play("fork", "1002");
  EXPECT_EQ(types(facts), "ringing answered ended");
  EXPECT_EQ(facts.front().ids.leg, facts.back().ids.leg);
}

TEST(DialogTracker, CallFromOutsideKeepsTheDialledNumber) {
  const auto facts = play("inbound", "1002");
  ASSERT_EQ(types(facts), "ringing answered ended");
  EXPECT_EQ(facts[0].from.number, "+12025550101");
  EXPECT_EQ(facts[0].to.number, "+12025550102");
  EXPECT_EQ(facts[0].agent.ext, "1002");
}

TEST(DialogTracker, SecondCallOfABusyExtensionDoesNotTouchTheFirst) {
  const auto facts = play("two_calls", "1002");
  ASSERT_EQ(types(facts), "ringing answered ended ended");
  EXPECT_NE(facts[2].ids.leg, facts[0].ids.leg);
  EXPECT_EQ(facts[3].ids.leg, facts[0].ids.leg);
}

TEST(DialogTracker, RecordingPlayedTwiceGivesTheFactsOnce) {
  Feed feed{"1002"};
  const auto bodies = recorded("answered", "1002");
  std::vector<Fact> all;
  for (const auto& body : bodies) {
    auto twice = play(feed, {body, body});
    all.insert(all.end(), twice.begin(), twice.end());
  }
  EXPECT_EQ(types(all), "ringing answered ended");
}

// ---- states
TEST(DialogTracker, InitiatorNeverRings) {
  Feed feed;
  EXPECT_EQ(types(feed.full(dialog({.direction = "initiator", .state = "trying"}))), "dialing");
  EXPECT_EQ(types(feed.full(dialog({.direction = "initiator", .state = "proceeding"}))), "");
  EXPECT_EQ(types(feed.full(dialog({.direction = "initiator", .state = "early"}))), "dialing");
}

TEST(DialogTracker, LateEarlyAfterConfirmedIsNothing) {
  Feed feed;
  feed.full(dialog({.state = "confirmed"}));
  EXPECT_EQ(types(feed.full(dialog({.state = "early"}))), "");
}

TEST(DialogTracker, HoldAndResumeComeFromTheLocalRendering) {
  Feed feed;
  EXPECT_EQ(types(feed.full(dialog({.state = "confirmed"}))), "answered");
  EXPECT_EQ(types(feed.full(dialog({.state = "confirmed", .rendering = "no"}))), "held");
  EXPECT_EQ(types(feed.full(dialog({.state = "confirmed", .rendering = "no"}))), "");
  EXPECT_EQ(types(feed.full(dialog({.state = "confirmed"}))), "");
  EXPECT_EQ(types(feed.full(dialog({.state = "confirmed", .rendering = "yes"}))), "resumed");
}

TEST(DialogTracker, FirstSeenOnHoldIsAnsweredThenHeld) {
  Feed feed;
  EXPECT_EQ(types(feed.full(dialog({.state = "confirmed", .rendering = "no"}))), "answered held");
}

TEST(DialogTracker, FirstSeenTerminatedIsOneEnded) {
  Feed feed;
  EXPECT_EQ(types(feed.full(dialog({.state = "terminated"}))), "ended");
  EXPECT_EQ(types(feed.full(dialog({.state = "terminated"}))), "");
}

TEST(DialogTracker, UnknownStateWordKeepsTheDialogAlive) {
  Feed feed;
  feed.full(dialog({.state = "confirmed"}));
  EXPECT_EQ(types(feed.full(dialog({.state = "parked"}))), "");
  EXPECT_EQ(types(feed.full(dialog({.state = "terminated"}))), "ended");
}

TEST(DialogTracker, DialogThatLivesAgainIsANewLeg) {
  Feed feed;
  const auto before = feed.full(dialog({.state = "early"}));
  feed.full(dialog({.state = "terminated"}));
  const auto after = feed.full(dialog({.state = "confirmed"}));
  ASSERT_EQ(types(after), "answered");
  EXPECT_EQ(after[0].ids.leg, before.at(0).ids.leg + "#2");
  EXPECT_EQ(after[0].ids.sip, before[0].ids.sip);
}

// ---- why it ended
struct EndCase {
  const char* attributes;
  bool answered;
  std::optional<Disposition> expected;
};

TEST(DialogTracker, DispositionComesFromEventAndCode) {
  const EndCase cases[] = {
      {"", false, std::nullopt},
      {"", true, std::nullopt},
      {" code='486'", false, Disposition::busy},
      {" code='600'", false, Disposition::busy},
      {" event='rejected' code='486'", false, Disposition::busy},
      {" event='rejected'", false, Disposition::rejected},
      {" code='603'", false, Disposition::rejected},
      {" event='cancelled'", false, Disposition::cancelled},
      {" code='487'", false, Disposition::cancelled},
      {" event='timeout'", false, Disposition::no_answer},
      {" code='480'", false, Disposition::no_answer},
      {" code='408'", false, Disposition::no_answer},
      {" code='500'", false, Disposition::failed},
      {" event='error'", false, Disposition::failed},
      {" code='302'", false, Disposition::redirected},
      {" event='remote-bye'", true, Disposition::answered},
      {" event='timeout' code='408'", true, Disposition::answered},
      {" event='replaced'", true, Disposition::replaced},
  };
  for (const EndCase& one : cases) {
    Feed feed;
    feed.full(dialog({.state = one.answered ? "confirmed" : "early"}));
    const auto facts = feed.full(dialog({.state = "terminated", .attributes = one.attributes}));
    ASSERT_EQ(types(facts), "ended") << one.attributes;
    EXPECT_EQ(facts[0].disposition, one.expected) << one.attributes;
  }
}

TEST(DialogTracker, StatusOfTheEndIsPassedOn) {
  Feed feed;
  const auto facts =
      feed.full(dialog({.state = "terminated", .attributes = " event='rejected' code='603'"}));
  EXPECT_EQ(facts.at(0).sip_status, 603);
  EXPECT_EQ(facts[0].reason, "rejected");
}

// ---- full, partial, versions
TEST(DialogTracker, MissingInAFullDocumentWithOthersIsEndedAtOnce) {
  Feed feed;
  feed.full(dialog({.state = "confirmed"}));
  const auto facts = feed.full(dialog({.id = "d2", .call_id = "call-2"}));
  ASSERT_EQ(types(facts), "ringing ended");
  EXPECT_EQ(facts[1].ids.leg, "102/call-1");
  EXPECT_EQ(facts[1].reason, "not in full state");
  EXPECT_EQ(facts[1].from.ext, "101");
}

TEST(DialogTracker, EmptyFullDocumentSettlesBeforeItEnds) {
  Feed feed;
  feed.full(dialog({.state = "confirmed"}));
  EXPECT_EQ(types(feed.full("")), "");
  feed.pass(milliseconds{499});
  EXPECT_EQ(types(feed.tracker.tick(feed.time)), "");
  EXPECT_EQ(feed.tracker.due(), feed.time + milliseconds{1});
  feed.pass(milliseconds{1});
  EXPECT_EQ(types(feed.tracker.tick(feed.time)), "ended");
  EXPECT_EQ(feed.tracker.due(), std::nullopt);
}

TEST(DialogTracker, DialogThatComesBackWhileSettlingHasNotEnded) {
  Feed feed;
  feed.full(dialog({.state = "early"}));
  feed.full("");
  feed.pass(milliseconds{600});
  EXPECT_EQ(types(feed.full(dialog({.state = "confirmed"}))), "answered");
  EXPECT_EQ(types(feed.tracker.tick(feed.time)), "");
}

TEST(DialogTracker, NotifyWithoutBodyIsAnEmptyFullDocument) {
  Feed feed;
  feed.full(dialog({.state = "confirmed"}));
  EXPECT_EQ(types(feed.tracker.feed_nothing(feed.time)), "");
  feed.pass(milliseconds{500});
  EXPECT_EQ(types(feed.tracker.tick(feed.time)), "ended");
}

TEST(DialogTracker, PartialDocumentSaysNothingOfOthers) {
  Feed feed;
  feed.full(dialog({.state = "confirmed"}));
  EXPECT_EQ(types(feed.partial(dialog({.id = "d2", .call_id = "call-2"}))), "ringing");
  feed.pass(milliseconds{10'000});
  EXPECT_EQ(types(feed.tracker.tick(feed.time)), "");
  EXPECT_FALSE(feed.tracker.take_wants_refresh());
}

TEST(DialogTracker, GapBeforeAPartialDocumentWantsARefresh) {
  Feed feed;
  feed.full(dialog({.state = "early"}));
  feed.version += 1;
  EXPECT_EQ(types(feed.partial(dialog({.state = "confirmed"}))), "answered");
  EXPECT_TRUE(feed.tracker.take_wants_refresh());
  EXPECT_FALSE(feed.tracker.take_wants_refresh());
}

TEST(DialogTracker, GapBeforeAFullDocumentIsNoLoss) {
  Feed feed;
  feed.full(dialog({.state = "early"}));
  feed.version += 5;
  feed.full(dialog({.state = "confirmed"}));
  EXPECT_FALSE(feed.tracker.take_wants_refresh());
}

TEST(DialogTracker, OlderDocumentIsDroppedOnceAndBelievedTheSecondTime) {
  Feed feed;
  feed.version = 9;
  feed.full(dialog({.state = "early"}));
  EXPECT_EQ(types(feed.xml(document(8, dialog({.state = "terminated"})))), "");
  EXPECT_TRUE(feed.tracker.take_wants_refresh());
  EXPECT_EQ(types(feed.xml(document(3, dialog({.state = "confirmed"})))), "answered");
  EXPECT_EQ(types(feed.xml(document(4, dialog({.state = "terminated"})))), "ended");
}

TEST(DialogTracker, VersionZeroAndANewSubscriptionBeginAnew) {
  Feed feed;
  feed.version = 9;
  feed.full(dialog({.state = "early"}));
  EXPECT_EQ(types(feed.xml(document(0, dialog({.state = "confirmed"})))), "answered");
  feed.xml(document(9, dialog({.state = "confirmed"})));
  feed.tracker.new_subscription();
  EXPECT_EQ(types(feed.xml(document(2, dialog({.state = "terminated"})))), "ended");
}

// ---- which dialogs are one
TEST(DialogTracker, ExplicitRenderingWinsOverSilenceInEitherOrder) {
  const std::string silent = dialog({.state = "confirmed"}),
                    held = dialog({.state = "confirmed", .rendering = "no"});
  Feed one, other;
  EXPECT_EQ(types(one.full(silent + held)), "answered held");
  EXPECT_EQ(types(other.full(held + silent)), "answered held");
}

TEST(DialogTracker, TerminatedBranchDoesNotEndALivingOne) {
  const std::string dead = dialog({.state = "terminated"}), alive = dialog({.state = "early"});
  Feed one, other;
  EXPECT_EQ(types(one.full(dead + alive)), "ringing");
  EXPECT_EQ(types(other.full(alive + dead)), "ringing");
  EXPECT_EQ(types(one.full(dead + dead)), "ended");
}

TEST(DialogTracker, SameCallIdAndDirectionUnderTwoIdsIsOneDialog) {
  Feed feed;
  EXPECT_EQ(types(feed.full(dialog({.id = "a", .state = "early"}) +
                            dialog({.id = "b", .state = "confirmed"}))),
            "answered");
}

TEST(DialogTracker, ExtensionThatReachesItselfHasTwoLegs) {
  Feed feed;
  const auto facts =
      feed.full(dialog({.direction = "recipient"}) + dialog({.direction = "initiator"}));
  ASSERT_EQ(types(facts), "dialing ringing");
  EXPECT_EQ(facts[0].ids.leg, "102/call-1");
  EXPECT_EQ(facts[1].ids.leg, "102/call-1/recipient");
}

TEST(DialogTracker, PickupPrefixIsStripped) {
  Feed feed;
  EXPECT_EQ(feed.full(dialog({.call_id = "pickup-call-7"})).at(0).ids.sip,
            std::vector<Text>{"call-7"});
}

TEST(DialogTracker, ReplacedCallIsEvidence) {
  Feed feed;
  const auto facts = feed.full(
      "<dialog id='1' call-id='new' direction='recipient'><state>confirmed</state><replaces "
      "call-id='old' "
      "local-tag='a' remote-tag='b'/></dialog>");
  EXPECT_EQ(facts.at(0).ids.sip, (std::vector<Text>{"new", "old"}));
}

// ---- Asterisk
TEST(DialogTracker, BareDialogIsLampEvidenceScopedByExtension) {
  Feed feed;
  const auto facts = feed.full("<dialog id='102'><state>confirmed</state></dialog>");
  ASSERT_EQ(types(facts), "answered");
  EXPECT_EQ(facts[0].ids.leg, "102/102@1800000000000");
  EXPECT_TRUE(facts[0].ids.sip.empty());
  EXPECT_TRUE(facts[0].from.empty());
  EXPECT_EQ(facts[0].agent.ext, "102");
}

TEST(DialogTracker, NextCallOfABareDialogIsANewLeg) {
  Feed feed;
  const auto first = feed.full("<dialog id='102'><state>early</state></dialog>");
  EXPECT_EQ(types(feed.full("<dialog id='102'><state>terminated</state></dialog>")), "ended");
  feed.pass(milliseconds{5000});
  const auto second = feed.full("<dialog id='102'><state>early</state></dialog>");
  ASSERT_EQ(types(second), "ringing");
  EXPECT_NE(second[0].ids.leg, first.at(0).ids.leg);
}

TEST(DialogTracker, BareDialogResumesWhenTheHoldMarkIsGone) {
  Feed feed;
  feed.full(dialog({.call_id = "", .state = "confirmed"}));
  EXPECT_EQ(types(feed.full(dialog({.call_id = "", .state = "confirmed", .rendering = "no"}))),
            "held");
  EXPECT_EQ(types(feed.full(dialog({.call_id = "", .state = "confirmed"}))), "resumed");
}

TEST(DialogTracker, OneIdForManyCallIdsIsManyDialogs) {
  Feed feed;
  const auto facts = feed.full(dialog({.id = "102", .call_id = "a", .state = "confirmed"}) +
                               dialog({.id = "102", .call_id = "b"}));
  EXPECT_EQ(types(facts), "answered ringing");
}

// ---- over a restart
TEST(DialogTracker, RestoredLegThatIsGoneIsEnded) {
  Feed before, after;
  for (const Fact& fact : before.full(dialog({.state = "confirmed"}))) after.tracker.restore(fact);
  after.tracker.feed_nothing(after.time);
  after.pass(milliseconds{500});
  const auto facts = after.tracker.tick(after.time);
  ASSERT_EQ(types(facts), "ended");
  EXPECT_EQ(facts[0].ids.leg, "102/call-1");
  EXPECT_EQ(facts[0].ids.sip, std::vector<Text>{"call-1"});
  EXPECT_EQ(facts[0].from.name, "Jane Doe");
}

TEST(DialogTracker, RestoredLegThatStillLivesIsNotToldAgain) {
  Feed before, after;
  for (const Fact& fact : before.full(dialog({.state = "confirmed", .rendering = "no"})))
    after.tracker.restore(fact);
  EXPECT_EQ(types(after.full(dialog({.state = "confirmed", .rendering = "no"}))), "");
  EXPECT_EQ(types(after.full(dialog({.state = "confirmed", .rendering = "yes"}))), "resumed");
}

TEST(DialogTracker, RestoredBareLegKeepsItsId) {
  Feed before, after;
  const auto ringing = before.full("<dialog id='102'><state>early</state></dialog>");
  after.pass(milliseconds{9000});
  after.tracker.restore(ringing.at(0));
  const auto facts = after.full("<dialog id='102'><state>confirmed</state></dialog>");
  ASSERT_EQ(types(facts), "answered");
  EXPECT_EQ(facts[0].ids.leg, ringing[0].ids.leg);
}

TEST(DialogTracker, WhatItKeepsIsBounded) {
  Feed feed;
  std::size_t ringing = 0;
  for (int i = 0; i < 3 * static_cast<int>(kTrackedDialogsMax); ++i)
    ringing +=
        feed.partial(dialog({.id = "d" + std::to_string(i), .call_id = "c" + std::to_string(i)}))
            .size();
  EXPECT_EQ(ringing, 3 * kTrackedDialogsMax);
  const auto ended = feed.full(dialog({.id = "last", .call_id = "last"}));
  EXPECT_LE(ended.size(), kTrackedDialogsMax + 1);
}

// ---- asked again
TEST(DialogTracker, WhatLivesIsToldOnceMoreWhenAsked) {
  for (const auto& [state, rendering, expected] :
       {std::tuple{"early", "", "ringing"}, std::tuple{"trying", "", "dialing"},
        std::tuple{"confirmed", "", "answered"}, std::tuple{"confirmed", "no", "held"}}) {
    Feed feed;
    const auto xml = dialog({.state = state, .rendering = rendering});
    const auto first = feed.full(xml);
    EXPECT_EQ(types(feed.full(xml)), "") << "not asked";
    feed.tracker.confirm_next();
    const auto again = feed.full(xml);
    ASSERT_EQ(types(again), expected);
    EXPECT_EQ(again[0], first.back()) << "the same fact: it tells nothing new";
    EXPECT_EQ(types(feed.full(xml)), "") << "asked once";
  }
}

TEST(DialogTracker, AResumedDialogIsConfirmedAsResumed) {
  Feed feed;
  for (const char* rendering : {"yes", "no", "yes"})
    feed.full(dialog({.state = "confirmed", .rendering = rendering}));
  feed.tracker.confirm_next();
  EXPECT_EQ(types(feed.full(dialog({.state = "confirmed", .rendering = "yes"}))), "resumed");
}

TEST(DialogTracker, ACallerWhoseFarEndRingsIsConfirmedAsSuch) {
  Feed feed;
  const auto xml = dialog({.direction = "initiator", .state = "early"});
  feed.full(xml);
  feed.tracker.confirm_next();
  const auto again = feed.full(xml);
  ASSERT_EQ(types(again), "dialing");
  EXPECT_EQ(again[0].reason, "early");
}

TEST(DialogTracker, WhenAskedItSaysNothingOfWhatIsGoneOrIsNewsAnyway) {
  Feed feed;
  feed.full(dialog({}) + dialog({.id = "d2", .call_id = "call-2"}));
  feed.tracker.confirm_next();
  EXPECT_EQ(types(feed.partial(dialog({}))), "") << "a partial document does not list all";
  EXPECT_EQ(types(feed.full(dialog({.state = "confirmed"}))), "answered ended");
  EXPECT_EQ(types(feed.full(dialog({.state = "confirmed"}))), "");
}

TEST(DialogTracker, ARestoredLegIsConfirmedByTheNewSubscription) {
  Feed before, after;
  const auto known = before.full(dialog({.state = "confirmed"}));
  after.tracker.restore(known.back());
  after.tracker.confirm_next();
  after.tracker.new_subscription();
  EXPECT_EQ(types(after.full(dialog({.state = "confirmed"}))), "answered");
}

}  // namespace
}  // namespace hookswitch::sip
