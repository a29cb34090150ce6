#include "sources/hep/settings.hpp"

#include <gtest/gtest.h>

namespace hookswitch::hep {
namespace {

std::string wrong(const std::string& address, const std::string& key = "") {
  SourceSettings source;
  source.address = address;
  source.auth_key = Secret{key};
  std::string out;
  for (const auto& problem : check(source)) out += problem.key + " ";
  return out;
}

TEST(HepSettings, AnAddressIsNoNameAndHasAPort) {
  EXPECT_EQ("", wrong("127.0.0.1:9060"));
  EXPECT_EQ("", wrong("[::1]:9060"));
  for (const char* bad : {"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "pbx:9060", "::1:9060",
                          "[127.0.0.1]:9060", "127.0.0.1:9060x"})
    EXPECT_EQ("address ", wrong(bad)) << bad;
}

TEST(HepSettings, OnlyALoopbackAddressMayGoWithoutAKey) {
  EXPECT_EQ("auth_key_file ", wrong("192.0.2.5:9060"));
  EXPECT_EQ("auth_key_file ", wrong("[::]:9060"));
  EXPECT_EQ("", wrong("192.0.2.5:9060", "key"));
}

}  // namespace
}  // namespace hookswitch::hep
