#include "daemon/broker.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace hookswitch {
namespace {

constexpr auto kTick = std::chrono::seconds{1};
constexpr auto kReopenPause = std::chrono::seconds{1};
constexpr auto kPrunePause = std::chrono::seconds{10};
constexpr std::size_t kPruneEvents = 2000;  // a few milliseconds' work

}  // namespace

Broker::Broker(BrokerOptions options, std::shared_ptr<const Directory> directory,
               Registry& registry)
    : options_(std::move(options)),
      registry_(registry),
      facts_taken_(registry.counter("hookswitch_facts_total", "Facts made durable.")),
      facts_ignored_(registry.counter("hookswitch_facts_ignored_total",
                                      "Facts that told nothing new or were about no call.")),
      commits_(registry.counter("hookswitch_journal_commits_total", "Journal commits.")),
      overloads_(registry.counter("hookswitch_facts_refused_total",
                                  "Facts refused: the queue was full or the journal failed.")),
      journal_errors_(
          registry.counter("hookswitch_journal_errors_total", "Failed journal commits and opens.")),
      queued_(registry.gauge("hookswitch_broker_queue", "Facts waiting for a commit.")),
      live_calls_(registry.gauge("hookswitch_calls", "Calls that have not ended.")),
      calls_(directory, options_.id_seed),
      hub_(*this, directory, registry) {}

Broker::~Broker() { stop(); }

Result<void> Broker::start() {
  std::error_code ignored;
  const auto folder = std::filesystem::path{options_.journal_path}.parent_path();
  if (!folder.empty() && !std::filesystem::exists(folder)) {
    std::filesystem::create_directories(folder, ignored);
    ::chmod(folder.c_str(), 0700);
  }
  if (!open_journal()) return Error{Errc::journal_io, journal_problem()};
  thread_ = std::thread{[this] { run(); }};
  return {};
}

bool Broker::open_journal() {
  journal_.reset();  // the file is locked by one owner at a time
  // What became of the commit that failed is not known: clients come back with their cursor and are
  // told exactly.
  if (hub_.clients() > 0) hub_.close_all(Errc::overload);
  auto opened = Journal::open(options_.journal_path, now());
  if (!opened) {
    journal_errors_.add();
    set_problem(opened.error().detail);
    return false;
  }
  auto saved = (*opened)->load_calls();
  if (!saved) {
    set_problem("saved calls: " + saved.error().detail);
    return false;
  }
  for (const auto& id : calls_.restore(*saved)) {
    journal_errors_.add();
    log::error("saved_call_unreadable", {{"call", id}});
  }
  journal_ = std::move(*opened);
  if (!journal_->notice().empty())
    log::warning("journal_damaged", {{"what", journal_->notice()}, {"epoch", journal_->epoch()}});
  hub_.seed(options_.orgs);
  live_calls_.set(static_cast<std::int64_t>(calls_.live_count()));
  log::notice("journal_open",
              {{"epoch", journal_->epoch()}, {"calls", std::to_string(calls_.live_count())}});
  set_problem("");
  return true;
}

void Broker::set_problem(std::string problem) {
  const std::lock_guard lock{mutex_};
  if (!problem.empty() && problem_.empty()) log::error("journal_failed", {{"why", problem}});
  if (problem.empty() && !problem_.empty()) log::notice("journal_recovered");
  problem_ = std::move(problem);
}

std::string Broker::journal_problem() const {
  const std::lock_guard lock{mutex_};
  return problem_;
}

std::vector<Broker::Health> Broker::health() const {
  const std::lock_guard lock{mutex_};
  return health_;
}

void Broker::submit(std::vector<Fact> facts, Done done) {
  std::optional<Errc> refusal;
  {
    const std::lock_guard lock{mutex_};
    if (refusing_) {
      refusal = Errc::shutting_down;
    } else if (!problem_.empty()) {
      refusal = Errc::journal_io;
    } else if (requests_facts_ + facts.size() > kBrokerQueueMax) {
      refusal = Errc::overload;
    } else {
      requests_facts_ += facts.size();
      queued_.set(static_cast<std::int64_t>(requests_facts_));
      requests_.push_back({std::move(facts), std::move(done)});
    }
  }
  if (refusal) {
    overloads_.add();
    return done(refusal);
  }
  wake_.notify_one();
}

