#include "daemon/broker.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <set>
#include <thread>

#include "base/file.hpp"
#include "base/text.hpp"
#include "recorder/capture.hpp"
#include "recorder/replay.hpp"

namespace hookswitch {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::seconds kDeadline{20};

/// No file of this process grows while it lives: a full disk.
class FullDisk {
 public:
  FullDisk() : before_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &was_);
    rlimit none = was_;
    none.rlim_cur = 1;
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &was_);
    std::signal(SIGXFSZ, before_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit was_{};
  void (*before_)(int);
};

class RecordingClient : public FrameSink {
 public:
  void send(const Frame& frame) override { frames.emplace_back(frame->text()); }
  void notify_drained() override {}
  void close(Errc why, std::string_view) override {
    closed = why;
    if (on_close) on_close();
  }
  /// "type cursor" of each event; look only on the broker's thread.
  std::vector<std::string> events() const {
    std::vector<std::string> out;
    for (const auto& frame : frames)
      if (auto event = decode_event(frame, {}))
        out.push_back(std::string{to_string(event->type)} + " " +
                      std::to_string(event->cursor.offset));
    return out;
  }
  std::vector<std::string> frames;
  std::optional<Errc> closed;
  std::function<void()> on_close;
};

Fact fact(FactType type, const std::string& call = "c1", const std::string& ext = {}) {
  Fact out;
  out.org = "acme";
  out.source = "pbx";
  out.received = now();
  out.type = type;
  out.ids.call = {call};
  out.direction = Direction::inbound;
  out.from.number = "+12025550143";
  out.to.ext = ext;
  out.agent.ext = type == FactType::answered ? ext : "";
  return out;
}

class BrokerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "broker_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override {
    broker.reset();
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  std::unique_ptr<Broker> make(const fs::path& path) {
    auto people = std::make_shared<Directory>();
    people->add(Org{"acme", "US", ""});
    people->add(User{"acme", "alice", "Alice Agent", "", {"101"}});
    BrokerOptions options{path.string(), std::chrono::hours{24}, {"acme"}, seed++};
    options.sources = sources;
    options.calls = limits;
    if (recording) options.recorder.folder = recording_folder(path.string());
    return std::make_unique<Broker>(options, people, registry);
  }
  void start(const fs::path& path) {
    broker.reset();
    broker = make(path);
    broker->set_ask([this](const std::string& org, const std::string& source,
                           std::vector<std::string> extensions) {
      std::string line = org + "/" + source + ":";
      for (const auto& ext : extensions) line += " " + ext;
      asked.push_back(line);
    });
    ASSERT_TRUE(broker->start());
  }
  void start() { start(folder / "journal.db"); }

  std::future<std::optional<Errc>> submit(std::vector<Fact> facts) {
    auto answer = std::make_shared<std::promise<std::optional<Errc>>>();
    broker->submit(std::move(facts), [answer](std::optional<Errc> why) { answer->set_value(why); });
    return answer->get_future();
  }
  /// The answer; internal_error when there is none in time.
  static std::optional<Errc> answer(std::future<std::optional<Errc>> future) {
    return future.wait_for(kDeadline) == std::future_status::ready ? future.get()
                                                                   : Errc::internal_error;
  }
  std::optional<Errc> tell(FactType type, const std::string& call = "c1",
                           const std::string& ext = {}) {
    return answer(submit({fact(type, call, ext)}));
  }

  /// Runs `look` on the broker's thread, once there is a journal; what it returns.
  template <class Look>
  auto on_broker(Look look) {
    using Seen = decltype(look(std::declval<const CallTable&>(), std::string{}));
    auto promise = std::make_shared<std::promise<Seen>>();
    auto future = promise->get_future();
    const auto seen = [promise, look](const CallTable& calls, const std::string& cursor) {
      promise->set_value(look(calls, cursor));
    };
    const auto until = std::chrono::steady_clock::now() + kDeadline;
    while (!broker->look("acme", seen) && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    if (future.wait_for(kDeadline) != std::future_status::ready) {
      ADD_FAILURE() << "the broker does not turn";
      return Seen{};
    }
    return future.get();
  }
  /// Until commits are taken again.
  void await_journal() {
    const auto until = std::chrono::steady_clock::now() + kDeadline;
    while (!broker->journal_problem().empty() && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    EXPECT_EQ(broker->journal_problem(), "");
  }
  std::string cursor() {
    return on_broker([](const CallTable&, const std::string& at) { return at; });
  }
  std::string state(const std::string& call = "c1") {
    return on_broker([call](const CallTable& calls, const std::string&) {
      const auto found = calls.find("acme", call);
      return found == nullptr ? std::string{"none"} : std::string{to_string(found->state)};
    });
  }

  /// A client of the whole organisation.
  std::shared_ptr<RecordingClient> attach(std::optional<Cursor> since = {}) {
    auto client = std::make_shared<RecordingClient>();
    broker->post([client, since, id = next_client++](Hub& hub) {
      Attach wish;
      wish.id = id;
      wish.sink = client;
      wish.grant.org = "acme";
      wish.grant.add(Scope::events_org);
      wish.asked_since = since.has_value();
      wish.since = since;
      hub.attach(std::move(wish));
    });
    cursor();
    return client;
  }
  std::vector<std::string> events(const std::shared_ptr<RecordingClient>& client) {
    return on_broker([client](const CallTable&, const std::string&) { return client->events(); });
  }

  /// Holds the broker's thread until it is let go.
  std::promise<void> hold() {
    std::promise<void> gate, entered;
    auto entry = entered.get_future();
    broker->look(
        "acme", [wait = gate.get_future().share(), &entered](const CallTable&, const std::string&) {
          entered.set_value();
          wait.wait();
        });
    EXPECT_EQ(entry.wait_for(kDeadline), std::future_status::ready);
    return gate;
  }

  /// The journal's files as a crash would leave them now.
  fs::path crash_copy(const std::string& name) {
    fs::create_directory(folder / name);
    for (const char* suffix : {"", "-wal"})
      if (fs::exists(folder / (std::string{"journal.db"} + suffix)))
        fs::copy_file(folder / (std::string{"journal.db"} + suffix),
                      folder / name / (std::string{"journal.db"} + suffix));
    return folder / name / "journal.db";
  }

  /// What the broker has asked of sources so far.
  std::vector<std::string> questions() {
    return on_broker([this](const CallTable&, const std::string&) { return asked; });
  }
  /// All that is recorded, as text.
  std::string recorded() {
    cursor();  // its turn comes after that of the facts
    std::string out;
    std::set<fs::path> files;
    for (const auto& file : fs::directory_iterator{folder / "journal.db.rec"})
      files.insert(file.path());
    for (const auto& file : files) out += read_file(file.string(), 1 << 24).value();
    return out;
  }
  void health(std::initializer_list<bool> words) {
    for (const bool up : words) {
      broker->source_health("acme", "pbx", up, "why");
      cursor();
    }
  }

  Registry registry;
  fs::path folder;
  std::vector<BrokerSource> sources;
  CallLimits limits;
  bool recording = false;
  std::vector<std::string> asked;  // broker's thread
  std::uint64_t seed = 1;
  ClientId next_client = 1;
  std::unique_ptr<Broker> broker;
};

TEST_F(BrokerTest, AnswerComesOnlyAfterTheEventsAreOnDisk) {
  start();
  std::promise<std::size_t> found;
  broker->submit({fact(FactType::started), fact(FactType::ringing, "c1", "101")},
                 [&](std::optional<Errc> why) {
                   auto copy = why ? Result<std::unique_ptr<Journal>>{Error{*why, ""}}
                                   : Journal::open({crash_copy("then").string()}, now());
                   const auto read = copy ? (*copy)->read("acme", 0, 100, 1 << 20)
                                          : Result<std::vector<StoredEvent>>{copy.error()};
                   found.set_value(read ? read->size() : 0);
                 });
  auto future = found.get_future();
  ASSERT_EQ(future.wait_for(kDeadline), std::future_status::ready);
  EXPECT_EQ(future.get(), 2u);
}

TEST_F(BrokerTest, EventsComeInTheOrderOfTheFactsWithRisingCursors) {
  start();
  const auto client = attach();
  EXPECT_EQ(answer(submit({fact(FactType::started), fact(FactType::ringing, "c1", "101"),
                           fact(FactType::answered, "c1", "101"), fact(FactType::ended)})),
            std::nullopt);
  EXPECT_EQ(events(client), (std::vector<std::string>{"call.started 1", "call.ringing 2",
                                                      "call.answered 3", "call.ended 4"}));
  EXPECT_TRUE(cursor().ends_with(".4"));
}

TEST_F(BrokerTest, ManyRequestsAreAnsweredOnceEachAndNothingIsLost) {
  start();
  std::vector<std::future<std::optional<Errc>>> answers;
  for (int i = 0; i < 500; ++i)
    answers.push_back(submit({fact(FactType::started, "call" + std::to_string(i))}));
  for (auto& one : answers) ASSERT_EQ(answer(std::move(one)), std::nullopt);
  EXPECT_TRUE(cursor().ends_with(".500"));
  EXPECT_EQ(registry.value("hookswitch_facts_total"), 500);
  EXPECT_EQ(registry.value("hookswitch_calls"), 500);
}

TEST_F(BrokerTest, RestartTakesUpCallsAndCursors) {
  start();
  ASSERT_EQ(answer(submit({fact(FactType::started), fact(FactType::ringing, "c1", "101")})),
            std::nullopt);
  const std::string before = cursor();
  start();
  EXPECT_EQ(cursor(), before);
  EXPECT_EQ(state(), "ringing");
  ASSERT_EQ(tell(FactType::answered, "c1", "101"), std::nullopt);
  EXPECT_EQ(state(), "connected");
  const auto client = attach(Cursor{before.substr(0, before.find('.')), 0});
  EXPECT_EQ(events(client),
            (std::vector<std::string>{"call.started 1", "call.ringing 2", "call.answered 3"}));
}

TEST_F(BrokerTest, NotesAreDurableWithTheFactsAndComeBackAtStart) {
  start();
  EXPECT_TRUE(broker->take_notes().empty());
  std::promise<fs::path> copied;
  broker->submit({fact(FactType::started)},
                 [&](std::optional<Errc>) { copied.set_value(crash_copy("noted")); }, nullptr,
                 {{"n", "1"}, {"gone", ""}});
  auto future = copied.get_future();
  ASSERT_EQ(future.wait_for(kDeadline), std::future_status::ready);
  start(future.get());
  EXPECT_EQ(broker->take_notes(), (Broker::Notes{{"n", "1"}}));
  EXPECT_EQ(state(), "dialing");
}

TEST_F(BrokerTest, EachStartReservesLeaseTokensAboveThoseOfBefore) {
  const auto reserved = [&] {
    broker.reset();
    auto journal = Journal::open({.path = (folder / "journal.db").string()}, now());
    EXPECT_TRUE(journal);
    return parse_int((*journal)->load_notes()->at("lease.tokens")).value_or(0);
  };
  start();
  const auto first = reserved();
  EXPECT_GT(first, to_unix_ms(now()) * 1000);
  start();
  EXPECT_EQ(reserved(), first + (1LL << 33)) << "from the end of the last block, not by the clock";
}

TEST_F(BrokerTest, NotesOfRefusedFactsAreNotKept) {
  start();
  broker->drain();
  std::promise<std::optional<Errc>> why;
  broker->submit({fact(FactType::started)}, [&](std::optional<Errc> code) { why.set_value(code); },
                 nullptr, {{"n", "1"}});
  EXPECT_EQ(answer(why.get_future()), Errc::shutting_down);
  start();
  EXPECT_TRUE(broker->take_notes().empty());
}

TEST_F(BrokerTest, CrashAfterAnAnswerLosesNothing) {
  start();
  ASSERT_EQ(answer(submit({fact(FactType::started), fact(FactType::ringing, "c1", "101")})),
            std::nullopt);
  const std::string before = cursor();
  const fs::path copy = crash_copy("crashed");
  start(copy);
  EXPECT_EQ(cursor(), before);
  EXPECT_EQ(state(), "ringing");
}

TEST_F(BrokerTest, JournalInUseIsRefusedAtStart) {
  start();
  auto second = make(folder / "journal.db");
  const auto started = second->start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::journal_io);
}

