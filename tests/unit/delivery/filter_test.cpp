#include "delivery/filter.hpp"

#include <gtest/gtest.h>

#include "unit/delivery/fakes.hpp"

namespace hookswitch::delivery_test {
namespace {

bool matches(const std::string& filter, const Event& event) {
  const auto document = json::parse(filter);
  const auto read = filter_from_json(*document);
  EXPECT_TRUE(read) << filter;
  return read && read->matches(event);
}

Event sample() {
  Call call = call_at("c1", {{"alice", "101"}, {"bob", "102"}});
  call.queue = "Sales";
  return event_of(EventType::call_ringing, call);
}

TEST(Filter, EmptyOneMatchesEverything) {
  EXPECT_TRUE(matches("{}", sample()));
  EXPECT_TRUE(Filter{}.matches(*sample().call));
}

TEST(Filter, EachMemberMatchesItsField) {
  for (const char* yes : {R"({"users":["alice"]})", R"({"ext":["102"]})", R"({"queues":["Sales"]})",
                          R"({"calls":["c1"]})", R"({"types":["call.ringing"]})",
                          R"({"directions":["inbound"]})", R"({"sources":["pbx"]})"})
    EXPECT_TRUE(matches(yes, sample())) << yes;
  for (const char* no : {R"({"users":["carol"]})", R"({"ext":["10"]})", R"({"queues":["sales"]})",
                         R"({"calls":["c2"]})", R"({"types":["call.ring"]})",
                         R"({"directions":["outbound"]})", R"({"sources":["hq"]})"})
    EXPECT_FALSE(matches(no, sample())) << no;
}

TEST(Filter, ListsAreOrAndMembersAreAnd) {
  EXPECT_TRUE(matches(R"({"users":["carol","bob"]})", sample()));
  EXPECT_TRUE(matches(R"({"users":["bob"],"ext":["101"]})", sample()));
  EXPECT_FALSE(matches(R"({"users":["bob"],"queues":["Support"]})", sample()));
}

TEST(Filter, StarEndsAType) {
  EXPECT_TRUE(matches(R"({"types":["call.*"]})", sample()));
  EXPECT_TRUE(matches(R"({"types":["*"]})", sample()));
  EXPECT_FALSE(matches(R"({"types":["leg.*"]})", sample()));
  EXPECT_FALSE(matches(R"({"types":["call.r*g"]})", sample()));
}

TEST(Filter, LegThatEndedEarlierNoLongerCounts) {
  Event event = sample();
  Call call = *event.call;
  call.legs[2].state = LegState::terminated;
  event.call = std::make_shared<const Call>(call);
  EXPECT_FALSE(matches(R"({"users":["bob"]})", event));
  event.changed = {"l3"};
  EXPECT_TRUE(matches(R"({"users":["bob"]})", event)) << "it ends in this very step";
}

TEST(Filter, EventOutsideCallsMatchesByTypeAndSourceOnly) {
  Event event;
  event.type = EventType::source_down;
  event.org = "acme";
  event.source = "hq";
  EXPECT_TRUE(matches(R"({"types":["source.*"]})", event));
  EXPECT_TRUE(matches(R"({"sources":["hq"]})", event));
  EXPECT_FALSE(matches(R"({"sources":["pbx"]})", event));
  EXPECT_FALSE(matches(R"({"users":["alice"]})", event));
}

TEST(Filter, TypesDoNotNarrowASnapshot) {
  const auto filter =
      filter_from_json(*json::parse(R"({"types":["call.ended"],"users":["alice"]})"));
  EXPECT_TRUE(filter->matches(*sample().call));
}

TEST(Filter, WrongOnesAreBadMessages) {
  for (const char* text : {"[]", "1", R"({"user":["a"]})", R"({"users":"a"})", R"({"users":[1]})",
                           R"({"users":{}})", R"({"users":null})"}) {
    const auto read = filter_from_json(*json::parse(text));
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Errc::bad_message) << text;
  }
}

TEST(Filter, ValuesAreBounded) {
  std::string list = R"({"users":["x")";
  for (std::size_t i = 1; i < kFilterValuesMax; ++i) list += R"(,"x")";
  EXPECT_TRUE(filter_from_json(*json::parse(list + "]}")));
  EXPECT_FALSE(filter_from_json(*json::parse(list + R"(,"x"]})")));
}

TEST(Filter, CallCountsByEveryIdThatIsNowAName) {
  Call call = *sample().call;
  call.absorbed = {"c0"};
  EXPECT_TRUE(matches(R"({"calls":["c0"]})", event_of(EventType::call_merged, call)));
}

TEST(Filter, EmptyTextsAndWordsThatAreNoDirectionAreRefused) {
  for (const char* bad : {R"({"ext":[""]})", R"({"directions":["in"]})", R"({"users":["a",""]})"})
    EXPECT_FALSE(filter_from_json(*json::parse(bad))) << bad;
}

TEST(StreamQuery, NothingAskedForIsEverything) {
  const auto read = read_stream_query("");
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->filter || read->since);
}

TEST(StreamQuery, EachNameIsItsMemberWithCommasAndRepeats) {
  const auto read = read_stream_query(
      "ext=101,102&ext=103&user=alice&queue=Sales%2C+North&call=c1&types=call.*,leg.ended&"
      "direction=inbound&source=hq&since=e1.7");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->filter->ext, (std::vector<std::string>{"101", "102", "103"}));
  EXPECT_EQ(read->filter->users, std::vector<std::string>{"alice"});
  EXPECT_EQ(read->filter->queues, std::vector<std::string>{"Sales, North"});
  EXPECT_EQ(read->filter->calls, std::vector<std::string>{"c1"});
  EXPECT_EQ(read->filter->types, (std::vector<std::string>{"call.*", "leg.ended"}));
  EXPECT_EQ(read->filter->directions, std::vector<std::string>{"inbound"});
  EXPECT_EQ(read->filter->sources, std::vector<std::string>{"hq"});
  EXPECT_EQ(read->since, "e1.7");
}

TEST(StreamQuery, WhatIsNotKnownOrNotWholeIsRefused) {
  std::string many = "ext=1";
  for (std::size_t i = 0; i < kFilterValuesMax; ++i) many += ",1";
  for (const std::string& bad :
       {std::string{"token=x"}, std::string{"colour=red"}, std::string{"ext"}, std::string{"ext="},
        std::string{"ext=1,"}, std::string{"ext=%4"}, std::string{"ext=%ff"},
        std::string{"direction=in"}, std::string{"since=a.1&since=a.2"}, std::string{"since=%f"},
        std::string{"="}, std::string{"&"}, std::string{"EXT=1"}, many}) {
    const auto read = read_stream_query(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, Errc::bad_request) << bad;
  }
}

}  // namespace
}  // namespace hookswitch::delivery_test
