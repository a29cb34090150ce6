#include "http/ws_reader.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/text.hpp"
#include "support/raw_client.hpp"

namespace hookswitch::http {
namespace {

using namespace std::string_literals;
using Kind = WsEvent::Kind;
using testing_support::RawClient;

/// What a reader makes of bytes that come in pieces of this size: "text:abc", "close:1000:why",
/// "failed:1002".
std::vector<std::string> read(const std::string& bytes, std::size_t piece = SIZE_MAX,
                              std::size_t message_bytes_max = kClientFrameBytesMax) {
  WsReader reader{message_bytes_max};
  std::vector<std::string> out;
  for (std::size_t at = 0; at < bytes.size();) {
    std::string part = bytes.substr(at, piece);
    at += part.size();
    for (std::span<char> rest{part};;) {
      const WsEvent event = reader.next(rest);
      if (event.kind == Kind::need_more) {
        EXPECT_TRUE(rest.empty());
        break;
      }
      constexpr const char* kNames[] = {"", "text", "binary", "ping", "pong", "close", "failed"};
      std::string line = kNames[static_cast<int>(event.kind)];
      if (event.kind == Kind::close || event.kind == Kind::failed)
        line += ":" + std::to_string(event.code);
      if (event.kind != Kind::failed) line += ":" + std::string{event.payload};
      out.push_back(line);
    }
  }
  return out;
}

/// The same, however the bytes are cut.
void expect(const std::string& bytes, const std::vector<std::string>& want) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7},
                                  std::size_t{100}, std::size_t{SIZE_MAX}})
    EXPECT_EQ(read(bytes, piece), want) << to_hex(bytes.substr(0, 40)) << " in pieces of " << piece;
}

std::string text(std::string_view payload, bool final = true) {
  return RawClient::frame(1, payload, final);
}
std::string more(std::string_view payload, bool final = true) {
  return RawClient::frame(0, payload, final);
}
std::string close(unsigned code, const std::string& reason = "") {
  return RawClient::frame(
      8, std::string{static_cast<char>(code >> 8), static_cast<char>(code)} + reason);
}

TEST(WsReader, TakesMessagesOfEveryLengthForm) {
  for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 125U, 126U, 127U, 65535U, 65536U}) {
    const std::string payload(size, 'x');
    EXPECT_EQ(read(text(payload)), std::vector{"text:" + payload}) << size;
    EXPECT_EQ(read(text(payload), 1000), std::vector{"text:" + payload}) << size;
  }
  expect(text("one") + RawClient::frame(2, "\x01\x02") + text("two"),
         {"text:one", "binary:\x01\x02", "text:two"});
}

TEST(WsReader, PutsFragmentsTogetherAroundControlFrames) {
  expect(text("one ", false) + RawClient::frame(9, "ping") + more("", false) +
             RawClient::frame(10, "pong") + more("two ", false) + more("three") + text("next"),
         {"ping:ping", "pong:pong", "text:one two three", "text:next"});
  expect(RawClient::frame(2, "\xff", false) + more("\xfe"), {"binary:\xff\xfe"});
  expect(text("", false) + more(""), {"text:"});
}

TEST(WsReader, RefusesWhatTheProtocolDoesNotAllow) {
  const std::string failed = "failed:1002";
  const std::string mask = "\x01\x02\x03\x04";
  for (const std::string& bytes : {
           "\x81\x02hi"s,  // not masked
           "\xc1\x80"s + mask,
           "\xa1\x80"s + mask,
           "\x91\x80"s + mask,  // reserved bits
           "\x83\x80"s + mask,
           "\x84\x80"s + mask,
           "\x87\x80"s + mask,  // reserved opcodes
           "\x8b\x80"s + mask,
           "\x8f\x80"s + mask,
           "\x09\x80"s + mask,
           "\x08\x80"s + mask,
           "\x0a\x80"s + mask,          // fragmented controls
           "\x89\xfe\x00\x7e"s + mask,  // a control frame of 126 bytes
           "\x81\xfe\x00\x7d"s + mask,  // longer than need be
           "\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff"s + mask,
           "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00"s + mask,  // 2^63
           more("x"),
           more("x", false),          // nothing to go on with
           RawClient::frame(8, "x"),  // half a close code
       }) {
    expect(bytes, {failed});
    expect(bytes + text("after"), {failed});
  }
  expect(text("one", false) + text("two"), {failed});
  expect(text("one", false) + RawClient::frame(2, "two"), {failed});
  expect(text("one") + more("two"), {"text:one", failed});
}

