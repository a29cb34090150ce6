#include "sources/sip/supervisor.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>

#include "support/temp_folder.hpp"

namespace hookswitch {
namespace {

class CountingSink final : public FactSink {
 public:
  void submit(std::vector<Fact>, Done done, SourceInputPtr) override { done(std::nullopt); }
  void source_health(const std::string&, const std::string&, bool, const std::string&) override {}
};

bool wait_until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

SipSupervisorOptions options(std::string executable, std::vector<std::string> args) {
  SipSupervisorOptions out{.executable = std::move(executable), .args = std::move(args)};
  out.sources.push_back(
      {.org = "acme", .name = "hq", .server = "sip:127.0.0.1:9", .watch = {"101"}});
  out.stop_time = std::chrono::milliseconds{100};  // these workers never stop by themselves
  return out;
}

TEST(SipSupervisor, WorkerThatDiesIsStartedAgainAndCounted) {
  CountingSink sink;
  Registry metrics;
  SipSupervisor supervisor{options("/bin/false", {}), sink, metrics};
  supervisor.start();
  EXPECT_TRUE(
      wait_until([&] { return metrics.value("hookswitch_sip_worker_restarts_total") >= 2; }));
  supervisor.stop();
}

TEST(SipSupervisor, KilledWorkerIsReplacedByAnother) {
  CountingSink sink;
  Registry metrics;
  SipSupervisor supervisor{options("/bin/sleep", {"60"}), sink, metrics};
  supervisor.start();
  ASSERT_TRUE(wait_until([&] { return supervisor.status().worker > 0; }));
  const pid_t first = supervisor.status().worker;
  kill(first, SIGKILL);
  EXPECT_TRUE(wait_until(
      [&] { return supervisor.status().worker > 0 && supervisor.status().worker != first; }));
  EXPECT_EQ(supervisor.status().restarts, 1U);
}

TEST(SipSupervisor, WorkerThatDoesNotStopIsKilledAndReaped) {
  CountingSink sink;
  Registry metrics;
  SipSupervisor supervisor{options("/bin/sleep", {"60"}), sink, metrics};
  supervisor.start();
  ASSERT_TRUE(wait_until([&] { return supervisor.status().worker > 0; }));
  const pid_t worker = supervisor.status().worker;
  supervisor.stop();
  EXPECT_EQ(kill(worker, 0), -1);
  EXPECT_EQ(supervisor.status().worker, 0);
}

TEST(SipSupervisor, WorkerThatSpeaksNonsenseIsReplaced) {
  CountingSink sink;
  Registry metrics;
  SipSupervisor supervisor{options("/bin/sh", {"-c", "echo nonsense >&3; sleep 60"}), sink,
                           metrics};
  supervisor.start();
  EXPECT_TRUE(
      wait_until([&] { return metrics.value("hookswitch_sip_worker_restarts_total") >= 1; }));
}

TEST(SipSupervisor, WithoutSourcesNothingIsStarted) {
  CountingSink sink;
  Registry metrics;
  SipSupervisor supervisor{{.executable = "/bin/false"}, sink, metrics};
  supervisor.start();
  EXPECT_EQ(supervisor.status().worker, 0);
  EXPECT_TRUE(supervisor.status().answering);
}

TEST(SipSupervisor, RefreshReachesTheWorker) {
  const testing_support::TempFolder folder;
  CountingSink sink;
  Registry metrics;
  SipSupervisor supervisor{options("/bin/sh", {"-c", "exec cat <&3 >" + folder.path("frames")}),
                           sink, metrics};
  supervisor.refresh("acme", "hq", {"101", "102"});  // also before there is one
  supervisor.refresh("acme", "unknown", {"103"});
  supervisor.start();
  std::string frames;
  EXPECT_TRUE(wait_until([&] {
    std::ifstream in{folder.path("frames"), std::ios::binary};
    frames.assign(std::istreambuf_iterator<char>{in}, {});
    return frames.find(R"({"op":"refresh","source":0,"extensions":["101","102"]})") !=
           std::string::npos;
  })) << frames;
  EXPECT_EQ(frames.find("103"), std::string::npos);
}

TEST(SipSupervisor, NewWorkerIsAskedOfTheLegsThatLived) {
  const testing_support::TempFolder folder;
  CountingSink sink;
  Registry metrics;
  SipSupervisor supervisor{options("/bin/sh", {"-c", "exec cat <&3 >" + folder.path("frames")}),
                           sink, metrics};
  Fact leg;
  leg.org = "acme";
  leg.source = "hq";
  leg.type = FactType::answered;
  leg.ids.leg = "101/a";
  leg.agent.ext = "101";
  supervisor.know({leg});
  supervisor.start();
  EXPECT_TRUE(wait_until([&] {
    std::ifstream in{folder.path("frames"), std::ios::binary};
    const std::string frames{std::istreambuf_iterator<char>{in}, {}};
    return frames.find(R"({"op":"refresh","source":0,"extensions":["101"]})") != std::string::npos;
  }));
}

}  // namespace
}  // namespace hookswitch
