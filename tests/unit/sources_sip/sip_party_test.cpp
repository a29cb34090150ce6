#include "sources/sip/sip_party.hpp"

#include <gtest/gtest.h>

namespace hookswitch::sip {
namespace {

Party party(std::string identity, std::string display = "", std::string target = "") {
  static const std::set<std::string, std::less<>> watched{"101", "1234567", "alice"};
  return to_party({std::move(identity), std::move(display), std::move(target), std::nullopt},
                  watched);
}

Party make(std::string number, std::string presented, std::string ext, std::string aor) {
  return {std::move(number), std::move(presented), std::move(ext), "", std::move(aor)};
}

TEST(SipParty, ShortNumberIsAnExtension) {
  EXPECT_EQ(party("sip:205@example.com"), make("", "205", "205", "sip:205@example.com"));
}

TEST(SipParty, WatchedNameIsAnExtensionWhateverItLooksLike) {
  EXPECT_EQ(party("sip:1234567@example.com").ext, "1234567");
  EXPECT_EQ(party("sip:alice@example.com").ext, "alice");
}

TEST(SipParty, LongNumberIsANumberAndKeepsWhatWasReceived) {
  EXPECT_EQ(party("sip:+1-202-555-0143@gw"),
            make("+12025550143", "+1-202-555-0143", "", "sip:+1-202-555-0143@gw"));
  EXPECT_EQ(party("sip:2025550143@gw").number, "2025550143");
  EXPECT_EQ(party("sip:+123@gw").number, "+123");
}

TEST(SipParty, NumbersAreReadByThePlanOfTheSource) {
  const std::set<std::string, std::less<>> watched{"101", "2025550199"};
  NumberPlan plan = default_numbers();
  plan.country = "US";
  plan.strip_prefixes = {"9"};
  const auto read = [&](const char* uri) {
    return to_party({uri, "", "", std::nullopt}, watched, plan);
  };
  EXPECT_EQ(read("sip:92025550143@pbx"),
            make("+12025550143", "92025550143", "", "sip:92025550143@pbx"));
  EXPECT_EQ(read("sip:2025550143;phone-context=+1@pbx").number, "+12025550143");
  EXPECT_EQ(read("sip:2025550199@pbx").ext, "2025550199") << "watched";
  EXPECT_EQ(read("sip:911@pbx"), make("911", "911", "", "sip:911@pbx")) << "no line";
  EXPECT_EQ(read("sip:*97@pbx"), make("*97", "*97", "", "sip:*97@pbx"));
  EXPECT_EQ(read("sip:+266696687@pbx"), make("", "+266696687", "", ""));
}

TEST(SipParty, UnwatchedNameIsNeitherExtensionNorNumber) {
  EXPECT_EQ(party("sip:conference@example.com"),
            make("", "conference", "", "sip:conference@example.com"));
}

TEST(SipParty, NameComesFromDisplayElseFromNameAddr) {
  EXPECT_EQ(party("sip:205@h", "Jane Doe").name, "Jane Doe");
  EXPECT_EQ(party("\"Jane \\\"J\\\" Doe\" <sip:205@h>").name, "Jane \"J\" Doe");
  EXPECT_EQ(party("Jane <sip:205@h;user=phone>;tag=1").ext, "205");
}

TEST(SipParty, AnonymousKeepsTheNameOnly) {
  for (const char* uri : {"sip:anonymous@anonymous.invalid", "sip:Anonymous@192.0.2.1",
                          "sip:+12025550143@anonymous.invalid", "sip:Restricted@h"}) {
    const Party out = party(uri, "Withheld");
    EXPECT_EQ(out.number + out.ext + out.aor, "") << uri;
    EXPECT_EQ(out.name, "Withheld") << uri;
  }
}

TEST(SipParty, LenientFormsAreRead) {
  EXPECT_EQ(party("205@example.com").aor, "sip:205@example.com");
  EXPECT_EQ(party("SIP:205@Example.COM:5070;transport=tcp?x=y").aor, "sip:205@example.com");
  EXPECT_EQ(party("sips:205@[2001:db8::1]:5061").aor, "sip:205@[2001:db8::1]");
  EXPECT_EQ(party("tel:+1-202-555-0143;phone-context=x").number, "+12025550143");
  EXPECT_EQ(party("sip:%2B12025550143;npdi@h").number, "+12025550143");
  EXPECT_EQ(party("sip:pbx.example.com"), Party{});
  EXPECT_EQ(party("", "", "sip:205@192.0.2.1").ext, "205");
  EXPECT_EQ(party(""), Party{});
}

TEST(SipParty, EscapedControlCharactersDoNotSurvive) {
  EXPECT_EQ(party("sip:2%0d%0a05@h").presented, "2  05");
}

}  // namespace
}  // namespace hookswitch::sip
