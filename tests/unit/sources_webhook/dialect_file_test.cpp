#include <fmt/format.h>

#include "hook_fixture.hpp"

namespace hookswitch::testing {
namespace {

/// "place: what" of the only problem.
std::string problem(const std::string& text) {
  const auto problems = problems_of(text);
  EXPECT_EQ(problems.size(), 1U) << told(problems);
  return problems.empty() ? "" : problems[0].place + ": " + problems[0].what;
}

std::string in_emit(const std::string& emit) { return problem(emitting(emit)); }

TEST(DialectFile, EveryShippedDialectCompiles) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{source_root() / "config/dialects"})
    if (entry.path().extension() == ".json") {
      ++count;
      EXPECT_NE(compiled(read_bytes(entry.path()), entry.path().filename().string()), nullptr);
    }
  EXPECT_GE(count, 3);
}

TEST(DialectFile, NamesTheSecretsItUses) {
  EXPECT_EQ(secret_names(*shipped("zadarma")), std::vector<std::string>{"API_SECRET"});
  EXPECT_EQ(secret_names(*shipped("native")), std::vector<std::string>{"SECRET"});
  const auto mango = compiled(
      R"({"dialect":"m","decode":["form"],"rules":[],"auth":[{"scheme":"hash","at":"/body/sign",
    "signed":[{"$secret":"KEY"},"/raw_form/json",{"$secret":"SALT"},{"$secret":"KEY"}]}]})");
  EXPECT_EQ(secret_names(*mango), (std::vector<std::string>{"KEY", "SALT"}));
}

TEST(DialectFile, ProblemHasFileLineAndPointer) {
  EXPECT_EQ(problem("{\n  // a comment\n  \"dialect\": \"t\", \"decode\": [\"json\"],\n  "
                    "\"rules\": [\n    {\n      \"emit\": {\n"
                    "        \"type\": {\"$phnoe\": \"/body/a\"}\n      }\n    }\n  ]\n}"),
            "x.json:7: /rules/0/emit/type/$phnoe: unknown $op");
}

TEST(DialectFile, AllProblemsAreToldAtOnce) {
  const auto problems = problems_of(
      "{\"dialect\":\"t\",\n\"decode\":[\"yaml\"],\n\"rulez\":1,\n\"rules\":[\n{\"emit\":{},\"foo/"
      "~\":1}]}");
  EXPECT_EQ(told(problems),
            "x.json:3: /rulez: unknown key\n"
            "x.json:2: /decode/0: unknown decode step\n"
            "x.json:5: /rules/0/foo~1~0: unknown key\n");
}

TEST(DialectFile, SyntaxErrorHasItsLine) {
  EXPECT_EQ(problem("{\n\"dialect\": \"t\",\n\"decode\" [\"json\"]\n}").substr(0, 22),
            "x.json:3: /: bad_json:");
  EXPECT_EQ(problem("{\n\"a\": {\"b\": 1,\n\"b\": 2}}"), "x.json:2: /a/b: the key occurs twice");
}

TEST(DialectFile, CommentSignsInsideTextAreText) {
  EXPECT_NE(
      compiled(emitting(
          "{\"type\":\"started\",\"reason\":\"see https://example.com\"} // and this goes\n")),
      nullptr);
}

TEST(DialectFile, BadPointersAreNamed) {
  EXPECT_NE(in_emit(R"({"type":"started","reason":"/bodi/x"})")
                .find("/rules/0/emit/reason: points into nothing"),
            std::string::npos);
  EXPECT_NE(in_emit(R"({"type":"started","reason":"/body/~2"})").find("~0"), std::string::npos);
  EXPECT_NE(in_emit(R"({"type":"started","reason":"/item/x"})").find("only there under 'each'"),
            std::string::npos);
}

