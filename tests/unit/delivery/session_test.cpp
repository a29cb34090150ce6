#include "delivery/session.hpp"

#include <gtest/gtest.h>

#include "unit/delivery/fakes.hpp"

namespace hookswitch::delivery_test {
namespace {

using std::chrono::seconds;

/// Runs the work at once on a hub of its own.
class FakePort : public HubPort {
 public:
  explicit FakePort(Hub& hub) : hub_(hub) {}
  void post(std::function<void(Hub&)> work) override { work(hub_); }

 private:
  Hub& hub_;
};

/// Keeps the work until it is told to do it, as a broker that is busy.
class BusyPort : public HubPort {
 public:
  explicit BusyPort(Hub& hub) : hub_(hub) {}
  void post(std::function<void(Hub&)> work) override { waiting.push_back(std::move(work)); }
  void work() {
    for (auto& one : std::exchange(waiting, {})) one(hub_);
  }
  std::vector<std::function<void(Hub&)>> waiting;

 private:
  Hub& hub_;
};

class SessionTest : public ::testing::Test {
 protected:
  Session& open(Dialect dialect = Dialect::native, std::string header_token = {}) {
    session_ = std::make_unique<Session>(rules_, port_, bench.registry, sink, dialect,
                                         std::move(header_token), own_host_, opened);
    return *session_;
  }
  std::string token(const std::string& user, Scope scope, seconds life = seconds{60}) {
    Grant out = grant(user, scope);
    out.expires = at_ms(0) + life;
    return rules_->verifier->sign(out, at_ms(0));
  }
  static std::string hello(const std::string& token, const std::string& more = {}) {
    return R"({"op":"hello","token":")" + token + "\"" + more + "}";
  }
  Session& welcomed() {
    open().on_text(hello(token("alice", Scope::events_own)), at_ms(0));
    EXPECT_NE(sink->op("welcome"), "");
    return *session_;
  }
  Errc closed_with() const {
    return sink->closed.size() == 1 ? sink->closed[0] : Errc::internal_error;
  }

