#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// The stream of FreeSWITCH's event socket (mod_event_socket): `Name: value` lines ended by LF, an
/// empty line, then as many bytes of body as Content-Length says, if it says any.
namespace hookswitch::feed {

struct EslFrame {
  std::string type;   ///< Content-Type: auth/request, command/reply, api/response, text/event-json,
                      ///< text/disconnect-notice, text/rude-rejection
  std::string reply;  ///< Reply-Text
  std::string body;
};

/// Bytes in, in pieces of any size; frames out. Fails for good where the framing is lost: a header
/// above its limit, a Content-Length that is no number or above every limit. A body above the limit
/// of its kind is passed over, and counted. Pure; holds memory for one frame.
class EslReader {
 public:
  static constexpr std::size_t kHeaderBytesMax = 8 * 1024;  ///< of events in JSON it is two lines
  static constexpr std::size_t kEventBytesMax = 256 * 1024;
  static constexpr std::size_t kAnswerBytesMax = 8 * 1024 * 1024;  ///< `show channels` of thousands

  /// Takes from the front of `input`, up to the end of one frame. nullopt: all is taken, or it has
  /// failed.
  std::optional<EslFrame> next(std::string_view& input);
  bool failed() const { return failed_; }
  /// Frames that were passed over.
  std::size_t skipped() const { return skipped_; }

 private:
  bool take_header(std::string_view& input);
  /// False: the framing is lost.
  bool read_header();

  EslFrame frame_;
  std::string header_;
  std::size_t remaining_ = 0, skipped_ = 0;
  bool in_body_ = false, skipping_ = false, failed_ = false;
};

}  // namespace hookswitch::feed
