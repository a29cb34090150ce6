#include "http/ws_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/ws_deflate.hpp"

#include "base/text.hpp"

namespace hookswitch::http {

namespace {

constexpr std::uint16_t kProtocolError = 1002, kBadText = 1007, kTooBig = 1009;
constexpr std::size_t kControlBytesMax = 125;

}  // namespace

bool Utf8Check::feed(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (missing_ == 0) {
      for (std::uint64_t eight; i + sizeof eight <= bytes.size(); i += sizeof eight) {
        std::memcpy(&eight, bytes.data() + i, sizeof eight);
        if ((eight & 0x8080808080808080U) != 0) break;
      }
      if (i == bytes.size()) break;
    }
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    if (missing_ > 0) {
      if (byte < low_ || byte > high_) return false;
      --missing_;
      low_ = 0x80;
      high_ = 0xbf;
    } else if (byte >= 0x80) {
      if (byte < 0xc2 || byte > 0xf4) return false;
      missing_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      if (byte == 0xe0) low_ = 0xa0;   // overlong
      if (byte == 0xed) high_ = 0x9f;  // surrogates
      if (byte == 0xf0) low_ = 0x90;   // overlong
      if (byte == 0xf4) high_ = 0x8f;  // above U+10FFFF
    }
  }
  return true;
}