void Broker::source_health(const std::string& org, const std::string& source, bool up,
                           const std::string& reason) {
  {
    const std::lock_guard lock{mutex_};
    health_changes_.push_back({org, source, reason, up});
  }
  wake_.notify_one();
}

void Broker::post(std::function<void(Hub&)> work) {
  {
    const std::lock_guard lock{mutex_};
    work_.emplace_back([this, work = std::move(work)] { work(hub_); });
  }
  wake_.notify_one();
}

bool Broker::look(const std::string& org,
                  std::function<void(const CallTable&, const std::string&)> look) {
  {
    const std::lock_guard lock{mutex_};
    if (!problem_.empty() || work_.size() >= kBrokerQueueMax) return false;
    work_.emplace_back([this, org, look = std::move(look)] {
      look(calls_, Cursor{journal_->epoch(), journal_->newest(org)}.str());
    });
  }
  wake_.notify_one();
  return true;
}

void Broker::set_directory(std::shared_ptr<const Directory> directory) {
  {
    const std::lock_guard lock{mutex_};
    new_directory_ = std::move(directory);
  }
  wake_.notify_one();
}

void Broker::run() {
  bool more_replay = false;
  for (;;) {
    std::vector<Request> requests;
    std::vector<std::function<void()>> work;
    std::shared_ptr<const Directory> directory;
    {
      std::unique_lock lock{mutex_};
      const auto ready = [&] {
        return stopping_ || new_directory_ || at_last_ || !requests_.empty() ||
               (journal_ && (!work_.empty() || !health_changes_.empty()));
      };
      if (!more_replay && !ready()) {
        auto pause = std::chrono::duration_cast<milliseconds>(kTick);
        if (const auto settle = calls_.next_settle(); settle && journal_)
          pause = std::clamp(milliseconds{*settle - now()}, milliseconds{1}, pause);
        wake_.wait_for(lock, pause, ready);
      }
      if (stopping_ && requests_.empty() && (work_.empty() || !journal_)) return;
      if (requests_facts_ <= kBatchFactsMax) {
        requests.swap(requests_);
        requests_facts_ = 0;
      } else {
        std::size_t taken = 0, count = 0;
        while (count < requests_.size() && taken < kBatchFactsMax)
          taken += requests_[count++].facts.size();
        const auto end = requests_.begin() + static_cast<std::ptrdiff_t>(count);
        requests.assign(std::make_move_iterator(requests_.begin()), std::make_move_iterator(end));
        requests_.erase(requests_.begin(), end);
        requests_facts_ -= taken;
      }
      queued_.set(static_cast<std::int64_t>(requests_facts_));
      work.swap(work_);
      directory = std::exchange(new_directory_, nullptr);
      // Clients are sent away after the last fact in hand has been answered and told.
      if (at_last_ && requests_.empty()) work.push_back(std::exchange(at_last_, nullptr));
    }
    if (directory) {  // before the facts that come after the change
      calls_.set_directory(directory);
      hub_.set_directory(directory);
    }
    turn(std::move(requests), std::move(work));
    more_replay = journal_ && hub_.go_on();
    ++turns_;
  }
}

void Broker::turn(std::vector<Request> requests, std::vector<std::function<void()>> work) {
  const Time at = now();
  if (!journal_ && at >= reopen_at_) {
    reopen_at_ = at + kReopenPause;
    open_journal();
  }
  std::vector<Event> events;
  std::vector<Frame> bodies;
  const bool good = journal_ && commit(requests, events, bodies);
  for (auto& request : requests) {
    if (!request.done) continue;
    if (!good) overloads_.add();
    request.done(good ? std::nullopt : std::optional{Errc::journal_io});
  }
  if (good && !events.empty()) {
    std::vector<Published> out;
    out.reserve(events.size());
    for (std::size_t i = 0; i < events.size(); ++i) out.push_back({&events[i], bodies[i]});
    hub_.publish(out);
  }
  // Without a journal there is nothing a client could be welcomed with; they keep waiting, the
  // sockets have limits.
  if (!journal_) {
    const std::lock_guard lock{mutex_};
    work_.insert(work_.begin(), std::make_move_iterator(work.begin()),
                 std::make_move_iterator(work.end()));
    return;
  }
  for (auto& task : work) task();
  if (at - pruned_at_ > kPrunePause) {
    const auto pruned = journal_->prune(at - options_.retention, kPruneEvents);
    // As long as there is more, a piece every turn; else look again later.
    if (!pruned || *pruned < kPruneEvents) pruned_at_ = at;
    if (!pruned) {
      journal_errors_.add();
      set_problem(pruned.error().detail);
      journal_.reset();
    }
  }
}

