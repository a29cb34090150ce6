// What Boost.Beast's HTTP parser lets through. lib/http/head.cpp exists because of this; where a
// newer Beast refuses by itself, a test here fails and the strict layer can be looked at again.
#include <gtest/gtest.h>

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/version.hpp>
#include <string>
#include <string_view>

#include "http/head.hpp"

namespace {

namespace bhttp = boost::beast::http;
using namespace std::string_view_literals;

struct Outcome {
  bool refused = false;
  bool done = false;
  std::size_t unread = 0;
  std::string body;
};

Outcome parse(std::string_view text) {
  bhttp::request_parser<bhttp::string_body> parser;
  parser.eager(true);
  boost::beast::error_code error;
  std::size_t used = 0;
  while (used < text.size() && !parser.is_done()) {
    const auto more =
        parser.put(boost::asio::buffer(text.data() + used, text.size() - used), error);
    used += more;
    if (error || more == 0) break;
  }
  const bool refused = error && error != bhttp::error::need_more;
  return {refused, parser.is_done(), text.size() - used, parser.get().body()};
}

std::string post(std::string_view fields, std::string_view body = "",
                 std::string_view version = "1.1") {
  return "POST / HTTP/" + std::string{version} + "\r\n" + std::string{fields} + "\r\n" +
         std::string{body};
}

bool we_refuse(const std::string& text) {
  return hookswitch::http::refuse_head(std::string_view{text}.substr(0, text.find("\r\n\r\n") + 4))
      .has_value();
}

TEST(BeastParser, IsTheVersionTheseTestsWereWrittenFor) { EXPECT_EQ(BOOST_BEAST_VERSION, 345); }

TEST(BeastParser, TakesChunkedThenGzipAndLeavesTheBodyUnread) {  // the smuggling gap
  const std::string text = post("Host: a\r\nTransfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n");
  const Outcome outcome = parse(text);
  EXPECT_FALSE(outcome.refused);
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.unread, 5U);
  EXPECT_TRUE(we_refuse(text));
}

TEST(BeastParser, TakesTransferEncodingsItDoesNotKnow) {
  for (const char* coding :
       {"gzip", "identity", "chunked, identity", "x", "xchunked", "chunked;q=1", "\"chunked\""}) {
    const std::string text =
        post("Host: a\r\nTransfer-Encoding: " + std::string{coding} + "\r\n", "0\r\n\r\n");
    EXPECT_FALSE(parse(text).refused) << coding;
    EXPECT_TRUE(we_refuse(text)) << coding;
  }
}

TEST(BeastParser, TakesChunkedOnHttp10) {
  const std::string text =
      post("Host: a\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", "1.0");
  EXPECT_FALSE(parse(text).refused);
  EXPECT_TRUE(we_refuse(text));
}

TEST(BeastParser, TakesNoHostAndTwoHosts) {
  for (const char* fields : {"", "Host: a\r\nHost: b\r\n", "Host:\r\n"}) {
    EXPECT_FALSE(parse(post(fields)).refused) << fields;
    EXPECT_TRUE(we_refuse(post(fields))) << fields;
  }
}

TEST(BeastParser, TakesFoldedLines) {
  const std::string text = post("Host: a\r\nX: b\r\n c\r\n");
  EXPECT_FALSE(parse(text).refused);
  EXPECT_TRUE(we_refuse(text));
}

TEST(BeastParser, TakesAbsoluteTargets) {
  const std::string text = "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_FALSE(parse(text).refused);
  EXPECT_TRUE(we_refuse(text));
}

TEST(BeastParser, TakesAListOfEqualLengths) {
  const std::string text = post("Host: a\r\nContent-Length: 2, 2\r\n", "ab");
  EXPECT_FALSE(parse(text).refused);
  EXPECT_TRUE(we_refuse(text));
}

TEST(BeastParser, RefusesLengthTogetherWithTransferEncoding) {
  EXPECT_TRUE(
      parse(post("Host: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"))
          .refused);
  EXPECT_TRUE(
      parse(post("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n", "0\r\n\r\n"))
          .refused);
}

TEST(BeastParser, RefusesWhatTheStrictLayerLeavesToIt) {
  for (const std::string_view text :
       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"sv,
        "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"sv, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"sv,
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"sv,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n"sv,
        "GET / HTTP/1.1\r\nHost: a\r\nB d: x\r\n\r\n"sv, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"sv,
        " / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n"sv})
    EXPECT_TRUE(parse(text).refused) << text;
}

TEST(BeastParser, KeepsItsHeaderAndBodyLimits) {
  bhttp::request_parser<bhttp::string_body> parser;
  parser.header_limit(100);
  boost::beast::error_code error;
  const std::string text = post("Host: a\r\nX: " + std::string(200, 'x') + "\r\n");
  parser.put(boost::asio::buffer(text), error);
  EXPECT_EQ(error, bhttp::error::header_limit);
  bhttp::request_parser<bhttp::string_body> other;
  other.body_limit(10);
  const std::string large = post("Host: a\r\nContent-Length: 11\r\n");
  other.put(boost::asio::buffer(large), error);
  EXPECT_EQ(error, bhttp::error::body_limit);
}

}  // namespace
