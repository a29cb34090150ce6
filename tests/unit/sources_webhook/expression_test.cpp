#include "hook_fixture.hpp"

namespace hookswitch::testing {
namespace {

/// The fact that `emit` makes of a JSON body, as native JSON without its type.
std::string emitted(const std::string& emit, const std::string& body,
                    const std::string& defaults = "{}") {
  const auto program = compiled(
      emitting(R"({"type":"updated",)" + emit + "}", R"("source_defaults":)" + defaults + ","));
  if (program == nullptr) return "no program";
  std::string out = facts_of(Hook{program, options_with()}.handle(post(body)));
  const std::string head = R"({"type":"updated")";
  return out.starts_with(head)
             ? out.substr(head.size() + (out[head.size()] == ',' ? 1 : 0),
                          out.size() - head.size() - (out[head.size()] == ',' ? 2 : 1))
             : out;
}

/// Value of one expression, through `reason`.
std::string value(const std::string& expr, const std::string& body) {
  const auto out = emitted(R"("reason":)" + expr, body);
  const std::string head = R"("reason":")";
  return out.starts_with(head) ? out.substr(head.size(), out.size() - head.size() - 1) : out;
}

std::string phone(const std::string& text, const std::string& defaults = "{}") {
  return emitted(R"("did":{"$phone":"/body/n"})", R"({"n":")" + text + "\"}", defaults);
}

std::string moment(const std::string& text, const std::string& as,
                   const std::string& zone = "UTC") {
  const auto out = emitted(R"("at":{"$time":"/body/t","as":")" + as + "\"}",
                           R"({"t":)" + text + "}", R"({"tz":")" + zone + "\"}");
  return out.empty() ? "none" : out.substr(6, out.size() - 7);
}

TEST(Expression, FirstThatIsNotEmptyIsTaken) {
  const std::string all = R"({"$or":["/body/a","/body/b","/body/c"]})";
  EXPECT_EQ(value(all, R"({"a":" ","b":null,"c":"x"})"), "x");
  EXPECT_EQ(value(all, R"({"a":"","b":[],"c":{}})"), "");
}

TEST(Expression, MapTakesKeysExactlyThenWhateverTheCase) {
  const std::string map =
      R"({"$map":{"VoiceMail":"1","voicemail":"2"},"of":"/body/w","default":"d"})";
  EXPECT_EQ(value(map, R"({"w":"voicemail"})"), "2");
  EXPECT_EQ(value(map, R"({"w":"VOICEMAIL"})"), "1");
  EXPECT_EQ(value(map, R"({"w":"voice mail"})"), "d");
  EXPECT_EQ(
      value(R"({"$map":{"VoiceMail":"1"},"of":"/body/w","loose":true})", R"({"w":"voice_mail "})"),
      "1");
  EXPECT_EQ(value(R"({"$map":{"7":"/body/x"},"of":"/body/w"})", R"({"w":7,"x":"deep"})"), "deep");
}

TEST(Expression, ConditionsOfEveryKind) {
  const auto holds = [](const std::string& c, const std::string& body) {
    return value(R"({"$if":)" + c + R"(,"then":"yes","else":"no"})", body);
  };
  const std::string body = R"({"a":"1","b":1,"n":12.5,"e":" ","t":true,"l":["x"]})";
  for (const std::string c :
       {R"({"/body/a":"1"})", R"({"/body/a":1})", R"({"/body/b":"1"})", R"({"/body/a":["0","1"]})",
        R"({"/body/e":null})", R"({"/body/x":null})", R"({"/body/t":true})", R"({"/body/l/0":"x"})",
        R"({"/body/e":{"present":false}})", R"({"/body/a":{"re":"^[0-9]$"}})",
        R"({"/body/n":{"gt":12}})", R"({"/body/a":{"same":"/body/b"}})",
        R"({"$any":[{"/body/a":"0"},{"/body/b":1}]})", R"({"$not":{"/body/a":"0"}})", R"({})",
        R"({"/method":"POST"})"})
    EXPECT_EQ(holds(c, body), "yes") << c;
  for (const std::string c :
       {R"({"/body/a":"2"})", R"({"/body/a":[]})", R"({"/body/x":"1"})", R"({"/body/a":null})",
        R"({"/body/e":{"present":true}})", R"({"/body/l":"x"})", R"({"/body/n":{"gt":12.5}})",
        R"({"/body/a":{"same":"/body/x"}})", R"({"/body/a":"1","/body/b":"2"})", R"({"$any":[]})",
        R"({"$all":[{"/body/a":"0"}]})", R"({"/body/l/01x":"x"})"})
    EXPECT_EQ(holds(c, body), "no") << c;
}