  static Grant alices() {
    Grant out = grant("alice", Scope::events_own);
    out.expires = at_ms(60'000);
    return out;
  }

  const Session::Clock::time_point opened{seconds{1000}};
  int rotations_ = 0;
  bool own_host_ = true;
  HubBench bench;
  FakePort port_{bench.hub};
  std::shared_ptr<RecordingClient> sink = std::make_shared<RecordingClient>();
  std::shared_ptr<SessionRules> rules_ = std::make_shared<SessionRules>(
      SessionRules{std::make_shared<TokenVerifier>(
                       std::vector<Secret>{Secret{"test-secret-test-secret-test-secret"}}),
                   people(), std::nullopt});
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, SilentClientIsRefusedAfterTheHelloTime) {
  open().on_tick(opened + kHelloTime - milliseconds{1}, at_ms(0));
  EXPECT_TRUE(sink->closed.empty());
  session_->on_tick(opened + kHelloTime, at_ms(0));
  EXPECT_EQ(closed_with(), Errc::auth_missing);
}

TEST_F(SessionTest, FirstFrameMustBeHello) {
  open().on_text(R"({"op":"ping"})", at_ms(0));
  EXPECT_EQ(closed_with(), Errc::auth_missing);
  EXPECT_EQ(bench.hub.clients(), 0u);
}

TEST_F(SessionTest, HelloWithAGoodTokenIsWelcomedAsItsPerson) {
  welcomed();
  EXPECT_NE(sink->op("welcome").find(R"("user":"alice")"), std::string::npos);
  EXPECT_EQ(bench.hub.clients(), 1u);
}

TEST_F(SessionTest, TokenOfTheUpgradeServesWhenHelloHasNone) {
  open(Dialect::native, token("alice", Scope::events_own)).on_text(R"({"op":"hello"})", at_ms(0));
  EXPECT_NE(sink->op("welcome"), "");
}

TEST_F(SessionTest, RefusalsSayWhy) {
  const std::string good = token("alice", Scope::events_own);
  const std::vector<std::pair<std::string, Errc>> cases{
      {R"({"op":"hello"})", Errc::auth_missing},
      {hello(good + "x"), Errc::auth_invalid},
      {hello(token("alice", Scope::events_own, seconds{-1})), Errc::auth_expired},
      {hello(token("alice", Scope::commands)), Errc::forbidden},
      {R"({"op":"hello","token":1})", Errc::bad_message},
      {hello(good, R"(,"subscribe":{})"), Errc::bad_message},
      {hello(good, R"(,"subscribe":[{"colour":["red"]}])"), Errc::bad_message},
      {"{", Errc::bad_message},
      {"[]", Errc::bad_message},
      {"\xff", Errc::bad_message},
  };
  for (const auto& [frame, why] : cases) {
    sink = std::make_shared<RecordingClient>();
    open().on_text(frame, at_ms(0));
    EXPECT_EQ(closed_with(), why) << frame;
    EXPECT_EQ(sink->op("welcome"), "") << frame;
    EXPECT_EQ(
        bench.registry.value("hookswitch_client_refusals_total", {{"code", outcome(why).name}}) > 0,
        true)
        << frame;
  }
  EXPECT_EQ(bench.hub.clients(), 0u);
}

TEST_F(SessionTest, TokenOfAnUnknownOrganisationIsNoToken) {
  Grant stranger = grant("eve", Scope::events_org, "globex");
  stranger.expires = at_ms(60'000);
  open().on_text(hello(rules_->verifier->sign(stranger, at_ms(0))), at_ms(0));
  EXPECT_EQ(closed_with(), Errc::auth_invalid);
}

TEST_F(SessionTest, AnonymousIsOffUnlessConfigured) {
  rules_->anonymous = grant("", Scope::events_org);
  open().on_text(R"({"op":"hello"})", at_ms(0));
  EXPECT_NE(sink->op("welcome"), "");
  sink = std::make_shared<RecordingClient>();
  open().on_text(hello("wrong"), at_ms(0));
  EXPECT_EQ(closed_with(), Errc::auth_invalid)
      << "a wrong token is not made good by the anonymous grant";
}

TEST_F(SessionTest, AnonymousIsNobodyWhoAskedForUsByAForeignName) {
  rules_->anonymous = grant("", Scope::events_org);
  own_host_ = false;  // DNS rebinding: somebody's name that points at our address
  open().on_text(R"({"op":"hello"})", at_ms(0));
  EXPECT_EQ(closed_with(), Errc::auth_missing);
}

TEST_F(SessionTest, ExpiredGrantClosesAtTheNextTick) {
  welcomed().on_tick(opened + seconds{59}, at_ms(59'999));
  EXPECT_TRUE(sink->closed.empty());
  session_->on_tick(opened + seconds{60}, at_ms(60'000));
  EXPECT_EQ(closed_with(), Errc::auth_expired);
  EXPECT_EQ(bench.hub.clients(), 0u);
}

TEST_F(SessionTest, AuthProlongs) {
  welcomed().on_text(
      R"({"op":"auth","token":")" + token("alice", Scope::events_own, seconds{600}) + "\"}",
      at_ms(1000));
  session_->on_tick(opened + seconds{100}, at_ms(100'000));
  EXPECT_TRUE(sink->closed.empty());
}

TEST_F(SessionTest, AuthDoesNotMakeAnotherPersonOfTheSession) {
  welcomed().on_text(R"({"op":"auth","token":")" + token("bob", Scope::events_own) + "\"}",
                     at_ms(1000));
  EXPECT_EQ(closed_with(), Errc::forbidden);
  bench.publish(ring("b", "bob", "102"));
  EXPECT_TRUE(sink->cursors().empty());
}

TEST_F(SessionTest, AuthIsHeldAgainstTheSecretsOfNow) {
  auto now = std::make_shared<SessionRules>(*rules_);
  const auto start = [&] {
    sink = std::make_shared<RecordingClient>();
    session_ = std::make_unique<Session>([&] { return now; }, port_, bench.registry, sink,
                                         Dialect::native, "", true, opened);
    session_->on_text(hello(now->verifier->sign(alices(), at_ms(0))), at_ms(0));
    ASSERT_NE(sink->op("welcome"), "");
  };
  const auto rotate = [&] {
    auto next = std::make_shared<SessionRules>(*now);
    next->verifier = std::make_shared<TokenVerifier>(
        std::vector<Secret>{Secret{std::string(36, rotations_++ == 0 ? 'n' : 'm')}});
    now = std::move(next);
  };
  const auto auth = [&](const SessionRules& rules) {
    session_->on_text(
        R"({"op":"auth","token":")" + rules.verifier->sign(alices(), at_ms(0)) + "\"}", at_ms(0));
  };
  start();
  rotate();
  auth(*now);
  EXPECT_TRUE(sink->closed.empty()) << "a token of the new secret";
  start();
  const auto withdrawn = now;
  rotate();
  auth(*withdrawn);
  EXPECT_EQ(closed_with(), Errc::auth_invalid) << "a token of the secret that was withdrawn";
}

/// A session whose rules are changed below it.
class RulesThatChange : public SessionTest {
 protected:
  RulesThatChange() { now_->directory = rules_->directory; }

  Session& start(const std::string& frame) {
    session_ = std::make_unique<Session>([this] { return now_; }, port_, bench.registry, sink,
                                         Dialect::native, "", true, opened);
    session_->on_text(frame, at_ms(0));
    EXPECT_NE(sink->op("welcome"), "");
    return *session_;
  }
  void change(const std::function<void(SessionRules&)>& how) {
    auto next = std::make_shared<SessionRules>(*now_);
    how(*next);
    now_ = std::move(next);
    session_->on_tick(opened + seconds{1}, at_ms(1000));
  }
  void change_secrets(std::vector<std::string> secrets) {
    change([&](SessionRules& rules) { rules.verifier = verifier(std::move(secrets)); });
  }
  static std::shared_ptr<TokenVerifier> verifier(std::vector<std::string> texts) {
    std::vector<Secret> secrets;
    for (auto& text : texts) secrets.emplace_back(text + "-secret-of-thirty-two-bytes-or-more");
    return std::make_shared<TokenVerifier>(std::move(secrets));
  }
  std::shared_ptr<SessionRules> now_ =
      std::make_shared<SessionRules>(SessionRules{verifier({"old"}), nullptr, std::nullopt});
};

TEST_F(RulesThatChange, SessionEndsWithTheSecretThatVouchedForIt) {
  start(hello(now_->verifier->sign(alices(), at_ms(0))));
  change_secrets({"new", "old"});
  change_secrets({"old", "other"});
  EXPECT_TRUE(sink->closed.empty()) << "its own secret is still there";
  change_secrets({"new"});
  EXPECT_EQ(closed_with(), Errc::auth_expired) << "so it comes back with a token of now";
}

TEST_F(RulesThatChange, FreshTokenHoldsTheSessionToItsOwnSecret) {
  start(hello(now_->verifier->sign(alices(), at_ms(0))));
  change_secrets({"new", "old"});
  session_->on_text(R"({"op":"auth","token":")" + now_->verifier->sign(alices(), at_ms(0)) + "\"}",
                    at_ms(0));
  change_secrets({"new"});
  EXPECT_TRUE(sink->closed.empty());
  change_secrets({"old"});
  EXPECT_EQ(closed_with(), Errc::auth_expired);
}

TEST_F(RulesThatChange, SessionEndsWithItsOrganisation) {
  start(hello(now_->verifier->sign(alices(), at_ms(0))));
  change([](SessionRules& rules) { rules.directory = std::make_shared<Directory>(); });
  EXPECT_EQ(closed_with(), Errc::auth_expired);
}

TEST_F(RulesThatChange, NobodyStaysWhileNobodyIsAllowedTheSame) {
  now_->anonymous = grant("", Scope::events_org);
  start(R"({"op":"hello"})");
  change_secrets({"new"});
  EXPECT_TRUE(sink->closed.empty());
  change([](SessionRules& rules) { rules.anonymous = grant("", Scope::events_own); });
  EXPECT_EQ(closed_with(), Errc::auth_expired);
}

TEST_F(RulesThatChange, StreamIsHeldToTheRulesThatLetItIn) {
  const auto before = now_;
  const auto grant = before->verifier->verify(before->verifier->sign(alices(), at_ms(0)), at_ms(0));
  now_ = std::make_shared<SessionRules>(SessionRules{verifier({"new"}), nullptr, std::nullopt});
  session_ = std::make_unique<Session>([this] { return now_; }, port_, bench.registry, sink,
                                       Dialect::native, "", true, opened);
  session_->open_stream(*grant, std::nullopt, std::nullopt, before);
  session_->on_tick(opened + seconds{1}, at_ms(1000));
  EXPECT_EQ(closed_with(), Errc::auth_expired) << "they changed between its request and its start";
}

TEST_F(SessionTest, AuthForAnOrganisationThatHasGoneCloses) {
  welcomed();
  rules_->directory = std::make_shared<Directory>();
  session_->on_text(R"({"op":"auth","token":")" + token("alice", Scope::events_own) + "\"}",
                    at_ms(0));
  EXPECT_EQ(closed_with(), Errc::auth_invalid);
}

TEST_F(SessionTest, AuthWithABadTokenCloses) {
  welcomed().on_text(R"({"op":"auth","token":"x"})", at_ms(1000));
  EXPECT_EQ(closed_with(), Errc::auth_invalid);
}

TEST_F(SessionTest, AuthWithoutAnyEventScopeIsForbidden) {
  welcomed().on_text(R"({"op":"auth","token":")" + token("alice", Scope::commands) + "\"}",
                     at_ms(1000));
  EXPECT_EQ(closed_with(), Errc::forbidden)
      << "as at hello: a session that may see nothing would wait for ever";
}

TEST_F(SessionTest, PingIsAnsweredWithTheTimeAndThePlaceOfALiveClient) {
  welcomed();
  bench.publish(ring("b", "bob", "102"));  // nothing of hers
  session_->on_text(R"({"op":"ping"})", at_ms(5));
  EXPECT_EQ(sink->op("pong"), R"({"op":"pong","time":"2026-11-20T15:00:00.005Z","cursor":"e1.1"})");
}

TEST_F(SessionTest, PingOfAPageIsAnsweredForItCannotSeeADeadConnectionOtherwise) {
  open(Dialect::rc_embeddable).on_text(hello(token("alice", Scope::events_own)), at_ms(0));
  EXPECT_EQ(sink->op("pong"), "") << "nothing but page messages for who does not ask";
  session_->on_text(R"({"op":"ping"})", at_ms(5));
  EXPECT_EQ(sink->op("pong"), R"({"op":"pong","time":"2026-11-20T15:00:00.005Z","cursor":"e1.0"})");
}

TEST_F(SessionTest, PingOfAClientOfCloudEventsIsNotAnswered) {
  open(Dialect::cloudevents).on_text(hello(token("alice", Scope::events_own)), at_ms(0));
  session_->on_text(R"({"op":"ping"})", at_ms(5));
  EXPECT_EQ(sink->op("pong"), "");
}

TEST_F(SessionTest, PongOfAClientThatIsHeldBackTellsNoPlace) {
  rules_->ack_window = 1;
  open().on_text(hello(token("boss", Scope::events_org), R"(,"ack":true)"), at_ms(0));
  for (int i = 0; i < 2; ++i) bench.publish(ring("a", "alice", "101"));
  session_->on_text(R"({"op":"ping"})", at_ms(5));
  EXPECT_EQ(sink->op("pong"), R"({"op":"pong","time":"2026-11-20T15:00:00.005Z"})");
}

TEST_F(SessionTest, UnknownOpIsComplainedOfAndTheSessionGoesOn) {
  welcomed().on_text(R"({"op":"dance","id":"7"})", at_ms(0));
  EXPECT_NE(sink->op("error").find("bad_message"), std::string::npos);
  EXPECT_NE(sink->op("error").find(R"("id":"7")"), std::string::npos);
  EXPECT_TRUE(sink->closed.empty());
}

TEST_F(SessionTest, BadJsonAfterTheWelcomeCloses) {
  welcomed().on_text("{\"op\":\"ping\"", at_ms(0));
  EXPECT_EQ(closed_with(), Errc::bad_message);
  EXPECT_EQ(bench.hub.clients(), 0u);
}

TEST_F(SessionTest, TooLargeAFrameCloses) {
  welcomed().on_text(R"({"op":"ping","pad":")" + std::string(kClientFrameBytesMax, 'x') + "\"}",
                     at_ms(0));
  EXPECT_EQ(closed_with(), Errc::bad_message);
}

TEST_F(SessionTest, SubscribeAndUnsubscribeReachTheHub) {
  open().on_text(hello(token("boss", Scope::events_org), R"(,"subscribe":[])"), at_ms(0));
  session_->on_text(R"({"op":"subscribe","id":"s1","filter":{"ext":["101"]}})", at_ms(0));
  EXPECT_EQ(sink->op("subscribed"), R"({"op":"subscribed","id":"s1"})");
  bench.publish(ring("a", "alice", "101"));
  session_->on_text(R"({"op":"unsubscribe","id":"s1"})", at_ms(0));
  bench.publish(ring("b", "alice", "101"));
  EXPECT_EQ(sink->cursors().size(), 1u);
}

TEST_F(SessionTest, BadSubscribeIsAnsweredWithItsId) {
  welcomed().on_text(R"({"op":"subscribe","id":"s1","filter":{"ext":"101"}})", at_ms(0));
  EXPECT_NE(sink->op("error").find(R"("id":"s1")"), std::string::npos);
  EXPECT_TRUE(sink->closed.empty());
}

TEST_F(SessionTest, SinceIsHonouredAndARefusedOneIsSaid) {
  bench.publish(ring("a", "alice", "101"));
  open().on_text(hello(token("alice", Scope::events_own), R"(,"since":"e1.0")"), at_ms(0));
  EXPECT_NE(sink->op("welcome").find(R"("resumed":true)"), std::string::npos);
  EXPECT_EQ(sink->cursors().size(), 1u);
  sink = std::make_shared<RecordingClient>();
  open().on_text(hello(token("alice", Scope::events_own), R"(,"since":"what")"), at_ms(0));
  EXPECT_NE(sink->op("welcome").find(R"("resumed":false)"), std::string::npos);
}

TEST_F(SessionTest, CommandsAreRefusedWhileNobodyExecutesThem) {
  welcomed().on_text(R"({"op":"command","id":"c","name":"hang_up","params":{}})", at_ms(0));
  EXPECT_NE(sink->op("error").find("not_supported"), std::string::npos);
  EXPECT_TRUE(sink->closed.empty());
}

TEST_F(SessionTest, TabsPartakeInLeasesAndCommandsShowTheirToken) {
  open().on_text(hello(token("alice", Scope::events_own),
                       R"(,"tab":{"id":"a","visible":true,"focused":false})"),
                 at_ms(0));
  EXPECT_EQ(sink->op("lease"), R"({"op":"lease","purpose":"calls","holder":"a","token":1})");
  const auto ask = [&](const std::string& rest) {
    session_->on_text(R"({"op":"command","id":"c",)" + rest + "}", at_ms(0));
    return sink->op("reply") + sink->op("error");
  };
  EXPECT_EQ(ask(R"("name":"enable_current_tab")"), R"({"op":"reply","id":"c","ok":true})");
  EXPECT_NE(ask(R"("name":"hold","params":{},"lease_token":0)").find("lease_stale"),
            std::string::npos);
  bench.publish(ring("c1", "alice", "101"));
  bench.hub.go_on();
  EXPECT_EQ(ask(R"("name":"open_pop","params":{"call_id":"c1"},"lease_token":2)"),
            R"({"op":"reply","id":"c","ok":true})");
  EXPECT_NE(ask(R"("name":"open_pop","params":{"call_id":"c1"})").find("bad_message"),
            std::string::npos);
  EXPECT_TRUE(sink->closed.empty());
}

TEST_F(SessionTest, ALeaseTokenIsANumberAndFocusSaysBoth) {
  welcomed().on_text(R"({"op":"command","id":"c","name":"hold","lease_token":"1"})", at_ms(0));
  EXPECT_NE(sink->op("error").find("bad_message"), std::string::npos);
  sink->frames.clear();
  session_->on_text(R"({"op":"focus","visible":true})", at_ms(0));
  EXPECT_NE(sink->op("error").find("bad_message"), std::string::npos);
  sink->frames.clear();
  session_->on_text(R"({"op":"focus","visible":true,"focused":true})", at_ms(0));
  EXPECT_TRUE(sink->frames.empty()) << "without a tab it changes nothing";
}

TEST_F(SessionTest, ATabThatCannotBeReadIsNoMessage) {
  for (const std::string tab : {"1", "{}", R"({"id":"","visible":true,"focused":true})",
                                R"({"id":"a","visible":1,"focused":true})"}) {
    sink = std::make_shared<RecordingClient>();
    open().on_text(hello(token("alice", Scope::events_own), ",\"tab\":" + tab), at_ms(0));
    EXPECT_EQ(closed_with(), Errc::bad_message) << tab;
  }
}

TEST_F(SessionTest, NothingIsHeardAfterTheClose) {
  open().on_text("{", at_ms(0));
  const auto frames = sink->frames.size();
  session_->on_text(hello(token("alice", Scope::events_own)), at_ms(0));
  session_->on_tick(opened + seconds{100}, at_ms(0));
  EXPECT_EQ(sink->frames.size(), frames);
  EXPECT_EQ(sink->closed.size(), 1u);
  EXPECT_EQ(bench.hub.clients(), 0u);
}

TEST_F(SessionTest, GoneSocketDetachesOnce) {
  welcomed().on_closed();
  session_->on_closed();
  session_.reset();
  EXPECT_EQ(bench.hub.clients(), 0u);
  EXPECT_EQ(bench.registry.value("hookswitch_clients_detached_total"), 1);
}

TEST_F(SessionTest, PageClientsGetNoErrorFrames) {
  open(Dialect::rc_embeddable).on_text(hello(token("alice", Scope::events_own)), at_ms(0));
  const auto frames = sink->frames.size();
  session_->on_text(R"({"type":"nothing of ours"})", at_ms(0));
  EXPECT_EQ(sink->frames.size(), frames);
  EXPECT_TRUE(sink->closed.empty());
}

TEST_F(SessionTest, AcknowledgementsAreAskedForInHello) {
  rules_->ack_window = 1;
  open().on_text(hello(token("boss", Scope::events_org), R"(,"ack":true)"), at_ms(0));
  EXPECT_NE(sink->op("welcome").find(R"("ack_window":1)"), std::string::npos);
  bench.publish(ring("a", "alice", "101"));
  bench.publish(ring("b", "alice", "101"));
  EXPECT_EQ(sink->cursors().size(), 1u);
  session_->on_text(R"({"op":"ack","cursor":"e1.1"})", at_ms(0));
  EXPECT_EQ(sink->cursors().size(), 2u);
  EXPECT_EQ(sink->op("error"), "") << "an acknowledgement has no answer";
}

TEST_F(SessionTest, EachEventOfAWindowMayBeAcknowledgedWhileTheHubIsBusy) {
  BusyPort port{bench.hub};
  Session session{rules_, port, bench.registry, sink, Dialect::native, "", true, opened};
  session.on_text(hello(token("boss", Scope::events_org), R"(,"ack":true)"), at_ms(0));
  port.work();
  const int window = static_cast<int>(rules_->ack_window);
  for (int i = 0; i <= window; ++i) bench.publish(ring("a", "alice", "101"));
  for (int round = 0; round < 2; ++round) {  // the second is as the first
    for (int i = 1; i <= window; ++i)
      session.on_text(R"({"op":"ack","cursor":"e1.)" + std::to_string(i) + "\"}", at_ms(0));
    EXPECT_EQ(port.waiting.size(), 1u) << "only the highest counts";
    port.work();
  }
  EXPECT_TRUE(sink->closed.empty());
  EXPECT_EQ(sink->op("error"), "");
  EXPECT_EQ(sink->cursors().back(), "e1." + std::to_string(window + 1));
}

TEST_F(SessionTest, AcknowledgementOfAnotherEpochHidesNoneAndIsRefused) {
  BusyPort port{bench.hub};
  rules_->ack_window = 1;
  Session session{rules_, port, bench.registry, sink, Dialect::native, "", true, opened};
  session.on_text(hello(token("boss", Scope::events_org), R"(,"ack":true)"), at_ms(0));
  port.work();
  for (int i = 0; i < 2; ++i) bench.publish(ring("a", "alice", "101"));
  session.on_text(R"({"op":"ack","cursor":"e1.1"})", at_ms(0));
  session.on_text(R"({"op":"ack","cursor":"e2.9"})", at_ms(0));
  port.work();
  EXPECT_NE(sink->op("error").find("bad_message"), std::string::npos);
  EXPECT_EQ(sink->cursors().size(), 2u);
}

TEST_F(SessionTest, FramesOfOneClientOnTheirWayAreBounded) {
  BusyPort port{bench.hub};
  Session session{rules_, port, bench.registry, sink, Dialect::native, "", true, opened};
  session.on_text(hello(token("boss", Scope::events_org), R"(,"ack":true)"), at_ms(0));
  for (int i = 0; i < kSessionWorkMax + 10; ++i)
    session.on_text(R"({"op":"ack","cursor":"e)" + std::to_string(i) + ".1\"}", at_ms(0));
  EXPECT_LE(port.waiting.size(), static_cast<std::size_t>(kSessionWorkMax) + 2);
  port.work();
  EXPECT_EQ(closed_with(), Errc::overload);
}

