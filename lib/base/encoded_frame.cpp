#include "base/encoded_frame.hpp"

#include <zlib.h>

#include <cstdint>

namespace hookswitch {

namespace {

constexpr char kFinalText = '\x81', kFinalDeflatedText = '\xc1';
/// Below, a header alone is as long as what is saved.
constexpr std::size_t kDeflateBytesMin = 128;

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

  /// The payload of a message (RFC 7692 §7.2.1); empty: it cannot be made.
  std::string run(std::string_view text) {
    if (!ready_ || deflateReset(&stream_) != Z_OK) return {};
    std::string out(deflateBound(&stream_, text.size()) + 16, '\0');
    // zlib reads it only; its interface is older than const.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream_, Z_SYNC_FLUSH) != Z_OK || stream_.avail_in != 0) return {};
    constexpr std::size_t kTail = 4;  // of the empty block; the receiver puts it back
    out.resize(out.size() - stream_.avail_out - kTail);
    return out;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

EncodedFrame::EncodedFrame(std::string_view text) {
  wire_ = head(kFinalText, text.size());
  head_ = wire_.size();
  wire_.reserve(head_ + text.size());
  wire_ += text;
}

std::string_view EncodedFrame::deflated_wire() const {
  if (text().size() < kDeflateBytesMin || text().size() > UINT32_MAX) return wire_;
  std::call_once(deflated_once_, [this] {
    static thread_local Deflater deflater;
    const std::string payload = deflater.run(text());
    if (!payload.empty() && payload.size() + head_ < wire_.size())
      deflated_ = head(kFinalDeflatedText, payload.size()) + payload;
  });
  return deflated_.empty() ? wire() : deflated_;
}

}  // namespace hookswitch
