#include "sources/hep/hep_frame.hpp"

#include <gtest/gtest.h>

#include "hep_test_support.hpp"

namespace hookswitch::hep {
namespace {

using test::be;
using test::chunk;
using test::mirrored;
using test::packet;

std::string why(const std::string& bytes) {
  const auto frame = read_frame(bytes);
  return frame ? "read" : frame.error().detail;
}

TEST(HepFrame, TellsPayloadTimeNodeKeyAndCorrelation) {
  auto bytes =
      packet({chunk(9, be(1'800'000'000, 4)), chunk(10, be(250'999, 4)), chunk(11, be(1, 1)),
              chunk(12, be(7, 4)), chunk(14, "secret"), chunk(15, "OPTIONS"), chunk(17, "abc")});
  const auto frame = read_frame(bytes);
  ASSERT_TRUE(frame);
  EXPECT_EQ(kProtocolSip, frame->protocol);
  EXPECT_EQ(1'800'000'000'250, to_unix_ms(*frame->captured));
  EXPECT_EQ(7U, frame->node);
  EXPECT_EQ("secret", frame->auth_key);
  EXPECT_EQ("OPTIONS", frame->payload);
  EXPECT_EQ("abc", frame->correlation);
}

TEST(HepFrame, ChunksOfVendorsAndUnknownTypesArePassedOver) {
  const auto bytes = packet({chunk(15, "theirs", 3), chunk(0x77, "?"), chunk(15, "ours")});
  const auto frame = read_frame(bytes);
  ASSERT_TRUE(frame);
  EXPECT_EQ("ours", frame->payload);
}

TEST(HepFrame, BytesBehindTheToldLengthAreIgnored) {
  EXPECT_EQ("read", why(mirrored("OPTIONS") + "padding"));
}

TEST(HepFrame, BrokenOnesAreRefusedByName) {
  EXPECT_EQ("no HEPv3", why(""));
  EXPECT_EQ("no HEPv3", why("\x01\x10\x02\x11"));
  EXPECT_EQ("length", why("HEP3" + be(5, 2)));
  EXPECT_EQ("length", why("HEP3" + be(7, 2)));
  EXPECT_EQ("no payload", why("HEP3" + be(6, 2)));
  EXPECT_EQ("chunk", why("HEP3" + be(9, 2) + "abc"));
  EXPECT_EQ("chunk", why("HEP3" + be(12, 2) + be(0, 4) + be(5, 2)));
  EXPECT_EQ("chunk", why("HEP3" + be(12, 2) + be(0, 4) + be(7, 2)));
  EXPECT_EQ("chunk", why(packet({chunk(9, "12"), chunk(15, "x")})));
  EXPECT_EQ("compressed", why(packet({chunk(16, "x")})));
  EXPECT_EQ("chunk", why(packet(std::vector<std::string>(kChunksMax + 1, chunk(15, "x")))));
}

TEST(HepFrame, EveryCutIsRefused) {
  const std::string whole = mirrored("OPTIONS sip:a SIP/2.0");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE("read", why(whole.substr(0, size))) << size;
}

TEST(HepFrame, OnlyTheWholeKeyIsTheKey) {
  const auto check = [](std::string_view brought, std::string wanted) {
    const auto bytes = mirrored("x", brought);
    return has_key(*read_frame(bytes), Secret{std::move(wanted)});
  };
  EXPECT_TRUE(check("open sesame", "open sesame"));
  EXPECT_TRUE(check("anything", ""));
  EXPECT_FALSE(check("open sesam", "open sesame"));
  EXPECT_FALSE(check("open sesame!", "open sesame"));
  EXPECT_FALSE(check("", "open sesame"));
}

}  // namespace
}  // namespace hookswitch::hep
