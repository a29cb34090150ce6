#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace hookswitch {

/// The end of a long message that many get, each behind a beginning of its own. Immutable; any
/// thread.
class FrameRest {
 public:
  explicit FrameRest(std::string text) : text_(std::move(text)) {}
  const std::string& text() const { return text_; }
  /// Deflated by itself (RFC 7692 §7.2.1), when it is first asked for; empty: it cannot be.
  const std::string& deflated() const;

 private:
  std::string text_;
  mutable std::once_flag deflated_once_;
  mutable std::string deflated_;
};

/// One text message, encoded once for all who get it: the unmasked, final text frame of RFC 6455
/// §5.2 and, in the same bytes, the text alone. Immutable; any thread.
class EncodedFrame {
 public:
  /// What goes out, in this order: bytes of this frame's own, and those it shares, mostly none.
  using Bytes = std::array<std::string_view, 2>;

  explicit EncodedFrame(std::string_view text) : EncodedFrame(text, nullptr) {}
  /// One message of `text` and what `rest` has.
  EncodedFrame(std::string_view text, std::shared_ptr<const FrameRest> rest);

  /// Of a frame with a rest it is put together when it is first asked for, and then kept.
  std::string_view text() const;
  /// The text in its parts.
  Bytes plain() const;
  /// The text behind its frame header, as it stands on a WebSocket.
  Bytes wire() const;
  /// The same by permessage-deflate without context (RFC 7692 §7.2), made when it is first asked
  /// for; wire() where that is not shorter.
  Bytes deflated_wire() const;

 private:
  void deflate() const;

  std::string wire_;
  std::size_t head_;
  std::shared_ptr<const FrameRest> rest_;
  mutable std::once_flag deflated_once_, joined_once_;
  mutable std::string deflated_, joined_;
};

/// Shared by every client that gets it.
using Frame = std::shared_ptr<const EncodedFrame>;

inline Frame make_frame(std::string_view text) {
  return std::make_shared<const EncodedFrame>(text);
}

}  // namespace hookswitch