TEST_F(BrokerTest, DrainedBrokerTakesNoMoreFactsAndSaysSo) {
  start();
  const auto client = attach();
  ASSERT_EQ(tell(FactType::started), std::nullopt);
  broker->drain();
  EXPECT_EQ(client->closed, Errc::shutting_down);
  EXPECT_EQ(tell(FactType::ringing, "c1", "101"), Errc::shutting_down);
  broker->stop();
  EXPECT_EQ(tell(FactType::ringing, "c1", "101"), Errc::shutting_down);
}

TEST_F(BrokerTest, DrainAnswersAllThatIsInHandBeforeClientsAreSentAway) {
  start();
  const auto client = attach();
  std::atomic<int> answered{0};
  int answered_at_close = -1;
  client->on_close = [&] { answered_at_close = answered; };
  auto gate = hold();
  constexpr int kRequests = 40;
  for (int i = 0; i < kRequests; ++i)  // more than one commit takes
    broker->submit(std::vector<Fact>(kFactsPerRequestMax, fact(FactType::presence)),
                   [&](std::optional<Errc>) { ++answered; });
  auto drained = std::async(std::launch::async, [&] { broker->drain(); });
  // Taken requests wait behind the gate; the first that is answered at once was refused.
  while (submit({}).wait_for(std::chrono::seconds{0}) != std::future_status::ready)
    std::this_thread::yield();
  gate.set_value();
  ASSERT_EQ(drained.wait_for(kDeadline), std::future_status::ready);
  broker->stop();
  EXPECT_EQ(answered, kRequests);
  EXPECT_EQ(answered_at_close, kRequests);
}

