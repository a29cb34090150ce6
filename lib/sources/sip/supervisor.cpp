#include "sources/sip/supervisor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/time.hpp"
#include "sources/sip/protocol.hpp"

namespace hookswitch {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr int kWorkerFd = 3;
constexpr seconds kPingEvery{1};
constexpr seconds kSilentMost{10};
constexpr seconds kTurnMost{5};
constexpr milliseconds kRestartFirst{100};
constexpr milliseconds kRestartMost{5000};
constexpr seconds kRestartForgiven{60};
constexpr seconds kDownAfter{5};
constexpr milliseconds kResubmitAfter{200};
constexpr std::size_t kPendingMax = 10'000;
constexpr std::size_t kLegsMax = 10'000;  // living legs of one source that a new worker is told of

/// The worker has no use for what the daemon has open; none of it may outlive the daemon in a
/// child.
void close_from(int first) noexcept {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
  for (int fd = first; fd < 65536; ++fd) close(fd);
}

struct Child {
  pid_t pid = 0;
  int fd = -1;
};

/// fork + exec. Between them only async-signal-safe calls: other threads may hold any lock.
std::optional<Child> spawn(const SipSupervisorOptions& options) {
  std::vector<char*> argv{const_cast<char*>(options.executable.c_str())};
  for (const std::string& arg : options.args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return std::nullopt;
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    // dup2 onto itself would leave the close-on-exec flag.
    if (ends[1] == kWorkerFd)
      fcntl(kWorkerFd, F_SETFD, 0);
    else if (dup2(ends[1], kWorkerFd) < 0)
      _exit(127);
    close_from(kWorkerFd + 1);
    sip::limit_memory(options.memory_bytes_max);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return std::nullopt;
  }
  fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK);
  return Child{pid, ends[0]};
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  return fmt::format("status {}", WEXITSTATUS(status));
}

}  // namespace

