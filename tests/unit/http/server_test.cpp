#include "http/server.hpp"

#include "unit/http/server_fixture.hpp"

namespace hookswitch::http {
namespace {

using namespace std::string_view_literals;
using Clock = std::chrono::steady_clock;

const std::string kGet = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";

std::string post(const std::string& fields, const std::string& body) {
  return "POST /p HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body;
}

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  start();
  RawClient client{address};
  for (int i = 0; i < 3; ++i) {
    const auto response = client.request(kGet);
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.body, "GET /a?b=c|");
    EXPECT_EQ(response.header("content-type"), "text/plain");
  }
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  RawClient client{address};
  std::string all;
  for (int i = 0; i < 20; ++i)
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nb" +
           std::to_string(10 + i);
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 20; ++i) {
    const auto number = std::to_string(i);
    EXPECT_EQ(client.response().body, "POST /" + number + "?|b" + std::to_string(10 + i));
  }
}

TEST_F(ServerTest, RequestMayComeByteByByte) {
  start();
  RawClient client{address};
  for (const char c : post("Content-Length: 5\r\n", "hello")) ASSERT_TRUE(client.send({&c, 1}));
  EXPECT_EQ(client.response().body, "POST /p?|hello");
}

TEST_F(ServerTest, ClosesWhenTheClientAsksToAndAfterHttp10) {
  start();
  for (const char* text :
       {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}) {
    RawClient client{address};
    EXPECT_EQ(client.request(text).status, 200U);
    EXPECT_TRUE(client.at_end());
  }
}

