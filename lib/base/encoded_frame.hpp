#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace hookswitch {

/// One text message, encoded once for all who get it: the unmasked, final text frame of RFC 6455
/// §5.2 and, in the same bytes, the text alone. Immutable; any thread.
class EncodedFrame {
 public:
  explicit EncodedFrame(std::string_view text);

  std::string_view text() const { return std::string_view{wire_}.substr(head_); }
  /// The text behind its frame header, as it stands on a WebSocket.
  std::string_view wire() const { return wire_; }
  /// The same by permessage-deflate without context (RFC 7692 §7.2), made when it is first asked
  /// for; wire() where that is not shorter.
  std::string_view deflated_wire() const;

 private:
  mutable std::once_flag deflated_once_;
  mutable std::string deflated_;
  std::string wire_;
  std::size_t head_;
};

/// Shared by every client that gets it.
using Frame = std::shared_ptr<const EncodedFrame>;

inline Frame make_frame(std::string_view text) {
  return std::make_shared<const EncodedFrame>(text);
}

}  // namespace hookswitch
