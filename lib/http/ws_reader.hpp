#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/limits.hpp"

namespace hookswitch::http {

/// Whether bytes that come in pieces are UTF-8 (RFC 3629), known at the first byte that is not.
class Utf8Check {
 public:
  /// False, and for ever after: this can be no UTF-8 any more.
  bool feed(std::string_view bytes);
  /// No character is left half.
  bool whole() const { return missing_ == 0; }

 private:
  std::uint8_t missing_ = 0;  ///< bytes still to come of this character
  std::uint8_t low_ = 0x80, high_ = 0xbf;
};

/// One message or control frame of a client, or why there is none.
struct WsEvent {
  enum class Kind : std::uint8_t { need_more, text, binary, ping, pong, close, failed };
  Kind kind = Kind::need_more;
  std::string_view payload;  ///< of a close: the reason. Valid until the next call
  std::uint16_t code = 0;    ///< close: its code, 0 for none; failed: the code to close with
};

/// The frames of a client (RFC 6455 §5, §7.4, §8.1), in pieces of any size. Pure; holds memory only
/// for a message that has come in part.
class WsReader {
 public:
  /// `deflate`: permessage-deflate without context takeover was agreed on (RFC 7692); the limit
  /// then holds before and after inflating.
  explicit WsReader(std::size_t message_bytes_max = kClientFrameBytesMax, bool deflate = false)
      : message_bytes_max_(message_bytes_max), deflate_(deflate) {}

  /// Takes from the front of `input`, which it unmasks in place, up to the end of one message or
  /// control frame. need_more: all is taken. After close and failed it takes everything and says
  /// need_more. Fails at the first byte that is wrong: 1002 for the protocol, 1007 for text that is
  /// no UTF-8 or cannot be inflated, 1009 for a message above the limit.
  WsEvent next(std::span<char>& input);

 private:
  enum class Frame : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping, pong };

  bool in_message() const { return message_is_ != Frame::continuation; }
  bool is_control() const { return static_cast<unsigned>(frame_) >= 8; }
  /// The close code for a header that may not be; 0 for one that may, as far as it has come.
  std::uint16_t check_head();
  std::size_t head_bytes_wanted() const;
  void begin_payload();
  WsEvent end_frame(std::string_view payload);
  WsEvent end_message(std::string_view payload);
  WsEvent end_close(std::string_view payload);
  WsEvent fail(std::uint16_t code);
  void unmask(std::span<char> bytes);

  std::size_t message_bytes_max_;
  std::uint64_t remaining_ = 0;  ///< of the payload of this frame
  std::string message_, control_;
  std::array<char, 14> head_{};
  std::array<char, 4> mask_{};  ///< turned, so that its first byte is the next to use
  std::uint8_t head_size_ = 0;
  Frame frame_ = Frame::continuation;
  Frame message_is_ = Frame::continuation;  ///< text or binary while a message is not over
  bool final_ = false, in_payload_ = false, over_ = false, message_done_ = false;
  bool deflate_ = false;
  bool deflated_ = false;  ///< this message is
  Utf8Check utf8_;
};

/// The bytes of an unmasked control frame. `payload` is at most 125 bytes.
std::string ws_control_frame(std::uint8_t opcode, std::string_view payload);
/// A close frame; code 0: without a body.
std::string ws_close_frame(std::uint16_t code, std::string_view reason);

/// Whether a client may send this close code: RFC 6455 §7.4, and those registered since.
bool is_ws_close_code(std::uint16_t code);

}  // namespace hookswitch::http
