#include "sinks/sink.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "support/temp_folder.hpp"
#include "unit/delivery/fakes.hpp"

namespace hookswitch {
namespace {

using delivery_test::call_at;
using delivery_test::event_of;
using http_client::Failed;
using http_client::Failure;
using http_client::Outcome;
using http_client::Response;

/// A thread and a clock in the hands of the test.
class FakeOutgoing : public http_client::Outgoing {
 public:
  struct Asked {
    http_client::Request request;
    http_client::Done done;
    std::string body() const { return request.body; }
    std::string header(std::string_view name) const {
      for (const auto& [known, value] : request.headers)
        if (known == name) return value;
      return {};
    }
  };
  void request(http_client::Request request, http_client::Done done) override {
    most = std::max(most, open.size() + 1);
    open.push_back({std::move(request), std::move(done)});
  }
  void post(std::function<void()> work) override { timers_.emplace(now_, std::move(work)); }
  void later(milliseconds delay, std::function<void()> work) override {
    timers_.emplace(now_ + delay, std::move(work));
  }
  /// Lets so much time pass and does what is due, in order.
  void pass(milliseconds time) {
    const auto until = now_ + time;
    while (!timers_.empty() && timers_.begin()->first <= until) {
      auto first = timers_.extract(timers_.begin());
      now_ = first.key();
      first.mapped()();
    }
    now_ = until;
  }
  void settle() { pass(milliseconds{0}); }
  void answer(std::size_t at, const Outcome& outcome) {
    auto one = std::move(open[at]);
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
    one.done(outcome);
    settle();
  }
  void answer(std::size_t at, unsigned status, http_client::Headers headers = {}) {
    answer(at, Response{status, std::move(headers), {}});
  }
  std::vector<Asked> open;
  std::size_t most = 0;

 private:
  milliseconds now_{0};
  std::multimap<milliseconds, std::function<void()>> timers_;
};

class SinkTest : public testing::Test {
 protected:
  SinkTest() {
    settings.name = "crm";
    settings.org = "acme";
    settings.url = *http_client::parse_url("https://crm.example.com/in");
    settings.keys = {Secret{std::string(32, 'k')}};
    settings.attempts = 3;
  }
  void start() {
    sink = std::make_shared<Sink>(settings, delivery_test::people(), parts);
    sink->start();
    out.settle();
  }
  /// A crash: what is not on disk is gone.
  void start_again() {
    sink.reset();
    out.open.clear();
    start();
  }
  void happen(Event event) {
    history.store(std::move(event));
    sink->told();
    out.settle();
  }
  void ring(const std::string& call) { happen(delivery_test::ring(call, "alice", "101")); }
  /// "call offset" of each post under way.
  std::vector<std::string> open() const {
    std::vector<std::string> texts;
    for (const auto& each : out.open) texts.push_back(told(each.body()));
    return texts;
  }
  static std::string told(const std::string& body) {
    const auto event = decode_event(body, {});
    return event->call->id.str() + " " + std::to_string(event->cursor.offset);
  }
  std::string shown(std::string_view member) const {
    json::Writer writer;
    sink->describe(writer);
    const auto document = json::parse(writer.view());
    const json::Value* value = json::find(*document, member);
    return value->IsString() ? std::string{json::text(*value)} : json::to_string(*value);
  }
  using Open = std::vector<std::string>;

