#include "http/mailbox.hpp"

#include <gtest/gtest.h>

namespace hookswitch::http {
namespace {

/// The mailbox only names its receivers.
PushConnection& somebody() {
  alignas(std::max_align_t) static char place[64];
  return reinterpret_cast<PushConnection&>(place);
}

TEST(Mailbox, FirstLetterAsksForTheReaderToBeWoken) {
  Mailbox box;
  const Frame frame = make_frame("x");
  EXPECT_EQ(box.put(somebody(), frame), Mailbox::Put::first);
  EXPECT_EQ(box.put(somebody(), frame), Mailbox::Put::stored);
  Letters taken;
  box.take(taken);
  EXPECT_EQ(taken.letters.size(), 2U);
  EXPECT_EQ(taken.frames.size(), 1U) << "a frame for many is held once";
  EXPECT_EQ(box.put(somebody(), Letter::Kind::released), Mailbox::Put::first);
}

TEST(Mailbox, IsFullByTheMemoryItTakes) {
  Mailbox box;
  const Frame shared = make_frame("x");
  constexpr std::size_t kLetters = Mailbox::kBytesMax / sizeof(Letter);
  for (std::size_t i = 0; i + 1 < kLetters; ++i)
    ASSERT_NE(box.put(somebody(), shared), Mailbox::Put::full) << i;
  EXPECT_EQ(box.put(somebody(), shared), Mailbox::Put::full);
  EXPECT_EQ(box.put(somebody(), Farewell{Errc::slow_client}), Mailbox::Put::stored)
      << "only frames are refused";
}

TEST(Mailbox, HoldsThreeHundredEventsForTenThousand) {
  Mailbox box;
  for (int event = 0; event < 300; ++event) {
    const Frame frame = make_frame("x");
    for (int client = 0; client < 10'000; ++client)
      ASSERT_NE(box.put(somebody(), frame), Mailbox::Put::full) << event;
  }
}

TEST(Mailbox, ThrowsAwayWhatComesAfterItsClose) {
  Mailbox box;
  box.close();
  EXPECT_EQ(box.put(somebody(), make_frame("x")), Mailbox::Put::stored);
  Letters taken;
  box.take(taken);
  EXPECT_TRUE(taken.letters.empty());
}

}  // namespace
}  // namespace hookswitch::http
