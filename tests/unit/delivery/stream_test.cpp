#include <gtest/gtest.h>

#include "delivery/session.hpp"
#include "unit/delivery/fakes.hpp"

namespace hookswitch::delivery_test {
namespace {

using Strings = std::vector<std::string>;

/// One message as a browser reads it (WHATWG HTML §9.2.6).
struct Message {
  std::string id, event, data;
};

/// Reads a whole stream; any line that is none of id, event and data is put into `id` as it is.
std::vector<Message> read_stream(const std::vector<Frame>& frames) {
  std::string text;
  for (const auto& frame : frames) text += frame->text();
  std::vector<Message> out;
  Message one;
  while (!text.empty()) {
    const auto end = text.find_first_of("\r\n");
    const std::string line = text.substr(0, end);
    text.erase(0, end == std::string::npos ? text.size() : end + 1);
    if (line.empty()) {
      out.push_back(std::exchange(one, {}));
    } else if (line.starts_with("id: ")) {
      one.id = line.substr(4);
    } else if (line.starts_with("event: ")) {
      one.event = line.substr(7);
    } else if (line.starts_with("data: ") && one.data.empty()) {
      one.data = line.substr(6);
    } else {
      one.id = line;
    }
  }
  EXPECT_TRUE(one.id.empty() && one.data.empty()) << "the last message is not whole";
  return out;
}

class StreamPort : public HubPort {
 public:
  explicit StreamPort(Hub& hub) : hub_(hub) {}
  void post(std::function<void(Hub&)> work) override { work(hub_); }

 private:
  Hub& hub_;
};

class StreamTest : public ::testing::Test {
 protected:
  struct Listener {
    std::shared_ptr<RecordingClient> sink = std::make_shared<RecordingClient>();
    std::unique_ptr<Session> session;
    std::vector<Message> messages() const { return read_stream(sink->frames); }
    Strings ids() const {
      Strings out;
      for (const auto& message : messages())
        if (message.event != "welcome") out.push_back(message.id);
      return out;
    }
  };
  Listener open(Grant who, std::optional<Filter> filter = {},
                const std::optional<std::string>& since = {}) {
    Listener out;
    out.session = std::make_unique<Session>(rules_, port_, bench.registry, out.sink,
                                            Dialect::native, "", true, Session::Clock::now());
    out.session->open_stream(std::move(who), std::move(filter), since);
    return out;
  }
  HubBench bench;

 private:
  StreamPort port_{bench.hub};
  std::shared_ptr<SessionRules> rules_ = std::make_shared<SessionRules>(
      SessionRules{std::make_shared<TokenVerifier>(std::vector<Secret>{}), people(), std::nullopt});
};

TEST_F(StreamTest, FirstMessageIsTheWelcomeWithTheCallsNow) {
  bench.history.calls = {call_at("c1", {{"alice", "101"}})};
  bench.publish(ring("c1", "alice", "101"));
  const auto messages = open(grant("alice", Scope::events_own)).messages();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].event, "welcome");
  EXPECT_EQ(messages[0].id, "e1.1") << "a browser that comes back after it has missed nothing";
  const auto welcome = json::parse(messages[0].data);
  ASSERT_TRUE(welcome);
  EXPECT_EQ(json::find_bool(*welcome, "resumed"), false);
  EXPECT_EQ(json::find(*welcome, "snapshot")->Size(), 1u);
  EXPECT_EQ(json::find_string(*welcome, "user"), "alice");
}

TEST_F(StreamTest, MessageIsTheCursorTheTypeAndTheEvent) {
  const auto listener = open(grant("alice", Scope::events_own));
  const Event event = bench.publish(ring("c1", "alice", "101"));
  const auto messages = listener.messages();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].id, "e1.1");
  EXPECT_EQ(messages[1].event, "call.ringing");
  EXPECT_EQ(messages[1].data, encode(event));
}

TEST_F(StreamTest, NoTextOfAnEventCanBreakItsLine) {
  const auto listener = open(grant("alice", Scope::events_own));
  Call call = call_at("c1", {{"alice", "101"}});
  std::string odd;
  for (int c = 1; c < 0x80; ++c) odd += static_cast<char>(c);
  odd += "\xc2\x85\xe2\x80\xa8\xe2\x80\xa9";  // NEL, LS and PS are no line ends of a stream
  call.from.name = odd;
  call.queue = "a\r\nid: e1.99\r\n\r\ndata: x";
  call.headers["X\n"] = "\r\n\r\n";
  call.custom_data = "\n\n";
  const Event event = bench.publish(event_of(EventType::call_ringing, call));
  const auto messages = listener.messages();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].id, "e1.1");
  EXPECT_EQ(messages[1].data.find_first_of("\r\n"), std::string::npos);
  const auto read = decode_event(messages[1].data, event.audience);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->call->from.name, odd);
  EXPECT_EQ(*read, event);
}