TEST(WsReader, RefusesAtTheFirstWrongByte) {
  EXPECT_EQ(read("\x83"), std::vector{"failed:1002"s});
  EXPECT_EQ(read("\x81\x05"), std::vector{"failed:1002"s});
  // An impossible character in a frame that is not over, and in a message that is not.
  const std::string whole = text("abc\xff" + std::string(50, 'x'));
  EXPECT_EQ(read(whole.substr(0, 6 + 4)), std::vector{"failed:1007"s});
  EXPECT_EQ(read(text("\xed\xa0", false)), std::vector{"failed:1007"s});
  // A length over the limit, before any of it has come.
  EXPECT_EQ(read("\x81\xff\x00\x00\x00\x00\x00\x01\x00\x01"s), std::vector{"failed:1009"s});
}

TEST(WsReader, HoldsTheLimitOverAllFragments) {
  EXPECT_EQ(read(text("12345") + text("123456"), SIZE_MAX, 5),
            (std::vector{"text:12345"s, "failed:1009"s}));
  EXPECT_EQ(read(text("123", false) + RawClient::frame(9, "123456") + more("45"), SIZE_MAX, 5),
            (std::vector{"ping:123456"s, "text:12345"s}));
  EXPECT_EQ(read(text("123", false) + more("456"), SIZE_MAX, 5), std::vector{"failed:1009"s});
}

TEST(WsReader, CutsCharactersAnywhere) {
  const std::string word = "κόσμε \xf0\x9f\x93\x9e \xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf";
  expect(text(word), {"text:" + word});
  for (std::size_t i = 0; i <= word.size(); ++i)
    expect(text(word.substr(0, i), false) + more(word.substr(i)), {"text:" + word});
}

TEST(WsReader, RefusesWhatIsNoUtf8) {
  for (const std::string bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3(", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xef\xbf",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80", "\xfe",
        "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x93"}) {
    expect(text("ok" + bad), {"failed:1007"});
    EXPECT_EQ(is_utf8(bad), false);
    EXPECT_EQ(read(RawClient::frame(2, bad)), std::vector{"binary:" + bad});
  }
}

TEST(WsReader, KnowsTheCloseCodes) {
  expect(RawClient::frame(8, ""), {"close:0:"});
  expect(close(1000, "bye"), {"close:1000:bye"});
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U,
                              1013U, 1014U, 3000U, 3999U, 4000U, 4999U})
    expect(close(code), {"close:" + std::to_string(code) + ":"});
  for (const unsigned code :
       {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U})
    expect(close(code), {"failed:1002"});
  expect(close(1000, "\xff"), {"failed:1007"});
  expect(close(1000) + text("after") + "\xff\xff\xff", {"close:1000:"});
}

TEST(WsReader, ControlFramesSayWhoEndsWhy) {
  EXPECT_EQ(to_hex(ws_close_frame(1000, "ok")), "880403e86f6b");
  EXPECT_EQ(to_hex(ws_close_frame(0, "ignored")), "8800");
  EXPECT_EQ(ws_close_frame(4008, std::string(200, 'x')).size(), 2U + 125U);
  EXPECT_EQ(to_hex(ws_control_frame(10, "hi")), "8a026869");
}

}  // namespace
}  // namespace hookswitch::http
