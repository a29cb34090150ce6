#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "sources/feed/ami_protocol.hpp"
#include "sources/feed/ami_reader.hpp"

namespace hookswitch::feed {
namespace {

constexpr const char* kBanner = "Asterisk Call Manager/8.0.2\r\n";

/// All blocks of `text`, given in pieces of `size`.
std::vector<AmiBlock> read(AmiReader& reader, std::string_view text, std::size_t size = 100'000) {
  std::vector<AmiBlock> out;
  while (!text.empty()) {
    auto piece = text.substr(0, size);
    text.remove_prefix(piece.size());
    while (auto block = reader.next(piece)) out.push_back(std::move(*block));
  }
  return out;
}

TEST(AmiReader, BlocksAreTheSameInPiecesOfAnySize) {
  const std::string text = std::string{kBanner} +
                           "Event: Newchannel\r\nUniqueid: 1.2\r\nAccountCode: \r\n\r\n"
                           "Response: Success\r\nActionID: a\r\n\r\nEvent: Hangup\nCause:16\n\n";
  for (std::size_t size : {1U, 2U, 3U, 7U, 1000U}) {
    AmiReader reader;
    const auto blocks = read(reader, text, size);
    ASSERT_EQ(blocks.size(), 3U) << size;
    EXPECT_EQ(*reader.banner(), "Asterisk Call Manager/8.0.2");
    EXPECT_TRUE(blocks[0].is_event());
    EXPECT_EQ(blocks[0]["uniqueid"], "1.2");
    EXPECT_TRUE(blocks[1].is_response());
    EXPECT_EQ(blocks[2]["cause"], "16");
    EXPECT_EQ(reader.skipped(), 0U);
  }
}

TEST(AmiReader, BlockIsOneObjectWithLowerCaseNames) {
  AmiReader reader;
  const auto blocks =
      read(reader, std::string{kBanner} +
                       "Event: X\r\nCallerIDName: <unknown>\r\nChanVariable: a=1\r\nEmpty:\r\n"
                       "ChanVariable: b=2: c\r\nno colon\r\n: no name\r\n\r\n");
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(to_json(blocks[0]),
            R"({"event":"X","calleridname":"","chanvariable":["a=1","b=2: c"],"empty":""})");
}

TEST(AmiReader, TextThatIsNoUtf8IsTakenForLatin1) {
  AmiReader reader;
  const auto blocks =
      read(reader, std::string{kBanner} + "Event: X\r\nCallerIDName: Andr\xe9\r\n\r\n");
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0]["calleridname"], "Andr\xc3\xa9");
}

TEST(AmiReader, BlockAboveALimitIsSkippedAndTheNextIsRead) {
  const std::string good = "Event: Good\r\n\r\n";
  std::string many = "Event: Many\r\n", large = "Event: Large\r\n";
  for (std::size_t i = 0; i < AmiReader::kFieldsMax; ++i) many += "A: b\r\n";
  while (large.size() <= AmiReader::kBlockBytesMax + 100)
    large += "A: " + std::string(1000, 'x') + "\r\n";
  for (const std::string& bad :
       {"Event: Long\r\nA: " + std::string(AmiReader::kLineBytesMax, 'x') + "\r\n\r\n",
        many + "\r\n", large + "\r\n", std::string(AmiReader::kLineBytesMax * 3, 'x') + "\r\n\r\n",
        std::string{"\x01\x02\x03\r\n\r\n"}}) {
    AmiReader reader;
    const auto blocks = read(reader, kBanner + bad + good, 977);
    ASSERT_EQ(blocks.size(), 1U);
    EXPECT_EQ(blocks[0]["event"], "Good");
    EXPECT_EQ(reader.skipped(), 1U);
  }
}

class AmiProtocolTest : public testing::Test {
 protected:
  /// What it does next; `step` then holds only that.
  void say(const std::string& text) {
    step = {};
    protocol.on_bytes(text, step);
  }
  void log_in() {
    say(kBanner);
    say("Response: Success\r\nActionID: challenge\r\nChallenge: 123\r\n\r\n");
    say("Response: Success\r\nActionID: login\r\nMessage: Authentication accepted\r\n\r\n");
  }

  AmiProtocol protocol{"cti", Secret{"secret"}, false};
  FeedStep step;
};