TEST(DialectFile, BadRegexIsNamed) {
  EXPECT_NE(in_emit(R"({"reason":{"$re":"(","of":"/body"}})")
                .find("/rules/0/emit/reason/$re: not a regular expression"),
            std::string::npos);
}

TEST(DialectFile, WordsThatTheModelDoesNotKnowAreNamed) {
  EXPECT_EQ(in_emit(R"({"type":"connected"})"),
            R"(x.json:1: /rules/0/emit/type: "connected" is not a word of the model)");
  EXPECT_EQ(in_emit(R"({"type":{"$map":{"a":"cdr"},"of":"/body/x"}})"),
            R"(x.json:1: /rules/0/emit/type/$map/a: "cdr" is not a word of the model)");
  EXPECT_EQ(in_emit(R"({"direction":"sideways"})"),
            R"(x.json:1: /rules/0/emit/direction: "sideways" is not a word of the model)");
}

TEST(DialectFile, MembersThatNoFactHasAreNamed) {
  EXPECT_EQ(in_emit(R"({"type":"started","frmo":{"number":"1"}})"),
            "x.json:1: /rules/0/emit/frmo: is no member of a fact");
  EXPECT_EQ(in_emit(R"({"agent":{"$if":{},"then":{"phone":"1"}}})"),
            "x.json:1: /rules/0/emit/agent/then/phone: is no member of a fact");
  EXPECT_EQ(in_emit(R"({"org":"other"})"), "x.json:1: /rules/0/emit/org: is no member of a fact");
}

TEST(DialectFile, UnknownTimeZonesAndFormatsAreNamed) {
  EXPECT_EQ(
      problem(
          R"({"dialect":"t","decode":["json"],"rules":[],"source_defaults":{"tz":"Europe/Atlantis"}})"),
      "x.json:1: /source_defaults/tz: is no time zone of this system");
  EXPECT_NE(in_emit(R"({"at":{"$time":"/body","as":"%Q"}})").find("/at/as: must be auto"),
            std::string::npos);
}

TEST(DialectFile, NoWayOutOfTheZoneFolder) {
  EXPECT_FALSE(is_time_zone("../../../etc/passwd"));
  EXPECT_FALSE(is_time_zone("/etc/localtime"));
  EXPECT_FALSE(is_time_zone(""));
  EXPECT_TRUE(is_time_zone("UTC"));
}

/// A dialect with these tables, and a rule that uses the table `a`.
std::string with_tables(const std::string& tables) {
  return R"({"dialect":"x","decode":["json"],"tables":{)" + tables +
         R"(},"rules":[{"emit":{"type":"ringing","reason":{"$map":"a","of":"/body/y"}}}]})";
}

TEST(DialectFile, ATableThatRefersToItselfIsAProblem) {
  EXPECT_EQ(problem(with_tables(R"("a":{"x":{"$map":"a","of":"/body/x"}})")),
            "x.json:1: /tables/a/x/$map: the table refers to itself");
  EXPECT_EQ(told(problems_of(with_tables(
                R"("a":{"x":{"$map":"b","of":"/body/x"}},"b":{"x":{"$map":"a","of":"/body/x"}})"))),
            "x.json:1: /tables/a/x/$map: the table refers to itself\n"
            "x.json:1: /tables/b/x/$map: the table refers to itself\n");
  EXPECT_NE(problems_of(R"({"dialect":"x","decode":["json"],
      "tables":{"":{"x":{"$map":{"y":{"$map":"","of":"/body"}},"of":"/body"}}},"rules":[]})")
                .front()
                .what.find("refers to itself"),
            std::string::npos);
}