TEST_F(BrokerTest, StopAnswersWhatIsInHand) {
  start();
  auto gate = hold();
  auto one = submit({fact(FactType::started)});
  gate.set_value();
  broker->stop();
  EXPECT_EQ(answer(std::move(one)), std::nullopt);
}

TEST_F(BrokerTest, NoisySourceIsRefusedAsOverloadAtOnceAndLeavesRoomForOthers) {
  start();
  auto gate = hold();
  std::vector<std::future<std::optional<Errc>>> taken;
  std::size_t facts = 0;
  const std::vector<Fact> many(kFactsPerRequestMax, fact(FactType::presence));
  for (; 2 * facts + kFactsPerRequestMax <= kBrokerQueueMax; facts += kFactsPerRequestMax)
    taken.push_back(submit(many));
  auto refused = submit(many);
  EXPECT_EQ(refused.wait_for(std::chrono::seconds{0}), std::future_status::ready);
  EXPECT_EQ(answer(std::move(refused)), Errc::overload);
  EXPECT_EQ(registry.value("hookswitch_facts_refused_total",
                           {{"source", "pbx"}, {"reason", "source_share"}}),
            1);
  Fact calm = fact(FactType::presence);
  calm.source = "calm";
  taken.push_back(submit({calm}));
  gate.set_value();
  for (auto& one : taken) EXPECT_EQ(answer(std::move(one)), std::nullopt);
  EXPECT_EQ(tell(FactType::started), std::nullopt) << "there is room again";
  EXPECT_EQ(registry.value("hookswitch_broker_queue"), 0);
  EXPECT_EQ(registry.value("hookswitch_broker_queue_bytes"), 0);
}

TEST_F(BrokerTest, WhatWouldNotComeAgainIsPutAsideUnderOverloadAndTakenInOrder) {
  start();
  auto gate = hold();
  std::vector<std::future<std::optional<Errc>>> taken;
  const std::vector<Fact> many(kFactsPerRequestMax, fact(FactType::presence));
  std::size_t facts = 0;
  for (; 2 * facts + kFactsPerRequestMax <= kBrokerQueueMax; facts += kFactsPerRequestMax)
    taken.push_back(submit(many));
  const auto client = std::make_shared<std::atomic<int>>(0);
  std::vector<std::future<std::optional<Errc>>> later;
  for (const auto type : {FactType::started, FactType::ringing, FactType::answered}) {
    auto done = std::make_shared<std::promise<std::optional<Errc>>>();
    later.push_back(done->get_future());
    std::vector<Fact> batch(kFactsPerRequestMax, fact(FactType::presence));
    batch.front() = fact(type, "late", "101");
    broker->submit(
        std::move(batch), [done](std::optional<Errc> why) { done->set_value(why); }, nullptr, {},
        [client] { ++*client; });
  }
  EXPECT_EQ(*client, 3) << "each was told at once that it is put aside";
  EXPECT_EQ(registry.value("hookswitch_facts_aside"), 3 * static_cast<int>(kFactsPerRequestMax));
  gate.set_value();
  for (auto& one : taken) EXPECT_EQ(answer(std::move(one)), std::nullopt);
  for (auto& one : later) EXPECT_EQ(answer(std::move(one)), std::nullopt);
  EXPECT_EQ(state("late"), "connected");
  EXPECT_EQ(registry.value("hookswitch_facts_aside"), 0);
  EXPECT_EQ(registry.value("hookswitch_broker_queue"), 0);
}

