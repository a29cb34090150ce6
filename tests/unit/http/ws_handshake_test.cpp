#include "http/ws_handshake.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace hookswitch::http {
namespace {

Request asking(Headers changes = {}) {
  Request out;
  out.method = "GET";
  out.headers = {{"host", "x"},
                 {"upgrade", "websocket"},
                 {"connection", "Upgrade"},
                 {"sec-websocket-version", "13"},
                 {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  for (auto& [name, value] : changes) {
    std::erase_if(out.headers, [&, &key = name](const auto& field) { return field.first == key; });
    if (!value.empty()) out.headers.emplace_back(name, value);
  }
  return out;
}

unsigned status(const Request& request) {
  const auto refusal = refuse_websocket(request);
  return refusal ? refusal->status : 101;
}

TEST(WsHandshake, IsAskedForByBothFields) {
  EXPECT_TRUE(asks_for_websocket(asking()));
  EXPECT_TRUE(asks_for_websocket(asking({{"connection", "keep-alive, UPGRADE"}})));
  EXPECT_TRUE(asks_for_websocket(asking({{"upgrade", "h2c, WebSocket"}})));
  EXPECT_FALSE(asks_for_websocket(asking({{"upgrade", "h2c"}})));
  EXPECT_FALSE(asks_for_websocket(asking({{"upgrade", ""}})));
  EXPECT_FALSE(asks_for_websocket(asking({{"connection", "close"}})));
  EXPECT_FALSE(asks_for_websocket(asking({{"connection", "upgraded"}})));
  Request post = asking();
  post.method = "POST";
  EXPECT_FALSE(asks_for_websocket(post));
}

TEST(WsHandshake, KeyIsSixteenBytesOfBase64) {
  EXPECT_EQ(status(asking()), 101U);
  EXPECT_EQ(status(asking({{"sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="}})), 101U);
  for (const char* key :
       {"", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZR==", "AAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAA=", "dGhlIHNhbXBsZSBub25jZQ== x"})
    EXPECT_EQ(status(asking({{"sec-websocket-key", key}})), 400U) << key;
  Request twice = asking();
  twice.headers.emplace_back("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(status(twice), 400U);
}

TEST(WsHandshake, OtherVersionIsToldWhichOneIsSpoken) {
  for (const char* version : {"8", "0", "14", "13, 8", "x", "113"}) {
    const auto refusal = refuse_websocket(asking({{"sec-websocket-version", version}}));
    ASSERT_TRUE(refusal) << version;
    EXPECT_EQ(refusal->status, 426U);
    EXPECT_NE(refusal->body.find("\"status\":426"), std::string::npos);
    EXPECT_TRUE(std::count(refusal->headers.begin(), refusal->headers.end(),
                           std::pair<std::string, std::string>{"Sec-WebSocket-Version", "13"}));
  }
  EXPECT_EQ(status(asking({{"sec-websocket-version", ""}})), 400U);
  Request twice = asking();
  twice.headers.emplace_back("sec-websocket-version", "13");
  EXPECT_EQ(status(twice), 400U);
}

TEST(WsHandshake, HasNoBody) {
  Request request = asking();
  request.body = "x";
  EXPECT_EQ(status(request), 400U);
}

TEST(WsHandshake, OffersInSeveralFieldsAreOneList) {
  Request request = asking();
  request.headers.emplace_back("sec-websocket-protocol", "a, b");
  request.headers.emplace_back("sec-websocket-protocol", "c");
  join_subprotocols(request);
  EXPECT_EQ(request.header("sec-websocket-protocol"), "a, b, c");
}

TEST(WsHandshake, AnswerProvesThatTheKeyWasRead) {
  const std::string answer = websocket_answer(asking(), "v1", {{"X-More", "y"}});
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_NE(answer.find("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            std::string::npos);  // RFC 6455 §1.3
  EXPECT_NE(answer.find("\r\nSec-WebSocket-Protocol: v1\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\nX-More: y\r\n\r\n"));
  EXPECT_EQ(websocket_answer(asking(), "", {}).find("Protocol:"), std::string::npos);
}

}  // namespace
}  // namespace hookswitch::http
