#include "auth/origin.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

bool matches(std::string_view pattern, std::string_view origin) {
  OriginList list;
  const auto added = list.add(pattern);
  EXPECT_TRUE(added) << pattern;
  return list.allows(origin);
}

TEST(OriginList, ExactPatternAdmitsThatOriginOnly) {
  for (const char* origin : {"https://crm.example.com", "https://crm.example.com:443"})
    EXPECT_TRUE(matches("https://crm.example.com", origin)) << origin;
  for (const char* origin : {"http://crm.example.com",
                             "https://crm.example.com:8443",
                             "https://example.com",
                             "https://a.crm.example.com",
                             "https://crm.example.com.evil.net",
                             "https://evil.net",
                             "https://crmXexample.com",
                             "https://xcrm.example.com",
                             "https://crm.example.co",
                             "https://crm.example.comm",
                             "https://crm.example.com.",
                             "https://crm.example.com/",
                             "https://crm.example.com/*",
                             "https://crm.example.com?x",
                             "https://crm.example.com#x",
                             "https://crm.example.com\\@evil.net",
                             "https://crm.example.com@evil.net",
                             "https://evil.net@crm.example.com",
                             "https://a:b@crm.example.com",
                             "https://crm.example.com:443@evil.net",
                             "https://crm.example.com:",
                             "https://crm.example.com:0443",
                             "https://crm.example.com:+443",
                             "https://crm.example.com: 443",
                             "https://crm.example.com:443x",
                             "https://crm.example.com:65979",
                             "https:crm.example.com",
                             "https:/crm.example.com",
                             "https:///crm.example.com",
                             "//crm.example.com",
                             "crm.example.com",
                             "ftp://crm.example.com",
                             "wss://crm.example.com",
                             "javascript://crm.example.com",
                             "file://",
                             "null",
                             "",
                             " ",
                             "https://",
                             "https:// crm.example.com",
                             "https://crm.example.com ",
                             " https://crm.example.com",
                             "https://crm.example.com,https://evil.net",
                             "https://evil.net https://crm.example.com",
                             "https://crm.example.com\n",
                             "https://crm.example.com\r\nX: y",
                             "https://crm.exam\xc3\xa4ple.com",
                             "https://crm%2eexample.com",
                             "https://*.example.com",
                             "https://*",
                             "*"})
    EXPECT_FALSE(matches("https://crm.example.com", origin)) << origin;
}

TEST(OriginList, NulInAnOriginNeverMatches) {
  EXPECT_FALSE(
      matches("https://crm.example.com", std::string_view{"https://crm.example.com\0", 24}));
  EXPECT_FALSE(matches("https://crm.example.com",
                       std::string_view{"https://crm.example.com\0.evil.net", 33}));
}

TEST(OriginList, LeftMostWildcardAdmitsSubdomainsOnly) {
  for (const char* origin : {"https://a.example.com", "https://a.b.c.example.com",
                             "https://a-1.example.com", "https://A.EXAMPLE.com"})
    EXPECT_TRUE(matches("https://*.example.com", origin)) << origin;
  for (const char* origin :
       {"https://example.com", "https://evilexample.com", "https://a.example.com.evil.net",
        "https://.example.com", "https://a..example.com", "http://a.example.com",
        "https://a.example.com:8443", "https://a.example.com.", "https://*.example.com",
        "https://a/b.example.com", "https://evil.net/.example.com", "https://evil.net#.example.com",
        "https://evil.net?.example.com", "https://evil.net\\.example.com",
        "https://evil.net:443.example.com", "https://x@a.example.com",
        "https://evil.net%00.example.com", "null"})
    EXPECT_FALSE(matches("https://*.example.com", origin)) << origin;
}

TEST(OriginList, PortWildcardAdmitsEveryPortOfThatHost) {
  for (const char* origin : {"http://127.0.0.1", "http://127.0.0.1:80", "http://127.0.0.1:8080",
                             "http://127.0.0.1:65535"})
    EXPECT_TRUE(matches("http://127.0.0.1:*", origin)) << origin;
  for (const char* origin :
       {"http://127.0.0.1:0", "http://127.0.0.1:65536", "http://127.0.0.1:99999999999999999999",
        "http://127.0.0.1:-1", "http://127.0.0.1:*", "http://127.0.0.1:8080.evil.net",
        "https://127.0.0.1:8080", "http://127.0.0.11:8080", "http://127.0.0.1.evil.net:8080",
        "http://2130706433:8080", "http://127.1:8080", "http://0x7f.0.0.1:8080"})
    EXPECT_FALSE(matches("http://127.0.0.1:*", origin)) << origin;
}

TEST(OriginList, StandardPortsAreTheSchemesOwn) {
  EXPECT_TRUE(matches("https://crm.example.com:443", "https://crm.example.com"));
  EXPECT_TRUE(matches("http://crm.example.com", "http://crm.example.com:80"));
  EXPECT_FALSE(matches("http://crm.example.com", "http://crm.example.com:443"));
  EXPECT_FALSE(matches("https://crm.example.com:80", "http://crm.example.com"));
}

TEST(OriginList, IPv6LiteralsAreHosts) {
  EXPECT_TRUE(matches("http://[::1]:8080", "http://[::1]:8080"));
  EXPECT_TRUE(matches("http://[::1]:*", "http://[::1]"));
  EXPECT_TRUE(matches("https://[2001:DB8::1]", "https://[2001:db8::1]"));
  for (const char* origin :
       {"http://[::1]:8081", "http://[::2]:8080", "http://[::1", "http://::1:8080",
        "http://[::1]evil.net:8080", "http://[::1].evil.net",
        "http://[::1]:", "http://[::1%25eth0]:8080", "https://[::1]:8080"})
    EXPECT_FALSE(matches("http://[::1]:8080", origin)) << origin;
}

