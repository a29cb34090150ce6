#include "http_client/response_reader.hpp"

#include <gtest/gtest.h>

namespace hookswitch::http_client {
namespace {

using State = ResponseReader::State;
constexpr ResponseReader::Limits kSmall{
    .head_bytes_max = 1024, .lines_max = 10, .body_bytes_max = 64};

struct Read {
  State state;
  Response response;
  bool keeps;
};

Read read(std::string_view bytes, std::size_t step, bool ends = false, bool has_body = true) {
  ResponseReader reader{kSmall, has_body};
  for (std::size_t i = 0; i < bytes.size(); i += step) reader.feed(bytes.substr(i, step));
  if (ends) reader.end();
  return {reader.state(), reader.response(), reader.keeps()};
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";

TEST(ResponseReader, ReadsTheSameHoweverTheBytesCome) {
  const std::string bytes =
      kOk + "Content-Type: text/plain\r\nContent-Length: 5\r\nX: \t y z \r\n\r\nhello";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    const auto got = read(bytes, step);
    ASSERT_EQ(got.state, State::done) << step;
    EXPECT_EQ(got.response.status, 200U);
    EXPECT_EQ(got.response.body, "hello");
    EXPECT_EQ(got.response.header("x"), "y z");
    EXPECT_TRUE(got.keeps);
  }
}

TEST(ResponseReader, ReadsChunks) {
  const std::string bytes =
      kOk +
      "Transfer-Encoding: chunked\r\n\r\n4;x=y\r\nwiki\r\n5\r\npedia\r\n0\r\nTrailer: 1\r\n\r\n";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    const auto got = read(bytes, step);
    ASSERT_EQ(got.state, State::done) << step;
    EXPECT_EQ(got.response.body, "wikipedia");
    EXPECT_TRUE(got.keeps);
  }
}

TEST(ResponseReader, PassesInterimAnswersOver) {
  const auto got = read(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 204 No Content\r\n\r\n",
      7);
  EXPECT_EQ(got.state, State::done);
  EXPECT_EQ(got.response.status, 204U);
  EXPECT_TRUE(got.response.headers.empty());
}

TEST(ResponseReader, KnowsWhereABodyEndsWithTheConnection) {
  EXPECT_EQ(read(kOk + "\r\nhello", 3).state, State::body);
  const auto got = read(kOk + "\r\nhello", 3, true);
  EXPECT_EQ(got.state, State::done);
  EXPECT_EQ(got.response.body, "hello");
  EXPECT_FALSE(got.keeps);
}

TEST(ResponseReader, KeepsAConnectionOnlyWhereBothMayGoOn) {
  EXPECT_FALSE(read(kOk + "Connection: close\r\nContent-Length: 0\r\n\r\n", 99).keeps);
  EXPECT_FALSE(read("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 99).keeps);
  EXPECT_TRUE(
      read("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", 99).keeps);
  EXPECT_FALSE(read(kOk + "Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n", 999).keeps);
  EXPECT_TRUE(read(kOk + "Content-Length: 9\r\n\r\n", 99, false, false).keeps);  // HEAD
}

TEST(ResponseReader, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const std::string& bytes :
       {std::string{"HTTP/2 200\r\n\r\n"},
        std::string{"HTTP/1.1 20 OK\r\n\r\n"},
        std::string{"HTTP/1.1 2000 OK\r\n\r\n"},
        std::string{"HTTP/1.1 099 OK\r\n\r\n"},
        std::string{"HTTP/1.1  200 OK\r\n\r\n"},
        std::string{"SSH-2.0-OpenSSH\r\n"},
        std::string{"HTTP/1.1 200 OK\n\n"},
        kOk + " folded: x\r\n\r\n",
        kOk + "No colon\r\n\r\n",
        kOk + "Bad name: x\r\n\r\n",
        kOk + "Name : x\r\n\r\n",
        kOk + "A: b\rc\r\n\r\n",
        kOk + "A: b\x01\r\n\r\n",
        kOk + "Content-Length: 5, 5\r\n\r\n",
        kOk + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        kOk + "Content-Length: -1\r\n\r\n",
        kOk + "Content-Length: 0x5\r\n\r\n",
        kOk + "Content-Length:\r\n\r\n",
        kOk + "Content-Length: 99999999999999999999\r\n\r\n",
        kOk + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        kOk + "Transfer-Encoding: gzip, chunked\r\n\r\n",
        kOk + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        std::string{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        kOk + "Transfer-Encoding: chunked\r\n\r\nx\r\n",
        kOk + "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        kOk + "Transfer-Encoding: chunked\r\n\r\n123456789\r\n",
        kOk + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        std::string{"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"},
        std::string{"HTTP/1.1 100 C\r\nContent-Length: 1\r\n\r\n"}})
    for (const std::size_t step : {std::size_t{1}, bytes.size()})
      EXPECT_EQ(read(bytes, step).state, State::bad) << bytes;
}

TEST(ResponseReader, HoldsNoMoreThanItsLimits) {
  std::string many = kOk, interim;
  for (int i = 0; i < 11; ++i) many += "A: b\r\n";
  for (int i = 0; i < 5; ++i) interim += "HTTP/1.1 100 C\r\n\r\n";
  EXPECT_EQ(read(many + "\r\n", 64).state, State::bad);
  EXPECT_EQ(read(interim, 64).state, State::bad);
  EXPECT_EQ(read(kOk + "A: " + std::string(2000, 'a'), 64).state, State::bad);
  EXPECT_EQ(read(std::string(5000, 'H'), 64).state, State::bad);
  EXPECT_EQ(read(kOk + "Content-Length: 65\r\n\r\n", 64).state, State::too_large);
  EXPECT_EQ(read(kOk + "\r\n" + std::string(65, 'a'), 64).state, State::too_large);
  EXPECT_EQ(read(kOk + "Transfer-Encoding: chunked\r\n\r\n41\r\n", 64).state, State::too_large);
  EXPECT_EQ(read(kOk + "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", 64).state,
            State::too_large);
  std::string extensions = kOk + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 30; ++i) extensions += "1;" + std::string(100, 'x') + "\r\na\r\n";
  EXPECT_EQ(read(extensions, 64).state, State::bad);
  std::string trailers = kOk + "Transfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 11; ++i) trailers += "A: b\r\n";
  EXPECT_EQ(read(trailers, 64).state, State::bad);
}

TEST(ResponseReader, ABodyThatBreaksOffIsNoResponse) {
  EXPECT_EQ(read(kOk + "Content-Length: 9\r\n\r\nhello", 64, true).state, State::bad);
  EXPECT_EQ(read(kOk + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 64, true).state,
            State::bad);
  EXPECT_EQ(read(kOk, 64, true).state, State::bad);
}

}  // namespace
}  // namespace hookswitch::http_client