TEST_F(SessionTest, AcknowledgingWithoutACursorIsComplainedOf) {
  open().on_text(hello(token("boss", Scope::events_org), R"(,"ack":true)"), at_ms(0));
  for (const char* bad : {R"({"op":"ack"})", R"({"op":"ack","cursor":5})",
                          R"({"op":"ack","cursor":"e1"})", R"({"op":"ack","cursor":"e1.-1"})"}) {
    sink->frames.clear();
    session_->on_text(bad, at_ms(0));
    EXPECT_NE(sink->op("error").find("bad_message"), std::string::npos) << bad;
    EXPECT_TRUE(sink->closed.empty()) << bad;
  }
}

TEST_F(SessionTest, AskingToAcknowledgeIsYesOrNo) {
  open().on_text(hello(token("boss", Scope::events_org), R"(,"ack":false)"), at_ms(0));
  EXPECT_EQ(sink->op("welcome").find("ack_window"), std::string::npos);
  sink = std::make_shared<RecordingClient>();
  open().on_text(hello(token("boss", Scope::events_org), R"(,"ack":1)"), at_ms(0));
  EXPECT_EQ(closed_with(), Errc::bad_message);
}

TEST_F(SessionTest, WelcomeTellsHowOftenThisServerPings) {
  rules_->ping_time = milliseconds{1234};
  welcomed();
  EXPECT_NE(sink->op("welcome").find(R"("ping_ms":1234)"), std::string::npos);
}

}  // namespace
}  // namespace hookswitch::delivery_test
