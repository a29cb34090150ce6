#include "recorder/record.hpp"

#include <gtest/gtest.h>

#include "recorder/raw_input.hpp"
#include "support/random_model.hpp"
#include "unit/recorder/recording_bench.hpp"

namespace hookswitch::recorder_test {
namespace {

Result<Fact> there_and_back(const Fact& fact) {
  json::Writer out;
  out.begin_object();
  record::write_fact(out, fact);
  out.end_object();
  const auto parsed = json::parse(out.view());
  if (!parsed) return parsed.error();
  return record::read_fact(*parsed);
}

TEST(Record, FactsComeBackWhole) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    testing_support::RandomModel random{seed};
    Fact fact = random.fact();
    fact.org = "acme";
    fact.source = random.some_text();
    fact.received = random.time();
    const auto again = there_and_back(fact);
    ASSERT_TRUE(again) << "seed " << seed << ": " << again.error().detail;
    EXPECT_TRUE(*again == fact) << "seed " << seed;
  }
}

TEST(Record, FactWithoutWhatTheDaemonSetsIsRefused) {
  for (const char* line : {R"({"org":"a","source":"b","fact":{"type":"ended"}})",
                           R"({"t":1,"source":"b","fact":{"type":"ended"}})",
                           R"({"t":-1,"org":"a","source":"b","fact":{"type":"ended"}})",
                           R"({"t":1,"org":"a","source":"b","fact":{"type":"sung"}})", R"([])"})
    EXPECT_FALSE(record::read_fact(*json::parse(line))) << line;
}

TEST(Record, DirectoryComesBackAndMayBeOfOneOrganisation) {
  json::Writer all, one;
  all.begin_object();
  record::write_directory(all, at_ms(5), *people(), {"acme", "globex"});
  all.end_object();
  const auto parsed = json::parse(all.view());
  const auto again = record::read_directory(*parsed);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->users().size(), 4u);
  EXPECT_EQ((*again)->find_by_ext("acme", "111")->name, "Alice Agent");
  EXPECT_EQ((*again)->find_org("globex")->number, "+12025550100");
  one.begin_object();
  record::write_directory_of(one, *parsed, "acme");
  one.end_object();
  EXPECT_EQ(one.view().find("gina"), std::string_view::npos);
  const auto theirs = record::read_directory(*json::parse(one.view()));
  ASSERT_TRUE(theirs);
  EXPECT_EQ((*theirs)->users().size(), 3u);
  EXPECT_EQ((*theirs)->find_org("globex"), nullptr);
}

TEST(Record, DirectoryThatNamesSomebodyTwiceIsRefused) {
  for (
      const char* line :
      {R"({"orgs":[{"id":"a"},{"id":"a"}],"users":[]})",
       R"({"orgs":[],"users":[{"org":"a","id":"u"},{"org":"a","id":"u"}]})",
       R"({"orgs":[],"users":[{"org":"a","id":"u","extensions":["1"]},{"org":"a","id":"v","extensions":["1"]}]})"})
    EXPECT_FALSE(record::read_directory(*json::parse(line))) << line;
  EXPECT_TRUE(record::read_directory(
      *json::parse(R"({"orgs":[],"users":[{"org":"a","id":"u"},{"org":"b","id":"u"}]})")));
}

TEST(Record, LimitsAndRulesComeBack) {
  CallLimits limits;
  limits.settle = milliseconds{777};
  limits.keep_ended = std::chrono::minutes{3};
  const std::vector<record::SourceSettings> sources{
      {"acme", "a", {{"x-cid", "x-other"}, false, true, true}, true}, {"globex", "b", {}, false}};
  json::Writer out, one;
  out.begin_object();
  record::write_settings(out, at_ms(0), limits, sources);
  out.end_object();
  const auto parsed = json::parse(out.view());
  const auto again = record::read_limits(*parsed);
  EXPECT_EQ(again.settle, limits.settle);
  EXPECT_EQ(again.keep_ended, limits.keep_ended);
  EXPECT_EQ(again.answered_silence, limits.answered_silence);
  EXPECT_EQ(record::read_sources(*parsed), sources);
  one.begin_object();
  record::write_settings(one, at_ms(0), limits, sources, "globex");
  one.end_object();
  EXPECT_EQ(record::read_sources(*json::parse(one.view())).size(), 1u);
}

std::string raw_line(const RawInput& raw) {
  json::Writer out;
  out.begin_object();
  write_raw(out, raw);
  out.end_object();
  return out.str();
}

TEST(RawInput, SecretsAreNeverWritten) {
  RawInput raw{"acme", "pbx", at_ms(0), "POST", "/v1/hooks/pbx?token=s3cret&x=1", {}, ""};
  for (const char* name : {"Authorization", "authorization", "Cookie", "Set-Cookie", "X-Api-Key",
                           "X-Hub-Signature-256", "Proxy-Authorization", "X-Auth", "Signature"})
    raw.headers.emplace_back(name, "s3cret");
  raw.headers.emplace_back("Content-Type", "application/json");
  for (const char* body :
       {R"({"event":"x","auth":{"a":"s3cret"},"deep":[{"api_key":"s3cret"}]})",
        "event=x&api%5Fkey=s3cret&%zz=s3cret", "password=s3cret", R"({"token":"s3cret",)",
        "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\ns3cret\r\n--b--"}) {
    raw.body = body;
    EXPECT_EQ(raw_line(raw).find("s3cret"), std::string::npos) << raw_line(raw);
  }
  EXPECT_NE(raw_line(raw).find("application/json"), std::string::npos);
  EXPECT_NE(raw_line(raw).find("x=1"), std::string::npos);
}

TEST(RawInput, BodyWithoutSecretsIsKeptAsItCame) {
  RawInput raw{"acme", "pbx", at_ms(0), "POST", "/v1/hooks/pbx", {}, ""};
  for (const char* body : {"{ \"event\" : \"x\" }", "event=x&caller=%2B1", "plain text",
                           "<dialog-info token=\"1\"/>", ""}) {
    raw.body = body;
    const auto parsed = json::parse(raw_line(raw));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(json::find_string(*parsed, "body"), std::string_view{body});
  }
  raw.body = "caller=\xcf\xf0";
  EXPECT_NE(raw_line(raw).find(R"("body_base64":"Y2FsbGVyPc/w")"), std::string::npos);
  raw.body = std::string(kRawBodyBytesMax + 1, 'x');
  EXPECT_NE(raw_line(raw).find(R"("body_left_out":true)"), std::string::npos);
}

}  // namespace
}  // namespace hookswitch::recorder_test
