#include "daemon/broker.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <iterator>
#include <set>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr auto kTick = std::chrono::seconds{1};
constexpr auto kReopenPause = std::chrono::seconds{1};
constexpr auto kRecallPause = milliseconds{50};
constexpr auto kTidyPause = milliseconds{250};
constexpr const char* kLeaseTokensNote = "lease.tokens";  ///< LeaseTokens::reserved

void append(Step& all, Step& one) {
  std::move(one.events.begin(), one.events.end(), std::back_inserter(all.events));
  std::move(one.touched.begin(), one.touched.end(), std::back_inserter(all.touched));
  std::move(one.checks.begin(), one.checks.end(), std::back_inserter(all.checks));
  one.events.clear();
  one.touched.clear();
  one.checks.clear();
}

/// What an event takes up, roughly: nearly all of what may be large is the call that it shows.
std::size_t bytes_of(const Event& event) {
  std::size_t out = 600;
  if (!event.call) return out;
  const Call& call = *event.call;
  out += 200 * call.legs.size() + call.custom_data.size();
  for (const auto* texts : {&call.headers, &call.variables})
    for (const auto& [name, value] : *texts) out += name.size() + value.size() + 8;
  return out;
}

RawInput raw_input(const SourceInput& input, const Fact& fact) {
  return {fact.org,     fact.source,   input.received, input.method,
          input.target, input.headers, input.body};
}

}  // namespace

Broker::Broker(BrokerOptions options, std::shared_ptr<const Directory> directory,
               Registry& registry)
    : options_(std::move(options)),
      registry_(registry),
      facts_taken_(registry.counter("hookswitch_facts_total", "Facts made durable.")),
      facts_ignored_(registry.counter("hookswitch_facts_ignored_total",
                                      "Facts that told nothing new or were about no call.")),
      commits_(registry.counter("hookswitch_journal_commits_total", "Journal commits.")),
      journal_errors_(
          registry.counter("hookswitch_journal_errors_total", "Failed journal commits and opens.")),
      queued_(registry.gauge("hookswitch_broker_queue", "Facts waiting for a commit.")),
      queued_bytes_(registry.gauge("hookswitch_broker_queue_bytes", "What they hold in memory.")),
      put_aside_(registry.gauge("hookswitch_facts_aside",
                                "Facts of sources that do not send again, put aside.")),
      live_calls_(registry.gauge("hookswitch_calls", "Calls that have not ended.")),
      calls_(directory, options_.id_seed, options_.calls),
      recorder_(options_.recorder, registry),
      hub_(*this, directory, registry) {
  calls_.set_checkable([this](const Text& org, const Text& source) { return is_up(org, source); });
  admission_.set_budgets(options_.budgets);
  set_sources();
  record_settings();
  recorder_.directory(now(), *directory, options_.orgs);
}

Broker::~Broker() { stop(); }

Result<void> Broker::start() {
  std::error_code ignored;
  const auto folder = std::filesystem::path{options_.journal_path}.parent_path();
  if (!folder.empty() && !std::filesystem::exists(folder)) {
    std::filesystem::create_directories(folder, ignored);
    ::chmod(folder.c_str(), 0700);
  }
  if (!open_journal()) return Error{Errc::journal_io, journal_problem()};
  auto notes = journal_->load_notes();
  if (!notes) return notes.error();
  notes_ = std::move(*notes);
  begin_lease_tokens();
  thread_ = std::thread{[this] { run(); }};
  return {};
}

/// Before anybody is given one. A journal that cannot store just now is met again by the first
/// commit; until it has been heard of, the clock alone holds tokens apart.
void Broker::begin_lease_tokens() {
  std::optional<std::int64_t> before;
  if (const auto note = notes_.extract(kLeaseTokensNote)) before = parse_int(note.mapped());
  const LeaseTokens tokens = lease_tokens(before, now());
  hub_.begin_tokens_after(tokens.after);
  JournalBatch batch;
  batch.notes.emplace(kLeaseTokensNote, std::to_string(tokens.reserved));
  if (auto stored = journal_->commit(batch); !stored) journal_errors_.add();
}

