// ./dev bench journal [FOLDER [SECONDS]]: durable events a second, the journal against SQLite's own
// group commit of the same rows, in turns. See README.md beside this file.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <random>
#include <thread>

#include "bench/journal/plain.hpp"

namespace hookswitch::bench {
namespace {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::size_t kPublishers = 64, kEventBytes = 600, kStateBytes = 1500;
constexpr std::uint64_t kLiveCalls = 2000, kEventsPerCall = 5;
constexpr int kRounds = 3;
constexpr double kWarmUp = 2;  // seconds: until logs have their size

double us(Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

double cpu_s() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

double quantile(std::vector<double>& all, double q) {
  if (all.empty()) return 0;
  std::sort(all.begin(), all.end());
  return all[std::min(all.size() - 1,
                      static_cast<std::size_t>(q * static_cast<double>(all.size())))];
}

/// Events about calls that come and go: each event changes one call, every fifth lets one go.
class Rows {
 public:
  void add(JournalBatch& out) {
    ++offset_;
    const auto base = offset_ / kEventsPerCall;
    const auto call = base + random_() % kLiveCalls;
    out.events.push_back({org_, offset_, now_, {user_}, make_frame(body_)});
    out.calls[id(call)] = state_;
    if (offset_ % kEventsPerCall == 0) out.calls[id(base - 1)] = "";
  }

 private:
  static std::string id(std::uint64_t call) { return fmt::format("01KAG3{:020}", call); }
  std::uint64_t offset_ = 0;
  std::mt19937_64 random_{7};
  const Text org_ = "acme", user_ = "alice";
  const Time now_ = now();
  const std::string body_ = "{\"pad\":\"" + std::string(kEventBytes - 10, 'x') + "\"}";
  const std::string state_ = "{\"pad\":\"" + std::string(kStateBytes - 10, 'y') + "\"}";
};

struct Result {
  double per_second = 0, group = 0, cpu_us = 0, p50 = 0, p99 = 0, p999 = 0, worst = 0;
};

/// One thread asks, one commits whatever was asked for while the last commit ran. `rate` 0: every
/// publisher asks again as soon as it has its answer.
Result drive(const std::function<void(const JournalBatch&)>& commit, Rows& rows, double seconds,
             double rate) {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Clock::time_point> asked;
  std::size_t answered = 0;
  bool stopping = false;
  std::thread publisher{[&] {
    const auto start = Clock::now();
    std::size_t sent = 0;
    std::unique_lock lock{mutex};
    while (!stopping) {
      const auto may = rate > 0 ? static_cast<std::size_t>(us(Clock::now() - start) * rate * 1e-6)
                                : answered + kPublishers;
      for (; sent < may; ++sent) asked.push_back(Clock::now());
      wake.notify_all();
      if (rate > 0)
        wake.wait_for(lock, std::chrono::microseconds{100}, [&] { return stopping; });
      else
        wake.wait(lock, [&] { return stopping || answered + kPublishers > sent; });
    }
  }};
  std::vector<double> waits;
  std::size_t commits = 0;
  const double cpu = cpu_s();
  const auto start = Clock::now();
  while (us(Clock::now() - start) < seconds * 1e6) {
    std::deque<Clock::time_point> mine;
    {
      std::unique_lock lock{mutex};
      wake.wait(lock, [&] { return !asked.empty(); });
      mine.swap(asked);
    }
    JournalBatch batch;
    for (std::size_t i = 0; i < mine.size(); ++i) rows.add(batch);
    commit(batch);
    ++commits;
    const auto end = Clock::now();
    for (const auto& at : mine) waits.push_back(us(end - at));
    {
      const std::lock_guard lock{mutex};
      answered += mine.size();
    }
    wake.notify_all();
  }
  const double took = us(Clock::now() - start) * 1e-6;
  const double used = cpu_s() - cpu;
  {
    const std::lock_guard lock{mutex};
    stopping = true;
  }
  wake.notify_all();
  publisher.join();
  const auto count = static_cast<double>(waits.size());
  return {count / took,          count / static_cast<double>(commits),
          used * 1e6 / count,    quantile(waits, 0.5),
          quantile(waits, 0.99), quantile(waits, 0.999),
          quantile(waits, 1.0)};
}

void print(const char* name, const Result& r) {
  fmt::print(
      "{:8} {:8.0f} events/s, {:5.1f} a commit, {:6.1f} us CPU each; answer p50 {:7.0f}  p99 "
      "{:7.0f}  "
      "p99.9 {:7.0f}  worst {:7.0f} us\n",
      name, r.per_second, r.group, r.cpu_us, r.p50, r.p99, r.p999, r.worst);
}

double median(std::vector<double> all) { return quantile(all, 0.5); }

/// A journal of 1 GiB that nothing has of in memory, opened after a clean stop.
int open_large(const fs::path& folder) {
  const std::string path = (folder / "large.db").string();
  {
    JournalOptions options;
    options.path = path;
    auto journal = Journal::open(options, now());
    Rows rows;
    while (journal && fs::file_size(path) < std::uintmax_t{1} << 30) {
      JournalBatch batch;
      for (int i = 0; i < 2000; ++i) rows.add(batch);
      if (!(*journal)->commit(batch)) return 1;
    }
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::fsync(fd);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  ::close(fd);
  const auto start = Clock::now();
  JournalOptions options;
  options.path = path;
  const auto journal = Journal::open(options, now());
  if (!journal) return 1;
  const auto opened = us(Clock::now() - start);
  const auto calls = (*journal)->load_calls();
  fmt::print("open     a journal of {} MiB from the disk: {:.0f} ms, and its {} calls {:.0f} ms\n",
             fs::file_size(path) >> 20, opened / 1000, calls ? calls->size() : 0,
             us(Clock::now() - start) / 1000 - opened / 1000);
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) fs::remove(path + suffix);
  return 0;
}

int run(const fs::path& folder, double seconds) {
  fs::create_directories(folder);
  for (const double rate : {0.0, 5000.0}) {
    std::vector<double> per_second, p99;
    fmt::print("{}\n", rate > 0 ? "5000 events/s" : "64 publishers, each waits for its answer");
    for (int round = 0; round < kRounds; ++round) {
      Result plain, ours;
      {
        PlainSqlite database{(folder / "plain.db").string()};
        Rows rows;
        const auto commit = [&](const JournalBatch& batch) { database.commit(batch); };
        drive(commit, rows, kWarmUp, 0);
        plain = drive(commit, rows, seconds, rate);
      }
      {
        JournalOptions options;
        options.path = (folder / "journal.db").string();
        auto journal = Journal::open(options, now());
        if (!journal) {
          fmt::print(stderr, "{}\n", journal.error().detail);
          return 1;
        }
        Rows rows;
        const auto commit = [&](const JournalBatch& batch) {
          if (auto stored = (*journal)->commit(batch); !stored) {
            fmt::print(stderr, "{}\n", stored.error().detail);
            std::exit(1);
          }
        };
        drive(commit, rows, kWarmUp, 0);
        ours = drive(commit, rows, seconds, rate);
      }
      for (const char* name : {"plain.db", "journal.db"})
        for (const char* suffix : {"", "-wal", "-shm", ".lock"})
          fs::remove(folder / (std::string{name} + suffix));
      print("plain", plain);
      print("journal", ours);
      per_second.push_back(ours.per_second / plain.per_second);
      p99.push_back(ours.p99 / plain.p99);
    }
    fmt::print("ratio    journal/plain: events/s {:.2f}, p99 {:.2f} (medians of {})\n",
               median(per_second), median(p99), kRounds);
  }
  return open_large(folder);
}

}  // namespace
}  // namespace hookswitch::bench

int main(int argc, char** argv) {
  const auto folder = std::filesystem::path{argc > 1 ? argv[1] : "build/bench/journal"};
  return hookswitch::bench::run(folder, argc > 2 ? std::strtod(argv[2], nullptr) : 5);
}
