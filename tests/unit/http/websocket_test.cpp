#include "unit/http/server_fixture.hpp"

namespace hookswitch::http {
namespace {

using namespace std::string_literals;
using WebSocketTest = ServerTest;

TEST_F(WebSocketTest, OtherVersionIsAnswered426) {
  start();
  RawClient client{address};
  const auto response = client.request(
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_EQ(response.status, 426U);
  EXPECT_EQ(response.header("sec-websocket-version"), "13");
  EXPECT_EQ(response.header("upgrade"), "websocket");
  EXPECT_TRUE(client.at_end());
}

TEST_F(WebSocketTest, FramesRightBehindTheRequestAreNotLost) {
  start();
  RawClient client{address};
  client.send(
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
      RawClient::frame(1, "early"));
  EXPECT_TRUE(client.take_through("\r\n\r\n"));
  EXPECT_EQ(client.read_frame().payload, "early");
}

TEST_F(WebSocketTest, OffersInSeveralFieldsReachTheHandler) {
  start();
  RawClient client{address};
  const auto response =
      client.upgrade("/", "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n");
  EXPECT_EQ(response.header("sec-websocket-protocol"), "a, b");  // the handler echoes what it got
}

TEST_F(WebSocketTest, CloseIsAnsweredWithTheSameCodeAndThenTheConnectionEnds) {
  start();
  for (const std::string& body : {"\x03\xe8"s, "\x03\xe9gone"s, "\x0f\xa0"s, ""s}) {
    RawClient client{address};
    ASSERT_EQ(client.upgrade().status, 101U);
    client.send(RawClient::frame(8, body) + RawClient::frame(1, "after"));
    const auto close = client.read_frame();
    EXPECT_EQ(close.opcode, 8U);
    EXPECT_EQ(close.payload, body.substr(0, 2));
    EXPECT_TRUE(client.at_end());
  }
}

TEST_F(WebSocketTest, ProtocolErrorEndsTheConnectionBehindItsCloseFrame) {
  start();
  for (const auto& [bytes, code] : std::vector<std::pair<std::string, unsigned>>{
           {"\xc1\x80mask", 1002U},
           {RawClient::frame(0, "x"), 1002U},
           {RawClient::frame(1, "\xff"), 1007U},
           {RawClient::frame(8, "\x03\xed"), 1002U},
           {RawClient::frame(1, std::string(kClientFrameBytesMax + 1, 'x')), 1009U}}) {
    RawClient client{address};
    ASSERT_EQ(client.upgrade().status, 101U);
    client.send(RawClient::frame(1, "before") + bytes + RawClient::frame(1, "after"));
    EXPECT_EQ(client.read_close().close_code(), code);
    EXPECT_TRUE(client.at_end());
  }
  EXPECT_EQ(disconnects("bad_message"), 3);
  EXPECT_EQ(disconnects("bad_encoding"), 1);
  EXPECT_EQ(disconnects("body_too_large"), 1);
}

TEST_F(WebSocketTest, PingOfItsOwnIsAnsweredAmongFrames) {
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  std::string all;
  for (int i = 0; i < 100; ++i)
    all += RawClient::frame(1, std::to_string(i)) + RawClient::frame(9, "p" + std::to_string(i));
  client.send(all);
  int texts = 0, pongs = 0;
  for (int i = 0; i < 200; ++i) {
    const auto frame = client.read_frame();
    if (frame.opcode == 1) {
      EXPECT_EQ(frame.payload, std::to_string(texts++));
    } else {
      EXPECT_EQ(frame.payload, "p" + std::to_string(pongs++));
    }
  }
  EXPECT_EQ(texts, 100);
  EXPECT_EQ(pongs, 100);
}

TEST_F(WebSocketTest, WhoAnswersPingsIsKeptAndWhoDoesNotIsCounted) {
  options.ping_time = std::chrono::milliseconds{100};
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(client.take(2), "\x89\x00"s) << i;
    client.send(RawClient::frame(10, ""));
  }
  EXPECT_EQ(handler.log.count("gone"), 0U);
  EXPECT_TRUE(handler.log.wait_for("gone"));
  EXPECT_EQ(registry.value("hookswitch_client_silent_total"), 1);
}

TEST_F(WebSocketTest, FloodOfPingsByOneWhoDoesNotReadIsCutOffByItsAge) {
  options.client_queue_bytes_max = 2000;  // only the newest pong waits: no matter of bytes
  options.client_queue_age_max = std::chrono::milliseconds{300};
  start();
  RawClient client{address, 4096};
  ASSERT_EQ(client.upgrade().status, 101U);
  std::string pings;
  for (int i = 0; i < 1000; ++i) pings += RawClient::frame(9, std::string(125, 'p'));
  while (handler.log.count("gone") == 0 && client.send(pings)) {
  }
  ASSERT_TRUE(handler.log.wait_for("gone"));
  EXPECT_EQ(disconnects("slow_client"), 1);
}

TEST_F(WebSocketTest, SlowReaderIsCutTwoSecondsAfterItsClose) {
  options.client_queue_bytes_max = 100'000;
  start();
  RawClient slow{address, 4096};
  ASSERT_EQ(slow.upgrade().status, 101U);
  const auto begin = std::chrono::steady_clock::now();
  slow.send_text("flood 2000 10000");
  ASSERT_TRUE(handler.log.wait_for("gone"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{6});
  EXPECT_EQ(registry.value("hookswitch_websockets"), 0);
}

TEST_F(WebSocketTest, HandlerThatTakesNoMoreIsReadOnWhenItSaysSo) {
  options.ping_time = std::chrono::milliseconds{300};  // two of them are less than it pauses
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send(RawClient::frame(1, "pause"));
  ASSERT_TRUE(handler.log.wait_for("paused"));
  client.send(RawClient::frame(1, "after"));
  for (auto frame = client.read_frame();; frame = client.read_frame()) {
    if (frame.opcode == 9) continue;
    EXPECT_EQ(frame.payload, "after");
    break;
  }
  EXPECT_EQ(handler.log.count("read while paused"), 0U);
}

TEST_F(WebSocketTest, CloseWhilePausedStillHearsTheFarewell) {
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send(RawClient::frame(1, "pause"));
  ASSERT_TRUE(handler.log.wait_for("paused"));
  server->close_channels(Errc::shutting_down);
  EXPECT_EQ(client.read_frame().opcode, 8U);
  client.send(RawClient::frame(8, "\x03\xf4"));
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(handler.log.wait_for("gone"));
}

}  // namespace
}  // namespace hookswitch::http