  delivery_test::FakeHistory history;
  Registry registry;
  FakeOutgoing out;
  const testing_support::TempFolder folder;
  SinkSettings settings;
  bool readable = true;
  SinkParts parts{out,
                  [this](const std::function<void(History&)>& read) {
                    if (readable) read(history);
                    return readable;
                  },
                  folder.path("sinks"), registry};
  std::shared_ptr<Sink> sink;
};

TEST_F(SinkTest, BeginsWithWhatComesNow) {
  history.store(delivery_test::ring("old", "alice", "101"));
  start();
  EXPECT_EQ(open(), Open{});
  ring("new");
  EXPECT_EQ(open(), Open{"new 2"});
  // Its place was on disk before anything came.
  start_again();
  EXPECT_EQ(open(), Open{"new 2"});
}

TEST_F(SinkTest, OneMessageOfACallIsUnderWayAndOthersBesideIt) {
  start();
  ring("a");
  ring("a");
  ring("b");
  EXPECT_EQ(open(), (Open{"a 1", "b 3"}));
  out.answer(0, 200);
  EXPECT_EQ(open(), (Open{"b 3", "a 2"}));
  out.answer(1, 204);
  out.answer(0, 299);
  EXPECT_EQ(open(), Open{});
  EXPECT_EQ(shown("behind"), "0");
}

TEST_F(SinkTest, NoMoreRequestsAtOnceThanConfigured) {
  settings.concurrency = 3;
  start();
  for (int i = 0; i < 50; ++i) ring("c" + std::to_string(i));
  while (!out.open.empty()) out.answer(0, 200);
  EXPECT_EQ(out.most, 3U);
  EXPECT_EQ(registry.value("hookswitch_sink_accepted_total", {{"sink", "crm"}}), 50);
}

TEST_F(SinkTest, ARepeatIsTheSameMessageSignedAnew) {
  start();
  ring("a");
  const auto first = out.open[0].header("webhook-id");
  const auto body = out.open[0].body();
  EXPECT_EQ(out.open[0].header("webhook-signature").substr(0, 3), "v1,");
  out.answer(0, 500);
  EXPECT_TRUE(out.open.empty());
  out.pass(milliseconds{400});
  EXPECT_TRUE(out.open.empty()) << "not before half of the pause";
  out.pass(milliseconds{700});
  ASSERT_EQ(out.open.size(), 1U);
  EXPECT_EQ(out.open[0].header("webhook-id"), first);
  EXPECT_EQ(out.open[0].body(), body);
}

TEST_F(SinkTest, AllButSuccessAndGoneIsTriedAgainUntilItIsADeadLetter) {
  start();
  for (const unsigned status : {301U, 400U, 401U, 404U, 413U, 422U, 429U, 500U, 503U}) {
    ring("a");
    for (unsigned attempt = 0; attempt < settings.attempts; ++attempt) {
      ASSERT_EQ(out.open.size(), 1U) << status;
      out.answer(0, status);
      out.pass(std::chrono::hours{2});
    }
    EXPECT_TRUE(out.open.empty()) << status;
    ASSERT_EQ(sink->store().dead(), 1U);
    const auto letter = sink->store().letters(0, 1)[0];
    EXPECT_EQ(letter.reason, "status " + std::to_string(status));
    EXPECT_EQ(letter.attempts, 3U);
    EXPECT_EQ(sink->redeliver({letter.id}), 1U);
    EXPECT_EQ(sink->redeliver({letter.id}), 0U) << "once is enough";
    ASSERT_EQ(out.open.size(), 1U);
    EXPECT_EQ(out.open[0].header("webhook-id"), letter.id);
    EXPECT_EQ(out.open[0].body(), letter.body);
    out.answer(0, 200);
    EXPECT_EQ(sink->store().dead(), 0U);
  }
}

TEST_F(SinkTest, ThePlaceOnDiskPassesNothingThatWasNotTaken) {
  start();
  ring("a");
  ring("b");
  ring("c");
  out.answer(1, 200);  // b
  out.answer(0, 500);  // a
  out.pass(milliseconds{300});
  start_again();
  EXPECT_EQ(open(), (Open{"a 1", "c 3"})) << "b was taken";
}

TEST_F(SinkTest, GoneEndsItUntilAReload) {
  start();
  ring("a");
  out.answer(0, 410);
  ring("b");
  out.pass(std::chrono::hours{5});
  EXPECT_EQ(open(), Open{});
  EXPECT_EQ(shown("state"), "disabled");
  sink->reconfigure(settings, delivery_test::people());
  out.settle();
  EXPECT_EQ(open(), (Open{"a 1", "b 2"}));
}

TEST_F(SinkTest, RetryAfterHoldsAllOfItsMessages) {
  start();
  ring("a");
  out.answer(0, 429, {{"retry-after", "30"}});
  ring("b");
  out.pass(std::chrono::seconds{29});
  EXPECT_EQ(open(), Open{});
  out.pass(std::chrono::seconds{2});
  EXPECT_EQ(out.open.size(), 2U);
}

TEST_F(SinkTest, InAnOutageOneMessageIsTriedAndTheFirstSuccessLetsAllGo) {
  settings.attempts = 12;
  start();
  for (int i = 0; i < 20; ++i) ring("c" + std::to_string(i));
  EXPECT_EQ(out.open.size(), 8U);
  while (!out.open.empty()) out.answer(0, Failed{Failure::connect_failed, {}});
  EXPECT_EQ(shown("state"), "failing");
  std::size_t posts = 0;
  for (int i = 0; i < 3600; ++i) {  // an hour
    out.pass(std::chrono::seconds{1});
    ASSERT_LE(out.open.size(), 1U);
    for (; !out.open.empty(); ++posts) out.answer(0, Failed{Failure::timed_out, {}});
  }
  EXPECT_LT(posts, 20U);
  EXPECT_LE(sink->store().dead(), 1U);
  out.pass(std::chrono::hours{1});
  ASSERT_EQ(out.open.size(), 1U);
  out.answer(0, 200);
  EXPECT_EQ(shown("state"), "active");
  EXPECT_EQ(out.open.size(), 8U);
  while (!out.open.empty()) out.answer(0, 200);
  EXPECT_EQ(shown("behind"), "0");
}

TEST_F(SinkTest, TheEndOfAnOutageWaitsForNoPause) {
  settings.backoff = settings.backoff_max = std::chrono::hours{1};
  start();
  for (int i = 0; i < 12; ++i) ring("c" + std::to_string(i));
  for (int i = 0; i < 5; ++i) out.answer(0, 503);
  EXPECT_EQ(shown("state"), "failing");
  EXPECT_EQ(out.open.size(), 5U) << "those that were under way when it was seen";
  out.answer(0, 200);
  EXPECT_EQ(shown("state"), "active");
  std::size_t taken = 1;
  for (; !out.open.empty(); ++taken) out.answer(0, 200);
  EXPECT_EQ(taken, 12U);
}

TEST_F(SinkTest, OneCallThatIsRefusedIsNoOutage) {
  settings.attempts = 100;
  start();
  ring("bad");
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(out.open.size(), 1U);
    out.answer(0, 400);
    ring("good" + std::to_string(i));
    ASSERT_EQ(out.open.size(), 1U);
    out.answer(0, 200);
    out.pass(std::chrono::hours{1});
  }
  EXPECT_EQ(shown("state"), "active");
}

TEST_F(SinkTest, HoldsABoundedPartOfWhatIsToBeDone) {
  start();
  for (int i = 0; i < 5000; ++i)
    history.store(delivery_test::ring("c" + std::to_string(i), "alice", "101"));
  sink->told();
  out.settle();
  EXPECT_LE(std::stoul(shown("held")), kSinkHeldMax + kSinkPageEvents);
  EXPECT_GT(std::stoul(shown("behind")), 4000U);
  std::size_t taken = 0;
  for (; !out.open.empty(); ++taken) out.answer(0, 200);
  EXPECT_EQ(taken, 5000U);
  EXPECT_EQ(shown("held"), "0");
}

TEST_F(SinkTest, ACallThatWasAbsorbedIsToldToItsEndFirst) {
  start();
  ring("young");
  Event merged = event_of(EventType::call_merged, call_at("old", {{"alice", "101"}}));
  merged.absorbed = "young";
  happen(merged);
  ring("old");
  EXPECT_EQ(open(), Open{"young 1"});
  out.answer(0, 500);
  out.pass(milliseconds{1100});
  EXPECT_EQ(open(), Open{"young 1"});
  out.answer(0, 200);
  EXPECT_EQ(open(), Open{"old 2"});
}

TEST_F(SinkTest, WhatRetentionOvertookIsSaidAndTheRestIsTold) {
  start();
  ring("a");
  sink->stop();
  out.open.clear();
  for (int i = 0; i < 10; ++i) history.store(delivery_test::ring("b", "alice", "101"));
  history.prune_to(9);
  start_again();
  EXPECT_EQ(registry.value("hookswitch_sink_gaps_total", {{"sink", "crm"}}), 1);
  EXPECT_EQ(open(), Open{"b 10"});
}

TEST_F(SinkTest, AReplayBeginsOnceNothingIsUnderWay) {
  start();
  ring("a");
  ring("a");
  out.answer(0, 200);
  std::optional<std::optional<Errc>> answer;
  sink->replay({"e1", 0}, [&](std::optional<Errc> refused) { answer = refused; });
  out.settle();
  ASSERT_TRUE(answer && !*answer);
  EXPECT_EQ(open(), Open{"a 2"});
  out.answer(0, 200);
  EXPECT_EQ(open(), Open{"a 1"});
  for (const auto& cursor : {Cursor{"e2", 0}, Cursor{"e1", 3}}) {
    sink->replay(cursor, [&](std::optional<Errc> refused) { answer = refused; });
    out.settle();
    EXPECT_EQ(*answer, Errc::cursor_gone);
  }
}

TEST_F(SinkTest, AJournalThatCannotBeReadIsAskedAgain) {
  start();
  for (const bool closed : {true, false}) {
    readable = !closed;
    history.broken = !closed;
    ring("a");
    EXPECT_EQ(open(), Open{});
    readable = true;
    history.broken = false;
    out.pass(milliseconds{1100});
    ASSERT_EQ(out.open.size(), 1U);
    out.answer(0, 200);
  }
}

TEST_F(SinkTest, WhatNeverLeftCostsNoAttempt) {
  start();
  ring("a");
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(out.open.size(), 1U);
    out.answer(0, Failed{Failure::overload, {}});
    out.pass(milliseconds{300});
  }
  EXPECT_EQ(sink->store().dead(), 0U);
}