TEST_F(AmiProtocolTest, ProvesThePasswordWithoutShowingIt) {
  say(kBanner);
  EXPECT_EQ(step.send, "Action: Challenge\r\nActionID: challenge\r\nAuthType: MD5\r\n\r\n");
  say("Response: Success\r\nActionID: challenge\r\nChallenge: 123\r\n\r\n");
  EXPECT_EQ(step.send,
            "Action: Login\r\nActionID: login\r\nUsername: cti\r\nAuthType: MD5\r\nKey: " +
                to_hex(md5("123secret")) + "\r\nEvents: call,agent,dialplan\r\n\r\n");
  EXPECT_FALSE(step.logged_in);
  say("Response: Success\r\nActionID: login\r\nMessage: Authentication accepted\r\n\r\n");
  EXPECT_TRUE(step.logged_in);
  EXPECT_TRUE(step.asked);
  EXPECT_EQ(step.send, "Action: CoreShowChannels\r\nActionID: list-1\r\n\r\n");
}

TEST_F(AmiProtocolTest, PlainLoginIsOnlyOnDemand) {
  AmiProtocol plain{"cti", Secret{"secret"}, true};
  plain.on_bytes(kBanner, step);
  EXPECT_NE(step.send.find("Secret: secret\r\n"), std::string::npos);
  say(kBanner);
  say("Response: Error\r\nActionID: challenge\r\nMessage: no\r\n\r\n");
  ASSERT_TRUE(step.end);
  EXPECT_TRUE(step.end->refused);
  EXPECT_EQ(step.send.find("secret"), std::string::npos);
}

TEST_F(AmiProtocolTest, WrongPasswordEndsItAsRefused) {
  say(kBanner);
  say("Response: Success\r\nActionID: challenge\r\nChallenge: 123\r\n\r\n");
  say("Response: Error\r\nActionID: login\r\nMessage: Authentication failed\r\n\r\n");
  ASSERT_TRUE(step.end);
  EXPECT_TRUE(step.end->refused);
}

TEST_F(AmiProtocolTest, AnotherServiceIsToldFromAsterisk) {
  say("220 mail.example ESMTP\r\n");
  EXPECT_TRUE(step.end);
}

TEST_F(AmiProtocolTest, EventsBesideTheListAreEventsAndTheListIsWhole) {
  log_in();
  say("Response: Success\r\nActionID: list-1\r\nEventList: start\r\n\r\n"
      "Event: CoreShowChannel\r\nActionID: list-1\r\nChannelState: 6\r\nUniqueid: 1.1\r\n\r\n"
      "Event: Newchannel\r\nUniqueid: 1.3\r\n\r\n");
  EXPECT_EQ(step.events, std::vector<std::string>{R"({"event":"Newchannel","uniqueid":"1.3"})"});
  EXPECT_FALSE(step.list);
  say("Event: CoreShowChannel\r\nActionID: list-1\r\nChannelState: 4\r\nUniqueid: 1.2\r\n\r\n"
      "Event: CoreShowChannelsComplete\r\nActionID: list-1\r\nListItems: 2\r\n\r\n");
  ASSERT_TRUE(step.list);
  ASSERT_EQ(step.list->size(), 2U);
  EXPECT_EQ((*step.list)[0].leg, "1.1");
  EXPECT_EQ(
      (*step.list)[0].events,
      (std::vector<std::string>{R"({"event":"Newchannel","channelstate":"6","uniqueid":"1.1"})",
                                R"({"event":"Newstate","channelstate":"6","uniqueid":"1.1"})"}));
  EXPECT_EQ((*step.list)[1].events.size(), 1U);
  EXPECT_TRUE(step.events.empty());
}

TEST_F(AmiProtocolTest, OneListAtATimeAndAnotherAfterIt) {
  log_in();
  step = {};
  protocol.ask(step);
  EXPECT_EQ(step.send, "");
  say("Event: CoreShowChannelsComplete\r\nActionID: list-1\r\n\r\n");
  EXPECT_TRUE(step.list);
  step = {};
  protocol.ask(step);
  EXPECT_EQ(step.send, "Action: CoreShowChannels\r\nActionID: list-2\r\n\r\n");
}

TEST_F(AmiProtocolTest, RefusedListIsSaidAndEventsGoOn) {
  log_in();
  say("Response: Error\r\nActionID: list-1\r\nMessage: Permission denied\r\n\r\nEvent: A\r\n\r\n");
  EXPECT_FALSE(step.list);
  EXPECT_NE(step.note, "");
  EXPECT_EQ(step.events.size(), 1U);
}

TEST_F(AmiProtocolTest, NothingIsAnEventBeforeTheLogin) {
  say(std::string{kBanner} + "Event: Newchannel\r\nUniqueid: 1\r\n\r\n");
  EXPECT_TRUE(step.events.empty());
}

}  // namespace
}  // namespace hookswitch::feed
