#include "unit/http/server_fixture.hpp"

namespace hookswitch::http {
namespace {

using EventStreamTest = ServerTest;

std::string stream(const std::string& words, const std::string& accept = "text/event-stream") {
  return "GET /v1/events?" + percent_encode(words) + " HTTP/1.1\r\nHost: x\r\nAccept: " + accept +
         "\r\n\r\n";
}

TEST_F(EventStreamTest, TextsGoOutAsTheyAreAndTheBodyEndsWithTheConnection) {
  start();
  RawClient client{address};
  ASSERT_TRUE(client.send(stream("id: 1\ndata: one\n\n;data: two\n\n;close shutting_down")));
  testing_support::RawClient::Response response;
  response.head = client.take_through("\r\n\r\n").value_or("");
  EXPECT_EQ(response.head.substr(0, 17), "HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(response.header("content-type"), "text/event-stream");
  EXPECT_EQ(response.header("cache-control"), "no-store");
  EXPECT_EQ(response.header("x-accel-buffering"), "no");
  EXPECT_EQ(response.header("connection"), "close");
  EXPECT_EQ(response.header("x-more"), "yes");
  EXPECT_EQ(response.header("content-length"), "");
  const std::string body = "id: 1\ndata: one\n\ndata: two\n\n";
  EXPECT_EQ(client.take(body.size()), body);
  EXPECT_TRUE(client.at_end());
}

TEST_F(EventStreamTest, IsAskedForByAcceptAndGetOnly) {
  start();
  for (const char* accept : {"text/html, text/event-stream;q=0.9", "TEXT/EVENT-STREAM"}) {
    RawClient client{address};
    client.send(stream("close overload", accept));
    EXPECT_NE(client.take_through("\r\n\r\n").value_or("").find("event-stream"), std::string::npos);
  }
  RawClient client{address};
  EXPECT_EQ(client.request(stream("", "*/*")).body.substr(0, 3), "GET");
  EXPECT_EQ(client.request(stream("", "text/event-streams")).body.substr(0, 3), "GET");
  EXPECT_EQ(client
                .request("POST / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
                         "Content-Length: 0\r\n\r\n")
                .body.substr(0, 4),
            "POST");
}

TEST_F(EventStreamTest, OnAPathThatDoesNotStreamItIsARequestLikeAnyOther) {
  start();
  RawClient client{address};
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(client
                  .request("GET /v1/calls HTTP/1.1\r\nHost: x\r\n"
                           "Accept: application/json, text/event-stream\r\n\r\n")
                  .body,
              "GET /v1/calls?|");
}

TEST_F(EventStreamTest, RefusalIsAnOrdinaryAnswer) {
  start();
  RawClient client{address};
  const auto response =
      client.request("GET /refused HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  EXPECT_EQ(response.status, 403U);
  EXPECT_TRUE(client.at_end());
}

TEST_F(EventStreamTest, LeavingClientIsSeenAndCountedOut) {
  start();
  EXPECT_TRUE(server->idle());
  auto client = std::make_unique<RawClient>(address);
  client->send(stream("data: x\n\n"));
  ASSERT_TRUE(client->take_through("data: x\n\n"));
  EXPECT_EQ(registry.value("hookswitch_event_streams"), 1);
  EXPECT_FALSE(server->idle());
  client.reset();
  ASSERT_TRUE(handler.log.wait_for("gone"));
  EXPECT_EQ(handler.log.count("closed"), 1U);
  EXPECT_EQ(registry.value("hookswitch_event_streams"), 0);
  EXPECT_TRUE(server->idle());
}

TEST_F(EventStreamTest, SilenceIsFilledWithComments) {
  options.ping_time = std::chrono::milliseconds{100};
  start();
  RawClient client{address};
  client.send(stream(""));
  ASSERT_TRUE(client.take_through("\r\n\r\n"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.take(8), ": ping\n\n");  // it never has to answer
}

TEST_F(EventStreamTest, SlowReaderIsCutOff) {
  options.client_queue_bytes_max = 100'000;
  start();
  RawClient client{address, 4096};
  client.send(stream("flood 2000 10000"));
  ASSERT_TRUE(handler.log.wait_for("gone"));
  EXPECT_EQ(disconnects("slow_client"), 1);
}

TEST_F(EventStreamTest, QueueIsWrittenBeforeTheEnd) {
  options.client_queue_bytes_max = 64 * 1024 * 1024;
  start();
  RawClient client{address};
  client.send(stream("flood 200 20000;close shutting_down"));
  ASSERT_TRUE(client.take_through("\r\n\r\n"));
  EXPECT_EQ(client.take(200U * 20'000U).value_or("").size(), 200U * 20'000U);
  EXPECT_TRUE(client.at_end());
}

TEST_F(EventStreamTest, NoneOpensWhileTheServerStops) {
  start();
  RawClient client{address};
  EXPECT_EQ(client.request("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status, 200U);
  server->stop_accepting();
  EXPECT_EQ(client.request(stream("")).status, 503U);
}

}  // namespace
}  // namespace hookswitch::http