bool Broker::open_journal() {
  Result<bool> same = true;
  if (journal_ == nullptr) {
    JournalOptions options{options_.journal_path, options_.retention, options_.journal_bytes_max};
    auto opened = Journal::open(std::move(options), now());
    if (opened)
      journal_ = std::move(*opened);
    else
      same = opened.error();
  } else {
    same = journal_->reopen(now());
  }
  if (!same) {
    journal_errors_.add();
    set_problem(same.error().detail);
    return false;
  }
  if (!journal_->notice().empty())
    log::warning("journal_damaged", {{"what", journal_->notice()}, {"epoch", journal_->epoch()}});
  // Another history: clients come back with their cursor and are told exactly.
  if (!*same) hub_.close_all(Errc::overload);
  if (!take_up_calls()) return false;
  hub_.begin_anew();
  live_calls_.set(static_cast<std::int64_t>(calls_.live_count()));
  log::notice("journal_open",
              {{"epoch", journal_->epoch()}, {"calls", std::to_string(calls_.live_count())}});
  set_problem("");
  return true;
}

/// What was folded but not stored was told to nobody: back to what is on disk.
bool Broker::take_up_calls() {
  const auto saved = journal_->load_calls();
  readable_ = saved.has_value();
  if (!saved) {
    set_problem("saved calls: " + saved.error().detail);
    return false;
  }
  for (const auto& id : calls_.restore(*saved)) {
    journal_errors_.add();
    log::error("saved_call_unreadable", {{"call", id}});
  }
  return true;
}

