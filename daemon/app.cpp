#include "daemon/app.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <poll.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <tuple>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "daemon/notify.hpp"
#include "daemon/open_files.hpp"
#include "daemon/version.hpp"

namespace hookswitch {
namespace {

// Of the five seconds that a stop may take: for answering what is in hand, then for what clients
// still have to read.
constexpr auto kDrainTime = std::chrono::milliseconds{2500};
constexpr auto kPartTime = std::chrono::milliseconds{4000};
constexpr auto kPlaceTime = std::chrono::milliseconds{2000};
constexpr auto kLastPosts = std::chrono::milliseconds{1000};
constexpr auto kStuck = std::chrono::seconds{3};  // threads turn at least once a second
constexpr auto kStartTime = std::chrono::seconds{
    10};  // sources may take this long before we call ourselves ready without them

std::string own_executable() {
  char path[4096];
  const auto size = ::readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string{path, static_cast<std::size_t>(size)} : "hookswitchd";
}

std::vector<BrokerSource> broker_sources(const Settings& settings) {
  std::vector<BrokerSource> out;
  for (const auto& [name, source] : settings.webhooks)
    out.push_back({source.org, name, source.rules, true, true});  // asked by a WebSocket of theirs
  for (const auto& [source, hook, rules] : settings.dial_sources)
    out.push_back({source.org, source.name, rules, true, true});
  for (std::size_t i = 0; i < settings.sip_sources.size(); ++i) {
    const auto& source = settings.sip_sources[i];
    out.push_back({source.org, source.name, settings.sip_rules[i], true});
  }
  for (std::size_t i = 0; i < settings.hep_sources.size(); ++i) {
    const auto& source = settings.hep_sources[i];
    out.push_back({source.org, source.name, settings.hep_rules[i]});
  }
  return out;
}

BrokerOptions broker_options(const Settings& settings) {
  return {settings.journal_path,
          settings.retention,
          settings.orgs,
          random_u64(),
          settings.calls,
          settings.recorder,
          broker_sources(settings),
          settings.budgets,
          settings.journal_bytes_max};
}

/// Beside the journal, whose cursors it holds.
std::string sink_folder(const std::string& journal_path) {
  if (journal_path == kMemoryJournal) return {};
  return journal_path + ".sinks";
}

bool same_calls(const CallLimits& a, const CallLimits& b) {
  return std::tie(a.settle, a.fusion_window, a.tuple_guard, a.keep_ended, a.unanswered_silence,
                  a.answered_silence,
                  a.check_time) == std::tie(b.settle, b.fusion_window, b.tuple_guard, b.keep_ended,
                                            b.unanswered_silence, b.answered_silence, b.check_time);
}

http::ServerOptions server_options(const Settings& settings,
                                   std::vector<http::Listener> listeners) {
  http::ServerOptions out = settings.server;
  out.listen = std::move(listeners);
  // Beyond it accepting fails, and with it whatever else wants a file. Not an error of the file: it
  // may be checked, or written, where the limit is another.
  out.connections_max = std::min(out.connections_max, connections_possible());
  return out;
}

SipSupervisorOptions sip_options(const Settings& settings) {
  SipSupervisorOptions out;
  out.executable = own_executable();
  out.sources = settings.sip_sources;
  out.hep = settings.hep_sources;
  return out;
}

/// What of each file of keys verifies tokens; who wonders why one does not finds it here.
void tell_keys(const Settings& settings) {
  for (const auto& file : settings.key_files)
    log::notice("token_keys", {{"file", file.path},
                               {"taken", std::to_string(file.taken)},
                               {"other_kind", std::to_string(file.other_kind)},
                               {"other_use", std::to_string(file.other_use)}});
}

}  // namespace

App::App(std::shared_ptr<const Settings> settings, std::vector<http::Listener> listeners)
    : settings_(std::move(settings)),
      broker_(broker_options(*settings_), settings_->directory, registry_),
      feeds_(broker_, registry_),
      intake_(broker_, registry_),
      outgoing_(registry_),
      sinks_(
          outgoing_,
          [this](std::function<void(History&)> read) { return broker_.past(std::move(read)); },
          sink_folder(settings_->journal_path), registry_),
      api_(settings_, broker_, feeds_, intake_, sinks_, registry_,
           {[this] { return readiness(); }, [this] { return alive(); }}),
      server_(server_options(*settings_, std::move(listeners)), api_, registry_),
      sip_(sip_options(*settings_), broker_, registry_),
      started_(std::chrono::steady_clock::now()) {}

// Before the parts that its thread calls.
App::~App() {
  outgoing_.stop();
  broker_.stop();
}

bool App::start() {
  log::set_level(settings_->log_level);
  broker_.set_ask([this](const std::string& org, const std::string& source,
                         const std::vector<std::string>& extensions) {
    sip_.refresh(org, source, extensions);
    feeds_.ask(org, source);
  });
  broker_.set_told([this](const std::vector<Event>& events) {
    for (std::size_t i = 0; i < events.size(); ++i)
      if (i == 0 || events[i].org != events[i - 1].org) sinks_.told(events[i].org);
  });
  if (auto started = broker_.start(); !started) {
    log::error(
        "start_failed",
        {{"part", "journal"}, {"path", settings_->journal_path}, {"why", started.error().detail}});
    return false;
  }
  for (const auto& [name, source] : settings_->webhooks)
    feeds_.know(broker_.living_legs(source.org, name));
  dial();
  feeds_.start();
  outgoing_.start();
  sinks_.configure(settings_->sinks, settings_->directory);
  sinks_.wait_for_places(kPlaceTime);
  api_.restore_deliveries(broker_.take_notes());
  if (auto started = server_.start(); !started) {
    log::error("start_failed", {{"part", "listener"}, {"why", started.error().detail}});
    return false;
  }
  const auto bound = server_.bound();
  api_.set_bound(bound);
  std::vector<Fact> known;
  for (const auto& source : settings_->sip_sources)
    for (auto& fact : broker_.living_legs(source.org, source.name))
      known.push_back(std::move(fact));
  for (const auto& source : settings_->hep_sources)
    for (auto& fact : broker_.living_legs(source.org, source.name))
      known.push_back(std::move(fact));
  sip_.know(known);
  sip_.start();
  tell_keys(*settings_);
  if (const auto possible = connections_possible(); settings_->server.connections_max > possible)
    log::warning("connections_max_lowered",
                 {{"connections_max", std::to_string(settings_->server.connections_max)},
                  {"possible", std::to_string(possible)},
                  {"why", "the limit of open files; raise LimitNOFILE= of the unit or ulimit -n"}});
  for (const auto& address : bound) log::notice("listening", {{"address", address}});
  log::notice("started", {{"version", kVersion}, {"config", settings_->file}});
  return true;
}

void App::dial() {
  for (const auto& [source, hook, rules] : settings_->dial_sources) {
    feeds_.know(broker_.living_legs(source.org, source.name));
    feeds_.dial(source, [this](const feed::DialSettings& from, std::string event) {
      const auto settings_now = settings();
      for (const auto& one : settings_now->dial_sources) {
        if (one.settings.org != from.org || one.settings.name != from.name) continue;
        HookRequest ask;
        ask.method = "POST";
        ask.headers = {{"content-type", "application/json"}};
        ask.body = std::move(event);
        ask.received = now();
        // A fault is of this event alone, and counted.
        (void)intake_.take(*one.hook, std::move(ask), *feeds_.feed(from.org, from.name));
        return;
      }
    });
  }
}

int App::run() {
  // Blocked before any thread is made, so that every thread inherits it and signals come by the
  // descriptor alone.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const int fd = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0 || !start()) {
    if (fd >= 0) ::close(fd);
    return 1;
  }
  broker_turned_ = server_turned_ = feeds_turned_ = outgoing_turned_ =
      std::chrono::steady_clock::now();  // just begun is not stuck
  notify_systemd("READY=1\nSTATUS=serving");
  const auto pause =
      std::min(watchdog_pause().value_or(std::chrono::seconds{1}), std::chrono::milliseconds{1000});
  for (bool running = true; running;) {
    pollfd wait{fd, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(pause.count()));
    if (ready < 0 && errno != EINTR) break;
    signalfd_siginfo info{};
    if (ready > 0 && ::read(fd, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGHUP)
        reload();
      else
        running = false;
    }
    watch();
  }
  ::close(fd);
  stop();
  return 0;
}

