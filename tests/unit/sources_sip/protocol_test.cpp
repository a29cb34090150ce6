#include "sources/sip/protocol.hpp"

#include <gtest/gtest.h>

namespace hookswitch::sip {
namespace {

std::string_view body(const std::string& frame) { return std::string_view{frame}.substr(4); }

Fact some_fact() {
  Fact fact;
  fact.type = FactType::ringing;
  fact.ids.leg = "102/a@h";
  fact.ids.sip = {"a@h"};
  fact.from.name = "Jane \"J\" Doe\n";
  fact.state_report = true;
  return fact;
}

TEST(SipProtocol, ConfigureRoundTrips) {
  SourceSettings source{.org = "acme",
                        .name = "hq",
                        .server = "sip:192.0.2.1",
                        .domain = "example.com",
                        .username = "9001",
                        .password = Secret{"p\"w"},
                        .realm = "r",
                        .watch = {"101", "102"},
                        .expires_s = 60};
  source.numbers.country = "DE";
  source.numbers.intl_prefix = "00";
  source.numbers.strip_prefixes = {"0", "9"};
  source.numbers.e164_without_plus = true;
  const auto read = decode_to_worker(body(encode(ToWorker{Configure{{source}}})));
  ASSERT_TRUE(read);
  const auto& out = std::get<Configure>(*read).sources.at(0);
  EXPECT_EQ(out.org + out.name + out.server + out.domain + out.username + out.realm,
            "acmehqsip:192.0.2.1example.com9001r");
  EXPECT_EQ(out.password.reveal(), "p\"w");
  EXPECT_EQ(out.watch, source.watch);
  EXPECT_EQ(out.expires_s, 60);
  EXPECT_EQ(out.numbers, source.numbers);
}

TEST(SipProtocol, FactAndKnownRoundTrip) {
  const auto fact = decode_to_daemon(body(encode(ToDaemon{FactFrame{3, some_fact()}})));
  ASSERT_TRUE(fact);
  EXPECT_EQ(std::get<FactFrame>(*fact).source, 3U);
  EXPECT_EQ(std::get<FactFrame>(*fact).fact, some_fact());
  const auto known = decode_to_worker(body(encode(ToWorker{Known{0, some_fact()}})));
  ASSERT_TRUE(known);
  EXPECT_EQ(std::get<Known>(*known).fact, some_fact());
}

TEST(SipProtocol, HealthLogAndHeartbeatRoundTrip) {
  const Health health{1, true, "503 x", 5, 4, 17, 2};
  const auto read = decode_to_daemon(body(encode(ToDaemon{health})));
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<Health>(*read), health);
  EXPECT_EQ(std::get<Pong>(*decode_to_daemon(body(encode(ToDaemon{Pong{42}})))).n, 42);
  EXPECT_EQ(std::get<Ping>(*decode_to_worker(body(encode(ToWorker{Ping{41}})))).n, 41);
  EXPECT_EQ(
      std::get<LogLine>(*decode_to_daemon(body(encode(ToDaemon{LogLine{"info", "e", 1, "w"}}))))
          .why,
      "w");
  EXPECT_TRUE(std::holds_alternative<Start>(*decode_to_worker(body(encode(ToWorker{Start{}})))));
  EXPECT_TRUE(std::holds_alternative<Stop>(*decode_to_worker(body(encode(ToWorker{Stop{}})))));
}

TEST(SipProtocol, RefreshRoundTrips) {
  const auto read = decode_to_worker(body(encode(ToWorker{Refresh{2, {"101", "a\"b"}}})));
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<Refresh>(*read).source, 2U);
  EXPECT_EQ(std::get<Refresh>(*read).extensions, (std::vector<std::string>{"101", "a\"b"}));
}