class SipSupervisor::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(SipSupervisorOptions options, FactSink& sink, Registry& metrics)
      : options_(std::move(options)),
        sink_(sink),
        restarts_total_(metrics.counter("hookswitch_sip_worker_restarts_total",
                                        "Starts of the SIP worker after one died.")),
        wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    HS_ASSERT(wake_ >= 0);
    for (const auto& settings : options_.sources) {
      const Labels labels{{"source", settings.name}};
      Source source;
      source.status.org = settings.org;
      source.status.name = settings.name;
      source.status.reason = "starting";
      source.status.watched = static_cast<std::int64_t>(settings.watch.size());
      source.notifies = &metrics.counter("hookswitch_sip_notifies_total",
                                         "NOTIFY requests of our subscriptions.", labels);
      source.anomalies =
          &metrics.counter("hookswitch_sip_anomalies_total",
                           "NOTIFY bodies that were not as RFC 4235 has them.", labels);
      source.active = &metrics.gauge("hookswitch_sip_subscriptions_active",
                                     "Subscriptions the PBX keeps for us.", labels);
      sources_.push_back(std::move(source));
    }
    for (const auto& settings : options_.hep) {
      const Labels labels{{"source", settings.name}};
      Source source;
      source.status.org = settings.org;
      source.status.name = settings.name;
      source.status.reason = "starting";
      source.packets = &metrics.counter("hookswitch_hep_packets_total",
                                        "Packets that mirrors of SIP have sent.", labels);
      const auto refused = [&](const char* reason) {
        return &metrics.counter("hookswitch_hep_refused_total", "Mirrored packets not made use of.",
                                {{"source", settings.name}, {"reason", reason}});
      };
      source.refused = {refused("key"), refused("malformed"), refused("limit"), refused("unread")};
      source.calls = &metrics.gauge("hookswitch_hep_calls", "Mirrored calls followed.", labels);
      sources_.push_back(std::move(source));
    }
  }
  ~Impl() { close(wake_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start() {
    if (sources_.empty() || thread_.joinable()) return;
    turned_ = Clock::now();
    thread_ = std::thread{[this] { run(); }};
  }

  void stop() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock{mutex_};
      stop_asked_ = true;
    }
    wake();
    thread_.join();
  }

  SipStatus status() const {
    const std::lock_guard lock{mutex_};
    SipStatus out;
    out.worker = child_.pid;
    out.restarts = restarts_total_.value();
    const auto at = Clock::now();
    out.answering = sources_.empty() ||
                    (at - turned_ < kTurnMost && (child_.pid == 0 || at - heard_ < kTurnMost));
    for (const Source& source : sources_) out.sources.push_back(source.status);
    return out;
  }

  void refresh(const std::string& org, const std::string& source,
               const std::vector<std::string>& extensions) {
    {
      const std::lock_guard lock{mutex_};
      for (Source& one : sources_)
        if (one.status.org == org && one.status.name == source)
          for (const auto& ext : extensions)
            if (one.refresh.size() < sip::kWatchedMax) one.refresh.insert(ext);
    }
    wake();
  }

  void know(const std::vector<Fact>& legs) {
    for (const Fact& fact : legs)
      for (Source& source : sources_)
        if (source.status.org == fact.org && source.status.name == fact.source &&
            source.legs.size() < kLegsMax)
          source.legs[fact.ids.leg] = fact;
  }

 private:
  struct Source {
    SipSourceStatus status;    ///< as the worker says
    std::optional<bool> told;  ///< what the sink was told
    std::optional<Clock::time_point> down_since;
    std::int64_t notifies_seen = 0, anomalies_seen = 0;  ///< of this worker
    Counter* notifies = nullptr;
    Counter* anomalies = nullptr;
    Gauge* active = nullptr;            ///< nullptr of a mirrored source
    Counter* packets = nullptr;         ///< of a mirrored source alone
    std::array<Counter*, 4> refused{};  ///< by key, malformed, limit, unread
    Gauge* calls = nullptr;
    hep::Counts counts_seen;           ///< of this worker
    std::map<std::string, Fact> legs;  ///< the last fact of each leg that has not ended
    std::set<std::string> refresh;     ///< extensions whose state is to be asked for
  };

  void run() {
    next_start_ = Clock::now();
    while (!finished()) {
      const auto at = Clock::now();
      {
        const std::lock_guard lock{mutex_};
        turned_ = at;
      }
      if (child_.pid == 0 && !stopping_ && at >= next_start_) start_worker();
      beat(at);
      ask_again();
      tell_down(at);
      submit(at);
      write_out();
      wait();
    }
  }

  bool finished() {
    {
      const std::lock_guard lock{mutex_};
      if (!stop_asked_) return false;
    }
    const auto at = Clock::now();
    if (!stopping_) {
      stopping_ = true;
      stop_by_ = at + options_.stop_time;
      out_ += sip::encode(sip::ToWorker{sip::Stop{}});
    }
    if (child_.pid != 0 && at >= stop_by_) kill(child_.pid, SIGKILL);
    if (child_.pid == 0) {
      const std::lock_guard lock{mutex_};
      over_ = true;
    }
    return child_.pid == 0;
  }

  void start_worker() {
    const auto child = spawn(options_);
    const auto at = Clock::now();
    if (!child) {
      log::warning("sip_worker_not_started", {{"why", fmt::format("errno {}", errno)}});
      return plan_restart(at);
    }
    started_at_ = pinged_ = at;
    reader_ = {};
    out_.clear();
    {
      const std::lock_guard lock{mutex_};
      child_ = *child;
      heard_ = at;
    }
    log::info("sip_worker_started", {{"pid", std::to_string(child->pid)}});
    for (const auto& source : options_.sources)
      out_ += sip::encode(sip::ToWorker{sip::Configure{{source}}});
    for (const auto& source : options_.hep)
      out_ += sip::encode(sip::ToWorker{sip::Configure{{}, {source}}});
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      sources_[i].notifies_seen = sources_[i].anomalies_seen = 0;
      sources_[i].counts_seen = {};
      for (const auto& [leg, fact] : sources_[i].legs)
        out_ += sip::encode(sip::ToWorker{sip::Known{i, fact}});
    }
    out_ += sip::encode(sip::ToWorker{sip::Start{}});
    // Who waits to hear whether a call still lives hears it, whatever the former worker was asked.
    const std::lock_guard lock{mutex_};
    for (Source& source : sources_)
      for (const auto& [leg, fact] : source.legs)
        if (source.active != nullptr) source.refresh.emplace(fact.agent.ext);
  }

  void plan_restart(Clock::time_point at) {
    if (at - started_at_ >= kRestartForgiven) back_off_ = kRestartFirst;
    next_start_ = at + back_off_;
    back_off_ = std::min(back_off_ * 2, kRestartMost);
    restarts_total_.add();
  }

  /// The stream has ended or makes no sense: whatever still runs behind it goes.
  void bury() {
    const auto at = Clock::now();
    if (!stopping_) kill(child_.pid, SIGKILL);
    int status = 0;
    const auto reaped = [&](int flags) { return waitpid(child_.pid, &status, flags) != 0; };
    // On stop the worker exits by itself right after it closed the stream; stop_by_ bounds the
    // wait.
    while (stopping_ && !reaped(WNOHANG)) {
      if (Clock::now() >= stop_by_) kill(child_.pid, SIGKILL);
      poll(nullptr, 0, 5);
    }
    if (!stopping_) reaped(0);
    close(child_.fd);
    const pid_t pid = child_.pid;
    const std::lock_guard lock{mutex_};
    child_ = {};
    for (Source& source : sources_) {
      source.status.up = false;
      source.status.subscriptions_active = 0;
      source.status.reason = stopping_ ? "stopping" : "the SIP worker died";
      if (source.active != nullptr) source.active->set(0);
    }
    if (stopping_) {
      log::info("sip_worker_stopped", {{"pid", std::to_string(pid)}});
      return;
    }
    plan_restart(at);
    log::warning("sip_worker_died",
                 {{"pid", std::to_string(pid)},
                  {"how", how_it_ended(status)},
                  {"again_ms", std::to_string((next_start_ - at) / milliseconds{1})}});
  }

  void beat(Clock::time_point at) {
    if (child_.pid == 0) return;
    if (pending_.size() >= kPendingMax) {
      // We do not read it on purpose while the sink takes nothing: that is no silence of its own.
      const std::lock_guard lock{mutex_};
      heard_ = at;
      return;
    }
    if (at - heard_ >= kSilentMost) {
      log::warning("sip_worker_silent", {{"pid", std::to_string(child_.pid)}});
      return bury();
    }
    if (at - pinged_ < kPingEvery) return;
    pinged_ = at;
    out_ += sip::encode(sip::ToWorker{sip::Ping{++pings_}});
  }

  void ask_again() {
    if (child_.pid == 0 || stopping_) return;
    const std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      auto& wanted = sources_[i].refresh;
      if (wanted.empty()) continue;
      out_ += sip::encode(sip::ToWorker{sip::Refresh{i, {wanted.begin(), wanted.end()}}});
      wanted.clear();
    }
  }

  void tell_down(Clock::time_point at) {
    for (Source& source : sources_) {
      if (source.status.up) {
        source.down_since.reset();
        tell(source, true);
      } else if (!source.down_since) {
        source.down_since = at;
      } else if (at - *source.down_since >= kDownAfter && !stopping_) {
        tell(source, false);
      }
    }
  }

  void tell(Source& source, bool up) {
    if (source.told == up) return;
    source.told = up;
    sink_.source_health(source.status.org, source.status.name, up, source.status.reason);
  }

  // ---- the stream
  void wait() {
    const bool read_worker = child_.pid != 0 && pending_.size() < kPendingMax;
    pollfd fds[2] = {{wake_, POLLIN, 0}, {child_.pid != 0 ? child_.fd : -1, 0, 0}};
    fds[1].events = static_cast<short>((read_worker ? POLLIN : 0) | (out_.empty() ? 0 : POLLOUT));
    auto until = Clock::now() + milliseconds{500};
    if (child_.pid == 0 && !stopping_) until = std::min(until, next_start_);
    if (stopping_) until = std::min(until, Clock::now() + milliseconds{50});
    if (!pending_.empty())
      until = std::min(until, std::max(submit_again_, Clock::now() + milliseconds{10}));
    const auto wait_ms = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    poll(fds, 2, static_cast<int>(std::max<std::int64_t>(wait_ms, 0)));
    std::uint64_t count = 0;
    if ((fds[0].revents & POLLIN) != 0) [[maybe_unused]]
      const auto n = read(wake_, &count, sizeof count);
    if (fds[1].revents != 0) read_in();
  }

  void read_in() {
    char bytes[64 * 1024];
    while (pending_.size() < kPendingMax) {
      const ssize_t n = read(child_.fd, bytes, sizeof bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return bury();
      reader_.feed({bytes, static_cast<std::size_t>(n)});
      while (const auto frame = reader_.next()) {
        auto message = sip::decode_to_daemon(*frame);
        if (!message) {
          log::warning("sip_worker_frame_bad", {{"why", message.error().detail}});
          return bury();
        }
        receive(std::move(*message));
      }
      if (reader_.failed()) return bury();
    }
  }

  void write_out() {
    while (child_.pid != 0 && !out_.empty()) {
      const ssize_t n = send(child_.fd, out_.data(), out_.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;  // EAGAIN: poll tells; anything else: the read side sees the end
      out_.erase(0, static_cast<std::size_t>(n));
    }
  }

  void receive(sip::ToDaemon message) {
    {
      const std::lock_guard lock{mutex_};
      heard_ = Clock::now();
    }
    if (auto* fact = std::get_if<sip::FactFrame>(&message)) on_fact(*fact);
    if (const auto* counts = std::get_if<sip::HepCounts>(&message)) on_counts(*counts);
    if (const auto* health = std::get_if<sip::Health>(&message)) on_health(*health);
    if (const auto* line = std::get_if<sip::LogLine>(&message)) on_log(*line);
  }

  void on_fact(sip::FactFrame& frame) {
    if (frame.source >= sources_.size()) return;
    Source& source = sources_[frame.source];
    Fact& fact = frame.fact;
    fact.org = source.status.org;
    fact.source = source.status.name;
    fact.received = now();
    if (fact.type == FactType::ended)
      source.legs.erase(fact.ids.leg);
    else if (source.legs.size() < kLegsMax || source.legs.contains(fact.ids.leg))
      source.legs[fact.ids.leg] = fact;
    pending_.push_back(std::move(fact));
  }

  void on_health(const sip::Health& health) {
    if (health.source >= sources_.size()) return;
    Source& source = sources_[health.source];
    const auto grown = [](std::int64_t& seen, std::int64_t now_seen) {
      return static_cast<std::uint64_t>(
          std::max<std::int64_t>(now_seen - std::exchange(seen, now_seen), 0));
    };
    if (source.active != nullptr) {
      source.notifies->add(grown(source.notifies_seen, health.notifies));
      source.anomalies->add(grown(source.anomalies_seen, health.anomalies));
      source.active->set(health.subscriptions_active);
    }
    const std::lock_guard lock{mutex_};
    source.status.up = health.up;
    source.status.reason = health.reason;
    source.status.subscriptions_active = health.subscriptions_active;
  }

  void on_counts(const sip::HepCounts& told) {
    if (told.source >= sources_.size() || sources_[told.source].packets == nullptr) return;
    Source& source = sources_[told.source];
    const hep::Counts& fresh = told.counts;
    const hep::Counts& seen = source.counts_seen;
    const auto grow = [](Counter& counter, std::int64_t before, std::int64_t after) {
      counter.add(static_cast<std::uint64_t>(std::max<std::int64_t>(after - before, 0)));
    };
    grow(*source.packets, seen.packets, fresh.packets);
    grow(*source.refused[0], seen.key, fresh.key);
    grow(*source.refused[1], seen.malformed, fresh.malformed);
    grow(*source.refused[2], seen.limit, fresh.limit);
    grow(*source.refused[3], seen.unread, fresh.unread);
    source.calls->set(fresh.calls);
    source.counts_seen = fresh;
  }

  void on_log(const sip::LogLine& line) {
    const log::Level level = line.level == "warning" ? log::Level::warning
                             : line.level == "info"  ? log::Level::info
                                                     : log::Level::debug;
    const std::string source =
        line.source && *line.source < sources_.size() ? sources_[*line.source].status.name : "";
    log::write(level, line.event, {{"source", source}, {"why", line.why}});
  }

  // ---- to the sink: one batch under way at a time, so that facts stay in order when one has to
  // wait
  void submit(Clock::time_point at) {
    {
      const std::lock_guard lock{mutex_};
      if (answer_) {
        const auto why = *std::exchange(answer_, std::nullopt);
        if (why == Errc::overload || why == Errc::journal_io) {
          pending_.insert(pending_.begin(), under_way_.begin(), under_way_.end());
          submit_again_ = at + kResubmitAfter;
        }
        under_way_.clear();
      }
    }
    if (!under_way_.empty() || pending_.empty() || at < submit_again_ || stopping_) return;
    const auto count = static_cast<std::ptrdiff_t>(std::min(pending_.size(), kFactsPerRequestMax));
    under_way_.assign(pending_.begin(), pending_.begin() + count);
    pending_.erase(pending_.begin(), pending_.begin() + count);
    // The answer may come after we are gone.
    sink_.submit(under_way_, [weak = weak_from_this()](std::optional<Errc> why) {
      if (const auto self = weak.lock()) self->answered(why);
    });
  }

  void answered(std::optional<Errc> why) {
    {
      const std::lock_guard lock{mutex_};
      if (over_) return;
      answer_.emplace(why);
    }
    wake();
  }

  void wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = write(wake_, &one, sizeof one);
  }

  const SipSupervisorOptions options_;
  FactSink& sink_;
  Counter& restarts_total_;
  const int wake_;
  std::thread thread_;

  mutable std::mutex mutex_;  ///< guards what status(), stop() and answered() share with the thread
  Child child_;
  Clock::time_point turned_{}, heard_{};
  std::vector<Source> sources_;
  bool stop_asked_ = false, over_ = false;
  std::optional<std::optional<Errc>> answer_;

  // the thread's own
  sip::FrameReader reader_;
  std::string out_;
  std::deque<Fact> pending_;
  std::vector<Fact> under_way_;
  Clock::time_point submit_again_{};
  Clock::time_point next_start_{}, started_at_{}, pinged_{}, stop_by_{};
  milliseconds back_off_ = kRestartFirst;
  std::int64_t pings_ = 0;
  bool stopping_ = false;
};

SipSupervisor::SipSupervisor(SipSupervisorOptions options, FactSink& sink, Registry& metrics)
    : impl_(std::make_shared<Impl>(std::move(options), sink, metrics)) {}
SipSupervisor::~SipSupervisor() { stop(); }
void SipSupervisor::refresh(const std::string& org, const std::string& source,
                            const std::vector<std::string>& extensions) {
  impl_->refresh(org, source, extensions);
}
void SipSupervisor::know(const std::vector<Fact>& legs) { impl_->know(legs); }
void SipSupervisor::start() { impl_->start(); }
void SipSupervisor::stop() { impl_->stop(); }
SipStatus SipSupervisor::status() const { return impl_->status(); }

}  // namespace hookswitch