TEST_F(BrokerTest, PlaceAsideIsBoundedAndThenRefusesAsBefore) {
  start();
  auto gate = hold();
  std::vector<std::future<std::optional<Errc>>> answers;
  int aside = 0;
  std::optional<Errc> refused;
  for (int i = 0; i < 100 && !refused; ++i) {
    auto done = std::make_shared<std::promise<std::optional<Errc>>>();
    answers.push_back(done->get_future());
    broker->submit(
        std::vector<Fact>(kFactsPerRequestMax, fact(FactType::presence)),
        [done](std::optional<Errc> why) { done->set_value(why); }, nullptr, {},
        [&aside] { ++aside; });
    if (answers.back().wait_for(std::chrono::seconds{0}) == std::future_status::ready)
      refused = answer(std::move(answers.back()));
  }
  EXPECT_EQ(refused, Errc::overload);
  EXPECT_EQ(aside, static_cast<int>(kAsideFactsMax / 2 / kFactsPerRequestMax))
      << "one source has at most half of the place";
  answers.pop_back();
  gate.set_value();
  for (auto& one : answers) EXPECT_EQ(answer(std::move(one)), std::nullopt);
}

TEST_F(BrokerTest, DrainTakesWhatWasPutAside) {
  start();
  auto gate = hold();
  std::vector<std::future<std::optional<Errc>>> answers;
  int aside = 0;
  while (aside == 0) {
    auto done = std::make_shared<std::promise<std::optional<Errc>>>();
    answers.push_back(done->get_future());
    broker->submit(
        std::vector<Fact>(kFactsPerRequestMax, fact(FactType::presence)),
        [done](std::optional<Errc> why) { done->set_value(why); }, nullptr, {},
        [&aside] { ++aside; });
  }
  auto drained = std::async(std::launch::async, [&] { broker->drain(); });
  gate.set_value();
  ASSERT_EQ(drained.wait_for(kDeadline), std::future_status::ready);
  broker->stop();
  for (auto& one : answers) EXPECT_EQ(answer(std::move(one)), std::nullopt);
}

TEST_F(BrokerTest, JournalInMemoryServesAndLeavesNoFile) {
  start(":memory:");
  const auto client = attach();
  EXPECT_EQ(tell(FactType::started), std::nullopt);
  cursor();
  EXPECT_FALSE(events(client).empty());
  broker.reset();
  EXPECT_FALSE(fs::exists(":memory:"));
  start(":memory:");
  EXPECT_EQ(
      on_broker([](const CallTable& calls, const std::string&) { return calls.live_count(); }), 0u);
}

TEST_F(BrokerTest, EventsOfOneCommitAreBoundedInBytesAndNothingIsLost) {
  start();
  const auto commits = registry.value("hookswitch_journal_commits_total");
  auto gate = hold();
  std::vector<std::future<std::optional<Errc>>> answers;
  for (int i = 0; i < 20; ++i) {  // 100 events of 30 KB each time: 60 MB in all
    const std::string call = "c" + std::to_string(i);
    std::vector<Fact> facts{fact(FactType::answered, call, "101")};
    for (int k = 0; k < 30; ++k)
      facts[0].variables["v" + std::to_string(k)] = std::string(1000, 'x');
    for (int k = 1; k < 100; ++k)
      facts.push_back(fact(k % 2 == 1 ? FactType::held : FactType::resumed, call, "101"));
    for (int k = 0; k < 100; ++k) facts[static_cast<std::size_t>(k)].at = now() + milliseconds{k};
    answers.push_back(submit(std::move(facts)));
  }
  gate.set_value();
  for (auto& one : answers) EXPECT_EQ(answer(std::move(one)), std::nullopt);
  EXPECT_GE(registry.value("hookswitch_journal_commits_total"), commits + 3);
}