TEST(SipProtocol, WhatIsNoFrameOfOursIsRefused) {
  for (const char* text :
       {"[]", "{}", R"({"op":"fact"})", R"({"op":"fact","source":-1,"fact":{"type":"ended"}})",
        R"({"op":"fact","source":0,"fact":{"type":"x"}})", R"({"op":"health","source":0})",
        R"({"op":"configure"})"})
    EXPECT_FALSE(decode_to_daemon(text)) << text;
  for (const char* text :
       {"7", R"({"op":"pong"})", R"({"op":"configure","sources":[1]})",
        R"({"op":"configure","sources":[{"expires_s":1,"watch":[2]}]})",
        R"({"op":"configure","sources":[{"expires_s":1,"watch":["1"],"strip_prefixes":[9]}]})",
        R"({"op":"refresh","source":0})", R"({"op":"refresh","source":0,"extensions":[1]})",
        R"({"op":"refresh","extensions":[]})",
        R"({"op":"known","source":99999,"fact":{"type":"ended"}})"})
    EXPECT_FALSE(decode_to_worker(text)) << text;
}

TEST(SipProtocol, FramesComeOutWhateverTheCuts) {
  const std::string one = encode(ToWorker{Ping{1}}), two = encode(ToWorker{Stop{}});
  for (std::size_t step = 1; step <= one.size() + two.size(); ++step) {
    FrameReader reader;
    std::vector<std::string> frames;
    const std::string stream = one + two;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.feed(std::string_view{stream}.substr(at, step));
      while (const auto frame = reader.next()) frames.emplace_back(*frame);
    }
    EXPECT_EQ(frames, (std::vector<std::string>{std::string{body(one)}, std::string{body(two)}}))
        << step;
  }
}

TEST(SipProtocol, LengthBeyondTheLimitOrOfNothingFailsTheStream) {
  for (const std::string_view header :
       {std::string_view{"\x00\x04\x00\x01", 4}, std::string_view{"\xff\xff\xff\xff", 4},
        std::string_view{"\0\0\0\0", 4}}) {
    FrameReader reader;
    reader.feed(header);
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.failed());
    reader.feed(encode(ToWorker{Stop{}}));
    EXPECT_FALSE(reader.next());
  }
}

TEST(SipProtocol, LargestSourceFitsAFrame) {
  SourceSettings source{.server = "sip:192.0.2.1"};
  for (std::size_t i = 0; i < kWatchedMax; ++i)
    source.watch.push_back(std::string(28, 'e') + std::to_string(1000 + i));
  const std::string frame = encode(ToWorker{Configure{{source}}});
  ASSERT_FALSE(frame.empty());
  EXPECT_TRUE(decode_to_worker(body(frame)));
}

TEST(SipProtocol, MessageBeyondTheLimitIsNotEncoded) {
  EXPECT_EQ(encode(ToDaemon{LogLine{"info", "e", std::nullopt, std::string(kFrameBytesMax, 'x')}}),
            "");
}

TEST(SipProtocol, MirroredSourcesAndTheirCountsComeThroughWhole) {
  hep::SourceSettings mirror;
  mirror.org = "acme";
  mirror.name = "mirror";
  mirror.address = "127.0.0.1:9060";
  mirror.auth_key = Secret{"key"};
  mirror.numbers.country = "US";
  mirror.numbers.strip_prefixes = {"9"};
  const auto configure = decode_to_worker(encode(ToWorker{Configure{{}, {mirror}}}).substr(4));
  ASSERT_TRUE(configure);
  EXPECT_TRUE(hep::same({mirror}, std::get<Configure>(*configure).hep));
  const hep::Counts counts{1, 2, 3, 4, 5, 6};
  const auto told = decode_to_daemon(encode(ToDaemon{HepCounts{7, counts}}).substr(4));
  ASSERT_TRUE(told);
  EXPECT_EQ(7U, std::get<HepCounts>(*told).source);
  EXPECT_EQ(counts, std::get<HepCounts>(*told).counts);
  EXPECT_FALSE(decode_to_worker(R"({"op":"configure","sources":[],"hep":[7]})"));
}

}  // namespace
}  // namespace hookswitch::sip
