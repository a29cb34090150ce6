#include "daemon/commands/explain.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

std::string shown(const std::string& json) {
  const auto document = json::parse(json);
  EXPECT_TRUE(document);
  return document ? explanation_text(*document) : "";
}

TEST(ExplainCommand, FactsComeWithTheirDecisionsThenJoinsThenNearMisses) {
  const std::string text = shown(
      R"({"call":"C1","joins":[{"rule":"fusion","sentence":"Same line.","confidence":0.9,)"
      R"("source":"hq","at":"T3","evidence":"101"}],"facts":[{"fact":{"type":"answered",)"
      R"("source":"cloud","at":"T1","agent":"101","from":"+12025550143","to_ext":"101"},)"
      R"("arrival":1,"joined_by":"first_fact","why":"New.","decisions":[{"rule":"person_answers",)"
      R"("sentence":"Answered.","leg":"l2","because":"it rang"}]}],)"
      R"("not_joined":[{"call":"C2","rule":"fusion","failed":"too_far_apart"}]})");
  EXPECT_EQ(text,
            "call C1\n\n"
            "what was told, in the order in which it counts\n"
            "  T1 answered  cloud  line 101  from +12025550143  to 101\n"
            "      joined: first_fact. New.\n"
            "      person_answers l2. Answered. Because: it rang\n\n"
            "why it is one call\n"
            "  T3 fusion by 101 of hq (confidence 0.90). Same line.\n\n"
            "what is not this call, though it has something in common\n"
            "  C2: no fusion: too_far_apart\n");
}

TEST(ExplainCommand, WhatASourceWroteDoesNotSteerTheTerminal) {
  const std::string text = shown(
      R"({"call":"C1","facts":[{"fact":{"type":"ringing","source":"s","at":"T",)"
      R"("from":"\u001b[2J\n\u007f"},"joined_by":"first_fact","why":"New.","decisions":[]}]})");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("from ?[2J??"), std::string::npos) << text;
}

TEST(ExplainCommand, AnythingElseIsNoCrash) {
  for (const char* json : {"{}", R"({"call":7,"facts":{},"joins":[1,[]],"not_joined":[{}]})",
                           R"({"facts":[{"fact":[]},{"fact":{},"decisions":[null]}]})"})
    EXPECT_TRUE(shown(json).starts_with("call ")) << json;
}

}  // namespace
}  // namespace hookswitch
