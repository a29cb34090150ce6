#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "unit/http/server_fixture.hpp"

namespace hookswitch::http {
namespace {

using ListenerTest = ServerTest;

const std::string kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

int connect_to(int socket, const std::string& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

TEST_F(ListenerTest, InheritedSocketIsUsedAsItIs) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  ASSERT_EQ(::listen(socket, 16), 0);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size);
  const std::string want = "127.0.0.1:" + std::to_string(ntohs(bound.sin_port));
  RawClient early{want};  // before there is a server
  ASSERT_TRUE(early.connected());
  options.listen = {Listener{.address = "ignored", .fd = socket}};
  start();
  EXPECT_EQ(address, want);
  EXPECT_EQ(early.request(kGet).status, 200U);
}

TEST_F(ListenerTest, InheritedDescriptorThatDoesNotListenIsRefused) {
  const int plain = ::open("/dev/null", O_RDONLY), deaf = ::socket(AF_INET, SOCK_STREAM, 0);
  for (const int fd : {plain, deaf, 19'999}) {
    ServerOptions wrong;
    wrong.listen = {Listener{.fd = fd}};
    Server other{wrong, handler, registry};
    const auto started = other.start();
    ASSERT_FALSE(started) << fd;
    EXPECT_NE(started.error().detail.find(std::to_string(fd)), std::string::npos);
  }
  ::close(plain);
  ::close(deaf);
}

TEST_F(ListenerTest, PartsAreHandedThrough) {
  options.listen = {Listener{.address = "127.0.0.1:0", .parts = {"hooks"}},
                    Listener{.address = "127.0.0.1:0"}};
  start();
  EXPECT_EQ(RawClient{server->bound()[1]}.request(kGet).status, 200U);
  EXPECT_EQ(handler.log.count("part hooks"), 0U);
  EXPECT_EQ(RawClient{server->bound()[0]}.request(kGet).status, 200U);
  EXPECT_EQ(handler.log.count("part hooks"), 1U);
}

TEST_F(ListenerTest, StormIsAcceptedOverAllThreads) {
  options.io_threads = 2;
  start();
  std::vector<std::unique_ptr<RawClient>> all;
  for (int i = 0; i < 1500; ++i) all.push_back(std::make_unique<RawClient>(address));
  for (auto& each : all) ASSERT_TRUE(each->send(kGet));
  for (auto& each : all) ASSERT_EQ(each->response().status, 200U);
  EXPECT_EQ(registry.value("hookswitch_http_connections"), 1500);
  all.clear();
  EXPECT_EQ(RawClient{address}.request(kGet).status, 200U);
}

/// Leaves no descriptor free while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(lowest_free);
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(ListenerTest, UsedUpDescriptorsEndConnectionsInsteadOfHangingThem) {
  start();
  RawClient old{address};
  EXPECT_EQ(old.request(kGet).status, 200U);
  std::vector<int> sockets;
  for (int i = 0; i < 20; ++i) sockets.push_back(::socket(AF_INET, SOCK_STREAM, 0));
  {
    const NoDescriptors none;
    for (const int socket : sockets) {
      ASSERT_EQ(connect_to(socket, address), 0);
      timeval limit{10, 0};
      ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      char byte = 0;
      const auto got = ::recv(socket, &byte, 1, 0);
      EXPECT_TRUE(got == 0 || (got < 0 && errno == ECONNRESET)) << errno;
    }
    EXPECT_EQ(old.request(kGet).status, 200U) << "who was there is served";
  }
  for (const int socket : sockets) ::close(socket);
  EXPECT_EQ(registry.value("hookswitch_http_turned_away_total"), 20);
  const auto errors = registry.value("hookswitch_http_accept_errors_total");
  EXPECT_GE(errors, 1);
  EXPECT_LE(errors, 100) << "it spins";
  EXPECT_EQ(RawClient{address}.request(kGet).status, 200U) << "it does not accept again";
}

}  // namespace
}  // namespace hookswitch::http
