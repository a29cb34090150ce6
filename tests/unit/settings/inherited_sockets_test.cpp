#include "daemon/inherited_sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace hookswitch {
namespace {

std::vector<http::Listener> listeners(std::initializer_list<const char*> addresses) {
  std::vector<http::Listener> out;
  for (const char* address : addresses) out.emplace_back().address = address;
  return out;
}

TEST(InheritedSockets, AreMatchedByAddressWhateverTheirOrder) {
  Problems problems;
  const auto out = with_sockets(listeners({"127.0.0.1:80", "127.0.0.1:81", "127.0.0.1:82"}),
                                {{3, "127.0.0.1:82"}, {4, "127.0.0.1:80"}}, problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(out[0].fd, 4);
  EXPECT_EQ(out[1].fd, -1) << "it binds its own";
  EXPECT_EQ(out[2].fd, 3);
}

TEST(InheritedSockets, SpellingOfAnIpv6AddressDoesNotMatter) {
  Problems problems;
  EXPECT_EQ(with_sockets(listeners({"[0:0::1]:80"}), {{3, "[::1]:80"}}, problems)[0].fd, 3);
  EXPECT_TRUE(problems.empty());
}

TEST(InheritedSockets, OneThatNobodyServesIsAProblem) {
  Problems problems;
  with_sockets(listeners({"127.0.0.1:80"}),
               {{3, "127.0.0.1:81"}, {4, ""}, {5, "127.0.0.1:80"}, {6, "127.0.0.1:80"}}, problems);
  ASSERT_EQ(problems.size(), 3u);
  EXPECT_NE(problems[0].find("127.0.0.1:81"), std::string::npos);
  EXPECT_NE(problems[1].find("descriptor 4"), std::string::npos);
  EXPECT_NE(problems[2].find("127.0.0.1:80"), std::string::npos);
}

TEST(InheritedSockets, VariablesForAnotherProcessMeanNothing) {
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_PID", "1", 1);
  EXPECT_TRUE(take_inherited_sockets().empty());
  EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
  EXPECT_EQ(std::getenv("LISTEN_PID"), nullptr);
}

/// In a process of its own, whose descriptor 3 may be anything: 0 if all is as it should be.
[[noreturn]] void take_one_of_each() {
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof local;
  if (::bind(listening, reinterpret_cast<const sockaddr*>(&local), size) != 0 ||
      ::listen(listening, 1) != 0 ||
      ::getsockname(listening, reinterpret_cast<sockaddr*>(&local), &size) != 0)
    ::_exit(2);
  const int other = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::dup2(listening, 50) != 50 || ::dup2(other, 51) != 51 || ::dup2(50, 3) != 3 ||
      ::dup2(51, 4) != 4)
    ::_exit(3);
  ::setenv("LISTEN_FDS", "2", 1);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  const auto taken = take_inherited_sockets();
  const bool good = taken.size() == 2 && taken[0].fd == 3 && taken[1].fd == 4 &&
                    taken[0].address == "127.0.0.1:" + std::to_string(ntohs(local.sin_port)) &&
                    taken[1].address.empty() && (::fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 &&
                    (::fcntl(4, F_GETFD) & FD_CLOEXEC) != 0;
  ::_exit(good ? 0 : 1);
}

TEST(InheritedSockets, AreToldByAddressAndAreNotForChildren) {
  EXPECT_EXIT(take_one_of_each(), testing::ExitedWithCode(0), "");
}

TEST(InheritedSockets, NonsenseInTheVariablesGivesNone) {
  for (const char* count : {"", "x", "-1", "1e9", " 1"}) {
    ::setenv("LISTEN_FDS", count, 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    EXPECT_TRUE(take_inherited_sockets().empty()) << count;
  }
}

}  // namespace
}  // namespace hookswitch