TEST_F(BrokerTest, FactsDoNotWaitForAllThatClientsAsk) {
  start();
  auto gate = hold();
  auto seen = std::make_shared<std::atomic<int>>(0);
  auto before = std::make_shared<std::promise<int>>();
  for (int i = 0; i < 200; ++i)
    broker->look("acme", [this, i, seen, before](const CallTable&, const std::string&) {
      if (i == 0)
        broker->submit({fact(FactType::started)},
                       [seen, before](std::optional<Errc>) { before->set_value(seen->load()); });
      const auto until = std::chrono::steady_clock::now() + milliseconds{2};
      while (std::chrono::steady_clock::now() < until) {
      }
      ++*seen;
    });
  gate.set_value();
  auto future = before->get_future();
  ASSERT_EQ(future.wait_for(kDeadline), std::future_status::ready);
  EXPECT_LT(future.get(), 100) << "of 200 that take 400 ms";
  cursor();
  EXPECT_EQ(*seen, 200) << "and none is forgotten";
}

TEST_F(BrokerTest, HealthIsToldOncePerChange) {
  start();
  const auto client = attach();
  for (const bool up : {true, true, false, false, true})
    broker->source_health("acme", "hq", up, "why");
  cursor();
  EXPECT_EQ(events(client),
            (std::vector<std::string>{"source.up 1", "source.down 2", "source.up 3"}));
  ASSERT_EQ(broker->health().size(), 1u);
  EXPECT_TRUE(broker->health()[0].up);
}

TEST_F(BrokerTest, FailedCommitIsAnsweredAndLeavesEverythingAsItWas) {
  start();
  const auto client = attach();
  ASSERT_EQ(tell(FactType::started), std::nullopt);
  const std::string before = cursor();
  std::optional<Errc> refused;
  {
    const FullDisk full;
    refused = tell(FactType::ringing, "c1", "101");
  }
  EXPECT_EQ(refused, Errc::journal_io);
  await_journal();
  EXPECT_EQ(cursor(), before)
      << "once the disk has room the journal is open again, without what was refused";
  EXPECT_EQ(state(), "dialing");
  EXPECT_EQ(tell(FactType::ringing, "c1", "101"), std::nullopt);
  EXPECT_EQ(events(client), (std::vector<std::string>{"call.started 1", "call.ringing 2"}));
  EXPECT_GE(registry.value("hookswitch_journal_errors_total"), 1);
}

TEST_F(BrokerTest, ClientsAndLookUpsGoOnWhileTheJournalFails) {
  start();
  const auto client = attach();
  ASSERT_EQ(tell(FactType::started), std::nullopt);
  const std::string before = cursor();
  {
    const FullDisk full;
    ASSERT_EQ(tell(FactType::ringing, "c1", "101"), Errc::journal_io);
    EXPECT_NE(broker->journal_problem(), "");
    EXPECT_EQ(cursor(), before);
    EXPECT_EQ(state(), "dialing") << "what was refused is not shown";
    const auto late = attach(parse_cursor(before.substr(0, before.find('.')) + ".0"));
    EXPECT_EQ(events(late), std::vector<std::string>{"call.started 1"}) << "a resume reads";
  }
  await_journal();
  ASSERT_EQ(tell(FactType::ringing, "c1", "101"), std::nullopt);
  EXPECT_EQ(events(client), (std::vector<std::string>{"call.started 1", "call.ringing 2"}));
  EXPECT_EQ(client->closed, std::nullopt) << "nothing of what it was told has changed";
}

TEST_F(BrokerTest, EveryRequestIsAnsweredWhileTheJournalFails) {
  start();
  ASSERT_EQ(tell(FactType::started), std::nullopt);
  int refused = 0;
  {
    const FullDisk full;
    for (int i = 0; i < 20; ++i)
      refused += tell(FactType::started, "x" + std::to_string(i)) == Errc::journal_io ? 1 : 0;
  }
  EXPECT_EQ(refused, 20);
  await_journal();
  EXPECT_EQ(state("x0"), "none");
  EXPECT_EQ(registry.value("hookswitch_calls"), 1);
}

TEST_F(BrokerTest, HealthThatChangedWhileTheJournalFailedIsToldAfterwards) {
  start();
  const auto client = attach();
  broker->source_health("acme", "hq", true, "");
  cursor();
  {
    const FullDisk full;
    broker->source_health("acme", "hq", false, "refused");
    ASSERT_EQ(tell(FactType::started), Errc::journal_io);
  }
  await_journal();
  EXPECT_EQ(tell(FactType::started), std::nullopt);
  const auto seen = events(client);
  EXPECT_TRUE(std::any_of(seen.begin(), seen.end(), [](const std::string& one) {
    return one.starts_with("source.down");
  })) << "a change of health was lost with the commit it was in";
}

// --- the recording