TEST(Expression, JoinReFindAndLit) {
  EXPECT_EQ(value(R"({"$join":["/body/a","/body/none","x"],"sep":"-"})", R"({"a":1})"), "1-x");
  EXPECT_EQ(value(R"~({"$re":"id=(\\d+)","of":"/body/a"})~", R"({"a":"?id=42&x"})"), "42");
  EXPECT_EQ(value(R"~({"$re":"(a)|(b)","of":"/body/a","group":2})~", R"({"a":"a"})"), "");
  EXPECT_EQ(value(R"({"$find":"/body/l","where":{"/item/k":"y"},"get":"/item/v"})",
                  R"({"l":[{"k":"x","v":1},{"k":"y","v":2}]})"),
            "2");
  EXPECT_EQ(value(R"({"$lit":"/body/a"})", R"({"a":1})"), "/body/a");
}

TEST(Expression, NumbersAreTakenAsSent) {
  EXPECT_EQ(emitted(R"("seq":"/body/s","cause":{"$int":"/body/c"},"sip_status":"/body/x")",
                    R"({"s":"7","c":" 16 ","x":486.0})"),
            R"("seq":7,"cause":16,"sip_status":486)");
  EXPECT_EQ(emitted(R"("ids":{"call":["/body/i","/body/i2",""]})",
                    R"({"i":9007199254740993,"i2":18446744073709551615})"),
            R"("ids":{"call":["9007199254740993","18446744073709551615"]})");
  EXPECT_EQ(emitted(R"("seq":"/body/s")", R"({"s":"many"})"), "");
}

TEST(Expression, DurationsAreSecondsUnlessTheySayMs) {
  EXPECT_EQ(emitted(R"("duration":"/body/d")", R"({"d":"42"})"), R"("duration_ms":42000)");
  EXPECT_EQ(emitted(R"("duration":{"$mul":"/body/d","by":0.001})", R"({"d":1234.5})"),
            R"("duration_ms":1235)");
  EXPECT_EQ(emitted(R"("duration":{"$dur":"/body/d"})", R"({"d":"1:02:03"})"),
            R"("duration_ms":3723000)");
  EXPECT_EQ(emitted(R"("duration_ms":"/body/d")", R"({"d":"17"})"), R"("duration_ms":17)");
  EXPECT_EQ(emitted(R"("duration":"/body/d")", R"({"d":-1})"), "");
}

TEST(Expression, WordsOfVendorsNeverRefuseTheWholeRequest) {
  EXPECT_EQ(emitted(R"("direction":"/body/d","disposition":"/body/x")",
                    R"({"d":"Sideways","x":"Exploded"})"),
            R"("disposition":"unknown")");
}

