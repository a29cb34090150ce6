#include "base/encoded_frame.hpp"

#include <cstdint>

namespace hookswitch {

EncodedFrame::EncodedFrame(std::string_view text) {
  constexpr char kFinalText = '\x81';
  wire_.reserve(text.size() + 10);
  wire_ += kFinalText;
  const auto append_length = [&](int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      wire_ += static_cast<char>(text.size() >> shift & 0xff);
  };
  if (text.size() < 126) {
    append_length(1);
  } else if (text.size() <= UINT16_MAX) {
    wire_ += '\x7e';
    append_length(2);
  } else {
    wire_ += '\x7f';
    append_length(8);
  }
  head_ = wire_.size();
  wire_ += text;
}

}  // namespace hookswitch
