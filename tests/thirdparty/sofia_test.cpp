// What we rely on, or guard against, in sofia-sip 1.12.11 as Debian 12 packages it.
#include <gtest/gtest.h>
#include <sofia-sip/auth_client.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/su_alloc.h>
#include <sofia-sip/url.h>

#include <string>

#include "sources/sip/settings.hpp"

namespace hookswitch {
namespace {

class Sofia : public testing::Test {
 protected:
  ~Sofia() override { su_home_deinit(home_); }
  su_home_t home_[1] = {SU_HOME_INIT(home_)};
};

TEST_F(Sofia, UrlMakeLetsLineEndsThroughSoOurGrammarMustNot) {
  const std::string evil = "sip:100\r\nX-Evil: 1@pbx.example.com";
  const url_t* url = url_make(home_, evil.c_str());
  ASSERT_NE(url, nullptr);
  EXPECT_NE(std::string{url->url_user}.find("\r\n"), std::string::npos);

  sip::SourceSettings source{.server = "sip:192.0.2.1", .watch = {"100\r\nX-Evil: 1"}};
  EXPECT_FALSE(sip::check(source).empty());
  EXPECT_FALSE(sip::parse_server(evil));
}

TEST_F(Sofia, UrlMakeKeepsMethodAndHeadersSoOurGrammarMustNot) {
  const std::string evil = "sip:pbx.example.com;method=BYE?Replaces=a";
  const url_t* url = url_make(home_, evil.c_str());
  ASSERT_NE(url, nullptr);
  EXPECT_STREQ(url->url_headers, "Replaces=a");
  EXPECT_FALSE(sip::parse_server(evil));
}

TEST_F(Sofia, HeaderMakeLetsLineEndsThroughSoNoOutsideTextGoesThere) {
  const sip_subject_t* subject = sip_subject_make(home_, "hello\r\nX-Evil: 1");
  ASSERT_NE(subject, nullptr);
  EXPECT_NE(std::string{subject->g_string}.find("X-Evil"), std::string::npos);
}

TEST_F(Sofia, PasswordWithColonsAndQuotesReachesTheDigestWhole) {
  // The form handed to NUTAG_AUTH: the realm is quoted, the user ends at the next colon, the rest
  // is the password.
  auth_client_t* client = nullptr;
  const msg_auth_t* challenge = sip_www_authenticate_make(
      home_, "Digest realm=\"pbx.example.com\", nonce=\"n\", algorithm=MD5");
  ASSERT_EQ(auc_challenge(&client, home_, challenge, sip_authorization_class), 1);
  EXPECT_GT(auc_credentials(&client, home_, "Digest:\"pbx.example.com\":9001:p:w\"x"), 0);
  EXPECT_LE(auc_credentials(&client, home_, "Digest:\"other.example.com\":9001:p"), 0);
}

}  // namespace
}  // namespace hookswitch
