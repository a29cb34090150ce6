#include "http/ws_deflate.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <span>

#include "base/encoded_frame.hpp"
#include "http/ws_reader.hpp"

namespace hookswitch::http {
namespace {

constexpr std::string_view kAgreed =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// What a client sends of a deflated message, with another window or level than ours.
std::string deflated(const std::string& text, int flush = Z_SYNC_FLUSH) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -12, 4, Z_DEFAULT_STRATEGY), Z_OK);
  std::string in = text, out(text.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, flush);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  if (flush == Z_SYNC_FLUSH) out.resize(out.size() - 4);
  if (flush == Z_FINISH) out += '\0';  // RFC 7692 §7.2.3.5
  return out;
}

std::string client_frame(unsigned first, const std::string& payload) {
  std::string out{static_cast<char>(first)};
  EXPECT_LT(payload.size(), 65536u);
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += '\xfe';
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xff);
  }
  out += "\1\2\3\4";
  for (std::size_t i = 0; i < payload.size(); ++i)
    out += static_cast<char>(payload[i] ^ static_cast<char>(i % 4 + 1));
  return out;
}

struct Read {
  WsEvent::Kind kind;
  std::uint16_t code;
  std::string payload;
};

std::vector<Read> read(std::string bytes, bool deflate = true, std::size_t max = 65536) {
  WsReader reader{max, deflate};
  std::vector<Read> out;
  std::span<char> rest{bytes};
  for (;;) {
    const WsEvent event = reader.next(rest);
    if (event.kind == WsEvent::Kind::need_more) return out;
    out.push_back({event.kind, event.code, std::string{event.payload}});
  }
}

TEST(WsDeflate, TakesTheFirstOfferItCanKeep) {
  for (const auto* offers :
       {"permessage-deflate", "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
        "permessage-deflate ; server_max_window_bits=\"15\"", "foo, permessage-deflate",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate"})
    EXPECT_EQ(deflate_answer(offers), kAgreed) << offers;
}

TEST(WsDeflate, AgreesToNothingElse) {
  for (const auto* offers :
       {"", "x-webkit-deflate-frame", "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; client_max_window_bits=16", "permessage-deflate; surprise",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover"})
    EXPECT_EQ(deflate_answer(offers), std::nullopt) << offers;
}

TEST(WsDeflate, EveryMessageStandsForItself) {
  const EncodedFrame frame{std::string(1000, 'a') + "end"};
  ASSERT_LT(frame.deflated_wire()[0].size(), 100u);
  EXPECT_EQ(frame.deflated_wire()[0][0], '\xc1');
  EXPECT_EQ(frame.deflated_wire()[0].data(), frame.deflated_wire()[0].data()) << "made once";
  for (int again = 0; again < 2; ++again) {
    std::string out;
    EXPECT_EQ(inflate_message(frame.deflated_wire()[0].substr(2), 65536, out), Inflated::whole);
    EXPECT_EQ(out, frame.text());
  }
}

TEST(WsDeflate, SharedRestIsDeflatedOnceAndFitsBehindEveryBeginning) {
  const auto rest = std::make_shared<const FrameRest>(std::string(5000, 'r') + "end");
  for (const auto* own : {"", "x", "a longer beginning, a longer beginning"}) {
    const EncodedFrame frame{own, rest};
    const auto [first, second] = frame.deflated_wire();
    EXPECT_EQ(second.data(), rest->deflated().data());
    std::string out;
    EXPECT_EQ(inflate_message(std::string{first.substr(2)} + std::string{second}, 65536, out),
              Inflated::whole);
    EXPECT_EQ(out, frame.text());
  }
}

TEST(WsDeflate, ShortAndDenseTextGoesOutAsItIs) {
  EXPECT_EQ(EncodedFrame{"{}"}.deflated_wire(), EncodedFrame{"{}"}.wire());
  std::string dense;
  for (unsigned i = 0, x = 1; i < 300; ++i, x = x * 1664525u + 1013904223u)
    dense += static_cast<char>(33 + (x >> 24) % 90);
  EXPECT_LE(EncodedFrame{dense}.deflated_wire()[0].size(), EncodedFrame{dense}.wire()[0].size());
}

TEST(WsDeflate, ReaderInflatesWholeAndFragmentedMessages) {
  const std::string text(5000, 'x'), payload = deflated(text);
  for (const int flush : {Z_SYNC_FLUSH, Z_FINISH}) {
    const auto seen = read(client_frame(0xc1, deflated(text, flush)));
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].payload, text);
  }
  const auto parts = read(client_frame(0x41, payload.substr(0, 5)) + client_frame(0x89, "p") +
                          client_frame(0x80, payload.substr(5)) + client_frame(0x81, "plain"));
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[1].payload, text);
  EXPECT_EQ(parts[2].payload, "plain");
}

TEST(WsDeflate, ReaderHoldsTheLimitBeforeAndAfterInflating) {
  const auto bomb = read(client_frame(0xc1, deflated(std::string(60'000, 'x'))), true, 1000);
  ASSERT_EQ(bomb.size(), 1u);
  EXPECT_EQ(bomb[0].code, 1009);
  const auto fits = read(client_frame(0xc1, deflated(std::string(1000, 'x'))), true, 1000);
  ASSERT_EQ(fits.size(), 1u);
  EXPECT_EQ(fits[0].kind, WsEvent::Kind::text);
}

TEST(WsDeflate, ReaderRefusesWhatIsNoDeflatedText) {
  const std::string payload = deflated(std::string(300, 'x') + "and an end");
  const struct {
    std::string bytes;
    std::uint16_t code;
    const char* why;
  } cases[] = {
      {client_frame(0xc1, "\xff\xff\xff\xff\xff"), 1007, "no deflate at all"},
      {client_frame(0xc1, payload.substr(0, payload.size() - 3)), 1007, "the end is missing"},
      {client_frame(0xc1, deflated(std::string(200, '\xff'))), 1007, "no UTF-8 inside"},
      {client_frame(0x01, "a") + client_frame(0xc0, "b"), 1002, "RSV1 on a continuation"},
      {client_frame(0xc9, "p"), 1002, "RSV1 on a ping"},
      {client_frame(0xa1, "p"), 1002, "RSV2"},
  };
  for (const auto& each : cases) {
    const auto seen = read(each.bytes);
    ASSERT_EQ(seen.size(), 1u) << each.why;
    EXPECT_EQ(seen[0].kind, WsEvent::Kind::failed) << each.why;
    EXPECT_EQ(seen[0].code, each.code) << each.why;
  }
  const auto not_agreed = read(client_frame(0xc1, payload), false);
  ASSERT_EQ(not_agreed.size(), 1u);
  EXPECT_EQ(not_agreed[0].code, 1002);
}

}  // namespace
}  // namespace hookswitch::http
