#include "sources/sip/settings.hpp"

#include <gtest/gtest.h>

namespace hookswitch::sip {
namespace {

SourceSettings good() {
  return {.org = "acme",
          .name = "hq",
          .server = "sip:192.0.2.1:5060",
          .domain = "example.com",
          .username = "9001",
          .password = Secret{"a: \"b\""},
          .realm = "",
          .watch = {"101", "*98", "alice.b"}};
}

std::string wrong_key(const SourceSettings& source) {
  const auto problems = check(source);
  return problems.size() == 1 ? problems[0].key : problems.empty() ? "" : "several";
}

TEST(SipSettings, GoodSourceHasNoProblem) { EXPECT_EQ(wrong_key(good()), ""); }

TEST(SipSettings, ServerIsReadIntoItsParts) {
  const auto server = parse_server("sip:PBX.example.com:5070;transport=TCP");
  ASSERT_TRUE(server);
  EXPECT_EQ(server->host, "pbx.example.com");
  EXPECT_EQ(server->port, 5070);
  EXPECT_TRUE(server->tcp);
  EXPECT_FALSE(server->literal);
  EXPECT_TRUE(parse_server("sip:[2001:db8::1]:5060")->literal);
  EXPECT_EQ(parse_server("sip:localhost")->host, "127.0.0.1");
}

TEST(SipSettings, ServerOfAnotherFormIsRefused) {
  for (const char* uri :
       {"", "sip:", "192.0.2.1", "sips:h", "sip:user@h", "sip:h:0", "sip:h:65536", "sip:h:+1",
        "sip:h;transport=tls", "sip:h;lr", "sip:h?a=b", "sip:h\r\nX: y", "sip:h h", "sip:-h",
        "sip:a..b", "sip:[::1", "sip:h;transport=udp\n"})
    EXPECT_FALSE(parse_server(uri)) << uri;
}

TEST(SipSettings, NoLineEndPassesAnyField) {
  const auto with = [](auto set) {
    SourceSettings source = good();
    set(source);
    return wrong_key(source);
  };
  EXPECT_EQ(with([](auto& s) { s.server += "\r\nX-Evil: 1"; }), "server");
  EXPECT_EQ(with([](auto& s) { s.domain += "\r\nX-Evil: 1"; }), "domain");
  EXPECT_EQ(with([](auto& s) { s.username += "\r\nX-Evil: 1"; }), "username");
  EXPECT_EQ(with([](auto& s) { s.password = Secret{"a\nb"}; }), "password");
  EXPECT_EQ(with([](auto& s) { s.realm = "a\nb"; }), "realm");
  EXPECT_EQ(with([](auto& s) { s.watch.push_back("100\r\nX-Evil: 1"); }), "watch");
}

TEST(SipSettings, CharactersThatEndAUriPartOrAQuoteAreRefused) {
  SourceSettings source = good();
  for (const char* ext : {"", "1@2", "1;2", "1?2", "1:2", "<1>", "1 2", "1%0d"}) {
    source.watch = {ext};
    EXPECT_EQ(wrong_key(source), "watch") << ext;
  }
  source = good();
  source.realm = "a\"b";
  EXPECT_EQ(wrong_key(source), "realm");
  source = good();
  source.username = "a:b";
  EXPECT_EQ(wrong_key(source), "username");
}

TEST(SipSettings, PlanOfNumbersIsChecked) {
  SourceSettings source = good();
  source.numbers.country = "XX";
  EXPECT_EQ(wrong_key(source), "country");
  source = good();
  source.numbers.strip_prefixes = {"9\r\n"};
  EXPECT_EQ(wrong_key(source), "strip_prefixes");
  source = good();
  EXPECT_TRUE(same({source}, {good()}));
  source.numbers.strip_prefixes = {"9"};
  EXPECT_FALSE(same({source}, {good()}));
}

TEST(SipSettings, AllProblemsAreToldAtOnce) {
  EXPECT_EQ(check(SourceSettings{.server = "x", .domain = "y z", .expires_s = 1}).size(), 4U);
}

TEST(SipSettings, NamesAreEscapedForTheUri) {
  EXPECT_EQ(uri_user("*98#"), "*98%23");
  EXPECT_EQ(uri_user("a@b"), "a%40b");
}

}  // namespace
}  // namespace hookswitch::sip
