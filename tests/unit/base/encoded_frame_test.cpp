#include "base/encoded_frame.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::string_view_literals;

TEST(EncodedFrame, ShortTextHasATwoByteHeader) {
  const EncodedFrame frame{"{}"};
  EXPECT_EQ(frame.wire()[0], "\x81\x02{}");
  EXPECT_EQ(frame.text(), "{}");
}

TEST(EncodedFrame, LengthIsWrittenInItsShortestForm) {
  EXPECT_EQ(EncodedFrame{""}.wire()[0], "\x81\x00"sv);
  EXPECT_EQ(EncodedFrame{std::string(125, 'x')}.wire()[0].substr(0, 2), "\x81\x7d");
  EXPECT_EQ(EncodedFrame{std::string(126, 'x')}.wire()[0].substr(0, 4), "\x81\x7e\x00\x7e"sv);
  EXPECT_EQ(EncodedFrame{std::string(65'535, 'x')}.wire()[0].substr(0, 4), "\x81\x7e\xff\xff");
  EXPECT_EQ(EncodedFrame{std::string(65'536, 'x')}.wire()[0].substr(0, 10),
            "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"sv);
}

TEST(EncodedFrame, RestIsSharedNotCopied) {
  const auto rest = std::make_shared<const FrameRest>(std::string(200, 'r'));
  const EncodedFrame one{"one", rest}, two{"two", rest};
  EXPECT_EQ(one.wire()[0], "\x81\x7e\x00\xcbone"sv);
  EXPECT_EQ(one.wire()[1].data(), two.wire()[1].data());
  EXPECT_EQ(one.plain()[1].data(), rest->text().data());
  EXPECT_EQ(two.text(), "two" + rest->text());
}

TEST(EncodedFrame, TextIsWhatWasGiven) {
  for (const std::size_t size : {0U, 125U, 126U, 65'535U, 65'536U}) {
    const std::string text(size, 'y');
    EXPECT_EQ(EncodedFrame{text}.text(), text);
  }
}

}  // namespace
}  // namespace hookswitch