bool is_ws_close_code(std::uint16_t code) {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

std::string ws_control_frame(std::uint8_t opcode, std::string_view payload) {
  payload = payload.substr(0, kControlBytesMax);
  std::string out{static_cast<char>(0x80 | opcode), static_cast<char>(payload.size())};
  out += payload;
  return out;
}

std::string ws_close_frame(std::uint16_t code, std::string_view reason) {
  std::string body;
  if (code != 0) {
    body += static_cast<char>(code >> 8);
    body += static_cast<char>(code & 0xff);
    body += reason.substr(0, kControlBytesMax - 2);
  }
  return ws_control_frame(8, body);
}

WsEvent WsReader::fail(std::uint16_t code) {
  over_ = true;
  std::string{}.swap(message_);
  std::string{}.swap(control_);
  return {WsEvent::Kind::failed, {}, code};
}

std::size_t WsReader::head_bytes_wanted() const {
  if (head_size_ < 2) return 2;
  const auto size = static_cast<unsigned>(head_[1]) & 0x7f;
  return (size == 126 ? 4 : size == 127 ? 10 : 2) + mask_.size();
}

std::uint16_t WsReader::check_head() {
  const auto first = static_cast<unsigned>(head_[0]) & 0xff;
  if (head_size_ == 1) {
    const unsigned opcode = first & 15;
    final_ = (first & 0x80) != 0;
    // RSV1 is of the first frame of a deflated message (RFC 7692 §6); the others are nobody's.
    if ((first & 0x30) != 0) return kProtocolError;
    const bool deflated = (first & 0x40) != 0;
    if (deflated && (!deflate_ || opcode == 0 || opcode > 2)) return kProtocolError;
    if (opcode > 10 || (opcode > 2 && opcode < 8)) return kProtocolError;
    frame_ = static_cast<Frame>(opcode);
    if (opcode == 1 || opcode == 2) {
      if (in_message()) return kProtocolError;
      deflated_ = deflated;
    }
    if (is_control()) return final_ ? 0 : kProtocolError;
    if ((frame_ == Frame::continuation) != in_message()) return kProtocolError;
    return 0;
  }
  const auto second = static_cast<unsigned>(head_[1]) & 0xff;
  if (head_size_ == 2) {
    if ((second & 0x80) == 0) return kProtocolError;
    if (is_control() && (second & 0x7f) > kControlBytesMax) return kProtocolError;
  }
  const std::size_t length_end = head_bytes_wanted() - mask_.size();
  if (head_size_ != length_end) return 0;
  remaining_ = second & 0x7f;
  if (remaining_ >= 126) {
    const std::uint64_t least = remaining_ == 126 ? 126 : 65536;
    remaining_ = 0;
    for (std::size_t i = 2; i < length_end; ++i)
      remaining_ = remaining_ << 8 | (static_cast<unsigned>(head_[i]) & 0xff);
    if (remaining_ < least || remaining_ >> 63 != 0) return kProtocolError;
  }
  if (!is_control() && remaining_ > message_bytes_max_ - message_.size()) return kTooBig;
  return 0;
}

void WsReader::begin_payload() {
  std::copy_n(head_.begin() + head_size_ - static_cast<int>(mask_.size()), mask_.size(),
              mask_.begin());
  head_size_ = 0;
  in_payload_ = true;
  if (!is_control() && frame_ != Frame::continuation) {
    message_is_ = frame_;
    utf8_ = {};
  }
}

void WsReader::unmask(std::span<char> bytes) {
  std::array<char, 8> twice{};
  for (std::size_t i = 0; i < twice.size(); ++i) twice[i] = mask_[i % mask_.size()];
  std::uint64_t mask = 0, eight = 0;
  std::memcpy(&mask, twice.data(), sizeof mask);
  std::size_t at = 0;
  for (; at + sizeof eight <= bytes.size(); at += sizeof eight) {
    std::memcpy(&eight, bytes.data() + at, sizeof eight);
    eight ^= mask;
    std::memcpy(bytes.data() + at, &eight, sizeof eight);
  }
  for (; at < bytes.size(); ++at) bytes[at] = static_cast<char>(bytes[at] ^ mask_[at % 4]);
  std::rotate(mask_.begin(), mask_.begin() + static_cast<int>(bytes.size() % 4), mask_.end());
}

WsEvent WsReader::end_close(std::string_view payload) {
  if (payload.size() == 1) return fail(kProtocolError);
  over_ = true;
  if (payload.empty()) return {WsEvent::Kind::close, {}, 0};
  const auto code = static_cast<std::uint16_t>((static_cast<unsigned>(payload[0]) & 0xff) << 8 |
                                               (static_cast<unsigned>(payload[1]) & 0xff));
  payload.remove_prefix(2);
  if (!is_ws_close_code(code)) return fail(kProtocolError);
  if (!is_utf8(payload)) return fail(kBadText);
  return {WsEvent::Kind::close, payload, code};
}

WsEvent WsReader::end_frame(std::string_view payload) {
  in_payload_ = false;
  switch (frame_) {
    case Frame::close:
      return end_close(payload);
    case Frame::ping:
      return {WsEvent::Kind::ping, payload};
    case Frame::pong:
      return {WsEvent::Kind::pong, payload};
    default:
      break;
  }
  return final_ ? end_message(payload) : WsEvent{};
}

WsEvent WsReader::end_message(std::string_view payload) {
  const bool is_text = message_is_ == Frame::text;
  if (deflated_) {
    std::string inflated;
    switch (inflate_message(payload, message_bytes_max_, inflated)) {
      case Inflated::whole:
        break;
      case Inflated::bad:
        return fail(kBadText);
      case Inflated::too_big:
        return fail(kTooBig);
    }
    if (is_text && !utf8_.feed(inflated)) return fail(kBadText);
    message_.swap(inflated);
    payload = message_;
  }
  if (is_text && !utf8_.whole()) return fail(kBadText);
  message_done_ = true;
  message_is_ = Frame::continuation;
  return {is_text ? WsEvent::Kind::text : WsEvent::Kind::binary, payload};
}

WsEvent WsReader::next(std::span<char>& input) {
  if (message_done_) std::string{}.swap(message_);
  if (!in_payload_) std::string{}.swap(control_);
  message_done_ = false;
  if (over_) {
    input = {};
    return {};
  }
  while (!input.empty() || (in_payload_ && remaining_ == 0)) {
    if (!in_payload_) {
      head_[head_size_++] = input.front();
      input = input.subspan(1);
      if (const auto code = check_head(); code != 0) return fail(code);
      if (head_size_ < 2 || head_size_ != head_bytes_wanted()) continue;
      begin_payload();
      if (remaining_ > 0) continue;
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
    const auto piece = input.first(size);
    input = input.subspan(size);
    unmask(piece);
    remaining_ -= size;
    const std::string_view text{piece.data(), piece.size()};
    const bool checked = !is_control() && !deflated_ && message_is_ == Frame::text;
    if (checked && !utf8_.feed(text)) return fail(kBadText);
    std::string& held = is_control() ? control_ : message_;
    const bool alone = held.empty() && remaining_ == 0 && final_;
    if (!alone) held += text;  // a frame that came whole is not copied
    if (remaining_ > 0) break;
    const WsEvent event = end_frame(alone ? text : std::string_view{held});
    if (event.kind != WsEvent::Kind::need_more) return event;
  }
  return {};
}

}  // namespace hookswitch::http