TEST_F(StreamTest, GoodCursorGetsWhatFollowsItAndABadOneASnapshot) {
  for (int i = 0; i < 5; ++i) bench.publish(ring("c", "alice", "101"));
  const auto resumed = open(grant("alice", Scope::events_own), {}, "e1.3");
  EXPECT_EQ(resumed.ids(), (Strings{"e1.4", "e1.5"}));
  EXPECT_EQ(resumed.messages()[0].id, "e1.3") << "nothing is skipped if it breaks at once again";
  EXPECT_NE(resumed.messages()[0].data.find(R"("resumed":true)"), std::string::npos);
  for (const char* bad : {"", "x", "other.3", "e1.6"}) {
    const auto fresh = open(grant("alice", Scope::events_own), {}, bad);
    EXPECT_EQ(fresh.ids(), Strings{}) << bad;
    const auto welcome = json::parse(fresh.messages()[0].data);
    ASSERT_TRUE(welcome);
    EXPECT_FALSE(json::find(*welcome, "resumed")->GetBool());
    EXPECT_TRUE(json::find(*welcome, "snapshot")->IsArray());
    EXPECT_EQ(fresh.messages()[0].id, "e1.5");
  }
}

TEST_F(StreamTest, FilterAndScopeHoldAsOnAWebSocket) {
  const auto picky = open(grant("boss", Scope::events_org), Filter{.ext = {"102"}});
  const auto own = open(grant("alice", Scope::events_own), Filter{.ext = {"102"}});
  bench.publish(ring("a", "alice", "101"));
  bench.publish(ring("b", "bob", "102"));
  EXPECT_EQ(picky.ids(), Strings{"e1.2"});
  EXPECT_EQ(own.ids(), Strings{});
}

TEST_F(StreamTest, MessageIsMadeOnceForAllStreamsAlsoOfThePast) {
  HubBench own{HubLimits{}};
  StreamPort port{own.hub};
  const auto listen = [&](const std::string& since) {
    Attach wish = own.wish(grant("boss", Scope::events_org));
    wish.stream = true;
    wish.asked_since = !since.empty();
    wish.since = parse_cursor(since);
    return own.attach(std::move(wish)).sink;
  };
  const auto one = listen(""), two = listen("");
  own.publish(ring("a", "alice", "101"));
  const auto late = listen("e1.0");
  EXPECT_EQ(one->frames.back().get(), two->frames.back().get());
  EXPECT_EQ(one->frames.back().get(), late->frames.back().get());
}

TEST_F(StreamTest, PlaceOfASilentStreamIsToldNowAndThen) {
  const auto listener = open(grant("alice", Scope::events_own));
  const auto start = Session::Clock::now();
  const auto tick = [&](int periods) {
    listener.session->on_tick(start + periods * kStreamPlaceTime, at_ms(0));
  };
  const auto& frames = listener.sink->frames;
  tick(1);
  EXPECT_EQ(frames.size(), 1u) << "the welcome told it";
  bench.publish(ring("b", "bob", "102"));  // nothing of hers
  listener.session->on_tick(start + kStreamPlaceTime + milliseconds{1}, at_ms(0));
  EXPECT_EQ(frames.size(), 1u) << "not with every tick";
  tick(2);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames.back()->text(), "id: e1.1\n\n") << "an id alone dispatches nothing";
  tick(3);
  bench.publish(ring("a", "alice", "101"));
  tick(4);
  EXPECT_EQ(frames.size(), 3u) << "nothing new, and then her event, which told it";
}

TEST_F(StreamTest, PlaceOfAReplayIsNotToldAhead) {
  for (int i = 0; i < 600; ++i) bench.publish(ring("c", "alice", "101"));
  const auto listener = open(grant("alice", Scope::events_own), {}, "e1.0");
  const auto before = listener.sink->frames.size();
  ASSERT_LT(before, 600u);
  listener.session->on_tick(Session::Clock::now() + kStreamPlaceTime, at_ms(0));
  EXPECT_EQ(listener.sink->frames.size(), before);
}

TEST_F(StreamTest, EndOfTheTokenEndsTheStream) {
  Grant who = grant("alice", Scope::events_own);
  who.expires = at_ms(1000);
  const auto listener = open(who);
  listener.session->on_tick(Session::Clock::now(), at_ms(999));
  EXPECT_TRUE(listener.sink->closed.empty());
  listener.session->on_tick(Session::Clock::now(), at_ms(1000));
  EXPECT_EQ(listener.sink->closed, std::vector<Errc>{Errc::auth_expired});
  EXPECT_EQ(bench.hub.clients(), 0u);
}

TEST_F(StreamTest, StreamThatIsGoneDetachesOnce) {
  auto listener = open(grant("alice", Scope::events_own));
  listener.session->on_closed();
  listener.session.reset();
  EXPECT_EQ(bench.hub.clients(), 0u);
  EXPECT_EQ(bench.registry.value("hookswitch_clients_detached_total"), 1);
}

}  // namespace
}  // namespace hookswitch::delivery_test