void Broker::journal_failed() {
  journal_errors_.add();
  reopen_at_ = now() + kReopenPause;
  set_problem(journal_->problem());
  take_up_calls();
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

void Broker::submit(std::vector<Fact> facts, Done done, SourceInputPtr input, Notes notes,
                    std::function<void()> aside) {
  Request request;
  request.org = facts.empty() ? Text{} : facts.front().org;
  request.source = facts.empty() ? Text{} : facts.front().source;
  request.load = load_of(facts, input);
  request.facts = std::move(facts);
  request.done = std::move(done);
  request.input = std::move(input);
  request.notes = std::move(notes);
  request.aside = std::move(aside);
  const auto at = Admission::Clock::now();
  std::optional<Refusal> refusal;
  {
    const std::lock_guard lock{mutex_};
    if (refusing_)
      refusal = Refusal::shutting_down;
    else if (!problem_.empty())
      refusal = Refusal::journal_io;
    else if (must_go_aside(request))
      refusal = Refusal::source_share;
    else
      refusal = admission_.take(request.org, request.source, request.load, at);
    if (!refusal) {
      show_queue();
      requests_.push_back(std::move(request));
    }
  }
  if (!refusal) return wake_.notify_one();
  if (*refusal != Refusal::shutting_down && put_aside(request)) return;
  refused(request.source, *refusal);
  request.done(*refusal == Refusal::shutting_down ? Errc::shutting_down
               : *refusal == Refusal::journal_io  ? Errc::journal_io
                                                  : Errc::overload);
}

/// Others of its source wait there already. Under mutex_.
bool Broker::must_go_aside(const Request& request) const {
  return request.aside && std::any_of(aside_.begin(), aside_.end(), [&](const Request& other) {
           return other.source == request.source && other.org == request.org;
         });
}

/// False: it has no wish to wait, or there is no room; then nothing has changed.
bool Broker::put_aside(Request& request) {
  if (!request.aside) return false;
  const auto aside = request.aside;
  {
    const std::lock_guard lock{mutex_};
    const auto at = Admission::Clock::now();
    if (refusing_) return false;
    if (aside_room_.take(request.org, request.source, request.load, at)) return false;
    if (request.since == Admission::Clock::time_point{}) request.since = at;
    aside_.push_back(std::move(request));
    put_aside_.set(static_cast<std::int64_t>(aside_room_.waiting().facts));
  }
  aside();
  return true;
}

/// Those put aside for whom there is room now, in order; those who have waited for too long are
/// shed. Under mutex_.
void Broker::recall() {
  if (aside_.empty()) return;
  const auto at = Admission::Clock::now();
  std::deque<Request> left;
  std::vector<std::pair<Text, Text>> waiting;  // sources of `left`: few
  const auto follows = [&waiting](const Request& request) {
    return std::find(waiting.begin(), waiting.end(), std::pair{request.org, request.source}) !=
           waiting.end();
  };
  for (auto& request : aside_) {
    bool is_taken = refusing_;
    if (refusing_)  // the last there is; the rest is for who starts next
      admission_.take_anyway(request.org, request.source, request.load);
    else if (problem_.empty() && !follows(request))
      is_taken = !admission_.take(request.org, request.source, request.load, at);
    const bool is_late = !is_taken && at - request.since > kAsideTime;
    if (is_taken || is_late) aside_room_.release(request.org, request.source, request.load);
    if (!is_taken && !is_late) {
      if (!follows(request)) waiting.emplace_back(request.org, request.source);
      left.push_back(std::move(request));
    } else {
      (is_taken ? requests_ : shed_).push_back(std::move(request));
    }
  }
  aside_ = std::move(left);
  put_aside_.set(static_cast<std::int64_t>(aside_room_.waiting().facts));
}

void Broker::refused(const std::string& source, Refusal why) {
  registry_
      .counter("hookswitch_facts_refused_total", "Requests whose facts were refused.",
               {{"source", source}, {"reason", to_string(why)}})
      .add();
}

void Broker::show_queue() {
  queued_.set(static_cast<std::int64_t>(admission_.waiting().facts));
  queued_bytes_.set(static_cast<std::int64_t>(admission_.waiting().bytes));
}

/// The oldest of what waits, as much as one commit takes. Under mutex_.
std::vector<Broker::Request> Broker::take_requests() {
  if (!left_over_.empty()) return std::exchange(left_over_, {});
  recall();
  Load taken;
  std::size_t count = 0;
  for (; count < requests_.size(); ++count) {
    if (taken.facts >= kBatchFactsMax || taken.bytes >= kBatchBytesMax) break;
    const Request& request = requests_[count];
    admission_.release(request.org, request.source, request.load);
    taken.facts += request.load.facts;
    taken.bytes += request.load.bytes;
  }
  show_queue();
  std::vector<Request> out;
  if (count == requests_.size()) {
    out.swap(requests_);
    return out;
  }
  const auto end = requests_.begin() + static_cast<std::ptrdiff_t>(count);
  out.assign(std::make_move_iterator(requests_.begin()), std::make_move_iterator(end));
  requests_.erase(requests_.begin(), end);
  return out;
}

void Broker::source_health(const std::string& org, const std::string& source, bool up,
                           const std::string& reason) {
  {
    const std::lock_guard lock{mutex_};
    health_changes_.push_back({org, source, reason, up});
  }
  wake_.notify_one();
}

void Broker::source_restarted(const std::string& org, const std::string& source) {
  {
    const std::lock_guard lock{mutex_};
    const std::pair name{org, source};
    // Not yet begun: it is the same news.
    if (std::find(restarted_.begin() + static_cast<std::ptrdiff_t>(restarts_in_hand_.size()),
                  restarted_.end(), name) != restarted_.end())
      return;
    restarted_.push_back(name);
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
    if (!readable_ || work_.size() >= kBrokerQueueMax) return false;
    work_.emplace_back([this, org, look = std::move(look)] {
      look(calls_, Cursor{journal_->epoch(), journal_->newest(org)}.str());
    });
  }
  wake_.notify_one();
  return true;
}

bool Broker::past(std::function<void(History&)> read) {
  {
    const std::lock_guard lock{mutex_};
    if (!readable_ || work_.size() >= kBrokerQueueMax) return false;
    work_.emplace_back([this, read = std::move(read)] { read(*this); });
  }
  wake_.notify_one();
  return true;
}

void Broker::reconfigure(std::shared_ptr<const Directory> directory, std::vector<std::string> orgs,
                         std::vector<BrokerSource> sources, Budgets budgets) {
  {
    const std::lock_guard lock{mutex_};
    admission_.set_budgets(std::move(budgets));
    new_configuration_ = {std::move(directory), std::move(orgs), std::move(sources)};
  }
  wake_.notify_one();
}

void Broker::take_configuration(Configuration fresh) {
  // The table remembers the rules of a source that is gone, so it is told otherwise; and the
  // recording tells what the table was told.
  for (const auto& old : options_.sources) {
    const auto same = [&](const BrokerSource& one) {
      return one.org == old.org && one.name == old.name;
    };
    if (std::none_of(fresh.sources.begin(), fresh.sources.end(), same))
      fresh.sources.push_back({old.org, old.name, {}, false});
  }
  options_.sources = std::move(fresh.sources);
  options_.orgs = std::move(fresh.orgs);
  calls_.set_directory(fresh.directory);
  hub_.set_directory(fresh.directory);
  set_sources();
  record_settings();
  recorder_.directory(now(), *fresh.directory, options_.orgs);
}

void Broker::set_sources() {
  for (const auto& source : options_.sources)
    calls_.set_source_rules(source.org, source.name, source.rules);
  std::erase_if(up_, [&](const auto& one) {
    return std::none_of(
        options_.sources.begin(), options_.sources.end(), [&](const BrokerSource& source) {
          return source.can_be_asked && source.org == one.first && source.name == one.second;
        });
  });
}

void Broker::record_settings() {
  std::vector<record::SourceSettings> sources;
  for (const auto& source : options_.sources)
    sources.push_back({source.org, source.name, source.rules, is_up(source.org, source.name)});
  recorder_.settings(now(), options_.calls, sources);
}

bool Broker::is_up(const std::string& org, const std::string& source) const {
  return std::any_of(up_.begin(), up_.end(),
                     [&](const auto& one) { return one.first == org && one.second == source; });
}

void Broker::run() {
  bool more_replay = false;
  for (;;) {
    std::vector<Request> requests, shed;
    std::vector<std::function<void()>> work;
    std::optional<Configuration> configuration;
    {
      std::unique_lock lock{mutex_};
      const auto ready = [&] {
        return stopping_ || new_configuration_ || at_last_ || has_requests() ||
               (readable_ && !work_.empty()) ||
               (works() && (!health_changes_.empty() || !restarted_.empty()));
      };
      if (!more_replay && !ready()) {
        auto pause = std::chrono::duration_cast<milliseconds>(kTick);
        if (!aside_.empty()) pause = kRecallPause;
        if (const auto settle = calls_.next_settle(); settle && works())
          pause = std::clamp(milliseconds{*settle - now()}, milliseconds{1}, pause);
        wake_.wait_for(lock, pause, ready);
      }
      if (stopping_ && !has_requests() && aside_.empty() && (work_.empty() || !readable_)) return;
      requests = take_requests();
      shed.swap(shed_);
      work.swap(work_);
      configuration = std::exchange(new_configuration_, std::nullopt);
      // Clients are sent away after the last fact in hand has been answered and told.
      if (at_last_ && !has_requests() && aside_.empty())
        work.push_back(std::exchange(at_last_, nullptr));
    }
    for (auto& request : shed) {
      refused(request.source, Refusal::shed);
      request.done(Errc::overload);
    }
    // Before the facts that come after the change.
    if (configuration) take_configuration(std::move(*configuration));
    turn(std::move(requests), std::move(work));
    more_replay = readable_ && hub_.go_on();
    // Met while reading, or while the log was moved into the file.
    if (!works() && journal_problem().empty()) journal_failed();
    ++turns_;
  }
}

void Broker::turn(std::vector<Request> requests, std::vector<std::function<void()>> work) {
  const Time at = now();
  if (!works() && at >= reopen_at_) {
    reopen_at_ = at + kReopenPause;
    open_journal();
  }
  std::vector<Event> events;
  std::vector<Frame> bodies;
  const bool good = works() && commit(requests, events, bodies);
  for (auto& request : requests) {
    if (!request.done) continue;
    if (!good && put_aside(request)) continue;
    if (!good) refused(request.source, Refusal::journal_io);
    request.done(good ? std::nullopt : std::optional{Errc::journal_io});
  }
  if (good && !events.empty()) {
    std::vector<Published> out;
    out.reserve(events.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
      out.push_back({&events[i], bodies[i]});
      recorder_.event(events[i], bodies[i]->text());
    }
    hub_.publish(out);
    if (told_) told_(events);
  }
  if (!good) recorder_.discard();
  recorder_.flush(at);
  // Without the calls there is nothing a client could be welcomed with; they keep waiting, the
  // sockets have limits.
  if (!readable_) {
    const std::lock_guard lock{mutex_};
    work_.insert(work_.begin(), std::make_move_iterator(work.begin()),
                 std::make_move_iterator(work.end()));
    return;
  }
  const auto until = std::chrono::steady_clock::now() + kWorkTime;
  std::size_t done = 0;
  while (done < work.size() && (done == 0 || std::chrono::steady_clock::now() < until))
    work[done++]();
  if (done < work.size()) {  // facts do not wait for what clients ask
    const std::lock_guard lock{mutex_};
    work_.insert(work_.begin(),
                 std::make_move_iterator(work.begin() + static_cast<std::ptrdiff_t>(done)),
                 std::make_move_iterator(work.end()));
  }
  if (works() && at - tidied_at_ > kTidyPause) {
    // As long as there is more, a piece every turn; else look again later.
    const auto more = journal_->tidy(at);
    if (!more || !*more) tidied_at_ = at;
  }
}

bool Broker::commit(std::vector<Request>& requests, std::vector<Event>& events,
                    std::vector<Frame>& bodies) {
  Step step, one;
  const Time at = now();
  const auto ignored_before = calls_.facts_ignored();
  take_health();
  // First: what the source says after it came back is already a sign of life.
  for (const auto& [news, is_back] : health_news_) {
    if (!is_back) continue;
    calls_.source_restarted(news.org, news.source, at, one);
    recorder_.restart(at, news.org, news.source, one.touched);
    append(step, one);
  }
  for (const auto& [org, source] : restarts_in_hand_) {
    calls_.source_restarted(org, source, at, one);
    recorder_.restart(at, org, source, one.touched);
    one.checks.clear();  // it has been asked: what lives follows
    append(step, one);
  }
  std::size_t facts = 0;
  std::size_t bytes = 0, count = 0, weighed = 0;
  while (count < requests.size() && bytes < kCommitEventBytesMax) {
    facts += apply(requests[count++], step);
    for (; weighed < step.events.size(); ++weighed) bytes += bytes_of(step.events[weighed]);
  }
  left_over_.assign(std::make_move_iterator(requests.begin() + static_cast<std::ptrdiff_t>(count)),
                    std::make_move_iterator(requests.end()));
  requests.erase(requests.begin() + static_cast<std::ptrdiff_t>(count), requests.end());
  calls_.tick(at, one);
  recorder_.tick(at, one.touched);
  append(step, one);
  events = std::move(step.events);
  health_events(events);

  JournalBatch batch;
  std::map<std::string, std::uint64_t> heads;
  for (auto& event : events) {
    auto [head, fresh] = heads.try_emplace(event.org, 0);
    if (fresh) head->second = journal_->newest(event.org);
    event.cursor = {journal_->epoch(), ++head->second};
    auto body = make_frame(encode(event));
    batch.events.push_back({event.org, event.cursor.offset, at, event.audience, body});
    bodies.push_back(std::move(body));
  }
  for (const auto& id : step.touched)
    if (const auto [saved, fresh] = batch.calls.try_emplace(id); fresh)
      saved->second = calls_.save(id);
  for (const auto& request : requests)
    for (const auto& [name, text] : request.notes) batch.notes.insert_or_assign(name, text);
  if (!batch.empty()) {
    const auto stored = journal_->commit(batch);
    if (!stored) {
      journal_failed();
      return false;
    }
    commits_.add();
  }
  health_told();
  facts_taken_.add(facts);
  facts_ignored_.add(calls_.facts_ignored() - ignored_before);
  live_calls_.set(static_cast<std::int64_t>(calls_.live_count()));
  ask_sources(step.checks);
  return true;
}

std::size_t Broker::apply(const Request& request, Step& step) {
  if (request.facts.empty()) return 0;
  Step one;
  std::uint64_t raw = 0;
  if (request.input && recorder_.on())
    raw = recorder_.raw(raw_input(*request.input, request.facts.front()));
  for (const auto& fact : request.facts) {
    calls_.apply(fact, one);
    recorder_.fact(fact, one.touched, raw);
    append(step, one);
    auto*& counter = facts_of_source_[fact.source];
    if (counter == nullptr)
      counter = &registry_.counter("hookswitch_source_facts_total", "Facts by source.",
                                   {{"source", fact.source}});
    counter->add();
  }
  return request.facts.size();
}

/// Asks, source by source, for the lines of the calls that are to be checked.
void Broker::ask_sources(const std::vector<Check>& checks) {
  if (!ask_ || checks.empty()) return;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> lines;
  for (const auto& check : checks) {
    const auto call = calls_.find(check.org, check.call);
    if (call == nullptr) continue;
    auto& of_source = lines[{check.org, check.source}];
    for (const auto& leg : call->legs)
      if (leg.state != LegState::terminated && !leg.ext.empty()) of_source.emplace(leg.ext);
  }
  for (const auto& [source, extensions] : lines)
    ask_(source.first, source.second, {extensions.begin(), extensions.end()});
}

/// What sources said of their health since the last turn, and what of it is news.
void Broker::take_health() {
  {
    const std::lock_guard lock{mutex_};
    health_in_hand_ = health_changes_;
    restarts_in_hand_ = restarted_;
  }
  health_news_.clear();
  bool asked_changed = false;
  for (const auto& change : health_in_hand_) {
    // The last word before this one: of this batch if it has one, else what was told.
    const auto is_same = [&](const Health& one) {
      return one.org == change.org && one.source == change.source;
    };
    const auto known = std::find_if(health_.begin(), health_.end(), is_same);
    bool news = known == health_.end() || known->up != change.up;
    bool was_down = known != health_.end() && !known->up;
    for (const auto& earlier : health_in_hand_) {
      if (&earlier == &change) break;
      if (!is_same(earlier)) continue;
      news = earlier.up != change.up;
      was_down = !earlier.up;
    }
    if (!news) continue;
    const auto source = std::find_if(
        options_.sources.begin(), options_.sources.end(),
        [&](const auto& one) { return one.org == change.org && one.name == change.source; });
    const bool is_known = source != options_.sources.end();
    health_news_.push_back({change, change.up && was_down && !(is_known && source->tells_restart)});
    const std::pair name{change.org, change.source};
    if (!is_known || !source->can_be_asked || is_up(change.org, change.source) == change.up)
      continue;
    if (change.up)
      up_.push_back(name);
    else
      std::erase(up_, name);
    asked_changed = true;
  }
  if (asked_changed) record_settings();
}

void Broker::health_events(std::vector<Event>& events) {
  for (const auto& [change, is_back] : health_news_) {
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
  restarted_.erase(restarted_.begin(),
                   restarted_.begin() + static_cast<std::ptrdiff_t>(restarts_in_hand_.size()));
  restarts_in_hand_.clear();
}

void Broker::drain(std::chrono::milliseconds most) {
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
  done->get_future().wait_for(most);
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