TEST_F(SinkTest, WhatDoesNotMatchIsDealtWith) {
  settings.filter.ext = {"102"};
  start();
  ring("a");
  EXPECT_EQ(open(), Open{});
  EXPECT_EQ(shown("behind"), "0");
  EXPECT_EQ(shown("cursor"), "e1.1");
}

TEST_F(SinkTest, TheElma365ShapeIsAPostForEachPersonAndOneEventUntilAllAreTaken) {
  settings.shape = SinkShape::elma365;
  start();
  Call call = call_at("c", {{"alice", "101"}, {"bob", "102"}});
  call.state = CallState::ended;
  call.disposition = Disposition::no_answer;
  call.ended_at = delivery_test::at_ms(5);
  for (auto& leg : call.legs) {
    leg.state = LegState::terminated;
    leg.ended_at = call.ended_at;
  }
  Event event = event_of(EventType::call_ended, call);
  event.changed = {"l2", "l3"};
  happen(event);
  ASSERT_EQ(out.open.size(), 1U) << "of one call";
  const auto first = out.open[0].header("webhook-id");
  const auto body = json::parse(out.open[0].body());
  ASSERT_TRUE(body);
  EXPECT_EQ(json::find_string(*body, "dstPhone"), "101");
  EXPECT_EQ(json::find(*body, "hookswitch"), nullptr);
  out.answer(0, 200);
  EXPECT_EQ(shown("behind"), "1");
  ASSERT_EQ(out.open.size(), 1U);
  EXPECT_EQ(json::find_string(*json::parse(out.open[0].body()), "dstPhone"), "102");
  EXPECT_NE(out.open[0].header("webhook-id"), first);
  out.answer(0, 200);
  EXPECT_EQ(shown("behind"), "0");
}

}  // namespace
}  // namespace hookswitch