TEST_F(ServerTest, HeadIsAGetWithoutItsBody) {
  start();
  RawClient client{address};
  ASSERT_TRUE(client.send("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n" + kGet));
  const auto head = client.response(false);
  EXPECT_EQ(head.head.substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(head.header("content-length"), std::to_string("GET /h?|"sv.size()));
  EXPECT_EQ(client.response().body, "GET /a?b=c|");  // no stray bytes between
}

TEST_F(ServerTest, ChunkedBodyIsPutTogether) {
  start();
  RawClient client{address};
  const auto response =
      client.request(post("Transfer-Encoding: chunked\r\n",
                          "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"));
  EXPECT_EQ(response.body, "POST /p?|abc0123456789");
  EXPECT_EQ(client.request(kGet).status, 200U);
}

TEST_F(ServerTest, BrokenChunksAreABadRequest) {
  start();
  for (const char* body : {"x\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "-1\r\n\r\n",
                           "fffffffffffffffff\r\nabc", " 3\r\nabc\r\n0\r\n\r\n"}) {
    RawClient client{address};
    EXPECT_EQ(client.request(post("Transfer-Encoding: chunked\r\n", body)).status, 400U) << body;
    EXPECT_TRUE(client.at_end()) << body;
  }
  EXPECT_EQ(handler.log.last(), "");
}

TEST_F(ServerTest, ContinueIsSaidOnceAndOnlyWhenTheBodyIsWanted) {
  start();
  RawClient client{address};
  ASSERT_TRUE(client.send(post("Expect: 100-continue\r\nContent-Length: 5\r\n", "")));
  EXPECT_EQ(client.take_through("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.send("hello"));
  EXPECT_EQ(client.response().body, "POST /p?|hello");
  ASSERT_TRUE(client.send(post("Expect: 100-continue\r\nContent-Length: 999999999\r\n", "")));
  EXPECT_EQ(client.response().status, 413U);
}

TEST_F(ServerTest, BodyOverTheLimitIs413HoweverItIsSent) {
  options.body_bytes_max = 1000;
  start();
  {
    RawClient client{address};
    EXPECT_EQ(client.request(post("Content-Length: 1000\r\n", std::string(1000, 'x'))).status,
              200U);
    const auto refused = client.request(post("Content-Length: 1001\r\n", std::string(1001, 'x')));
    EXPECT_EQ(refused.status, 413U);
    EXPECT_EQ(refused.header("content-type"), "application/problem+json");
    EXPECT_NE(refused.body.find("\"body_too_large\""), std::string::npos);
    EXPECT_TRUE(client.at_end());
  }
  RawClient chunked{address};
  EXPECT_EQ(chunked
                .request(post("Transfer-Encoding: chunked\r\n",
                              "3e8\r\n" + std::string(1000, 'x') + "\r\n1\r\ny\r\n0\r\n\r\n"))
                .status,
            413U);
  EXPECT_EQ(registry.value("hookswitch_http_refusals_total", {{"code", "body_too_large"}}), 2);
}

TEST_F(ServerTest, HeaderOverTheLimitIs431) {
  options.header_bytes_max = 2000;
  start();
  const auto with = [](std::size_t size) {
    const std::string start = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
    return start + std::string(size - start.size() - 4, 'y') + "\r\n\r\n";
  };
  for (const std::size_t size : {2000U, 1999U}) {
    RawClient client{address};
    EXPECT_EQ(client.request(with(size)).status, 200U) << size;
  }
  for (const std::size_t size : {2001U, 2004U, 5000U, 100'000U}) {
    RawClient client{address};
    EXPECT_EQ(client.request(with(size)).status, 431U) << size;
    EXPECT_TRUE(client.at_end()) << size;
  }
  RawClient endless{address};
  EXPECT_EQ(endless.request(std::string(10'000, 'G')).status, 431U);
}

TEST_F(ServerTest, WhatTheStrictLayerRefusesIs400AndCloses) {
  start();
  for (
      const std::string_view text :
      {"GET / HTTP/1.1\r\n\r\n"sv,
       "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"sv,
       "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"sv,
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"sv,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"sv,
       "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"sv,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"sv,
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello"sv,
       "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"sv,
       "POST / HTTP/1.1\r\nHost: a\r\nX: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"sv,
       "POST / HTTP/1.1\r\nHost: a\r\nX: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"sv,
       "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"sv,
       "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"sv,
       "GET /\ta HTTP/1.1\r\nHost: a\r\n\r\n"sv,
       "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"sv,
       "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
       "GET / HTTP/1.1\r\nHost: a\r\nBad Name: b\r\n\r\n"sv,
       "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n"sv,
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n"sv,
       "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"sv,
       "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"sv,
       " /x HTTP/1.1\r\nHost: a\r\n\r\n"sv}) {
    RawClient client{address};
    const auto response = client.request(text);
    EXPECT_TRUE(response.status == 400 ||
                (response.status == 413 && text.find("9999") != text.npos))
        << response.status << "\n"
        << text;
    EXPECT_TRUE(client.at_end()) << text;
  }
  EXPECT_EQ(handler.log.last(), "") << "a refused request reached the handler";
}

TEST_F(ServerTest, NothingAfterARefusedRequestIsServed) {
  start();
  RawClient client{address};
  EXPECT_EQ(
      client
          .request(
              "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" +
              kGet)
          .status,
      400U);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(handler.log.count("GET /a?b=c|"), 0U);
}

TEST_F(ServerTest, SlowHeaderIsCutOffAndCounted) {
  options.header_time = std::chrono::milliseconds{200};
  start();
  RawClient client{address};
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: x\r\n"));
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(RawClient{address}.request(kGet).status, 200U);  // the thread that closed has gone on
  EXPECT_EQ(registry.value("hookswitch_http_late_headers_total"), 1);
}

TEST_F(ServerTest, DripFedHeaderDoesNotLiveLonger) {
  options.header_time = std::chrono::milliseconds{300};
  start();
  RawClient client{address};
  const auto begin = Clock::now();
  while (!client.at_end(std::chrono::milliseconds{50}) &&
         Clock::now() - begin < std::chrono::seconds{5})
    client.send("X");
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{3});
}

TEST_F(ServerTest, SilentConnectionIsClosedAfterTheIdleTime) {
  options.idle_time = std::chrono::milliseconds{200};
  start();
  RawClient client{address};
  EXPECT_EQ(client.request(kGet).status, 200U);
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, ConnectionsOverTheLimitAreTurnedAway) {
  options.connections_max = 2;
  start();
  RawClient first{address}, second{address};
  EXPECT_EQ(first.request(kGet).status, 200U);
  EXPECT_EQ(second.request(kGet).status, 200U);
  RawClient third{address};
  EXPECT_TRUE(third.at_end());
  EXPECT_EQ(registry.value("hookswitch_http_turned_away_total"), 1);
  EXPECT_EQ(first.request(kGet).status, 200U);
}

TEST_F(ServerTest, AnswerMayComeFromAnotherThread) {
  start();
  RawClient client{address};
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(client.request("GET /thread HTTP/1.1\r\nHost: x\r\n\r\n").body, "GET /thread?|");
}

TEST_F(ServerTest, ClientThatLeavesWhileItsAnswerIsMadeHarmsNobody) {
  start();
  for (int i = 0; i < 20; ++i) {
    RawClient client{address};
    client.send("GET /thread HTTP/1.1\r\nHost: x\r\n\r\n");
    client.reset();
  }
  EXPECT_EQ(RawClient{address}.request(kGet).status, 200U);
}

TEST_F(ServerTest, AddressInUseIsAnErrorWithTheAddress) {
  start();
  ServerOptions same;
  same.listen = {{address}};
  Server other{same, handler, registry};
  const auto started = other.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::bad_request);
  EXPECT_NE(started.error().detail.find(address), std::string::npos) << started.error().detail;
}

TEST_F(ServerTest, WhatIsNoAddressIsAnError) {
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                           "127.0.0.1:x", "nowhere:80", ":80", "1.2.3:80", "[::1:80"}) {
    ServerOptions wrong;
    wrong.listen = {{text}};
    Server other{wrong, handler, registry};
    EXPECT_FALSE(other.start()) << text;
  }
}

TEST_F(ServerTest, BoundAddressesComeInTheOrderOfTheOptions) {
  options.listen = {{"127.0.0.1:0"}, {"127.0.0.2:0"}};
  start();
  ASSERT_EQ(server->bound().size(), 2U);
  EXPECT_TRUE(server->bound()[0].starts_with("127.0.0.1:"));
  EXPECT_TRUE(server->bound()[1].starts_with("127.0.0.2:"));
  EXPECT_FALSE(server->bound()[0].ends_with(":0"));
}

TEST_F(ServerTest, AfterStopAcceptingConnectionsAreEndedPolitely) {
  start();
  RawClient client{address};
  EXPECT_EQ(client.request(kGet).status, 200U);
  server->stop_accepting();
  const auto response = client.request(kGet);
  EXPECT_EQ(response.status, 200U);
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, UpgradeAfterStopAcceptingIsToldToComeBack) {
  start();
  RawClient client{address};
  EXPECT_EQ(client.request(kGet).status, 200U);
  server->stop_accepting();
  const auto response = client.upgrade();
  EXPECT_EQ(response.status, 503U);
  EXPECT_NE(response.header("retry-after"), "");
}

TEST_F(ServerTest, IdleKnowsRequestsAndWebSockets) {
  start();
  EXPECT_TRUE(server->idle());
  auto client = std::make_unique<RawClient>(address);
  ASSERT_EQ(client->upgrade().status, 101U);
  ASSERT_TRUE(handler.log.wait_for("accepted"));
  EXPECT_FALSE(server->idle());
  client->send_text("close shutting_down");
  EXPECT_EQ(client->read_close().close_code(), 1012U);
  client->send(RawClient::frame(8, "\x03\xf4"));
  client.reset();
  ASSERT_TRUE(handler.log.wait_for("gone"));
  EXPECT_TRUE(server->idle());
}

TEST_F(ServerTest, StopCutsOffWhatStillLivesAndMayBeCalledTwice) {
  options.io_threads = 2;
  start();
  RawClient socket{address}, half{address}, silent{address};
  half.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123");
  ASSERT_EQ(socket.upgrade().status, 101U);
  server->stop();
  server->stop();
  server.reset();
  const auto ends = [](RawClient& client) {  // with or without a word
    while (client.take(1)) {
    }
    return client.at_end(std::chrono::seconds{2});
  };
  EXPECT_TRUE(ends(half));
  EXPECT_TRUE(ends(silent));
  EXPECT_TRUE(ends(socket)) << "a WebSocket outlived the server";
  EXPECT_EQ(handler.log.count("gone"), 1U) << "a ChannelHandler outlived the server";
  EXPECT_FALSE(RawClient{address}.connected());
}

/// Holds a request or a WebSocket for longer than the server lives, as a queue on another thread
/// may. 0: it went well.
int outlive_server(bool hold_request) {
  class Holder : public Handler {
   public:
    void on_request(Request, Respond respond) override {
      respond_ = std::move(respond);
      log.add("held");
    }
    Opening on_upgrade(const Request&) override {
      class Deaf : public ChannelHandler {
       public:
        void on_text(std::string_view) override {}
        void on_drained() override {}
        void on_tick() override {}
        void on_closed() override {}
      };
      Opening out;
      out.accept = [this](std::shared_ptr<Channel> socket) {
        socket_ = std::move(socket);
        log.add("held");
        return std::make_unique<Deaf>();
      };
      return out;
    }
    Log log;

   private:
    Respond respond_;
    std::shared_ptr<Channel> socket_;
  };
  Holder holder;
  Registry registry;
  ServerOptions options;
  options.listen = {{"127.0.0.1:0"}};
  Server server{options, holder, registry};  // goes first
  if (!server.start()) return 2;
  testing_support::RawClient client{server.bound().at(0)};
  if (hold_request)
    client.send(kGet);
  else
    client.upgrade();
  if (!holder.log.wait_for("held")) return 3;
  server.stop();
  return 0;
}

TEST(ServerDeathTest, RequestMayBeHeldForLongerThanTheServerLives) {
  EXPECT_EXIT(::_exit(outlive_server(true)), testing::ExitedWithCode(0), "");
}

TEST(ServerDeathTest, WebSocketMayBeHeldForLongerThanTheServerLives) {
  EXPECT_EXIT(::_exit(outlive_server(false)), testing::ExitedWithCode(0), "");
}

TEST_F(ServerTest, TurnsGoUpWhileTheThreadsTurn) {
  options.io_threads = 2;
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  const auto before = server->turns();
  ASSERT_TRUE(handler.log.wait_for("tick", 3));
  EXPECT_GT(server->turns(), before);
}

// --- WebSocket ----------------------------------------------------------------------------------

TEST_F(ServerTest, WebSocketEchoesTexts) {
  start();
  RawClient client{address};
  const auto accepted = client.upgrade("/v1/events", "Sec-WebSocket-Protocol: hookswitch.v1\r\n");
  ASSERT_EQ(accepted.status, 101U);
  EXPECT_EQ(accepted.header("sec-websocket-accept"),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 §1.3
  EXPECT_EQ(accepted.header("sec-websocket-protocol"), "hookswitch.v1");
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65535U, 65536U}) {
    const std::string text(size, 'x');
    ASSERT_TRUE(client.send_text(text));
    const auto frame = client.read_frame();
    EXPECT_EQ(frame.opcode, 1U);
    EXPECT_EQ(frame.payload, text);
  }
}

TEST_F(ServerTest, FragmentedTextIsOneMessage) {
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send(RawClient::frame(1, "one ", false) + RawClient::frame(9, "ping") +
              RawClient::frame(0, "two"));
  const auto pong = client.read_frame(), text = client.read_frame();
  EXPECT_EQ(pong.opcode, 10U);
  EXPECT_EQ(pong.payload, "ping");
  EXPECT_EQ(text.payload, "one two");
}

TEST_F(ServerTest, RefusedUpgradeIsAnOrdinaryAnswer) {
  start();
  RawClient client{address};
  const auto response = client.upgrade("/refused");
  EXPECT_EQ(response.status, 403U);
  EXPECT_NE(response.body.find("\"forbidden\""), std::string::npos);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(handler.log.count("accepted"), 0U);
}

TEST_F(ServerTest, UpgradeOfTheWrongVersionIsRefused) {
  start();
  RawClient client{address};
  const auto response = client.request(
      "GET /v1/events HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Version: 8\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_GE(response.status, 400U);
  EXPECT_LT(response.status, 500U);
  EXPECT_EQ(handler.log.count("accepted"), 0U);
}

TEST_F(ServerTest, CloseCarriesTheOutcomesCodeAndName) {
  start();
  for (const Errc code :
       {Errc::auth_missing, Errc::auth_expired, Errc::bad_message, Errc::forbidden,
        Errc::slow_client, Errc::shutting_down, Errc::overload, Errc::journal_io}) {
    RawClient client{address};
    ASSERT_EQ(client.upgrade().status, 101U);
    client.send_text("last words");
    client.send_text(std::string{"close "} + outcome(code).name);
    EXPECT_EQ(client.read_frame().payload, "last words");  // what was queued comes first
    const auto close = client.read_close();
    EXPECT_EQ(close.close_code(), outcome(code).close);
    EXPECT_EQ(close.close_reason(), outcome(code).name);
  }
  EXPECT_EQ(disconnects("overload"), 1);
}

TEST_F(ServerTest, OnClosedIsTheLastAndComesOnce) {
  start();
  for (int way = 0; way < 4; ++way) {
    const std::size_t before = handler.log.count("gone");
    auto client = std::make_unique<RawClient>(address);
    ASSERT_EQ(client->upgrade().status, 101U);
    ASSERT_TRUE(handler.log.wait_for("accepted", before + 1));
    if (way == 0) client->send(RawClient::frame(8, "\x03\xe8"));
    if (way == 1) client->shut_down_sending();
    if (way == 2) client->reset();
    if (way == 3) client->send_text("close bad_message");
    if (way == 0 || way == 3) client->read_close();
    client.reset();
    ASSERT_TRUE(handler.log.wait_for("gone", before + 1)) << way;
    EXPECT_EQ(handler.log.count("closed"), before + 1) << way;
    EXPECT_EQ(handler.log.last(), "gone") << way;
  }
}

TEST_F(ServerTest, PoliteCloseIsAnswered) {
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send(RawClient::frame(8, "\x03\xe8"));
  EXPECT_EQ(client.read_close().close_code(), 1000U);
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, ClientThatSaysGoodbyeButKeepsTheConnectionIsLetGo) {
  options.ping_time = std::chrono::milliseconds{300};
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send(RawClient::frame(8, "\x03\xe8"));
  EXPECT_EQ(client.read_close().close_code(), 1000U);
  EXPECT_TRUE(handler.log.wait_for("gone"));
}

TEST_F(ServerTest, FrameOverTheLimitClosesWith1009) {
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send_text(std::string(kClientFrameBytesMax + 1, 'x'));
  EXPECT_EQ(client.read_close().close_code(), 1009U);
}

TEST_F(ServerTest, TextThatIsNoUtf8ClosesWith1007) {
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send_text("\xc3(");
  EXPECT_EQ(client.read_close().close_code(), 1007U);
}

TEST_F(ServerTest, UnmaskedFrameClosesWith1002) {  // RFC 6455 §5.1
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send("\x81\x02hi"sv);
  EXPECT_EQ(client.read_close().close_code(), 1002U);
}

TEST_F(ServerTest, BinaryFrameClosesWith1003) {
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send(RawClient::frame(2, "\x01\x02"));
  EXPECT_EQ(client.read_close().close_code(), 1003U);
}

TEST_F(ServerTest, BinaryFrameWhileMuchIsQueuedClosesWith1003Too) {
  options.client_queue_bytes_max = 64 * 1024 * 1024;
  start();
  for (int round = 0; round < 20; ++round) {
    RawClient client{address};
    ASSERT_EQ(client.upgrade().status, 101U);
    client.send(RawClient::frame(1, "flood 200 20000") + RawClient::frame(2, "\x01\x02"));
    ASSERT_EQ(client.read_close().close_code(), 1003U) << round;
  }
}

TEST_F(ServerTest, ClientsThatBreakOffInAFloodHarmNobody) {
  options.client_queue_bytes_max = 64 * 1024 * 1024;
  start();
  for (int round = 0; round < 60; ++round) {
    RawClient client{address};
    ASSERT_EQ(client.upgrade().status, 101U);
    client.send_text("flood 300 5000");
    ASSERT_EQ(client.read_frame().opcode, 1U);
    if (round % 3 == 0) client.reset();
    if (round % 3 == 1) client.shut_down_sending();
    if (round % 3 == 2) client.send(RawClient::frame(8, "\x03\xe8"));
  }
  ASSERT_TRUE(handler.log.wait_for("gone", 60));
  EXPECT_EQ(RawClient{address}.request(kGet).status, 200U);
}

TEST_F(ServerTest, DrainedComesWhenAllIsWritten) {
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send_text("drain");
  ASSERT_TRUE(handler.log.wait_for("drained", 1));
  client.send(RawClient::frame(1, "flood 100 1000") + RawClient::frame(1, "drain"));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.read_frame().payload.size(), 1000U);
  EXPECT_TRUE(handler.log.wait_for("drained", 2));
}

TEST_F(ServerTest, SlowReaderIsClosedWhileAnotherIsServed) {
  options.client_queue_bytes_max = 100'000;
  start();
  RawClient slow{address, 4096}, quick{address};
  ASSERT_EQ(slow.upgrade().status, 101U);
  ASSERT_EQ(quick.upgrade().status, 101U);
  slow.send_text("flood 2000 10000");
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(quick.send_text("hello"));
    ASSERT_EQ(quick.read_frame().payload, "hello");
  }
  ASSERT_TRUE(handler.log.wait_for("gone"));
  EXPECT_EQ(disconnects("slow_client"), 1);
  ASSERT_TRUE(quick.send_text("still here"));
  EXPECT_EQ(quick.read_frame().payload, "still here");
}

TEST_F(ServerTest, SlowReaderWhoReadsAtLastIsToldWhy) {
  options.client_queue_bytes_max = 100'000;
  start();
  RawClient slow{address, 4096};
  ASSERT_EQ(slow.upgrade().status, 101U);
  slow.send_text(
      "flood 1000 10000");  // a hundred times the budget at once: no burst, whoever reads
  const auto close = slow.read_close();
  EXPECT_EQ(close.close_code(), 4008U);
  EXPECT_EQ(close.close_reason(), "slow_client");
}

TEST_F(ServerTest, ReaderOfOldFramesIsClosedByAge) {
  options.client_queue_bytes_max = 512 * 1024 * 1024;
  options.client_queue_age_max = std::chrono::milliseconds{100};
  start();
  RawClient slow{address, 4096};
  ASSERT_EQ(slow.upgrade().status, 101U);
  slow.send_text("flood 1000 20000");
  ASSERT_TRUE(handler.log.wait_for("gone"));
  EXPECT_EQ(disconnects("slow_client"), 1);
}

TEST_F(ServerTest, OneFrameLargerThanTheBudgetIsStillSent) {
  options.client_queue_bytes_max = 1000;
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  client.send_text("flood 1 50000");
  EXPECT_EQ(client.read_frame().payload.size(), 50'000U);
}

TEST_F(ServerTest, SilentWebSocketIsPingedAndThenDropped) {
  options.ping_time = std::chrono::milliseconds{300};
  start();
  RawClient client{address};
  ASSERT_EQ(client.upgrade().status, 101U);
  EXPECT_EQ(client.take(1), std::string("\x89", 1));
  EXPECT_TRUE(handler.log.wait_for("gone"));
}

}  // namespace
}  // namespace hookswitch::http
