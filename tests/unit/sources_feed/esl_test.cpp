#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sources/feed/dial_settings.hpp"
#include "sources/feed/dialer.hpp"
#include "sources/feed/esl_protocol.hpp"
#include "sources/feed/esl_reader.hpp"

namespace hookswitch::feed {
namespace {

std::vector<EslFrame> read(EslReader& reader, std::string_view text, std::size_t size = 100'000) {
  std::vector<EslFrame> out;
  while (!text.empty()) {
    auto piece = text.substr(0, size);
    text.remove_prefix(piece.size());
    while (auto frame = reader.next(piece)) out.push_back(std::move(*frame));
  }
  return out;
}

std::string framed(const std::string& type, const std::string& body) {
  return "Content-Length: " + std::to_string(body.size()) + "\nContent-Type: " + type + "\n\n" +
         body;
}

TEST(EslReader, FramesAreTheSameInPiecesOfAnySize) {
  const std::string text =
      "Content-Type: auth/request\n\n" + framed("text/event-json", "{\"a\":\n\n1}") +
      "Content-Type: command/reply\nReply-Text: +OK accepted\n\n" + framed("api/response", "");
  for (std::size_t size : {1U, 2U, 5U, 1000U}) {
    EslReader reader;
    const auto frames = read(reader, text, size);
    ASSERT_EQ(frames.size(), 4U) << size;
    EXPECT_EQ(frames[0].type, "auth/request");
    EXPECT_EQ(frames[1].body, "{\"a\":\n\n1}");
    EXPECT_EQ(frames[2].reply, "+OK accepted");
    EXPECT_EQ(frames[3].type, "api/response");
    EXPECT_FALSE(reader.failed());
  }
}

TEST(EslReader, EventThatIsTooLargeIsPassedOver) {
  EslReader reader;
  const auto frames =
      read(reader,
           framed("text/event-json", std::string(EslReader::kEventBytesMax + 1, 'x')) +
               framed("text/event-json", "{}"),
           4096);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].body, "{}");
  EXPECT_EQ(reader.skipped(), 1U);
}

TEST(EslReader, LostFramingIsTheEnd) {
  for (const std::string& text :
       {std::string(EslReader::kHeaderBytesMax + 1, 'x'), std::string{"Content-Length: x\n\n"},
        std::string{"Content-Length: -1\n\n"}, std::string{"Content-Length: 99999999999\n\n"},
        std::string{"Content-Length: 1\nContent-Length: 2\n\n"}}) {
    EslReader reader;
    EXPECT_TRUE(read(reader, text + "Content-Type: auth/request\n\n").empty());
    EXPECT_TRUE(reader.failed()) << text.substr(0, 40);
  }
}

class EslProtocolTest : public testing::Test {
 protected:
  void say(const std::string& text) {
    step = {};
    protocol.on_bytes(text, step);
  }
  void log_in() {
    say("Content-Type: auth/request\n\n");
    say("Content-Type: command/reply\nReply-Text: +OK accepted\n\n");
    say("Content-Type: command/reply\nReply-Text: +OK event listener enabled json\n\n");
  }
  EslProtocol protocol{"", Secret{"ClueCon"}};
  FeedStep step;
};

TEST_F(EslProtocolTest, LogsInSubscribesAndAsksWhatLives) {
  say("Content-Type: auth/request\n\n");
  EXPECT_EQ(step.send, "auth ClueCon\n\n");
  say("Content-Type: command/reply\nReply-Text: +OK accepted\n\n");
  EXPECT_TRUE(step.send.starts_with("event json CHANNEL_CREATE "));
  EXPECT_FALSE(step.logged_in);
  say("Content-Type: command/reply\nReply-Text: +OK event listener enabled json\n\n");
  EXPECT_TRUE(step.logged_in);
  EXPECT_EQ(step.send, "api show channels as json\n\n");
}

TEST_F(EslProtocolTest, UserOfTheDirectoryLogsInAsSuch) {
  EslProtocol user{"cti@pbx.example", Secret{"pw"}};
  user.on_bytes("Content-Type: auth/request\n\n", step);
  EXPECT_EQ(step.send, "userauth cti@pbx.example:pw\n\n");
}

TEST_F(EslProtocolTest, RefusalsAreToldFromGoodbyes) {
  say("Content-Type: auth/request\n\n");
  say("Content-Type: command/reply\nReply-Text: -ERR invalid\n\n");
  EXPECT_TRUE(step.end && step.end->refused);
  EslProtocol two{"", Secret{"x"}};
  step = {};
  two.on_bytes(framed("text/rude-rejection", "Access Denied, go away.\n"), step);
  EXPECT_TRUE(step.end && step.end->refused);
  EslProtocol three{"", Secret{"x"}};
  step = {};
  three.on_bytes(framed("text/disconnect-notice", "Disconnected, goodbye.\n"), step);
  EXPECT_TRUE(step.end && !step.end->refused);
}