bool Broker::commit(const std::vector<Request>& requests, std::vector<Event>& events,
                    std::vector<Frame>& bodies) {
  Step step;
  const Time at = now();
  const auto ignored_before = calls_.facts_ignored();
  std::size_t facts = 0;
  for (const auto& request : requests) {
    for (const auto& fact : request.facts) {
      calls_.apply(fact, step);
      auto*& counter = facts_of_source_[fact.source];
      if (counter == nullptr)
        counter = &registry_.counter("hookswitch_source_facts_total", "Facts by source.",
                                     {{"source", fact.source}});
      counter->add();
      ++facts;
    }
  }
  calls_.tick(at, step);
  events = std::move(step.events);
  health_events(events);

  JournalBatch batch;
  std::map<std::string, std::uint64_t> heads;
  for (auto& event : events) {
    auto [head, fresh] = heads.try_emplace(event.org, 0);
    if (fresh) head->second = journal_->newest(event.org);
    event.cursor = {journal_->epoch(), ++head->second};
    auto body = std::make_shared<const std::string>(encode(event));
    batch.events.push_back({event.org, event.cursor.offset, at, event.audience, *body});
    bodies.push_back(std::move(body));
  }
  for (const auto& id : step.touched)
    if (const auto [saved, fresh] = batch.calls.try_emplace(id); fresh)
      saved->second = calls_.save(id);
  if (!batch.empty()) {
    const auto stored = journal_->commit(batch);
    if (!stored) {
      journal_errors_.add();
      set_problem(stored.error().detail);
      // What was folded is not durable and was not told: back to what is on disk, through a new
      // descriptor.
      reopen_at_ = now() + kReopenPause;
      journal_.reset();
      return false;
    }
    commits_.add();
  }
  health_told();
  facts_taken_.add(facts);
  facts_ignored_.add(calls_.facts_ignored() - ignored_before);
  live_calls_.set(static_cast<std::int64_t>(calls_.live_count()));
  return true;
}

void Broker::health_events(std::vector<Event>& events) {
  const std::lock_guard lock{mutex_};
  health_in_hand_ = health_changes_;
  for (const auto& change : health_in_hand_) {
    // The last word before this one: of this batch if it has one, else what was told.
    const auto is_same = [&](const Health& one) {
      return one.org == change.org && one.source == change.source;
    };
    const auto known = std::find_if(health_.begin(), health_.end(), is_same);
    bool news = known == health_.end() || known->up != change.up;
    for (const auto& earlier : health_in_hand_) {
      if (&earlier == &change) break;
      if (is_same(earlier)) news = earlier.up != change.up;
    }
    if (!news) continue;
    Event event;
    event.type = change.up ? EventType::source_up : EventType::source_down;
    event.org = change.org;
    event.time = now();
    event.source = change.source;
    event.reason = change.reason;
    events.push_back(std::move(event));
  }
}

void Broker::health_told() {
  const std::lock_guard lock{mutex_};
  health_changes_.erase(
      health_changes_.begin(),
      health_changes_.begin() + static_cast<std::ptrdiff_t>(health_in_hand_.size()));
  for (auto& change : health_in_hand_) {
    const auto known = std::find_if(health_.begin(), health_.end(), [&](const Health& one) {
      return one.org == change.org && one.source == change.source;
    });
    if (known == health_.end() || known->up != change.up)
      log::notice(change.up ? "source_up" : "source_down",
                  {{"source", change.source}, {"why", change.reason}});
    if (known == health_.end())
      health_.push_back(std::move(change));
    else
      *known = std::move(change);
  }
  health_in_hand_.clear();
}

void Broker::drain() {
  if (!thread_.joinable()) return;
  const auto done = std::make_shared<std::promise<void>>();  // outlives an impatient caller
  {
    const std::lock_guard lock{mutex_};
    refusing_ = true;
    at_last_ = [this, done] {
      hub_.close_all(Errc::shutting_down);
      done->set_value();
    };
  }
  wake_.notify_one();
  done->get_future().wait_for(std::chrono::seconds{3});
}

void Broker::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = refusing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace hookswitch
