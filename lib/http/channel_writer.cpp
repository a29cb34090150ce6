#include "http/channel_writer.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace hookswitch::http {

namespace {

/// Pieces of one gathered write: enough that the call costs little beside the copying.
constexpr std::size_t kPiecesMax = 64;

iovec to_iovec(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

}  // namespace

void ChannelWriter::keep(const Batch& batch, std::size_t done, Clock::time_point now) {
  bool begun = false;
  for (const auto& piece : batch.pieces) {
    begun = done > 0 || (begun && piece.goes_on);
    if (done >= piece.bytes.size()) {
      done -= piece.bytes.size();
      continue;
    }
    const std::string_view rest = piece.bytes.substr(done);
    bytes_ += rest.size();
    queue_.push_back({*piece.owner, rest, now, begun, piece.goes_on});
    done = 0;
  }
}

ChannelWriter::Progress ChannelWriter::write(WriteEnd& end, const Batch& batch,
                                             Clock::time_point now) {
  if (!queue_.empty()) {
    keep(batch, 0, now);
    return Progress::waiting;
  }
  std::array<iovec, kPiecesMax> pieces;
  std::size_t done = 0, piece = 0, offset = 0;  // offset: into the first piece that is left
  for (;;) {
    std::size_t count = 0;
    if (!batch.joined.empty()) {
      if (done < batch.joined.size()) pieces[count++] = to_iovec(batch.joined.substr(done));
    } else {
      for (std::size_t i = piece; i < batch.pieces.size() && count < pieces.size(); ++i)
        pieces[count++] = to_iovec(batch.pieces[i].bytes.substr(i == piece ? offset : 0));
    }
    if (count == 0) return Progress::all;
    const long took = end.try_write({pieces.data(), count});
    if (took < 0) return Progress::failed;
    if (took == 0) break;
    done += static_cast<std::size_t>(took);
    offset += static_cast<std::size_t>(took);
    while (piece < batch.pieces.size() && offset >= batch.pieces[piece].bytes.size())
      offset -= batch.pieces[piece++].bytes.size();
  }
  keep(batch, done, now);
  return Progress::waiting;
}

ChannelWriter::Progress ChannelWriter::write(WriteEnd& end, std::string bytes,
                                             Clock::time_point now) {
  const auto held = std::make_shared<const std::string>(std::move(bytes));
  const Frame owner{held, nullptr};  // owns the text; there is no frame to look at
  const Batch::Piece piece{*held, &owner};
  return write(end, Batch{{&piece, 1}, {}}, now);
}

ChannelWriter::Progress ChannelWriter::write_pong(WriteEnd& end, std::string bytes,
                                                  Clock::time_point now) {
  if (pong_ == kNone || pong_ < first_unbegun(end)) {
    const Progress out = write(end, std::move(bytes), now);
    pong_ = queue_.empty() ? kNone : queue_.size() - 1;
    return out;
  }
  // It keeps its place and its age: who never reads is known by them.
  Waiting& waiting = queue_[pong_];
  const auto held = std::make_shared<const std::string>(std::move(bytes));
  bytes_ = bytes_ - waiting.bytes.size() + held->size();
  waiting.owner = Frame{held, nullptr};
  waiting.bytes = *held;
  return Progress::waiting;
}

ChannelWriter::Progress ChannelWriter::resume(WriteEnd& end) {
  while (first_ < queue_.size()) {
    std::array<iovec, kPiecesMax> pieces;
    std::size_t count = 0, size = 0;
    for (; count < pieces.size() && first_ + count < queue_.size(); ++count) {
      pieces[count] = to_iovec(queue_[first_ + count].bytes);
      size += pieces[count].iov_len;
    }
    std::span<const iovec> gathered{pieces.data(), count};
    // What was promised of a joined batch may be many small pieces; all of it must be there.
    std::vector<iovec> more;
    if (size < end.promised()) {
      more.assign(gathered.begin(), gathered.end());
      for (; size < end.promised() && first_ + count < queue_.size(); ++count) {
        more.push_back(to_iovec(queue_[first_ + count].bytes));
        size += more.back().iov_len;
      }
      gathered = more;
    }
    const long took = end.try_write(gathered);
    if (took < 0) return Progress::failed;
    if (took == 0) return Progress::waiting;
    taken(static_cast<std::size_t>(took));
  }
  return Progress::all;
}

std::size_t ChannelWriter::first_unbegun(const WriteEnd& end) const {
  std::size_t promised = end.promised(), out = first_;
  const auto must_go = [&](const Waiting& waiting) {
    return promised > 0 || waiting.begun || (waiting.goes_on && out > first_);
  };
  while (out < queue_.size() && must_go(queue_[out])) {
    promised -= std::min(promised, queue_[out].bytes.size());
    ++out;
  }
  return out;
}

void ChannelWriter::drop_unbegun(const WriteEnd& end) {
  const std::size_t keep_until = first_unbegun(end);
  if (pong_ != kNone && pong_ >= keep_until) pong_ = kNone;
  for (std::size_t i = keep_until; i < queue_.size(); ++i) bytes_ -= queue_[i].bytes.size();
  queue_.resize(keep_until);
  if (first_ == queue_.size()) {
    std::vector<Waiting>{}.swap(queue_);
    first_ = 0;
  }
}

std::size_t ChannelWriter::bytes_behind_first() const {
  std::size_t first = 0, i = first_;
  if (i < queue_.size()) first = queue_[i++].bytes.size();
  if (i < queue_.size() && queue_[i].goes_on) first += queue_[i].bytes.size();
  return bytes_ - first;
}

void ChannelWriter::taken(std::size_t size) {
  HS_ASSERT(size <= bytes_);
  bytes_ -= size;
  while (first_ < queue_.size() && size >= queue_[first_].bytes.size()) {
    size -= queue_[first_].bytes.size();
    queue_[first_++] = {};
  }
  if (pong_ != kNone && pong_ < first_) pong_ = kNone;
  if (first_ == queue_.size()) {
    std::vector<Waiting>{}.swap(queue_);
    first_ = 0;
    return;
  }
  queue_[first_].bytes.remove_prefix(size);
  queue_[first_].begun = queue_[first_].begun || size > 0 || queue_[first_].goes_on;
  if (first_ > 256 && first_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(first_));
    if (pong_ != kNone) pong_ -= first_;
    first_ = 0;
  }
}

}  // namespace hookswitch::http
