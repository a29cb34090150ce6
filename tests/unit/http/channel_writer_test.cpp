#include "http/channel_writer.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace hookswitch::http {
namespace {

using Progress = ChannelWriter::Progress;

/// A socket that takes what its test says: so many bytes a call, then nothing, then more.
class NarrowEnd : public WriteEnd {
 public:
  long try_write(std::span<const iovec> pieces) override {
    ++calls;
    std::string all;
    for (const auto& piece : pieces)
      all.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    if (broken) return -1;
    EXPECT_TRUE(all.starts_with(promise)) << "a promised record changed";
    const std::size_t size = std::min(all.size(), room);
    room -= size;
    taken += all.substr(0, size);
    promise = size == 0 && promises ? all.substr(0, promise_size) : "";
    return static_cast<long>(size);
  }
  std::size_t promised() const override { return promise.size(); }

  std::size_t room = SIZE_MAX, promise_size = 5;
  bool broken = false, promises = false;
  std::string taken, promise;
  int calls = 0;
};

class ChannelWriterTest : public testing::Test {
 protected:
  Progress write(const std::vector<std::string>& texts) {
    std::vector<Frame> frames;
    std::vector<Batch::Piece> pieces;
    for (const auto& text : texts) frames.push_back(make_frame(text));
    for (const auto& frame : frames) pieces.push_back({frame->text(), &frame});
    return writer.write(end, {pieces, {}}, now);
  }
  NarrowEnd end;
  ChannelWriter writer;
  ChannelWriter::Clock::time_point now{std::chrono::seconds{100}};
};

TEST_F(ChannelWriterTest, ManySmallFramesGoOutInOneCall) {
  EXPECT_EQ(write({"one ", "two ", "three"}), Progress::all);
  EXPECT_EQ(end.taken, "one two three");
  EXPECT_EQ(end.calls, 1);
  EXPECT_TRUE(writer.empty());
}

TEST_F(ChannelWriterTest, MoreThanOneCallTakesGoesOutInSeveral) {
  const std::vector<std::string> texts(1000, "0123456789");
  EXPECT_EQ(write(texts), Progress::all);
  EXPECT_EQ(end.taken.size(), 10'000U);
  EXPECT_LT(end.calls, 20);
}

TEST_F(ChannelWriterTest, WhatTheSocketDoesNotTakeWaitsAndOutlivesTheTurn) {
  for (std::size_t room = 0; room < 13; ++room) {
    end = {};
    writer = {};
    end.room = room;
    EXPECT_EQ(write({"one ", "two ", "three"}), Progress::waiting);
    EXPECT_EQ(writer.bytes(), 13 - room);
    EXPECT_EQ(writer.since(), now);
    EXPECT_EQ(write({" four"}), Progress::waiting);
    end.room = 3;
    EXPECT_EQ(writer.resume(end), room + 3 < 18 ? Progress::waiting : Progress::all);
    end.room = SIZE_MAX;
    EXPECT_EQ(writer.resume(end), Progress::all);
    EXPECT_EQ(end.taken, "one two three four");
    EXPECT_EQ(writer.bytes(), 0U);
    EXPECT_TRUE(writer.empty());
  }
}

TEST_F(ChannelWriterTest, NothingIsTriedWhileSomethingWaits) {
  end.room = 1;
  write({"ab"});
  const int calls = end.calls;
  end.room = 10;
  EXPECT_EQ(write({"cd"}), Progress::waiting);
  EXPECT_EQ(end.calls, calls);
  EXPECT_EQ(end.taken, "a");
}

TEST_F(ChannelWriterTest, ControlFramesKeepTheirPlaceAmongFrames) {
  end.room = 2;
  write({"one"});
  EXPECT_EQ(writer.write(end, "PONG", now), Progress::waiting);
  write({"two"});
  EXPECT_EQ(writer.write(end, "CLOSE", now), Progress::waiting);
  end.room = SIZE_MAX;
  EXPECT_EQ(writer.resume(end), Progress::all);
  EXPECT_EQ(end.taken, "onePONGtwoCLOSE");
}

TEST_F(ChannelWriterTest, WhatIsDroppedHasNotBegun) {
  end.room = 5;
  write({"one", "two", "three"});
  writer.drop_unbegun(end);
  EXPECT_EQ(writer.bytes_behind_first(), 0U);
  EXPECT_EQ(writer.bytes(), 1U);
  writer.write(end, "BYE", now);
  end.room = SIZE_MAX;
  EXPECT_EQ(writer.resume(end), Progress::all);
  EXPECT_EQ(end.taken, "onetwoBYE");
}

TEST_F(ChannelWriterTest, WhatIsDroppedBetweenFramesIsAllOfThem) {
  end.room = 3;
  write({"one", "two", "three"});
  writer.drop_unbegun(end);
  EXPECT_TRUE(writer.empty());
  EXPECT_EQ(writer.bytes(), 0U);
}

TEST_F(ChannelWriterTest, FrameThatHasBegunKeepsItsRest) {
  const Frame frame = make_frame("own ");
  const std::vector<Batch::Piece> pieces{{"own ", &frame}, {"rest", &frame, true}};
  for (std::size_t room = 0; room < 8; ++room) {
    end = {};
    writer = {};
    end.room = room;
    writer.write(end, {pieces, {}}, now);
    EXPECT_EQ(writer.bytes_behind_first(), 0U) << "it is one frame";
    write({"next"});
    EXPECT_EQ(writer.bytes_behind_first(), 4U);
    writer.drop_unbegun(end);
    writer.write(end, "BYE", now);
    end.room = SIZE_MAX;
    EXPECT_EQ(writer.resume(end), Progress::all);
    EXPECT_EQ(end.taken, room == 0 ? "BYE" : "own restBYE") << room;
  }
}

TEST_F(ChannelWriterTest, FrameThatIsPromisedKeepsItsRest) {
  end.room = 0;
  end.promises = true;
  end.promise_size = 2;
  const Frame frame = make_frame("own ");
  const std::vector<Batch::Piece> pieces{{"own ", &frame}, {"rest", &frame, true}};
  writer.write(end, {pieces, {}}, now);
  writer.drop_unbegun(end);
  end.room = SIZE_MAX;
  EXPECT_EQ(writer.resume(end), Progress::all);
  EXPECT_EQ(end.taken, "own rest");
}

TEST_F(ChannelWriterTest, WhatIsPromisedIsNotDropped) {
  end.room = 0;
  end.promises = true;
  write({"one", "two", "three"});  // five bytes are promised: "onetw"
  writer.drop_unbegun(end);
  EXPECT_EQ(writer.bytes_behind_first(), 3U);
  writer.write(end, "BYE", now);
  end.room = SIZE_MAX;
  EXPECT_EQ(writer.resume(end), Progress::all);
  EXPECT_EQ(end.taken, "onetwoBYE");
}

TEST_F(ChannelWriterTest, JoinedBatchIsOneWriteAndCutAnywhere) {
  const Frame one = make_frame("one "), two = make_frame("two");
  const std::vector<Batch::Piece> pieces{{one->text(), &one}, {two->text(), &two}};
  for (std::size_t room = 0; room < 7; ++room) {
    end = {};
    writer = {};
    end.room = room;
    EXPECT_EQ(writer.write(end, {pieces, "one two"}, now), Progress::waiting);
    end.room = SIZE_MAX;
    EXPECT_EQ(writer.resume(end), Progress::all);
    EXPECT_EQ(end.taken, "one two");
  }
}

TEST_F(ChannelWriterTest, WhatIsPromisedOfAJoinedBatchIsTriedAgainWhole) {
  end.promises = true;
  end.promise_size = 300;
  end.room = 0;
  const Frame small = make_frame("ab");
  const std::vector<Batch::Piece> pieces(200, {small->text(), &small});
  std::string all;
  for (const auto& piece : pieces) all += piece.bytes;
  EXPECT_EQ(writer.write(end, {pieces, all}, now), Progress::waiting);
  EXPECT_EQ(end.promised(), 300U);
  EXPECT_EQ(writer.resume(end), Progress::waiting);
  end.room = SIZE_MAX;
  EXPECT_EQ(writer.resume(end), Progress::all);
  EXPECT_EQ(end.taken, all);
}

TEST_F(ChannelWriterTest, OnlyTheNewestPongWaits) {
  end.room = 1;
  write({"one"});
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(writer.write_pong(end, "pong" + std::to_string(i), now), Progress::waiting);
  EXPECT_EQ(writer.bytes_behind_first(), std::string{"pong999"}.size());
  EXPECT_EQ(writer.bytes(), 2 + std::string{"pong999"}.size());
  write({"two"});
  writer.write_pong(end, "PONG", now + std::chrono::seconds{1});
  EXPECT_EQ(writer.bytes_behind_first(), std::string{"twoPONG"}.size());
  EXPECT_EQ(writer.since(), now);
  end.room = SIZE_MAX;
  EXPECT_EQ(writer.resume(end), Progress::all);
  EXPECT_EQ(end.taken, "onePONGtwo");
  EXPECT_EQ(writer.bytes(), 0U);
}

TEST_F(ChannelWriterTest, PongThatHasBegunIsFollowedNotReplaced) {
  end.room = 2;
  writer.write_pong(end, "first", now);
  writer.write_pong(end, "second", now);
  writer.write_pong(end, "third", now);
  EXPECT_EQ(writer.bytes_behind_first(), std::string{"third"}.size());
  end.room = SIZE_MAX;
  writer.resume(end);
  writer.write_pong(end, "fourth", now);
  EXPECT_EQ(end.taken, "firstthirdfourth");
}

TEST_F(ChannelWriterTest, PongThatIsPromisedIsFollowedNotReplaced) {
  end.room = 0;
  end.promises = true;
  writer.write_pong(end, "first", now);
  writer.write_pong(end, "second", now);
  writer.drop_unbegun(end);
  writer.write_pong(end, "third", now);
  end.room = SIZE_MAX;
  EXPECT_EQ(writer.resume(end), Progress::all);
  EXPECT_EQ(end.taken, "firstthird");
}

TEST_F(ChannelWriterTest, BrokenConnectionIsToldAtOnce) {
  end.broken = true;
  EXPECT_EQ(write({"one", "two"}), Progress::failed);
}

TEST_F(ChannelWriterTest, LongBacklogIsTakenInOrder) {
  end.room = 0;
  std::string all;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = std::to_string(i) + ",";
    all += text;
    write({text});
  }
  while (!writer.empty()) {
    end.room = 7;
    ASSERT_NE(writer.resume(end), Progress::failed);
  }
  EXPECT_EQ(end.taken, all);
}

}  // namespace
}  // namespace hookswitch::http
