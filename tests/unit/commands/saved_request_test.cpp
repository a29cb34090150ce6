#include "daemon/commands/saved_request.hpp"

#include <gtest/gtest.h>

#include "support/temp_folder.hpp"

namespace hookswitch {
namespace {

using testing_support::TempFolder;

TEST(SavedRequest, IsHeadEmptyLineAndTheBodyByteForByte) {
  for (const std::string end : {"\n", "\r\n"}) {
    const TempFolder folder;
    const auto file = folder.write("r.txt", "POST /v1/hooks/mine/events/call?a=1&b HTTP/1.1" + end +
                                                "Host: example.com" + end + "X-Key:  v " + end +
                                                end + "a\r\n\nb\n");
    const auto request = read_saved_request(file);
    ASSERT_TRUE(request) << request.error().detail;
    EXPECT_EQ(request->method, "POST");
    EXPECT_EQ(request->rest, "events/call");
    EXPECT_EQ(request->query, "a=1&b");
    ASSERT_EQ(request->headers.size(), 2u);
    EXPECT_EQ(request->headers[1], (std::pair<std::string, std::string>{"x-key", "v"}));
    EXPECT_EQ(request->body, "a\r\n\nb\n");
  }
}

TEST(SavedRequest, IsAPairWhicheverOfTheTwoIsNamed) {
  const TempFolder folder;
  const auto headers = folder.write("01-x.headers", "# a note\nPUT /hooks/mine HTTP/1.1\nA: b\n");
  const auto body = folder.write("01-x.json", "{}");
  for (const auto& name : {headers, body}) {
    const auto request = read_saved_request(name);
    ASSERT_TRUE(request) << request.error().detail;
    EXPECT_EQ(request->method + request->body, "PUT{}");
    EXPECT_EQ(request->rest, "");
  }
  folder.write("01-x.txt", "");
  EXPECT_FALSE(read_saved_request(headers)) << "which of two bodies?";
}

TEST(SavedRequest, OfAPathThatIsNoneOfOursHasNoRest) {
  EXPECT_EQ(parse_saved_head("POST https://hooks.example.com/ab/cd?x=1 HTTP/1.1")->rest, "");
  EXPECT_EQ(parse_saved_head("POST https://hooks.example.com/ab/cd?x=1 HTTP/1.1")->query, "x=1");
}

TEST(SavedRequest, WithoutARequestLineIsRefused) {
  for (const char* bad : {"", "\n", "{\"a\":1}", "POST", "post /x HTTP/1.1", "POST x HTTP/1.1",
                          "POST /x HTTP/1.1\nno header"})
    EXPECT_FALSE(parse_saved_head(bad)) << bad;
  EXPECT_FALSE(read_saved_request("/nowhere/at/all"));
}

}  // namespace
}  // namespace hookswitch
