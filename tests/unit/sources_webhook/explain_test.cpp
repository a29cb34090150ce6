#include "hook_fixture.hpp"

namespace hookswitch::testing {
namespace {

const char* kDialect = R"({
  "dialect":"t","methods":["POST"],
  "handshake":[{"when":{"/query/echo":{"present":true}},"reply":{"body":"/query/echo"}}],
  "decode":["auto",{"parse":"/body/json"}],
  "auth":[{"when":{"/header/x-v2":null},"scheme":"equals","header":"x-token","secret":"S"},
          {"when":{"/header/x-v2":{"present":true}},"scheme":"hmac","header":"x-v2","signed":["$raw"],"secret":"S"}],
  "rules":[
    {"when":{"/body/event":["a","b"],"/body/n":{"gt":5}},"emit":{"type":"started"}},
    {"when":{"$not":{"/body/list":{"present":true}}},"emit":{"type":"ended"}},
    {"when":{"$any":[{"/body/x":{"re":"^a"}},{"/body/x":{"same":"/body/y"}}]},"emit":{"type":"held"}},
    {"each":"/body/list","if":{"/item/skip":null},"also":true,
     "emit":{"type":{"$map":{"r":"ringing","i":"ignore"},"of":"/item/w"},"agent":{"ext":"/item/e"}}},
    {"emit":{"type":"updated"}}]})";

Hook hook(std::map<std::string, std::vector<std::string>> secrets = {}) {
  return Hook{compiled(kDialect), options_with(std::move(secrets))};
}

HookRequest with_header(HookRequest request, const std::string& name, std::string value) {
  request.headers.emplace_back(name, std::move(value));
  return request;
}

TEST(Explain, RulesAreToldInTheOrderTriedWithTheFirstConditionThatFailed) {
  const auto out = hook().explain(post(
      R"({"event":"c","n":9,"x":"zz","list":[{"w":"r","e":"101"},{"w":"i"},{"w":"?"},{"skip":1}]})"));
  ASSERT_TRUE(out.outcome);
  const auto& rules = out.trace.rules;
  ASSERT_EQ(rules.size(), 5U);
  EXPECT_EQ(rules[0].place, "/rules/0");
  EXPECT_FALSE(rules[0].taken);
  EXPECT_EQ(rules[0].miss, (HookMiss{"/body/event", "one of: a, b", "\"c\""}));
  EXPECT_EQ(rules[1].miss, (HookMiss{"$not", "must not hold", "holds"}));
  EXPECT_EQ(rules[2].miss, (HookMiss{"/body/x", "match ^a", "\"zz\""}));
  EXPECT_TRUE(rules[3].taken);
  EXPECT_EQ(rules[3].items, 4U);
  EXPECT_EQ(rules[3].facts, 1U);
  EXPECT_EQ(rules[3].notes, (std::vector<std::string>{"ignored", "no type", "if does not hold"}));
  EXPECT_EQ(rules[3].item_miss, (HookMiss{"/item/skip", "nothing", "1"}));
  EXPECT_TRUE(rules[4].taken);
  EXPECT_EQ(out.outcome->facts.size(), 2U);
}

TEST(Explain, MissesSayWhatIsThere) {
  const auto miss = [](const std::string& body) {
    return hook().explain(post(body)).trace.rules.at(0).miss;
  };
  EXPECT_EQ(miss("{}"), (HookMiss{"/body/event", "one of: a, b", "nothing"}));
  EXPECT_EQ(miss(R"({"event":"a","n":5})"), (HookMiss{"/body/n", "above 5", "5"}));
  EXPECT_EQ(miss(R"({"event":{"k":[1]}})").found, R"({"k":[1]})");
  EXPECT_EQ(miss(R"({"event":")" + std::string(300, 'x') + "\"}").found.size(), 203U);
}

TEST(Explain, DecodingIsToldStepByStepWithWhatItMade) {
  const auto good =
      hook().explain(post("json=%7B%22a%22%3A1%7D", "application/x-www-form-urlencoded"));
  ASSERT_EQ(good.trace.decode.size(), 2U);
  EXPECT_EQ(good.trace.decode[1].name, "parse /body/json");
  EXPECT_EQ(good.trace.decode[1].error, "");
  EXPECT_EQ(
      good.trace.document,
      R"({"method":"POST","path":[],"query":{},"header":{"content-type":"application/x-www-form-urlencoded"},)"
      R"("body":{"json":{"a":1}},"raw_form":{"json":"{\"a\":1}"}})");
  const auto bad = hook().explain(post(R"({"json":"{"})"));
  EXPECT_FALSE(bad.outcome);
  EXPECT_EQ(bad.trace.decode.at(0).error, "");
  EXPECT_TRUE(bad.trace.decode.at(1).error.starts_with("bad_json: ")) << bad.trace.decode[1].error;
  EXPECT_TRUE(bad.trace.rules.empty());
  EXPECT_LE(
      hook().explain(post(R"({"a":")" + std::string(200'000, 'x') + "\"}")).trace.document.size(),
      65'540U);
}

TEST(Explain, ProofsAreToldByRuleWithoutTheSecret) {
  const auto one = [](const HookRequest& request, std::size_t rule,
                      std::map<std::string, std::vector<std::string>> secrets) {
    const auto out = hook(std::move(secrets)).explain(request);
    EXPECT_TRUE(out.trace.needs_proof);
    const auto& proof = out.trace.auth.at(rule);
    EXPECT_EQ(proof.passed, out.trace.authentic);
    return proof;
  };
  const std::map<std::string, std::vector<std::string>> live{{"S", {"hidden"}}};
  EXPECT_TRUE(one(with_header(post("{}"), "x-token", "hidden"), 0, live).passed);
  const auto absent = one(post("{}"), 0, live);
  EXPECT_EQ(absent.place + " " + absent.scheme + ": " + absent.why,
            "/auth/0 equals: no proof in the request");
  EXPECT_EQ(one(with_header(post("{}"), "x-token", "other"), 0, live).why, "does not fit");
  EXPECT_EQ(one(post("{}"), 0, {{"S", {""}}}).why, "no live secret");
  const auto skipped =
      hook(live).explain(with_header(post("{}"), "x-token", "hidden")).trace.auth.at(1);
  EXPECT_FALSE(skipped.applied);
  EXPECT_EQ(skipped.why, "when does not hold");
  EXPECT_EQ(skipped.miss, (HookMiss{"/header/x-v2", "present", "nothing"}));
  EXPECT_FALSE(hook().explain(post("{}")).trace.needs_proof);
}

TEST(Explain, HandshakesAndMethodsAreTold) {
  const auto echo = hook().explain({"GET", "", "echo=1", {}, "", kReceived});
  EXPECT_TRUE(echo.trace.handshakes.at(0).taken);
  EXPECT_TRUE(echo.trace.rules.empty());
  const auto get = hook().explain({"GET", "", "", {}, "", kReceived});
  EXPECT_EQ(get.trace.handshakes.at(0).miss, (HookMiss{"/query/echo", "present", "nothing"}));
  EXPECT_FALSE(get.trace.method_allowed);
  EXPECT_EQ(error_of(get.outcome), "method_not_allowed");
}

TEST(Explain, TellingChangesNothing) {
  for (const std::string body : {R"({"event":"a","n":9})", R"({"list":[{"w":"r"},{"w":"i"}]})", "{",
                                 "[]", R"({"list":{}})"}) {
    const auto request = post(body);
    EXPECT_EQ(facts_of(hook().explain(request).outcome), facts_of(hook().handle(request))) << body;
  }
}

}  // namespace
}  // namespace hookswitch::testing