TEST_F(BrokerTest, WhatIsRecordedReplaysToWhatWasTold) {
  recording = true;
  start();
  const auto client = attach();
  ASSERT_EQ(answer(submit({fact(FactType::started), fact(FactType::ringing, "c1", "101")})),
            std::nullopt);
  ASSERT_EQ(tell(FactType::answered, "c1", "101"), std::nullopt);
  ASSERT_EQ(tell(FactType::ended), std::nullopt);
  recorded();
  const auto bundle = capture((folder / "journal.db.rec").string(), "c1", "test");
  ASSERT_TRUE(bundle) << bundle.error().detail;
  EXPECT_EQ(bundle->known_problem, "");
  EXPECT_EQ(bundle->inputs.size(), 6u) << "settings, directory, four facts";
  const auto again = replay(*bundle);
  EXPECT_FALSE(again.difference) << again.difference->text();
  EXPECT_EQ(again.told.size(), 4u);
  const auto frames =
      on_broker([&](const CallTable&, const std::string&) { return client->frames; });
  for (const auto& told : again.told)
    EXPECT_NE(std::find(frames.begin(), frames.end(), told.frame), frames.end()) << told.frame;
}

TEST_F(BrokerTest, FactsOfACommitThatFailedAreNotRecorded) {
  recording = true;
  start();
  ASSERT_EQ(tell(FactType::started), std::nullopt);
  {
    const FullDisk full;
    ASSERT_EQ(tell(FactType::ringing, "lost-call", "101"), Errc::journal_io);
  }
  await_journal();
  ASSERT_EQ(tell(FactType::ringing, "c1", "101"), std::nullopt);
  const std::string text = recorded();
  EXPECT_EQ(text.find("lost-call"), std::string::npos);
  EXPECT_NE(text.find("\"ringing\""), std::string::npos);
}

TEST_F(BrokerTest, WhatASourceSentIsRecordedWithTheFactsMadeOfIt) {
  recording = true;
  start();
  EXPECT_TRUE(broker->records_input());
  SourceInput input;
  input.method = "POST";
  input.target = "/v1/hooks/pbx";
  input.body = "{\"raw\":\"body-77\"}";
  std::promise<std::optional<Errc>> done;
  broker->submit(
      {fact(FactType::started)}, [&](std::optional<Errc> why) { done.set_value(why); },
      std::make_shared<const SourceInput>(input));
  ASSERT_EQ(answer(done.get_future()), std::nullopt);
  recorded();
  const auto bundle = capture((folder / "journal.db.rec").string(), "c1", "test");
  ASSERT_TRUE(bundle);
  EXPECT_NE(write_bundle(*bundle).find("body-77"), std::string::npos);
}

TEST_F(BrokerTest, WithoutARecorderNothingIsWritten) {
  start();
  EXPECT_FALSE(broker->records_input());
  ASSERT_EQ(tell(FactType::started), std::nullopt);
  EXPECT_FALSE(fs::exists(folder / "journal.db.rec"));
}

// --- sources that can be asked

TEST_F(BrokerTest, SourceThatComesBackIsAskedForTheLinesOfItsCalls) {
  sources = {{"acme", "pbx", {}, true}};
  start();
  ASSERT_EQ(answer(submit({fact(FactType::started), fact(FactType::ringing, "c1", "102"),
                           fact(FactType::ringing, "c1", "101")})),
            std::nullopt);
  health({true});
  EXPECT_EQ(questions(), std::vector<std::string>{}) << "it has not been away";
  health({false});
  EXPECT_EQ(questions(), std::vector<std::string>{});
  health({true});
  EXPECT_EQ(questions(), std::vector<std::string>{"acme/pbx: 101 102"});
  health({true});
  EXPECT_EQ(questions().size(), 1u);
  EXPECT_EQ(state(), "ringing") << "it has time to answer";
}

