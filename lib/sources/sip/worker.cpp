#include "sources/sip/worker.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdarg>
#include <memory>
#include <vector>

#include "base/assert.hpp"
#include "base/time.hpp"
#include "sources/hep/listener.hpp"
#include "sources/sip/process.hpp"
#include "sources/sip/protocol.hpp"
#include "sources/sip/watcher.hpp"

namespace hookswitch::sip {
class Worker;
}
#define SU_ROOT_MAGIC_T hookswitch::sip::Worker
#define SU_WAKEUP_ARG_T hookswitch::sip::Worker
#define SU_TIMER_ARG_T hookswitch::sip::Worker
#include <sofia-sip/su.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/su_wait.h>

namespace hookswitch::sip {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kTurnMs = 100;
constexpr int kSubscribesPerTurn = 5;  // 50 a second: what a small PBX takes without dropping calls
constexpr std::size_t kOutBytesMax = 8 * 1024 * 1024;  // the daemon has not read for a long time
constexpr std::size_t kOutPauseBytes =
    1024 * 1024;  // mirrored packets are dropped before a slow daemon costs the subscriptions
constexpr int kTurnsPerTick = 10;
constexpr std::chrono::seconds kStopTime{2};

}  // namespace

class Worker final : public WatcherOwner {
 public:
  explicit Worker(int fd) : fd_(fd) {}

  int run();

  void on_facts(std::size_t source, std::vector<Fact> facts) override {
    for (Fact& fact : facts) send(FactFrame{source, std::move(fact)});
  }
  void on_log(const char* level, const char* event, std::size_t source,
              std::string_view why) override {
    send(LogLine{level, event, source, std::string{why}});
  }

  void on_stream() noexcept;
  void on_signal() noexcept { stop(); }
  void on_turn() noexcept;
  void on_mirror() noexcept;

 private:
  void receive(const ToWorker& message);
  void configure(const SourceSettings& settings);
  void configure(const hep::SourceSettings& settings);
  void report();
  void send(const ToDaemon& message);
  void flush();
  void stop();
  void fail() {
    status_ = 1;
    stop();
  }

  int fd_;
  int status_ = 0;
  int stream_index_ = -1;
  su_root_t* root_ = nullptr;
  FrameReader reader_;
  std::string out_;
  std::vector<std::unique_ptr<Watcher>> watchers_;  ///< nullptr: a source that could not be started
  std::vector<std::unique_ptr<hep::Listener>>
      listeners_;  ///< in the same places; nullptr where there is a watcher
  std::vector<hep::Counts> counts_told_;
  int turns_ = 0;
  std::vector<Health> told_;
  bool started_ = false;
  std::optional<Clock::time_point> stop_by_;
};

namespace {

// noexcept: an exception must not unwind through sofia's C frames.
extern "C" int hookswitch_sip_on_stream(Worker*, su_wait_t*, Worker* worker) noexcept {
  worker->on_stream();
  return 0;
}
extern "C" int hookswitch_sip_on_signal(Worker*, su_wait_t*, Worker* worker) noexcept {
  worker->on_signal();
  return 0;
}
extern "C" void hookswitch_sip_on_turn(Worker*, su_timer_t*, Worker* worker) noexcept {
  worker->on_turn();
}
extern "C" int hookswitch_sip_on_mirror(Worker*, su_wait_t*, Worker* worker) noexcept {
  worker->on_mirror();
  return 0;
}
// sofia prints what peers send, line ends included.
extern "C" void hookswitch_sip_no_log(void*, const char*, va_list) noexcept {}

}  // namespace

int Worker::run() {
  su_init();
  su_log_redirect(nullptr, hookswitch_sip_no_log, nullptr);
  su_log_redirect(su_log_default, hookswitch_sip_no_log, nullptr);
  root_ = su_root_create(this);
  HS_ASSERT(root_ != nullptr);
  su_root_threading(root_, 0);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  HS_ASSERT(signal_fd >= 0);
  fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);

  su_wait_t stream[1], signal[1];
  su_wait_create(stream, fd_, SU_WAIT_IN);
  su_wait_create(signal, signal_fd, SU_WAIT_IN);
  stream_index_ = su_root_register(root_, stream, hookswitch_sip_on_stream, this, 0);
  HS_ASSERT(stream_index_ >= 0);
  HS_ASSERT(su_root_register(root_, signal, hookswitch_sip_on_signal, this, 0) >= 0);
  su_timer_t* timer = su_timer_create(su_root_task(root_), kTurnMs);
  su_timer_set_for_ever(timer, hookswitch_sip_on_turn, this);
  su_root_run(root_);
  return status_;
}

void Worker::on_stream() noexcept {
  char bytes[16 * 1024];
  for (;;) {
    const ssize_t n = read(fd_, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) {
      // The daemon is gone. Unsubscribe, as on stop; the socket would wake us for ever.
      su_root_deregister(root_, stream_index_);
      stop();
      return;
    }
    reader_.feed({bytes, static_cast<std::size_t>(n)});
    while (const auto frame = reader_.next()) {
      const auto message = decode_to_worker(*frame);
      if (!message) return fail();
      receive(*message);
    }
    if (reader_.failed()) return fail();
  }
}