TEST(DialectFile, ALongKeyIsNotKeptForEachValueUnderIt) {
  std::string values = "1";
  for (int i = 1; i < 70'000; ++i) values += ",1";
  const std::string key(100'000, 'k');
  const std::string text =
      "{\n\"dialect\":\"x\",\"tables\":{\n\"a\":{\"" + key + "\":[" + values + "]";
  const std::string told =
      "x.json:3: /tables/a: holds a value whose pointer has more than 512 bytes";
  EXPECT_EQ(problem(text + "}}}"), told);
  EXPECT_EQ(problem(text), told);
  EXPECT_EQ(problem("{\"" + key + "\":1}").substr(0, 20), "x.json:1: /: holds a");
  EXPECT_NE(compiled(with_tables("\"a\":{\"" + std::string(400, 'k') + "\":\"1\"}")), nullptr);
}

TEST(DialectFile, NoMoreProblemsAreToldThanAPersonReads) {
  std::string rows;
  for (int i = 0; i < 5000; ++i) rows += fmt::format(R"({}{{}})", i == 0 ? "" : ",");
  EXPECT_EQ(problems_of(R"({"dialect":"x","decode":["json"],"rules":[)" + rows + "]}").size(),
            100U);
}

TEST(DialectFile, TablesOfTablesAreBounded) {
  const auto chain = [](int count, int rows) {
    std::string out = R"("z":{"x":"1"})";
    for (int i = 0; i < count; ++i) {
      const std::string next = i + 1 == count ? "z" : std::string(1, static_cast<char>('b' + i));
      out += fmt::format(R"(,"{}":{{)", static_cast<char>('a' + i));
      for (int row = 0; row < rows; ++row)
        out +=
            fmt::format(R"({}"{}":{{"$map":"{}","of":"/body/x"}})", row == 0 ? "" : ",", row, next);
      out += "}";
    }
    return with_tables(out);
  };
  EXPECT_NE(compiled(chain(7, 2)), nullptr);
  EXPECT_EQ(problems_of(chain(25, 2)).front().what, "tables refer to tables more than 8 deep");
  EXPECT_NE(problem(chain(4, 40)).find("makes more than 20000 parts"), std::string::npos);
}

TEST(DialectFile, ALongTextInATableCountsWhereverItIsUsed) {
  std::string rows;
  for (int i = 0; i < 1000; ++i)
    rows += fmt::format(R"({}"{}":{{"$map":"b","of":"/body"}})", i == 0 ? "" : ",", i);
  for (const std::string text : {R"("{}")", R"({{"$lit":"{}"}})", R"({{"$re":"{}","of":"/body"}})",
                                 R"({{"$if":{{"/body":"{}"}},"then":"1"}})"})
    EXPECT_NE(problem(with_tables(R"("b":{"x":)" +
                                  fmt::format(fmt::runtime(text), std::string(10'000, 'y')) +
                                  R"(},"a":{)" + rows + "}"))
                  .find("makes more than 20000 parts"),
              std::string::npos)
        << text;
}

TEST(DialectFile, AuthThatProvesNothingIsAProblem) {
  const auto with = [](const std::string& auth) {
    return problem(R"({"dialect":"t","decode":["json"],"rules":[],"auth":[)" + auth + "]}");
  };
  EXPECT_NE(with(R"({"scheme":"hash","header":"x","signed":["$raw"]})").find("proves nothing"),
            std::string::npos);
  EXPECT_NE(with(R"({"scheme":"hmac","header":"x","secret":"S"})").find("needs the key signed"),
            std::string::npos);
  EXPECT_NE(with(R"({"scheme":"bearer"})").find("needs the key secret"), std::string::npos);
  EXPECT_NE(with(R"({"scheme":"magic"})").find("/auth/0/scheme: must be one of"),
            std::string::npos);
  EXPECT_NE(with(R"({"scheme":"hmac","hash":"md5","header":"x","secret":"S","signed":["$raw"]})")
                .find("sha1 sha256"),
            std::string::npos);
}

TEST(DialectFile, UnknownDecodeStepsAreRefused) {
  for (const std::string step : {"xml", "auto_", "", "JSON"})
    EXPECT_EQ(problem(R"({"dialect":"t","decode":[")" + step + R"("],"rules":[]})"),
              "x.json:1: /decode/0: unknown decode step");
}

TEST(DialectFile, AnyTruncationIsProblemsNotACrash) {
  const std::string text = read_bytes(source_root() / "config/dialects/elma365.json");
  for (std::size_t size = 0; size + 3 < text.size(); size += 7)
    EXPECT_TRUE(std::holds_alternative<std::vector<DialectProblem>>(
        compile_dialect(text.substr(0, size), "x.json")))
        << size;
}

}  // namespace
}  // namespace hookswitch::testing