TEST_F(EslProtocolTest, ListIsReadAsWhatItsEventsWouldHaveSaid) {
  log_in();
  say(framed(
      "api/response",
      R"({"row_count":2,"rows":[{"uuid":"a","direction":"inbound","created_epoch":"1763650800","cid_num":"12025550143","dest":"100","callstate":"HELD","call_uuid":""},{"uuid":"b","callstate":"RINGING","call_uuid":"a"}]})"));
  ASSERT_TRUE(step.list);
  ASSERT_EQ(step.list->size(), 2U);
  const auto& [leg, events] = (*step.list)[0];
  EXPECT_EQ(leg, "a");
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(
      events[0],
      R"({"Event-Name":"CHANNEL_CREATE","Unique-ID":"a","Call-Direction":"inbound","Caller-Caller-ID-Number":"12025550143","Caller-Destination-Number":"100","Channel-Call-State":"HELD","Channel-Call-UUID":"a","Answer-State":"ringing","Event-Date-Timestamp":"1763650800000000"})");
  EXPECT_NE(events[1].find("CHANNEL_ANSWER"), std::string::npos);
  EXPECT_NE(events[2].find("CHANNEL_HOLD"), std::string::npos);
}

TEST_F(EslProtocolTest, EmptyListIsAListAndAnErrorIsNone) {
  log_in();
  say(framed("api/response", "{\"row_count\":0}\n"));
  ASSERT_TRUE(step.list);
  EXPECT_TRUE(step.list->empty());
  step = {};
  protocol.ask(step);
  say(framed("api/response", "-ERR no such command\n"));
  EXPECT_FALSE(step.list);
  EXPECT_NE(step.note, "");
}

TEST_F(EslProtocolTest, SignOfLifeIsNoList) {
  log_in();
  say(framed("api/response", "{\"row_count\":0}\n"));
  step = {};
  protocol.keep_alive(step);
  EXPECT_EQ(step.send, "api uptime\n\n");
  say(framed("api/response", "12345\n"));
  EXPECT_FALSE(step.list);
  EXPECT_EQ(step.note, "");
}

TEST(BackOff, DoublesToItsMostAndForgets) {
  using std::chrono::milliseconds;
  BackOff pause;
  EXPECT_EQ(pause.next(milliseconds{0}, false), milliseconds{500});
  EXPECT_EQ(pause.next(milliseconds{0}, false), milliseconds{1000});
  for (int i = 0; i < 10; ++i) pause.next(milliseconds{5000}, false);
  EXPECT_EQ(pause.next(milliseconds{0}, false), milliseconds{30'000});
  EXPECT_EQ(pause.next(milliseconds{60'000}, false), milliseconds{500});
  EXPECT_EQ(pause.next(milliseconds{0}, true), milliseconds{60'000});
}

TEST(DialSettings, ServerIsAHostAndPerhapsAPort) {
  DialSettings one{DialKind::ami, "acme", "pbx", "", "cti", Secret{"s"}};
  const auto address = [&](const std::string& server) {
    one.server = server;
    const auto at = address_of(one);
    return check(one).empty() ? at.host + "|" + at.port : "refused";
  };
  EXPECT_EQ(address("192.0.2.1"), "192.0.2.1|5038");
  EXPECT_EQ(address("pbx.example.com:7777"), "pbx.example.com|7777");
  EXPECT_EQ(address("[2001:db8::1]:5039"), "2001:db8::1|5039");
  EXPECT_EQ(address("[2001:db8::1]"), "2001:db8::1|5038");
  for (const char* bad : {":5038", "host:", "host:0", "host:65536", "host:x", "2001:db8::1", "[::1",
                          "[::1]x", "a b", "host:1:2", "host\r\nAction: x"})
    EXPECT_EQ(address(bad), "refused") << bad;
}

TEST(DialSettings, NothingInThemCanEndALineOfTheProtocol) {
  DialSettings one{DialKind::ami, "acme", "pbx", "192.0.2.1", "cti\r\nAction: Command",
                   Secret{"s"}};
  EXPECT_FALSE(check(one).empty());
  one.username = "cti";
  EXPECT_TRUE(check(one).empty());
  one.password = Secret{"s\nx"};
  EXPECT_FALSE(check(one).empty());
}

}  // namespace
}  // namespace hookswitch::feed