void Worker::receive(const ToWorker& message) {
  if (const auto* m = std::get_if<Configure>(&message)) {
    for (const SourceSettings& source : m->sources) configure(source);
    for (const hep::SourceSettings& source : m->hep) configure(source);
  } else if (const auto* known = std::get_if<Known>(&message)) {
    if (known->source < watchers_.size() && watchers_[known->source])
      watchers_[known->source]->restore(known->fact);
    if (known->source < listeners_.size() && listeners_[known->source])
      listeners_[known->source]->restore(known->fact, now());
  } else if (std::holds_alternative<Start>(message)) {
    started_ = true;
  } else if (std::holds_alternative<Stop>(message)) {
    stop();
  } else if (const auto* refresh = std::get_if<Refresh>(&message)) {
    if (refresh->source < watchers_.size() && watchers_[refresh->source])
      watchers_[refresh->source]->refresh(refresh->extensions);
  } else if (const auto* ping = std::get_if<Ping>(&message)) {
    send(Pong{ping->n});
  }
}

void Worker::configure(const SourceSettings& settings) {
  const std::size_t index = watchers_.size();
  Health none;
  none.source = index;
  none.watched = static_cast<std::int64_t>(settings.watch.size());
  std::unique_ptr<Watcher> watcher;
  if (const auto problems = check(settings); !problems.empty()) {
    none.reason = problems.front().key + " " + problems.front().what;
  } else {
    watcher = Watcher::create(root_, index, settings, *this);
    if (!watcher) none.reason = "no socket could be opened";
  }
  if (!watcher) send(none);
  watchers_.push_back(std::move(watcher));
  listeners_.push_back(nullptr);
  counts_told_.emplace_back();
  told_.push_back(none);
}

void Worker::configure(const hep::SourceSettings& settings) {
  Health health;
  health.source = watchers_.size();
  std::unique_ptr<hep::Listener> listener;
  if (const auto problems = hep::check(settings); !problems.empty())
    health.reason = problems.front().key + " " + problems.front().what;
  else
    listener = hep::Listener::create(settings, health.reason);
  if (listener) {
    su_wait_t packets[1];
    su_wait_create(packets, listener->fd(), SU_WAIT_IN);
    HS_ASSERT(su_root_register(root_, packets, hookswitch_sip_on_mirror, this, 0) >= 0);
    health.up = true;
  }
  send(health);
  watchers_.push_back(nullptr);
  listeners_.push_back(std::move(listener));
  counts_told_.emplace_back();
  told_.push_back(std::move(health));
}

void Worker::on_mirror() noexcept {
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (!listeners_[i]) continue;
    std::vector<Fact> facts;
    listeners_[i]->read(!started_ || stop_by_ || out_.size() > kOutPauseBytes, now(), facts);
    on_facts(i, std::move(facts));
  }
}

void Worker::on_turn() noexcept {
  int budget = kSubscribesPerTurn;
  bool all_stopped = true;
  for (const auto& watcher : watchers_) {
    if (!watcher) continue;
    if (started_) budget -= watcher->turn(budget);
    all_stopped = all_stopped && watcher->stopped();
  }
  if (started_ && !stop_by_ && ++turns_ % kTurnsPerTick == 0) {
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
      if (!listeners_[i]) continue;
      std::vector<Fact> facts;
      listeners_[i]->tick(now(), facts);
      on_facts(i, std::move(facts));
    }
  }
  if (stop_by_ && (all_stopped || Clock::now() >= *stop_by_)) su_root_break(root_);
  if (started_ && !stop_by_) report();
  flush();
}

void Worker::report() {
  for (std::size_t i = 0; i < watchers_.size(); ++i) {
    if (listeners_[i]) {
      const auto counts = listeners_[i]->counts();
      if (counts != counts_told_[i]) send(HepCounts{i, counts});
      counts_told_[i] = counts;
    }
    if (!watchers_[i]) continue;
    Health health = watchers_[i]->health();
    if (health == told_[i]) continue;
    send(health);
    told_[i] = std::move(health);
  }
}

void Worker::send(const ToDaemon& message) {
  out_ += encode(message);
  // Silence is better than an end without unsubscribing, but a daemon that does not read will not
  // come back.
  if (out_.size() > kOutBytesMax) _exit(1);
  flush();
}

void Worker::flush() {
  while (!out_.empty()) {
    const ssize_t n = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      if (errno != EAGAIN) out_.clear();
      return;
    }
    out_.erase(0, static_cast<std::size_t>(n));
  }
}

void Worker::stop() {
  if (stop_by_) return;
  stop_by_ = Clock::now() + kStopTime;
  for (const auto& watcher : watchers_)
    if (watcher) watcher->stop();
}

int run_sip_worker(int fd) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the whole group; the daemon tells us when
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  limit_memory(kWorkerMemoryDefault);
  // Never destroyed: sofia's handles point into it until the process is gone.
  auto* worker = new Worker{fd};
  const int status = worker->run();
  _exit(status);
}

}  // namespace hookswitch::sip