TEST(OriginList, TrailingSlashAndStarMeanNothing) {
  for (const char* pattern :
       {"https://crm.example.com/", "https://crm.example.com/*", "HTTPS://CRM.EXAMPLE.COM"}) {
    OriginList list;
    if (!list.add(pattern))
      continue;  // scheme in capitals may be refused; admitting something else may not
    EXPECT_TRUE(list.allows("https://crm.example.com")) << pattern;
    EXPECT_FALSE(list.allows("https://crm.example.com/")) << pattern;
    EXPECT_FALSE(list.allows("https://crm.example.com.evil.net")) << pattern;
  }
  OriginList list;
  ASSERT_TRUE(list.add("https://*.example.com/*"));
  ASSERT_TRUE(list.add("http://localhost:*/"));
  ASSERT_TRUE(list.add("https://CRM.example.com:443"));
  ASSERT_TRUE(list.add("https://crm.example.com:8443/*"));
  EXPECT_EQ(list.normal(),
            (std::vector<std::string>{"https://*.example.com", "http://localhost:*",
                                      "https://crm.example.com", "https://crm.example.com:8443"}));
}

TEST(OriginList, WiderOrMalformedPatternsAreRefusedWithAReason) {
  for (const char* pattern : {"*",
                              "",
                              "/",
                              "/*",
                              "**",
                              "https://*",
                              "https://*/*",
                              "https://*:*",
                              "http://*:443",
                              "https://*.com",
                              "https://*.com/*",
                              "https://*.",
                              "https://*.*",
                              "https://*.*.example.com",
                              "https://a.*.example.com",
                              "https://*a.example.com",
                              "https://a*.example.com",
                              "https://example.*",
                              "https://*.example.*",
                              "*://crm.example.com",
                              "*.example.com",
                              "crm.example.com",
                              "//crm.example.com",
                              "https://crm.example.com/path",
                              "https://crm.example.com/path/*",
                              "https://crm.example.com//",
                              "https://crm.example.com?x",
                              "https://crm.example.com#x",
                              "https://u@crm.example.com",
                              "https://u:p@crm.example.com",
                              "https://crm.example.com:",
                              "https://crm.example.com:0",
                              "https://crm.example.com:65536",
                              "https://crm.example.com:8*",
                              "https://crm.example.com:**",
                              "https://crm.example.com:x",
                              "https://.example.com",
                              "https://example.com.",
                              "https://a..b",
                              "https://",
                              "ftp://crm.example.com",
                              "file:///x",
                              "null",
                              "javascript:alert(1)",
                              "https://crm example.com",
                              "https://crm.example.com https://evil.net",
                              "https://crm.example.com;https://evil.net",
                              "https://crm.example.com,https://evil.net",
                              "https://crm.example.com\r\nX: y",
                              "https://*.127.0.0.1",
                              "https://*.0.0.1",
                              "https://[::1",
                              "https://[zz]",
                              "https://[::1]x",
                              "https://[::1]:",
                              "https://[*]",
                              "https://*.[::1]",
                              "https://crm.ex\xc3\xa4mple.com",
                              "https://[]",
                              "https://[:]"}) {
    OriginList list;
    const auto added = list.add(pattern);
    EXPECT_FALSE(added) << pattern;
    if (added) continue;
    EXPECT_EQ(added.error().code, Errc::bad_request) << pattern;
    EXPECT_FALSE(added.error().detail.empty()) << pattern;
    EXPECT_TRUE(list.empty() && list.normal().empty()) << pattern;
  }
}

/// Whoever may register a name below one of these would be let in.
TEST(OriginList, WildcardAboveAPublicSuffixIsRefused) {
  for (const char* suffix :
       {"co.uk",          "org.uk",      "ac.uk",        "gov.uk",          "me.uk",
        "com.au",         "net.au",      "co.nz",        "co.jp",           "ne.jp",
        "or.jp",          "com.br",      "com.cn",       "com.tw",          "com.hk",
        "com.sg",         "com.tr",      "co.kr",        "co.il",           "co.in",
        "com.mx",         "co.za",       "com.ar",       "com.ua",          "com.pl",
        "co.id",          "com.my",      "github.io",    "gitlab.io",       "web.app",
        "pages.dev",      "workers.dev", "vercel.app",   "netlify.app",     "herokuapp.com",
        "appspot.com",    "fly.dev",     "onrender.com", "firebaseapp.com", "azurewebsites.net",
        "cloudfront.net", "CO.UK",       "GitHub.io"}) {
    OriginList list;
    EXPECT_FALSE(list.add("https://*." + std::string{suffix})) << suffix;
    EXPECT_TRUE(list.add("https://*.example." + std::string{suffix})) << suffix;
  }
}

TEST(OriginList, EmptyListAdmitsNobody) {
  const OriginList list;
  EXPECT_TRUE(list.empty());
  for (const char* origin : {"", "null", "https://crm.example.com", "http://127.0.0.1"})
    EXPECT_FALSE(list.allows(origin)) << origin;
}

TEST(OriginList, AnyOfItsPatternsAdmits) {
  OriginList list;
  ASSERT_TRUE(list.add("https://crm.example.com"));
  ASSERT_TRUE(list.add("http://localhost:*"));
  EXPECT_TRUE(list.allows("https://crm.example.com"));
  EXPECT_TRUE(list.allows("http://localhost:5173"));
  EXPECT_FALSE(list.allows("http://crm.example.com"));
}

}  // namespace
}  // namespace hookswitch