void App::watch() {
  // Fed only while every thread turns and the SIP process answers.
  const auto at = std::chrono::steady_clock::now();
  const auto seen = [at](std::uint64_t turns, std::uint64_t& before,
                         std::chrono::steady_clock::time_point& when) {
    if (turns != before) when = at;
    before = turns;
    return at - when < kStuck;
  };
  const bool broker = seen(broker_.turns(), broker_turns_, broker_turned_);
  const bool server = seen(server_.turns(), server_turns_, server_turned_);
  const bool feeds = seen(feeds_.turns(), feeds_turns_, feeds_turned_);
  const bool outgoing = seen(outgoing_.turns(), outgoing_turns_, outgoing_turned_);
  alive_ = broker && server && feeds && outgoing && sip_.status().answering;
  if (alive_) notify_systemd("WATCHDOG=1");
}

std::shared_ptr<const Settings> App::settings() const {
  const std::lock_guard lock{mutex_};
  return settings_;
}

Readiness App::readiness() const {
  Readiness out;
  out.journal = broker_.journal_problem();
  const auto feeds = feeds_.status();
  for (const auto& [name, source] : settings()->webhooks) {
    std::string problem = source.dialect == "asterisk-ari" ? "not connected yet" : "";
    for (const auto& feed : feeds)
      if (feed.org == source.org && feed.name == name) problem = feed.reason;
    out.sources.emplace_back(name, std::move(problem));
  }
  for (const auto& feed : feeds)
    if (!settings()->webhooks.contains(feed.name)) out.sources.emplace_back(feed.name, feed.reason);
  bool all_up = true;
  for (const auto& source : sip_.status().sources) {
    std::string problem = source.reason;
    if (!source.up && problem.empty()) problem = "not subscribed yet";
    if (source.up && source.subscriptions_active >= source.watched) problem.clear();
    out.sources.emplace_back(source.name, std::move(problem));
    all_up = all_up && source.up;
  }
  // A PBX that is away is told here, but takes nothing from those who use the others; only at the
  // start is it waited for.
  out.ready =
      out.journal.empty() && (all_up || std::chrono::steady_clock::now() - started_ > kStartTime);
  return out;
}

