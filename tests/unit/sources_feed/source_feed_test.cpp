#include "sources/feed/source_feed.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sources/feed/ari_reader.hpp"

namespace hookswitch::feed {
namespace {

using namespace std::chrono_literals;

/// Writes down what it is told: facts as "type leg", health, restarts.
class WritingSink : public FactSink {
 public:
  void submit(std::vector<Fact> facts, Done done, SourceInputPtr) override {
    for (const auto& fact : facts)
      told.push_back(std::string{to_string(fact.type)} + " " + fact.ids.leg.str());
    done(std::nullopt);
  }
  void source_health(const std::string&, const std::string&, bool up,
                     const std::string& why) override {
    told.push_back(up ? "up" : "down: " + why);
  }
  void source_restarted(const std::string&, const std::string& source) override {
    told.push_back("restarted " + source);
  }
  std::vector<std::string> told;
};

std::vector<Fact> facts(FactType type, const std::string& leg) {
  Fact fact;
  fact.type = type;
  fact.ids.leg = leg;
  return {fact};
}

using Told = std::vector<std::string>;

class SourceFeedTest : public testing::Test {
 protected:
  WritingSink sink;
  Registry registry;
  SourceFeed feed{"acme", "pbx", sink, registry};
};

TEST_F(SourceFeedTest, IsUpWithItsFirstConnectionAndDownOnlyWhenNoneIsLeftForAWhile) {
  const auto one = feed.connected({}), two = feed.connected({});
  EXPECT_EQ(sink.told, Told{"up"});
  EXPECT_EQ(registry.value("hookswitch_feed_connections", {{"source", "pbx"}}), 2);
  feed.disconnected(one, "gone");
  EXPECT_TRUE(feed.status().up);
  feed.disconnected(two, "gone");
  EXPECT_FALSE(feed.status().up);
  EXPECT_EQ(feed.status().reason, "gone");
  const auto at = SourceFeed::Clock::now();
  feed.tick(at);
  EXPECT_EQ(sink.told, Told{"up"});
  feed.tick(at + 6s);
  feed.tick(at + 7s);
  EXPECT_EQ(sink.told, (Told{"up", "down: gone"}));
  feed.connected({});
  EXPECT_EQ(sink.told.back(), "up");
}

TEST_F(SourceFeedTest, OneThatHasNeverComeIsToldToBeDownOnce) {
  feed.set_reason("connection refused");
  feed.tick(SourceFeed::Clock::now() + 6s);
  feed.set_reason("connection refused");
  feed.tick(SourceFeed::Clock::now() + 60s);
  EXPECT_EQ(sink.told, Told{"down: connection refused"});
}

TEST_F(SourceFeedTest, ListConfirmsWhatIsKnownAndGivesBackWhatIsNot) {
  feed.tell(facts(FactType::answered, "known"), nullptr);
  feed.tell(facts(FactType::answered, "over"), nullptr);
  feed.tell(facts(FactType::ended, "over"), nullptr);
  sink.told.clear();
  const auto unknown = feed.listed({{"fresh", {}}, {"known", {}}, {"over", {}}, {"fresh", {}}},
                                   feed.list_begins(), true);
  EXPECT_EQ(unknown, (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(sink.told, (Told{"restarted pbx", "updated known"}));
}

TEST_F(SourceFeedTest, OnlyTheFirstListOfAConnectionIsARestart) {
  feed.listed({}, feed.list_begins(), false);
  EXPECT_TRUE(sink.told.empty());
}

TEST_F(SourceFeedTest, LegOfBeforeThisProcessIsConfirmedAndNotToldAgain) {
  feed.know(facts(FactType::answered, "old").front());
  EXPECT_TRUE(feed.listed({{"old", {}}}, feed.list_begins(), true).empty());
}

TEST_F(SourceFeedTest, LegThatBeganWhileTheListWasMadeIsNotOfThePast) {
  const auto began = feed.list_begins();
  feed.tell(facts(FactType::started, "late"), nullptr);
  feed.listed({}, began, true);
  sink.told.clear();
  EXPECT_TRUE(feed.listed({{"late", {}}}, feed.list_begins(), false).empty());
  EXPECT_EQ(sink.told, Told{"updated late"});
}

TEST_F(SourceFeedTest, QuestionThatEndsConnectionsIsLeftOutOnce) {
  EXPECT_TRUE(feed.may_ask());
  feed.answer_missing();
  EXPECT_TRUE(feed.may_ask());
  feed.answer_missing();
  EXPECT_FALSE(feed.may_ask());
  EXPECT_TRUE(feed.may_ask());
  feed.answer_missing();
  feed.listed({}, feed.list_begins(), true);
  feed.answer_missing();
  EXPECT_TRUE(feed.may_ask());
}

TEST_F(SourceFeedTest, AsksTheNewestConnection) {
  std::string asked;
  feed.ask();
  feed.connected([&] { asked += "a"; });
  const auto two = feed.connected([&] { asked += "b"; });
  feed.ask();
  feed.disconnected(two, "");
  feed.ask();
  EXPECT_EQ(asked, "ba");
}

TEST(AriReader, AnswerIsToldFromAnEventThatNamesTheWord) {
  EXPECT_TRUE(is_ari_answer(R"({"type":"RESTResponse"})"));
  EXPECT_FALSE(is_ari_answer(R"({"type":"Dial","forward":"\"RESTResponse\""})"));
  EXPECT_FALSE(is_ari_answer(R"({"type":"Dial","forward":"RESTResponse"})"));
  EXPECT_FALSE(is_ari_answer(R"({"type":"RESTResponse")"));
}

TEST(AriReader, ListIsReadAsWhatItsEventsWouldHaveSaid) {
  const auto list = read_ari_list(
      R"({"type":"RESTResponse","request_id":"hookswitch-channels","status_code":200,"message_body":)"
      R"("[{\"id\":\"1.1\",\"state\":\"Up\",\"creationtime\":\"2026-01-01T00:00:00.000+0000\"},{\"id\":\"1.2\",\"state\":\"Ring\"}]"})");
  ASSERT_TRUE(list) << list.error().detail;
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ((*list)[0].leg, "1.1");
  EXPECT_EQ(
      (*list)[0].events,
      (std::vector<std::string>{
          R"({"type":"ChannelCreated","timestamp":"2026-01-01T00:00:00.000+0000","channel":{"id":"1.1","state":"Up","creationtime":"2026-01-01T00:00:00.000+0000"}})",
          R"({"type":"ChannelStateChange","channel":{"id":"1.1","state":"Up","creationtime":"2026-01-01T00:00:00.000+0000"}})"}));
  EXPECT_EQ((*list)[1].events.size(), 1U);
}

TEST(AriReader, WhatIsNoListIsRefused) {
  for (const char* text :
       {"", "[]", "{}", R"({"type":"RESTResponse","request_id":"other","status_code":200})",
        R"({"request_id":"hookswitch-channels","status_code":403,"message_body":"[]"})",
        R"({"request_id":"hookswitch-channels","status_code":200})",
        R"({"request_id":"hookswitch-channels","status_code":200,"message_body":"{}"})",
        R"({"request_id":"hookswitch-channels","status_code":200,"message_body":"[1]"})",
        R"({"request_id":"hookswitch-channels","status_code":200,"message_body":"[{\"id\":7}]"})"})
    EXPECT_FALSE(read_ari_list(text)) << text;
}

}  // namespace
}  // namespace hookswitch::feed
