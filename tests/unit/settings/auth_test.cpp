#include "daemon/settings/auth.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/signer.hpp"
#include "support/temp_folder.hpp"

namespace hookswitch {
namespace {

using testing_support::Signer;
using testing_support::TempFolder;

const std::string kOrg =
    "[[org]]\nid = \"acme\"\n[[user]]\norg = \"acme\"\nid = \"alice\"\nextensions = [\"101\"]\n";

class AuthSettings : public testing::Test {
 protected:
  std::shared_ptr<const Settings> load(const std::string& auth, const std::string& more = "") {
    problems.clear();
    return load_settings(folder.write("hookswitch.toml", "[auth]\n" + auth + kOrg + more),
                         problems);
  }
  /// True if there is one problem, at this place, with this text.
  bool told(const std::string& place, std::string_view what) const {
    return problems.size() == 1 &&
           problems[0].starts_with(folder.path("hookswitch.toml:" + place + ": ")) &&
           problems[0].find(what) != std::string::npos;
  }
  std::string all() const {
    std::string out;
    for (const auto& problem : problems) out += problem + "\n";
    return out;
  }

  TempFolder folder;
  Problems problems;
};

const std::string kPem = "public_key_file = \"idp.pem\"\n", kSet = "jwks_file = \"jwks.json\"\n";

TEST_F(AuthSettings, KeysAloneAreEnough) {
  folder.write("idp.pem", Signer::ec().public_pem() + Signer::rsa().public_pem(), 0644);
  const auto settings = load(kPem);
  EXPECT_EQ(all(), "");
  EXPECT_TRUE(settings->tokens.secrets.empty());
  ASSERT_EQ(settings->tokens.keys.size(), 2U);
  EXPECT_EQ(settings->tokens.keys[1].key.algorithm(), KeyAlgorithm::RS256);
  ASSERT_EQ(settings->key_files.size(), 1U);
  EXPECT_EQ(settings->key_files[0].path, folder.path("idp.pem"));
  EXPECT_EQ(settings->key_files[0].taken, 2U);
}

TEST_F(AuthSettings, SecretPemAndSetAreTakenTogether) {
  folder.write("jwt.secret", std::string(64, 's'));
  folder.write("idp.pem", Signer::ec().public_pem(), 0644);
  folder.write("jwks.json",
               "{\"keys\":[" + Signer::ed25519().jwk(R"("kid":"a",)") +
                   R"(,{"kty":"oct","k":"AAAA"},)" + Signer::ec().jwk(R"("use":"enc",)") + "]}",
               0644);
  const auto settings = load("hs256_secret_file = \"jwt.secret\"\n" + kPem + kSet +
                             "issuer = \"https://id.example.com\"\naudience = \"cti\"\n");
  EXPECT_EQ(all(), "");
  EXPECT_EQ(settings->tokens.secrets.size(), 1U);
  ASSERT_EQ(settings->tokens.keys.size(), 2U);
  EXPECT_EQ(settings->tokens.keys[1].kid, "a");
  EXPECT_EQ(settings->tokens.issuer, "https://id.example.com");
  EXPECT_EQ(settings->tokens.audience, "cti");
  ASSERT_EQ(settings->key_files.size(), 2U);
  EXPECT_EQ(settings->key_files[1].other_kind, 1U);
  EXPECT_EQ(settings->key_files[1].other_use, 1U);
}

TEST_F(AuthSettings, WeakKeyIsAProblemAtItsPlace) {
  folder.write("idp.pem", Signer::rsa(1024).public_pem(), 0644);
  load(kPem);
  EXPECT_TRUE(told(
      "2:1", "auth.public_key_file: " + folder.path("idp.pem") + ": RSA of 1024 bits is too weak"))
      << all();
  folder.write("jwks.json", "{\"keys\":[" + Signer::rsa(1024).jwk() + "]}", 0644);
  load("\n" + kSet);
  EXPECT_TRUE(told("3:1", "auth.jwks_file: ")) << all();
  EXPECT_TRUE(told("3:1", "key 1 of 1: RSA of 1024 bits is too weak")) << all();
}

TEST_F(AuthSettings, FileOfKeysThatOthersMayWriteIsRefused) {
  folder.write("idp.pem", Signer::ec().public_pem(), 0666);
  load(kPem);
  EXPECT_TRUE(told("2:1", "chmod o-w")) << all();
}

TEST_F(AuthSettings, FilesThatAreNotThereOrAreSomethingElseAreTold) {
  load(kPem);
  EXPECT_TRUE(told("2:1", "auth.public_key_file: ")) << all();
  folder.write("jwks.json", "{\"keys\":[", 0644);
  load(kSet);
  EXPECT_TRUE(told("2:1", "jwks.json: is no JSON that we read: bad_json")) << all();
  folder.write("jwks.json", "{}", 0644);
  load(kSet);
  EXPECT_TRUE(told("2:1", "is no JWK Set")) << all();
}

TEST_F(AuthSettings, PublicKeyIsRefusedAsASecret) {  // RFC 8725 §2.1
  folder.write("jwt.secret", Signer::rsa().public_pem());
  load("hs256_secret_file = \"jwt.secret\"\n");
  EXPECT_TRUE(told("2:1", "auth.hs256_secret_file: holds a key or certificate in PEM")) << all();
}

TEST_F(AuthSettings, KeysThatWouldNeverBeTriedAreAProblem) {
  std::string pem;
  for (std::size_t i = 0; i < kKeysTriedMax; ++i) pem += Signer::ec().public_pem();
  folder.write("idp.pem", pem + Signer::ed25519().public_pem(), 0644);
  load(kPem);
  EXPECT_EQ(all(), "");
  folder.write("idp.pem", pem + Signer::ec().public_pem(), 0644);
  load(kPem);
  EXPECT_TRUE(told("2:1", "5 keys of one algorithm without a kid")) << all();
}

TEST_F(AuthSettings, IssuerAndAudienceWithoutKeysAreAProblem) {
  folder.write("jwt.secret", std::string(64, 's'));
  load("hs256_secret_file = \"jwt.secret\"\nissuer = \"https://id.example.com\"\n");
  EXPECT_TRUE(told("3:1", "auth.issuer: is of no use")) << all();
}

const std::string kHash(64, 'a');

std::string token_lines(const std::string& more = "user = \"alice\"\n",
                        const std::string& hash = kHash, const std::string& name = "desk") {
  return "[[token]]\nname = \"" + name + "\"\norg = \"acme\"\nscope = \"events:own\"\nhash = \"" +
         hash + "\"\n" + more;
}

TEST_F(AuthSettings, StaticTokenAloneIsEnough) {
  const auto settings =
      load("", token_lines("user = \"alice\"\nexpires = 2027-01-31T23:59:59.5+01:30\n"));
  EXPECT_EQ(all(), "");
  ASSERT_EQ(settings->tokens.statics.size(), 1U);
  const StaticToken& one = settings->tokens.statics[0];
  EXPECT_EQ(one.name, "desk");
  EXPECT_EQ(one.org, "acme");
  EXPECT_EQ(one.user, "alice");
  EXPECT_EQ(one.scopes, *parse_scopes("events:own"));
  EXPECT_EQ(one.hash, std::string(32, '\xaa'));
  EXPECT_EQ(one.expires, parse_rfc3339("2027-01-31T22:29:59Z"));
}

TEST_F(AuthSettings, NothingAtAllIsAProblem) {
  load("");
  EXPECT_TRUE(told("1:1", "auth.hs256_secret_file: is missing: nobody could connect")) << all();
}

TEST_F(AuthSettings, WrongLinesOfAStaticTokenAreToldAtTheirPlace) {
  load("", token_lines("user = \"alice\"\n", "hs_plain-token"));
  EXPECT_TRUE(told("12:1", "token.hash: must be the SHA-256")) << all();
  EXPECT_EQ(all().find("plain-token"), std::string::npos);
  load("", token_lines("user = \"nobody\"\n"));
  EXPECT_TRUE(told("13:1", "token.user: names no [[user]]")) << all();
  load("", token_lines(""));
  EXPECT_TRUE(told("8:1", "token.user: is missing")) << all();
  for (const char* when : {"\"2027-01-31T23:59:59Z\"", "2027-01-31", "2027-01-31T23:59:59", "5"}) {
    load("", token_lines("user = \"alice\"\nexpires = " + std::string{when} + "\n"));
    EXPECT_TRUE(told("14:1", "token.expires: must be a date and time with its offset")) << all();
  }
}

TEST_F(AuthSettings, NamesAndHashesOfStaticTokensAreTheirOwn) {
  load("", token_lines() + token_lines("user = \"alice\"\n", std::string(64, 'b')));
  EXPECT_TRUE(told("15:1", "token.name: is used twice")) << all();
  load("", token_lines() + token_lines("user = \"alice\"\n", kHash, "table"));
  EXPECT_TRUE(told("18:1", "token.hash: is used twice")) << all();
}

}  // namespace
}  // namespace hookswitch