void App::reload() {
  notify_reloading();
  Problems problems;
  auto fresh = load_settings(settings()->file, problems);
  if (!problems.empty()) {
    for (const auto& problem : problems) log::warning("reload_refused", {{"why", problem}});
    log::warning("reload_kept_old", {{"problems", std::to_string(problems.size())}});
  } else {
    // Listeners, limits, the journal, the recording and SIP sources are as they were at start;
    // everything else changes now, all at once, also how SIP sources are read.
    const auto before = settings();
    const auto restart = [](const char* what, bool same) {
      if (!same) log::warning("reload_needs_restart", {{"what", what}});
    };
    restart("listen", fresh->server.listen == before->server.listen);
    restart("journal", fresh->journal_path == before->journal_path &&
                           fresh->retention == before->retention &&
                           fresh->journal_bytes_max == before->journal_bytes_max);
    restart("sip sources", sip::same(fresh->sip_sources, before->sip_sources));
    restart("hep sources", hep::same(fresh->hep_sources, before->hep_sources));
    const auto dialled = [](const Settings& of) {
      std::vector<feed::DialSettings> out;
      for (const auto& source : of.dial_sources) out.push_back(source.settings);
      return out;
    };
    restart("ami and esl sources", feed::same(dialled(*fresh), dialled(*before)));
    restart("calls", same_calls(fresh->calls, before->calls));
    restart("recorder", fresh->recorder.bytes_max == before->recorder.bytes_max &&
                            fresh->recorder.keep == before->recorder.keep);
    if (auto reloaded = server_.reload_certificates(); !reloaded)
      log::warning("certificates_kept_old", {{"why", reloaded.error().detail}});
    broker_.reconfigure(fresh->directory, fresh->orgs, broker_sources(*fresh), fresh->budgets);
    sinks_.configure(fresh->sinks, fresh->directory);
    api_.set_settings(fresh);
    log::set_level(fresh->log_level);
    tell_keys(*fresh);
    log::notice("reloaded", {{"config", fresh->file}});
    const std::lock_guard lock{mutex_};
    settings_ = std::move(fresh);
  }
  notify_systemd("READY=1");
}

void App::stop() {
  notify_systemd("STOPPING=1");
  log::notice("stopping");
  const auto until = std::chrono::steady_clock::now() + kPartTime;
  server_.stop_accepting();
  // Its process may take seconds to unsubscribe; clients need not wait for that.
  std::thread sip{[this] { sip_.stop(); }};
  broker_.drain(kDrainTime);
  feeds_.stop();
  sinks_.stop(kLastPosts);
  server_.close_channels(Errc::shutting_down);  // also of those that have not said hello
  while (!server_.idle() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  server_.stop();
  outgoing_.stop();  // nobody asks anything of the sinks any more
  sip.join();
  broker_.stop();
  log::notice("stopped");
}

}  // namespace hookswitch
