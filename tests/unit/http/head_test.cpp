#include "http/head.hpp"

#include <gtest/gtest.h>

#include "http/message.hpp"

namespace hookswitch::http {
namespace {

using namespace std::string_view_literals;

std::string head(std::string_view start, std::string_view fields) {
  return std::string{start} + "\r\n" + std::string{fields} + "\r\n";
}

TEST(RefuseHead, OrdinaryRequestsPass) {
  for (const auto& text :
       {head("GET / HTTP/1.1", "Host: a\r\n"),
        head("POST /v1/hooks/x?a=b HTTP/1.1", "Host: a:8080\r\nContent-Length: 0\r\n"),
        head("POST /x HTTP/1.1", "host: a\r\nCONTENT-LENGTH:  12 \r\n"),
        head("POST /x HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked\r\n"),
        head("POST /x HTTP/1.1", "Host: a\r\ntransfer-encoding:\tChunked\t\r\n"),
        head("GET / HTTP/1.0", ""), head("GET / HTTP/1.0", "Host: a\r\n"),
        head("OPTIONS * HTTP/1.1", "Host: a\r\n"),
        head("GET /%20%00 HTTP/1.1", "Host: [::1]:8080\r\nX: \r\nY: a: b\r\n")})
    EXPECT_EQ(refuse_head(text), std::nullopt) << text;
}

struct Bad {
  const char* name;
  std::string_view start, fields;
};
class RefuseHeadVector : public testing::TestWithParam<Bad> {};
TEST_P(RefuseHeadVector, IsABadRequest) {
  EXPECT_EQ(refuse_head(head(GetParam().start, GetParam().fields)), Errc::bad_request);
}

constexpr auto kPost = "POST /x HTTP/1.1"sv;
constexpr auto kGet = "GET /x HTTP/1.1"sv;

INSTANTIATE_TEST_SUITE_P(
    Lengths, RefuseHeadVector,
    testing::Values(Bad{"WithTransferEncoding", kPost,
                        "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"},
                    Bad{"WithTransferEncodingBefore", kPost,
                        "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n"},
                    Bad{"Twice", kPost, "Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n"},
                    Bad{"TwiceDiffering", kPost,
                        "Host: a\r\nContent-Length: 5\r\ncontent-length: 6\r\n"},
                    Bad{"List", kPost, "Host: a\r\nContent-Length: 5, 5\r\n"},
                    Bad{"ListTight", kPost, "Host: a\r\nContent-Length: 5,5\r\n"},
                    Bad{"Plus", kPost, "Host: a\r\nContent-Length: +5\r\n"},
                    Bad{"Minus", kPost, "Host: a\r\nContent-Length: -5\r\n"},
                    Bad{"Hexadecimal", kPost, "Host: a\r\nContent-Length: 0x5\r\n"},
                    Bad{"Empty", kPost, "Host: a\r\nContent-Length:\r\n"},
                    Bad{"Blank", kPost, "Host: a\r\nContent-Length: 1 2\r\n"},
                    Bad{"Real", kPost, "Host: a\r\nContent-Length: 5.0\r\n"},
                    Bad{"Exponent", kPost, "Host: a\r\nContent-Length: 1e1\r\n"},
                    Bad{"Quoted", kPost, "Host: a\r\nContent-Length: \"5\"\r\n"},
                    Bad{"VerticalTab", kPost, "Host: a\r\nContent-Length: \v5\r\n"}),
    [](const auto& vector) { return vector.param.name; });

INSTANTIATE_TEST_SUITE_P(
    TransferEncodings, RefuseHeadVector,
    testing::Values(
        Bad{"ChunkedGzip", kPost, "Host: a\r\nTransfer-Encoding: chunked, gzip\r\n"},
        Bad{"GzipChunked", kPost, "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n"},
        Bad{"Gzip", kPost, "Host: a\r\nTransfer-Encoding: gzip\r\n"},
        Bad{"Identity", kPost, "Host: a\r\nTransfer-Encoding: identity\r\n"},
        Bad{"ChunkedIdentity", kPost, "Host: a\r\nTransfer-Encoding: chunked, identity\r\n"},
        Bad{"ChunkedTwice", kPost, "Host: a\r\nTransfer-Encoding: chunked, chunked\r\n"},
        Bad{"TwoFields", kPost,
            "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"},
        Bad{"TwoFieldsDiffering", kPost,
            "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"},
        Bad{"Unknown", kPost, "Host: a\r\nTransfer-Encoding: xchunked\r\n"},
        Bad{"Parameter", kPost, "Host: a\r\nTransfer-Encoding: chunked;q=1\r\n"},
        Bad{"Quoted", kPost, "Host: a\r\nTransfer-Encoding: \"chunked\"\r\n"},
        Bad{"Comma", kPost, "Host: a\r\nTransfer-Encoding: ,chunked\r\n"},
        Bad{"CommaBehind", kPost, "Host: a\r\nTransfer-Encoding: chunked,\r\n"},
        Bad{"Empty", kPost, "Host: a\r\nTransfer-Encoding:\r\n"},
        Bad{"VerticalTab", kPost, "Host: a\r\nTransfer-Encoding: \vchunked\r\n"},
        Bad{"FormFeed", kPost, "Host: a\r\nTransfer-Encoding: chunked\f\r\n"},
        Bad{"LongS", kPost,
            "Host: a\r\nTransfer-Encoding: chun\xc5\xbf"
            "ked\r\n"},
        Bad{"OnHttp10", "POST /x HTTP/1.0", "Host: a\r\nTransfer-Encoding: chunked\r\n"}),
    [](const auto& vector) { return vector.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Hosts, RefuseHeadVector,
    testing::Values(Bad{"Missing", kGet, ""}, Bad{"MissingAmongOthers", kGet, "X-Host: a\r\n"},
                    Bad{"Twice", kGet, "Host: a\r\nHost: a\r\n"},
                    Bad{"TwiceInOtherCase", kGet, "Host: a\r\nhOST: b\r\n"},
                    Bad{"Empty", kGet, "Host:\r\n"},
                    Bad{"TwiceOnHttp10", "GET /x HTTP/1.0", "Host: a\r\nHost: b\r\n"}),
    [](const auto& vector) { return vector.param.name; });

INSTANTIATE_TEST_SUITE_P(Folding, RefuseHeadVector,
                         testing::Values(Bad{"Space", kGet, "Host: a\r\nX: b\r\n c\r\n"},
                                         Bad{"Tab", kGet, "Host: a\r\nX: b\r\n\tc\r\n"},
                                         Bad{"First", kGet, " Host: a\r\nHost: a\r\n"},
                                         Bad{"Length", kPost,
                                             "Host: a\r\nContent-Length:\r\n 5\r\n"},
                                         Bad{"NoColon", kGet, "Host: a\r\nX\r\n"},
                                         Bad{"NoName", kGet, "Host: a\r\n: x\r\n"}),
                         [](const auto& vector) { return vector.param.name; });

INSTANTIATE_TEST_SUITE_P(StartLines, RefuseHeadVector,
                         testing::Values(Bad{"AbsoluteUri", "GET http://a/x HTTP/1.1",
                                             "Host: a\r\n"},
                                         Bad{"Authority", "CONNECT a:443 HTTP/1.1", "Host: a\r\n"},
                                         Bad{"NoSlash", "GET x HTTP/1.1", "Host: a\r\n"},
                                         Bad{"Star", "GET * HTTP/1.1", "Host: a\r\n"},
                                         Bad{"BlankInTarget", "GET /x y HTTP/1.1", "Host: a\r\n"},
                                         Bad{"Fragment", "GET /x#y HTTP/1.1", "Host: a\r\n"},
                                         Bad{"Http09", "GET /x", "Host: a\r\n"},
                                         Bad{"Http2", "PRI * HTTP/2.0", "Host: a\r\n"},
                                         Bad{"Http12", "GET /x HTTP/1.2", "Host: a\r\n"},
                                         Bad{"LowerCase", "GET /x http/1.1", "Host: a\r\n"},
                                         Bad{"OtherProtocol", "GET /x RTSP/1.0", "Host: a\r\n"},
                                         Bad{"NoTarget", "GET  HTTP/1.1", "Host: a\r\n"},
                                         Bad{"Empty", "", "Host: a\r\n"},
                                         Bad{"TwoBlanks", "GET  /x HTTP/1.1", "Host: a\r\n"}),
                         [](const auto& vector) { return vector.param.name; });

TEST(RefuseHead, TornHeadsAreRefused) {
  for (const auto text : {""sv, "GET / HTTP/1.1"sv, "GET / HTTP/1.1\r\nHost: a"sv, "\r\n"sv,
                          "\r\n\r\n"sv, "GET / HTTP/1.1\nHost: a\n\n"sv})
    EXPECT_EQ(refuse_head(text), Errc::bad_request) << text;
}

TEST(Problem, IsADocumentWithTheStableCodeAndNothingElse) {  // RFC 9457
  const Response response = problem(Errc::signature_invalid);
  EXPECT_EQ(response.status, 401U);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(
      response.body,
      R"({"type":"about:blank","title":"The request is not signed as this source requires.","status":401,"code":"signature_invalid"})");
}

TEST(Problem, OverloadSaysWhenToComeBack) {
  for (const Errc code : {Errc::overload, Errc::journal_io, Errc::shutting_down}) {
    bool told = false;
    for (const auto& [name, value] : problem(code).headers)
      told = told || (name == "Retry-After" && !value.empty());
    EXPECT_TRUE(told) << outcome(code).name;
  }
}

TEST(Request, HeaderIsTheFirstOfItsName) {
  Request request;
  request.headers = {{"x", "1"}, {"x", "2"}, {"y", ""}};
  EXPECT_EQ(request.header("x"), "1");
  EXPECT_EQ(request.header("y"), "");
  EXPECT_EQ(request.header("z"), "");
}

}  // namespace
}  // namespace hookswitch::http
