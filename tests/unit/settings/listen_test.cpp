#include "daemon/settings/listen.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "daemon/parts.hpp"
#include "support/temp_folder.hpp"

namespace hookswitch {
namespace {

using testing_support::TempFolder;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

const std::string kBase =
    "[auth]\nhs256_secret_file = \"jwt.secret\"\n[[org]]\nid = \"acme\"\n[[listen]]\n"
    "address = \"127.0.0.1:0\"\n";

Key make_key() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

std::string pem_of(const Key& key, const char* passphrase = nullptr) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), &BIO_free};
  const auto size = static_cast<int>(passphrase == nullptr ? 0 : std::string{passphrase}.size());
  PEM_write_bio_PrivateKey(
      out.get(), key.get(), passphrase == nullptr ? nullptr : EVP_aes_128_cbc(),
      reinterpret_cast<const unsigned char*>(passphrase), size, nullptr, nullptr);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

std::string certificate_of(const Key& key) {
  const std::unique_ptr<X509, decltype(&X509_free)> made{X509_new(), &X509_free};
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), key.get());
  X509_sign(made.get(), key.get(), EVP_sha256());
  const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), &BIO_free};
  PEM_write_bio_X509(out.get(), made.get());
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

class Listen : public testing::Test {
 protected:
  Listen() {
    folder.write("jwt.secret", std::string(64, 'a'));
    folder.write("cti.pem", certificate_of(key), 0644);
    folder.write("cti.key", pem_of(key));
  }
  std::shared_ptr<const Settings> load(const std::string& text) {
    problems.clear();
    return load_settings(folder.write("hookswitch.toml", kBase + text), problems);
  }
  bool told(std::string_view what) const {
    return problems.size() == 1 && problems[0].find(what) != std::string::npos;
  }
  std::string all() const {
    std::string out;
    for (const auto& problem : problems) out += problem + "\n";
    return out;
  }

  TempFolder folder;
  Key key = make_key();
  Problems problems;
};

const std::string kTls = "certificate_file = \"cti.pem\"\nkey_file = \"cti.key\"\n";

TEST_F(Listen, CertificateAndKeyAreTakenRelativeToTheFile) {
  const auto settings = load(kTls);
  EXPECT_EQ(all(), "");
  EXPECT_EQ(settings->server.listen[0].certificate_file, folder.path("cti.pem"));
  EXPECT_EQ(settings->server.listen[0].key_file, folder.path("cti.key"));
}

TEST_F(Listen, OneWithoutTheOtherIsAProblem) {
  load("certificate_file = \"cti.pem\"\n");
  EXPECT_TRUE(told("listen.key_file: is missing")) << all();
  load("key_file = \"cti.key\"\n");
  EXPECT_TRUE(told("listen.certificate_file: is missing")) << all();
}

TEST_F(Listen, KeyThatOthersMayReadIsRefused) {
  folder.write("cti.key", pem_of(key), 0644);
  load(kTls);
  EXPECT_TRUE(told("listen.key_file: ")) << all();
  EXPECT_TRUE(told("chmod o=")) << all();
}

TEST_F(Listen, KeyOfAnotherCertificateIsRefused) {
  folder.write("cti.key", pem_of(make_key()));
  load(kTls);
  EXPECT_TRUE(told("is the key of another certificate")) << all();
}

TEST_F(Listen, EncryptedKeyIsRefusedAndNobodyIsAskedForItsPassphrase) {
  folder.write("cti.key", pem_of(key, "test-passphrase"));
  load(kTls);
  EXPECT_TRUE(told("listen.key_file: ")) << all();
}

TEST_F(Listen, FilesThatAreNotPemAreNamed) {
  folder.write("cti.pem", "no certificate");
  load(kTls);
  EXPECT_TRUE(told("listen.certificate_file: " + folder.path("cti.pem"))) << all();
  folder.write("cti.pem", certificate_of(key));
  folder.write("cti.key", "no key");
  load(kTls);
  EXPECT_TRUE(told("listen.key_file: " + folder.path("cti.key"))) << all();
  EXPECT_FALSE(told("no key\n"));
}

TEST_F(Listen, FilesThatAreNotThereAreBothTold) {
  load("certificate_file = \"none.pem\"\nkey_file = \"none.key\"\n");
  EXPECT_EQ(problems.size(), 2U) << all();
}

TEST_F(Listen, UnknownPartIsRefusedWithThoseThereAre) {
  load("parts = [\"events\", \"hoooks\"]\n");
  EXPECT_TRUE(told("\"hoooks\" is no part; there are events, hooks, api, console, metrics"))
      << all();
  load("parts = []\n");
  EXPECT_TRUE(told("listen.parts: is empty")) << all();
}

TEST_F(Listen, NothingSaidMeansAllParts) {
  EXPECT_TRUE(serves(&load("")->server.listen[0].parts, "/metrics"));
  EXPECT_TRUE(serves(nullptr, "/metrics"));
  EXPECT_FALSE(serves(&load("parts = [\"hooks\"]\n")->server.listen[0].parts, "/metrics"));
}

TEST(Parts, EveryPathIsOfOnePart) {
  for (const auto& [path, part] : {std::pair{"/v1/hooks/cloud", "hooks"},
                                   {"/v1/events", "events"},
                                   {"/apps/crm", "events"},
                                   {"/hookswitch.js", "events"},
                                   {"/v1/calls", "api"},
                                   {"/v1/calls/c1/explain", "api"},
                                   {"/api", "api"},
                                   {"/nothing", "api"},
                                   {"/", "console"},
                                   {"/console.js", "console"},
                                   {"/metrics", "metrics"},
                                   {"/livez", "metrics"},
                                   {"/readyz", "metrics"},
                                   {"/version", "metrics"}})
    EXPECT_EQ(part_of(path), part) << path;
}

}  // namespace
}  // namespace hookswitch
