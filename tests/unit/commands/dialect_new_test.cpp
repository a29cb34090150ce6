#include "daemon/commands/dialect_new.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/text.hpp"
#include "daemon/commands/dialect_guess.hpp"
#include "daemon/commands/saved_request.hpp"

namespace hookswitch {
namespace {

namespace fs = std::filesystem;

HookRequest request(const std::string& type, const std::string& body) {
  HookRequest out;
  out.method = "POST";
  out.headers = {{"content-type", type}};
  out.body = body;
  out.received = now();
  return out;
}

/// The facts that the new dialect gives for the request it was made of.
std::vector<Fact> facts(const HookRequest& from) {
  const auto text = dialect_for(from, "mine");
  EXPECT_TRUE(text) << text.error().detail;
  if (!text) return {};
  const auto compiled = compile_dialect(*text, "mine.json");
  const auto* program = std::get_if<DialectProgramPtr>(&compiled);
  EXPECT_NE(program, nullptr) << *text;
  if (program == nullptr) return {};
  HookOptions options;
  options.org = options.source = "test";
  const auto outcome = Hook{*program, options}.handle(from);
  EXPECT_TRUE(outcome) << *text;
  return outcome ? outcome->facts : std::vector<Fact>{};
}

TEST(DialectNew, ReadsAPlainJsonEvent) {
  const auto made = facts(request("application/json", R"({
      "event_id":"e-1","event":"call.answered","timestamp":1763650800,"direction":"in",
      "call":{"id":"c-1","from":"+12025550143","from_name":"Jane Doe","to":"+12025550100"},
      "agent":{"extension":"101"},"duration":0})"));
  ASSERT_EQ(made.size(), 1u);
  const Fact& fact = made.front();
  EXPECT_EQ(fact.type, FactType::answered);
  EXPECT_EQ(fact.ids.call, std::vector<Text>{"c-1"});
  EXPECT_EQ(fact.direction, Direction::inbound);
  EXPECT_EQ(fact.from.number, "+12025550143");
  EXPECT_EQ(fact.from.name, "Jane Doe");
  EXPECT_EQ(fact.to.number, "+12025550100");
  EXPECT_EQ(fact.agent.ext, "101");
  EXPECT_EQ(fact.at, from_unix_ms(1'763'650'800'000));
}

TEST(DialectNew, ReadsAForm) {
  const auto made =
      facts(request("application/x-www-form-urlencoded",
                    "CallSid=CA1&CallStatus=ringing&From=%2B12025550143&To=%2B12025550100"));
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].type, FactType::ringing);
  EXPECT_EQ(made[0].ids.call, std::vector<Text>{"CA1"});
}

TEST(DialectNew, ReadsJsonWithinAForm) {
  const auto made = facts(
      request("application/x-www-form-urlencoded",
              "key=k&json=%7B%22entry_id%22%3A%22e1%22%2C%22call_state%22%3A%22Connected%22%7D"));
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].type, FactType::answered);
  EXPECT_EQ(made[0].ids.call, std::vector<Text>{"e1"});
}

TEST(DialectNew, ReadsAQuery) {
  HookRequest get;
  get.method = "GET";
  get.query = "callid=7&event=hangup&src=%2B12025550143";
  get.received = now();
  const auto made = facts(get);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].type, FactType::ended);
}

TEST(DialectNew, ReadsAList) {
  const auto made = facts(request(
      "application/json", R"([{"id":"a","state":"ringing"},{"id":"b","state":"ringing"}])"));
  EXPECT_EQ(made.size(), 2u);
}

TEST(DialectNew, SaysSoWhereNothingIsThere) {
  EXPECT_FALSE(dialect_for(request("application/json", "{"), "mine"));
  EXPECT_FALSE(dialect_for(request("application/json", "{}"), "mine"));
}

TEST(DialectNew, WritesNoLineThatARequestMadeUp) {
  const auto text = dialect_for(
      request("application/json",
              R"({"id":"x\n\"dialect\": 1","state":"ringing","from\n{":"+12025550143"})"),
      "mi\"ne");
  ASSERT_TRUE(text) << text.error().detail;
  EXPECT_TRUE(std::holds_alternative<DialectProgramPtr>(compile_dialect(*text, "x"))) << *text;
}

TEST(DialectNew, GivesAFactForEveryRequestOfACallThatIsRecorded) {
  int looked_at = 0;
  for (const auto& file :
       fs::recursive_directory_iterator{fs::path{HOOKSWITCH_SOURCE_DIR} / "tests/data/payloads"}) {
    if (file.path().extension() != ".headers") continue;
    auto saved = read_saved_request(file.path().string());
    ASSERT_TRUE(saved) << saved.error().detail;
    if (saved->body.empty() || trim(saved->body) == "{}") continue;  // handshakes, and nothing
    // What is neither JSON nor a form is for a person to look at.
    if (!saved->body.starts_with('{') && !saved->body.starts_with('[') &&
        (saved->body.find('=') == std::string::npos || saved->body.starts_with('<') ||
         saved->body.find("cdr=") != std::string::npos))
      continue;
    ++looked_at;
    EXPECT_FALSE(facts(*saved).empty()) << file.path();
  }
  EXPECT_GT(looked_at, 5);
}

TEST(Guess, KnowsTheUsualWords) {
  EXPECT_STREQ(type_of_word("call.ended"), "ended");
  EXPECT_STREQ(type_of_word("NOTIFY_START"), "started");
  EXPECT_STREQ(type_of_word("in-progress"), "answered");
  EXPECT_STREQ(type_of_word("Unhold"), "resumed");
  EXPECT_EQ(type_of_word("purple"), nullptr);
  EXPECT_STREQ(direction_of_word("Incoming"), "inbound");
  EXPECT_STREQ(direction_of_word("internal"), "internal");
  EXPECT_EQ(direction_of_word("sideways"), nullptr);
}

}  // namespace
}  // namespace hookswitch