TEST(Phone, IsTakenOutOfAddresses) {
  EXPECT_EQ(phone("\\\"Jane\\\" <sip:+12025550143@gw.example.com;user=phone>;tag=1"),
            R"("did":"+12025550143")");
  EXPECT_EQ(phone("tel:+1-202-555-0143;ext=5"), R"("did":"+12025550143")");
  EXPECT_EQ(phone("sips:%2B12025550143@x"), R"("did":"+12025550143")");
  EXPECT_EQ(phone("(202) 555.0143"), R"("did":"2025550143")");
  EXPECT_EQ(phone("sip:alice.smith@example.com"), R"("did":"alice.smith")");
  EXPECT_EQ(phone("*72#"), R"("did":"*72#")");
}

TEST(Phone, WithheldNumbersAreEmpty) {
  for (const char* text : {"anonymous", "<unknown>", "Restricted",
                           "sip:anonymous@anonymous.invalid", "unavailable", " "})
    EXPECT_EQ(phone(text), "") << text;
}

TEST(Phone, MissingPlusIsPutBackWhereTheSourceLeavesItOut) {
  const std::string bare = R"({"e164_without_plus":true})";
  EXPECT_EQ(phone("12025550143", bare), R"("did":"+12025550143")");
  EXPECT_EQ(phone("1234567", bare), R"("did":"1234567")");
  EXPECT_EQ(phone("02025550143", bare), R"("did":"02025550143")");
}

TEST(Phone, CountryAndPrefixOfTheDialectAreUsed) {
  EXPECT_EQ(phone("0012025550143", R"({"intl_prefix":"00"})"), R"("did":"+12025550143")");
  EXPECT_EQ(phone("02079460123", R"({"country":"GB"})"), R"("did":"+442079460123")");
  EXPECT_EQ(phone("02079460123"), R"("did":"02079460123")");
}

TEST(Phone, RawTextOfAPartyIsKept) {
  const std::string from = R"("from":{"number":{"$phone":"/body/n"}})";
  EXPECT_EQ(emitted(from, R"({"n":"+1 202 555 0143"})"),
            R"("from":{"number":"+12025550143","presented":"+1 202 555 0143"})");
  EXPECT_EQ(emitted(from, R"({"n":"+12025550143"})"), R"("from":{"number":"+12025550143"})");
  EXPECT_EQ(emitted(from, R"({"n":"anonymous"})"), R"("from":{"presented":"anonymous"})");
}

TEST(Time, CountsSince1970) {
  EXPECT_EQ(moment("1763650800", "unix"), "2025-11-20T15:00:00.000Z");
  EXPECT_EQ(moment("\"1763650800.25\"", "unix"), "2025-11-20T15:00:00.250Z");
  EXPECT_EQ(moment("1763650800123", "ms"), "2025-11-20T15:00:00.123Z");
  EXPECT_EQ(moment("\"1763650800123456\"", "us"), "2025-11-20T15:00:00.123Z");
  EXPECT_EQ(moment("1763650800123456789", "ns"), "2025-11-20T15:00:00.123Z");
  for (const char* text :
       {"1763650800", "1763650800000", "1763650800000000", "1763650800000000000"})
    EXPECT_EQ(moment(text, "auto"), "2025-11-20T15:00:00.000Z") << text;
  EXPECT_EQ(moment("-1", "unix"), "none");
  EXPECT_EQ(moment("9223372036854775807", "unix"), "none");
}

TEST(Time, TextsWithAZone) {
  for (const char* text : {"\"2025-11-20T15:00:00Z\"", "\"2025-11-20T16:00:00.000+0100\"",
                           "\"2025-11-20 10:00:00-05:00\"", "\"20251120T150000Z\"",
                           "\"Thu, 20 Nov 2025 15:00:00 +0000\"", "\"20 Nov 2025 15:00 GMT\""})
    EXPECT_EQ(moment(text, "auto", "Asia/Tokyo"), "2025-11-20T15:00:00.000Z") << text;
  EXPECT_EQ(moment("\"20.11.2025 15:00:00.5 +0000\"", "%d.%m.%Y %H:%M:%S.%f %z"),
            "2025-11-20T15:00:00.500Z");
}

TEST(Time, TextsWithoutAZoneAreOfTheSourcesZone) {
  EXPECT_EQ(moment("\"2025-11-20 15:00:00\"", "auto", "Europe/Sofia"), "2025-11-20T13:00:00.000Z");
  EXPECT_EQ(moment("\"2025-07-20 15:00:00\"", "auto", "Europe/Sofia"), "2025-07-20T12:00:00.000Z");
  EXPECT_EQ(emitted(R"("at":{"$time":"/body/t"})", R"({"t":"2025-11-20 15:00:00"})"), "")
      << "no zone is known";
}

TEST(Time, TextsThatAreNoTimesAreNotTold) {
  for (const char* text : {"\"2025-02-30 00:00:00\"", "\"soon\"", "\"\"", "null", "\"2025-11-20\"",
                           "\"2025-11-20T25:00:00Z\"", "\"0000-01-01T00:00:00Z\""})
    EXPECT_EQ(moment(text, "auto"), "none") << text;
}

TEST(Mapping, TextThatIsTooLongIsLeftOutAndTheCallIsToldAllTheSame) {
  const std::string emit =
      R"("ids":{"call":"/body/id"},"from":{"number":"/body/n","name":"/body/name"},"reason":"/body/r")";
  EXPECT_EQ(emitted(emit, R"({"id":"c1","n":"101","name":")" + std::string(2001, 'x') +
                              R"(","r":"busy"})"),
            R"("ids":{"call":["c1"]},"from":{"number":"101"},"reason":"busy")");
  const auto program = compiled(emitting(R"({"type":"updated",)" + emit + "}"));
  const Hook hook{program, options_with()};
  EXPECT_FALSE(hook.handle(post(R"({"id":")" + std::string(257, 'x') + "\"}")))
      << "an id says what it is about";
}

}  // namespace
}  // namespace hookswitch::testing