TEST_F(BrokerTest, CallThatASourceDoesNotConfirmEndsAfterTheTimeItHas) {
  sources = {{"acme", "pbx", {}, true}};
  limits.check_time = std::chrono::seconds{0};
  start();
  ASSERT_EQ(answer(submit({fact(FactType::started), fact(FactType::ringing, "c1", "101")})),
            std::nullopt);
  const auto client = attach();
  health({false, true});
  const auto until = std::chrono::steady_clock::now() + kDeadline;
  while (state() != "ended" && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(state(), "ended");
  const auto frames =
      on_broker([&](const CallTable&, const std::string&) { return client->frames; });
  EXPECT_NE(frames.back().find("\"reconciled\""), std::string::npos) << frames.back();
}

TEST_F(BrokerTest, SourceThatTellsItsRestartsIsDoubtedByThemAlone) {
  sources = {{"acme", "pbx", {}, true, true}};
  limits.check_time = std::chrono::seconds{0};
  start();
  ASSERT_EQ(answer(submit({fact(FactType::started), fact(FactType::ringing, "c1", "101")})),
            std::nullopt);
  health({false, true});
  cursor();
  EXPECT_EQ(state(), "ringing") << "that it is back says nothing of its calls";
  broker->source_restarted("acme", "pbx");
  const auto until = std::chrono::steady_clock::now() + kDeadline;
  while (state() != "ended" && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(state(), "ended");
  EXPECT_EQ(questions(), std::vector<std::string>{}) << "it has been asked already";
}

TEST_F(BrokerTest, FactBehindARestartConfirmsItsCall) {
  sources = {{"acme", "pbx", {}, true, true}};
  limits.check_time = std::chrono::seconds{1};
  start();
  ASSERT_EQ(answer(submit({fact(FactType::started, "c1"), fact(FactType::started, "c2")})),
            std::nullopt);
  broker->source_restarted("acme", "pbx");
  ASSERT_EQ(tell(FactType::updated, "c1"), std::nullopt);
  const auto until = std::chrono::steady_clock::now() + kDeadline;
  while (state("c2") != "ended" && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_EQ(state("c2"), "ended");
  EXPECT_NE(state("c1"), "ended");
}

TEST_F(BrokerTest, RestartThatFailsToCommitIsNotForgotten) {
  sources = {{"acme", "pbx", {}, true, true}};
  limits.check_time = std::chrono::seconds{0};
  start();
  ASSERT_EQ(tell(FactType::started), std::nullopt);
  {
    const FullDisk full;
    broker->source_restarted("acme", "pbx");
    ASSERT_EQ(tell(FactType::started, "c2"), Errc::journal_io);
  }
  await_journal();
  const auto until = std::chrono::steady_clock::now() + kDeadline;
  while (state() != "ended" && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(state(), "ended");
}

TEST_F(BrokerTest, RecordingHoldsWhenASourceCameBackAndCouldBeAsked) {
  recording = true;
  sources = {{"acme", "pbx", {}, true}};
  start();
  ASSERT_EQ(answer(submit({fact(FactType::started), fact(FactType::ringing, "c1", "101")})),
            std::nullopt);
  health({false, true});
  ASSERT_EQ(tell(FactType::answered, "c1", "101"), std::nullopt);
  ASSERT_EQ(tell(FactType::ended), std::nullopt);
  const std::string text = recorded();
  EXPECT_NE(text.find("\"in\":\"restart\""), std::string::npos);
  EXPECT_NE(text.find("\"checkable\":true"), std::string::npos);
  const auto bundle = capture((folder / "journal.db.rec").string(), "c1", "test");
  ASSERT_TRUE(bundle);
  EXPECT_FALSE(replay(*bundle).difference);
}

TEST_F(BrokerTest, RulesOfSourcesAndPeopleChangeBetweenTwoFacts) {
  recording = true;
  start();
  const auto with_header = [&](const std::string& call) {
    Fact out = fact(FactType::ringing, call, "101");
    out.headers["X-CID"] = "77";
    return answer(submit({out}));
  };
  ASSERT_EQ(with_header("c1"), std::nullopt);
  SourceRules rules;
  rules.key_headers = {"x-cid"};
  auto people = std::make_shared<Directory>();
  people->add(Org{"acme", "US", ""});
  broker->reconfigure(people, {"acme"}, {{"acme", "pbx", rules, false}});
  ASSERT_EQ(with_header("c2"), std::nullopt);
  ASSERT_EQ(with_header("c3"), std::nullopt);
  const auto ids = on_broker([](const CallTable& calls, const std::string&) {
    std::vector<std::string> out;
    for (const char* id : {"c1", "c2", "c3"}) out.push_back(calls.find("acme", id)->id);
    return out;
  });
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(ids[1], ids[2]);
  EXPECT_NE(recorded().find("\"key_headers\":[\"x-cid\"]"), std::string::npos);
}

}  // namespace
}  // namespace hookswitch
