#include "unit/http/server_fixture.hpp"

namespace hookswitch::http {
namespace {

using StopTest = ServerTest;

const std::string kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(StopTest, EveryChannelIsClosedBehindWhatIsQueuedForIt) {
  options.io_threads = 2;
  start();
  std::vector<std::unique_ptr<RawClient>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(std::make_unique<RawClient>(address));
    ASSERT_EQ(all.back()->upgrade().status, 101U);
    all.back()->send_text("flood 50 1000");
    EXPECT_EQ(all.back()->read_frame().payload.size(), 1000U);
  }
  RawClient stream{address};
  stream.send("GET /v1/events?data HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  ASSERT_TRUE(stream.take_through("\r\n\r\ndata"));
  server->stop_accepting();
  server->close_channels(Errc::shutting_down);
  server->close_channels(Errc::shutting_down);  // no harm
  for (auto& each : all) {
    for (int i = 1; i < 50; ++i) ASSERT_EQ(each->read_frame().payload.size(), 1000U) << i;
    EXPECT_EQ(each->read_frame().close_code(), 1012U);
    each->send(RawClient::frame(8, "\x03\xf4"));
    EXPECT_TRUE(each->at_end());
  }
  EXPECT_TRUE(stream.at_end());
  ASSERT_TRUE(handler.log.wait_for("gone", 21));
  EXPECT_TRUE(server->idle());
  EXPECT_EQ(disconnects("shutting_down"), 21);
}

/// Lets go of its channel at once, so that no letter may come to it any more.
class ForgetfulHandler : public TellingHandler {
 public:
  Opening on_upgrade(const Request&) override {
    class Silent : public ChannelHandler {
     public:
      void on_text(std::string_view) override {}
      void on_drained() override {}
      void on_tick() override {}
      void on_closed() override {}
    };
    Opening out;
    out.accept = [](std::shared_ptr<Channel>) { return std::make_unique<Silent>(); };
    return out;
  }
};

TEST_F(StopTest, ChannelThatNobodyHoldsIsClosedToo) {
  ForgetfulHandler forgetful;
  server = std::make_unique<Server>(options, forgetful, registry);
  ASSERT_TRUE(server->start());
  RawClient client{server->bound().at(0)};
  ASSERT_EQ(client.upgrade().status, 101U);
  server->close_channels(Errc::shutting_down);
  EXPECT_EQ(client.read_frame().close_code(), 1012U);
  client.send(RawClient::frame(8, "\x03\xf4"));
  EXPECT_TRUE(client.at_end());
  server.reset();
}

TEST_F(StopTest, RequestCountsFromItsFirstByteUntilItIsAnswered) {
  start();
  RawClient client{address};
  EXPECT_EQ(client.request(kGet).status, 200U);
  client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(client.take_through("100 Continue\r\n\r\n"));
  EXPECT_FALSE(server->idle());
  server->stop_accepting();
  const auto answer = client.request("body");
  EXPECT_EQ(answer.body, "POST /a?|body");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(client.at_end());
  server->stop();
  EXPECT_TRUE(server->idle());
}

TEST_F(StopTest, SilentConnectionsHoldNoStop) {
  start();
  RawClient client{address}, never_spoke{address};
  EXPECT_EQ(client.request(kGet).status, 200U);
  server->stop_accepting();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!server->idle() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_TRUE(server->idle());
}

TEST_F(StopTest, WhoConnectedBeforeTheListenersCloseIsAnswered) {
  options.io_threads = 2;
  start();
  std::vector<std::unique_ptr<RawClient>> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back(std::make_unique<RawClient>(address));
    ASSERT_TRUE(all.back()->send(kGet));
  }
  server->stop_accepting();
  for (auto& each : all) {
    const auto answer = each->response();
    EXPECT_TRUE(answer.status == 200 || answer.status == 503) << answer.status;
    if (answer.status == 503) {
      EXPECT_NE(answer.body.find("shutting_down"), std::string::npos);
    }
    EXPECT_TRUE(answer.status == 200 || each->at_end());
  }
}

TEST_F(StopTest, StopWithoutWordEndsAllAtOnce) {
  options.io_threads = 2;
  for (int i = 0; i < 20; ++i) {
    start();
    std::vector<std::unique_ptr<RawClient>> all;
    for (int k = 0; k < 20; ++k) all.push_back(std::make_unique<RawClient>(address));
    const auto begin = std::chrono::steady_clock::now();
    server->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{1});
  }
}

}  // namespace
}  // namespace hookswitch::http
