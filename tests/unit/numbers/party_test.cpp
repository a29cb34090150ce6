#include <gtest/gtest.h>

#include "numbers/numbers.hpp"

namespace hookswitch {
namespace {

NumberPlan plan(std::string country = "US") {
  NumberPlan out;
  out.country = std::move(country);
  out.extensions = std::make_shared<std::set<std::string, std::less<>>>(
      std::set<std::string, std::less<>>{"101", "102"});
  return out;
}

Party number(std::string text) {
  Party out;
  out.number = std::move(text);
  return out;
}

Party read(Party party, const NumberPlan& how = plan()) {
  read_numbers(party, how);
  return party;
}

TEST(PartyNumbers, WhatIsE164AlreadyStaysExactlySo) {
  EXPECT_EQ(read(number("+12025550143")), number("+12025550143"));
}

TEST(PartyNumbers, TextIsKeptWhereTheNumberIsAnother) {
  const Party out = read(number("(202) 555-0143"));
  EXPECT_EQ(out.number, "+12025550143");
  EXPECT_EQ(out.presented, "(202) 555-0143");
}

TEST(PartyNumbers, PresentedThatIsToldStaysVerbatim) {
  Party party = number("2025550143");
  party.presented = " 202 555 0143 ";
  const Party out = read(party);
  EXPECT_EQ(out.number, "+12025550143");
  EXPECT_EQ(out.presented, " 202 555 0143 ");
}

TEST(PartyNumbers, PresentedAloneGivesTheNumberIfItIsOne) {
  Party party;
  party.presented = "(202) 555-0143";
  EXPECT_EQ(read(party).number, "+12025550143");
  for (const char* text : {"101", "anonymous", "conference", "555-0143"}) {
    party.presented = text;
    EXPECT_EQ(read(party), party) << text;
  }
}

TEST(PartyNumbers, KnownLineMovesToExt) {
  const Party out = read(number("101"));
  EXPECT_EQ(out.ext, "101");
  EXPECT_TRUE(out.number.empty());
  EXPECT_TRUE(out.presented.empty()) << "nothing of the text is lost";
  EXPECT_EQ(read(number("sip:101@pbx.example.com")).presented, "sip:101@pbx.example.com");
}

TEST(PartyNumbers, ExtThatIsToldStays) {
  Party party = number("+12025550143");
  party.ext = "7";
  EXPECT_EQ(read(party), party);
  party = number("101");
  party.ext = "7";
  EXPECT_EQ(read(party), party) << "and the number is not lost";
  party.ext = "101";
  EXPECT_TRUE(read(party).number.empty());
}

TEST(PartyNumbers, WithheldHasNoNumberButItsText) {
  const Party out = read(number("Anonymous"));
  EXPECT_TRUE(out.number.empty());
  EXPECT_EQ(out.presented, "Anonymous");
}

TEST(PartyNumbers, ExtensionBehindANumberIsTakenUnlessItCouldBeOurs) {
  EXPECT_EQ(read(number("+12025550143;ext=7")).ext, "7");
  const Party out = read(number("+12025550143;ext=101"));
  EXPECT_EQ(out.number, "+12025550143");
  EXPECT_TRUE(out.ext.empty());
  EXPECT_EQ(out.presented, "+12025550143;ext=101");
}

TEST(PartyNumbers, ReadingTwiceChangesNothing) {
  for (const char* text : {"(202) 555-0143", "101", "anonymous", "+12025550143;ext=7", "*97", "x",
                           "\"Jane\" <sip:2025550143@gw>", "+266696687", "9101"}) {
    const Party once = read(number(text));
    EXPECT_EQ(read(once), once) << text;
  }
}

TEST(FactNumbers, EveryPartyAndTheDidAreRead) {
  Fact fact;
  for (Party* party : {&fact.from, &fact.to, &fact.customer, &fact.transfer.to})
    party->number = "202-555-0143";
  fact.did = "202-555-0100";
  read_numbers(fact, plan());
  for (const Party* party : {&fact.from, &fact.to, &fact.customer, &fact.transfer.to})
    EXPECT_EQ(party->number, "+12025550143");
  EXPECT_EQ(fact.did, "+12025550100");
}

TEST(FactNumbers, DidMayBeALine) {
  Fact fact;
  fact.did = "sip:101@pbx.example.com";
  read_numbers(fact, plan());
  EXPECT_EQ(fact.did, "101");
}

TEST(NumberPlanCheck, SaysWhatIsWrongWithIt) {
  EXPECT_TRUE(check_numbers(plan()).empty());
  for (const char* country : {"us", "USA", "ZZ", "001"})
    EXPECT_EQ(check_numbers(plan(country)).size(), 1U) << country;
  for (const char* prefix : {"", "x", "123456", "+"}) {
    NumberPlan out = plan();
    out.strip_prefixes = {"9", prefix};
    EXPECT_EQ(check_numbers(out).size(), 1U) << prefix;
  }
  NumberPlan out = plan();
  out.intl_prefix = "0 0";
  EXPECT_EQ(check_numbers(out).size(), 1U);
  out = plan();
  out.strip_prefixes.assign(kStripPrefixesMax + 1, "9");
  EXPECT_EQ(check_numbers(out).size(), 1U);
}

}  // namespace
}  // namespace hookswitch
