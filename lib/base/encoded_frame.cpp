#include "base/encoded_frame.hpp"

#include <zlib.h>

#include <cstdint>

namespace hookswitch {

namespace {

constexpr char kFinalText = '\x81', kFinalDeflatedText = '\xc1';
/// Below, a header alone is as long as what is saved.
constexpr std::size_t kDeflateBytesMin = 128;
/// The end of the empty block with which zlib ends what it flushes.
constexpr std::string_view kBlockEnd{"\0\0\xff\xff", 4};

/// RFC 6455 §5.2, without a mask.
std::string head(char first, std::size_t size) {
  std::string out{first};
  const auto append_length = [&](int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      out += static_cast<char>(size >> shift & 0xff);
  };
  if (size < 126) {
    append_length(1);
  } else if (size <= UINT16_MAX) {
    out += '\x7e';
    append_length(2);
  } else {
    out += '\x7f';
    append_length(8);
  }
  return out;
}

/// One for each thread that deflates: it takes 256 KiB.
class Deflater {
 public:
  Deflater() {
    ready_ =
        deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Deflater() {
    if (ready_) deflateEnd(&stream_);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  /// The payload of a message (RFC 7692 §7.2.1), without the end of the empty block that the
  /// receiver puts back; empty: it cannot be made.
  std::string run(std::string_view text) {
    if (!ready_ || deflateReset(&stream_) != Z_OK) return {};
    std::string out(deflateBound(&stream_, text.size()) + 16, '\0');
    // zlib reads it only; its interface is older than const.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream_, Z_SYNC_FLUSH) != Z_OK || stream_.avail_in != 0) return {};
    out.resize(out.size() - stream_.avail_out - kBlockEnd.size());
    return out;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

std::string deflated(std::string_view text) {
  static thread_local Deflater deflater;
  return text.size() > UINT32_MAX ? std::string{} : deflater.run(text);
}

}  // namespace

const std::string& FrameRest::deflated() const {
  std::call_once(deflated_once_, [this] { deflated_ = hookswitch::deflated(text_); });
  return deflated_;
}

EncodedFrame::EncodedFrame(std::string_view text, std::shared_ptr<const FrameRest> rest)
    : rest_(std::move(rest)) {
  wire_ = head(kFinalText, text.size() + (rest_ ? rest_->text().size() : 0));
  head_ = wire_.size();
  wire_.reserve(head_ + text.size());
  wire_ += text;
}

std::string_view EncodedFrame::text() const {
  const auto [own, rest] = plain();
  if (!rest_) return own;
  std::call_once(joined_once_, [&] { joined_ = std::string{own} + std::string{rest}; });
  return joined_;
}

EncodedFrame::Bytes EncodedFrame::wire() const {
  return {wire_, rest_ ? std::string_view{rest_->text()} : std::string_view{}};
}

EncodedFrame::Bytes EncodedFrame::plain() const {
  const auto [own, rest] = wire();
  return {own.substr(head_), rest};
}

void EncodedFrame::deflate() const {
  const std::string own = deflated(plain()[0]);
  if (own.empty() || (rest_ && rest_->deflated().empty())) return;
  if (rest_) {
    // What two deflaters made one after the other is one message where the first ended a block.
    const std::size_t size = own.size() + kBlockEnd.size() + rest_->deflated().size();
    deflated_ = head(kFinalDeflatedText, size) + own;
    deflated_ += kBlockEnd;
  } else if (own.size() + head_ < wire_.size()) {
    deflated_ = head(kFinalDeflatedText, own.size()) + own;
  }
}

EncodedFrame::Bytes EncodedFrame::deflated_wire() const {
  if (!rest_ && wire_.size() - head_ < kDeflateBytesMin) return wire();
  std::call_once(deflated_once_, [this] { deflate(); });
  if (deflated_.empty()) return wire();
  return {deflated_, rest_ ? std::string_view{rest_->deflated()} : std::string_view{}};
}

}  // namespace hookswitch
