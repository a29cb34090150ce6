#include "http_client/client.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

namespace hookswitch::http_client {
namespace {

using std::chrono::milliseconds;

/// One accepted connection, in the hands of a server that may do anything.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  ~Peer() { ::close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  /// A whole request without body; empty: the client has gone.
  std::string request() {
    while (bytes_.find("\r\n\r\n") == std::string::npos) {
      char buffer[4096];
      const auto size = ::recv(fd_, buffer, sizeof buffer, 0);
      if (size <= 0) return {};
      bytes_.append(buffer, static_cast<std::size_t>(size));
    }
    return std::exchange(bytes_, {});
  }
  bool say(std::string_view bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  /// Until the client ends the connection.
  void wait_for_end() {
    char buffer[4096];
    while (::recv(fd_, buffer, sizeof buffer, 0) > 0) {
    }
  }
  /// True: the client has ended the connection. Waits a little.
  bool ended(milliseconds wait) {
    pollfd ready{fd_, POLLIN, 0};
    char byte = 0;
    return ::poll(&ready, 1, static_cast<int>(wait.count())) > 0 &&
           ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

 private:
  int fd_;
  std::string bytes_;
};

/// Listens on 127.0.0.1 and does with each connection what it was told to.
class Server {
 public:
  explicit Server(std::function<void(Peer&)> serve) : serve_(std::move(serve)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    acceptor_ = std::thread{[this] {
      for (;;) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        ++connections;
        const std::lock_guard lock{mutex_};
        peers_.emplace_back([this, fd] {
          Peer peer{fd};
          serve_(peer);
        });
      }
    }};
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (auto& each : peers_) each.join();
  }
  std::string url(const std::string& host = "127.0.0.1") const {
    return "http://" + host + ":" + std::to_string(port) + "/in";
  }
  std::uint16_t port = 0;
  std::atomic<int> connections{0};

 private:
  std::function<void(Peer&)> serve_;
  int listener_;
  std::thread acceptor_;
  std::mutex mutex_;
  std::vector<std::thread> peers_;
};

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class ClientTest : public testing::Test {
 protected:
  void start(ClientOptions options = {}) {
    options.resolve = [this](const std::string& name) {
      ++resolved;
      const std::lock_guard lock{mutex};
      std::vector<IpAddress> out;
      for (const auto& [known, address] : names)
        if (known == name) out.push_back(*parse_ip(address));
      return out;
    };
    client = std::make_unique<Client>(registry, options);
    client->start();
  }
  Request request(const std::string& url) {
    Request out;
    out.url = *parse_url(url);
    out.policy = loopback;
    out.deadline = milliseconds{5000};
    return out;
  }
  Outcome ask(Request request) {
    const auto done = std::make_shared<std::promise<Outcome>>();
    auto future = done->get_future();
    client->request(std::move(request), [done](Outcome out) { done->set_value(std::move(out)); });
    EXPECT_EQ(future.wait_for(std::chrono::seconds{15}), std::future_status::ready);
    return future.get();
  }
  static std::string why(const Outcome& outcome) {
    const auto* failed = std::get_if<Failed>(&outcome);
    return failed == nullptr ? "status " + std::to_string(std::get<Response>(outcome).status)
                             : std::string{to_string(failed->why)};
  }

  Registry registry;
  std::shared_ptr<const AddressPolicy> loopback =
      std::make_shared<const AddressPolicy>(std::vector{*parse_ip_range("127.0.0.0/8")});
  std::mutex mutex;
  std::vector<std::pair<std::string, std::string>> names;
  std::atomic<int> resolved{0};
  std::unique_ptr<Client> client;
};

TEST_F(ClientTest, SendsARequestAndReadsItsResponse) {
  std::string seen;
  Server server{[&](Peer& peer) {
    seen = peer.request();
    peer.say(kOk);
  }};
  start();
  Request one = request(server.url() + "?x=y");
  one.headers.emplace_back("webhook-id", "msg_1");
  const auto out = ask(std::move(one));
  ASSERT_EQ(why(out), "status 200");
  EXPECT_EQ(std::get<Response>(out).body, "ok");
  EXPECT_EQ(seen, "GET /in?x=y HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port) +
                      "\r\nUser-Agent: hookswitch\r\nwebhook-id: msg_1\r\n\r\n");
}

TEST_F(ClientTest, KeepsAConnectionForTheNextRequest) {
  Server server{[](Peer& peer) {
    while (!peer.request().empty()) peer.say(kOk);
  }};
  start();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(why(ask(request(server.url()))), "status 200");
  EXPECT_EQ(server.connections, 1);
  client->stop();
}

TEST_F(ClientTest, AKeptConnectionIsUsedOnlyWhereItsAddressIsAllowed) {
  Server server{[](Peer& peer) {
    while (!peer.request().empty()) peer.say(kOk);
  }};
  names = {{"inside.example", "127.0.0.1"}};
  start();
  EXPECT_EQ(why(ask(request(server.url("inside.example")))), "status 200");
  Request other = request(server.url("inside.example"));
  other.policy = nullptr;
  EXPECT_EQ(why(ask(std::move(other))), "address_refused");
  EXPECT_EQ(server.connections, 1);
  client->stop();
}

TEST_F(ClientTest, WhatClosedMeanwhileIsRepeatedOnlyWhereThatIsRight) {
  std::atomic<int> requests{0};
  Server server{[&](Peer& peer) {
    if (peer.request().empty()) return;
    ++requests;
    peer.say(kOk);
    if (!peer.request().empty()) ++requests;  // and no answer: the connection just ends
  }};
  start();
  for (const bool may : {true, false}) {
    EXPECT_EQ(why(ask(request(server.url()))), "status 200");
    Request again = request(server.url());
    again.may_repeat = may;
    const auto out = ask(std::move(again));
    EXPECT_EQ(why(out), may ? "status 200" : "broken");
    requests = 0;
    if (may) ask(request(server.url()));  // spends the connection that the repeat left
  }
}

TEST_F(ClientTest, ConnectsToTheVeryAddressThatItChecked) {
  Server server{[](Peer& peer) {
    peer.request();
    peer.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  }};
  // The name server changes its answer after every question.
  names = {{"rebind.example", "127.0.0.1"}};
  start();
  EXPECT_EQ(why(ask(request(server.url("rebind.example")))), "status 200");
  EXPECT_EQ(resolved, 1);
  names = {{"rebind.example", "10.0.0.1"}};
  EXPECT_EQ(why(ask(request(server.url("rebind.example")))), "address_refused");
  EXPECT_EQ(resolved, 2);
}

TEST_F(ClientTest, RefusesPrivateAddressesAndConnectsToNone) {
  Server server{[](Peer&) {}};
  names = {{"inside.example", "127.0.0.1"},
           {"inside.example", "::1"},
           {"v6.example", "::ffff:127.0.0.1"}};
  start();
  for (const char* host : {"127.0.0.1", "inside.example", "v6.example", "[::ffff:7f00:1]"}) {
    Request one = request(server.url(host));
    one.policy = nullptr;
    EXPECT_EQ(why(ask(std::move(one))), "address_refused") << host;
  }
  EXPECT_EQ(server.connections, 0);
  EXPECT_EQ(registry.value("hookswitch_outgoing_refused_total"), 4);
}

TEST_F(ClientTest, OfSeveralAddressesTheAllowedOnesAreTried) {
  Server server{[](Peer& peer) {
    peer.request();
    peer.say(kOk);
  }};
  names = {{"mixed.example", "10.0.0.1"},
           {"mixed.example", "127.0.0.2"},
           {"mixed.example", "127.0.0.1"}};
  start();
  EXPECT_EQ(why(ask(request(server.url("mixed.example")))), "status 200");
}

TEST_F(ClientTest, FollowsNoRedirect) {
  Server other{[](Peer&) {}};
  Server server{[&](Peer& peer) {
    peer.request();
    peer.say("HTTP/1.1 302 Found\r\nLocation: " + other.url() + "\r\nContent-Length: 0\r\n\r\n");
  }};
  start();
  EXPECT_EQ(why(ask(request(server.url()))), "status 302");
  EXPECT_EQ(other.connections, 0);
}

TEST_F(ClientTest, NamesWhatWentWrong) {
  start();
  names = {{"known.example", "127.0.0.1"}};
  EXPECT_EQ(why(ask(request("http://unknown.example/"))), "name_unresolved");
  int port = 0;
  {
    port = Server{[](Peer&) {}}.port;
  }
  EXPECT_EQ(why(ask(request("http://127.0.0.1:" + std::to_string(port) + "/"))), "connect_failed");
  Request bad = request("http://127.0.0.1/");
  bad.headers.emplace_back("X", "a\r\nEvil: b");
  EXPECT_EQ(why(ask(std::move(bad))), "bad_request");
  Request name = request("http://127.0.0.1/");
  name.headers.emplace_back("X: y\r\nEvil", "b");
  EXPECT_EQ(why(ask(std::move(name))), "bad_request");
  Request method = request("http://127.0.0.1/");
  method.method = "GET / HTTP/1.1\r\nEvil: ";
  EXPECT_EQ(why(ask(std::move(method))), "bad_request");
}

TEST_F(ClientTest, AHostileServerIsCutOffByName) {
  const std::vector<std::pair<std::string, std::string>> tales{
      {"SSH-2.0-OpenSSH_9.2\r\n", "bad_response"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad_response"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n", "response_too_large"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", "broken"},
      {"HTTP/1.1 200 OK\r\n", "broken"},
      {"", "broken"}};
  start();
  for (const auto& [bytes, name] : tales) {
    Server server{[&, text = bytes](Peer& peer) {
      peer.request();
      peer.say(text);
    }};
    EXPECT_EQ(why(ask(request(server.url()))), name) << bytes;
  }
}

TEST_F(ClientTest, EndlessHeadersAndBodiesEndAtTheirLimit) {
  start();
  for (const std::string start_of : {"HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n",
                                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    std::atomic<std::size_t> said{0};
    Server server{[&](Peer& peer) {
      peer.request();
      peer.say(start_of);
      const std::string more =
          start_of.find("chunked") != std::string::npos ? "1\r\na\r\n" : "A: b\r\n";
      while (peer.say(more)) said += more.size();
    }};
    const auto name = why(ask(request(server.url())));
    EXPECT_TRUE(name == "bad_response" || name == "response_too_large") << name;
  }
}

TEST_F(ClientTest, TheDeadlineIsForAllOfIt) {
  start();
  // A drop at a time: each comes soon, the whole never.
  Server slow{[](Peer& peer) {
    peer.request();
    peer.say("HTTP/1.1 200 OK\r\nA: ");
    while (!peer.ended(milliseconds{5}))
      if (!peer.say("a")) return;
  }};
  Server silent{[](Peer& peer) { peer.wait_for_end(); }};
  for (Server* server : {&slow, &silent}) {
    Request one = request(server->url());
    one.deadline = milliseconds{150};
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(why(ask(std::move(one))), "timed_out");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds{3000});
  }
}

TEST_F(ClientTest, WhoWantsTheStatusAloneWaitsForNoBody) {
  ClientOptions options;
  options.drain_time = milliseconds{50};
  start(options);
  Server server{[](Peer& peer) {
    peer.request();
    peer.say("HTTP/1.1 202 Accepted\r\n\r\n");
    while (!peer.ended(milliseconds{1}))
      if (!peer.say("a")) return;
  }};
  Request one = request(server.url());
  one.wants_body = false;
  const auto out = ask(std::move(one));
  ASSERT_EQ(why(out), "status 202");
  EXPECT_TRUE(std::get<Response>(out).body.empty());
}

TEST_F(ClientTest, ANameServerThatHangsHoldsUpNoOtherName) {
  std::promise<void> let_go;
  auto gone = let_go.get_future().share();
  ClientOptions options;
  options.resolve = [gone](const std::string& name) {
    if (name == "hangs.example") gone.wait();
    return std::vector{*parse_ip("127.0.0.1")};
  };
  Server server{[](Peer& peer) {
    peer.request();
    peer.say(kOk);
  }};
  client = std::make_unique<Client>(registry, options);
  client->start();
  Request hanging = request(server.url("hangs.example"));
  hanging.deadline = milliseconds{200};
  const auto done = std::make_shared<std::promise<Outcome>>();
  auto future = done->get_future();
  client->request(std::move(hanging), [done](Outcome out) { done->set_value(std::move(out)); });
  EXPECT_EQ(why(ask(request(server.url("good.example")))), "status 200");
  EXPECT_EQ(why(future.get()), "timed_out");
  let_go.set_value();
}

TEST_F(ClientTest, SoManyAtOnceAndNoMore) {
  Server server{[](Peer& peer) { peer.wait_for_end(); }};
  ClientOptions options;
  options.requests_max = 2;
  start(options);
  std::atomic<int> ended{0};
  for (int i = 0; i < 2; ++i) client->request(request(server.url()), [&](Outcome) { ++ended; });
  EXPECT_EQ(why(ask(request(server.url()))), "overload");
  client->stop();
  EXPECT_EQ(ended, 2);
}

TEST_F(ClientTest, AStopEndsWhatIsUnderWay) {
  Server server{[](Peer& peer) { peer.wait_for_end(); }};
  start();
  std::string name;
  client->request(request(server.url()), [&](const Outcome& out) { name = why(out); });
  while (server.connections == 0) std::this_thread::yield();
  client->stop();
  EXPECT_EQ(name, "shutting_down");
}

}  // namespace
}  // namespace hookswitch::http_client
