#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace hookswitch::hep {

inline constexpr std::size_t kHeaderLinesMax = 256;   // a proxy chain of 70 Vias and Record-Routes
inline constexpr std::size_t kHeaderValueMax = 4096;  // more is passed over where nothing needs it
inline constexpr std::size_t kExtraHeadersMax = 32;   // X- and P- headers that are kept
inline constexpr std::size_t kSdpLinesMax = 512;
inline constexpr std::size_t kMethodBytesMax = 64;

/// What an SDP body says of the audio of who sent it (RFC 3264 §5.1).
enum class Media : std::uint8_t { sendrecv, sendonly, recvonly, inactive };

/// The dialog that a Replaces header names (RFC 3891).
struct Replaces {
  std::string call_id, to_tag, from_tag;
};

/// What of one SIP message matters to who only listens. Views point into the text it was read from.
struct SipMessage {
  bool request = false;
  std::string_view method;  ///< of a response: that of its CSeq
  std::string_view uri;     ///< of a request
  int status = 0;           ///< of a response
  std::string_view call_id;
  std::uint32_t cseq = 0;
  std::string_view branch;  ///< of the topmost Via; empty for RFC 2543's elements
  std::size_t vias = 0;
  std::string_view from, to;  ///< as they stand
  std::string_view from_tag, to_tag;
  std::string_view contact, replaces, refer_to, referred_by, session_id, reason, asserted,
      diversion, event, subscription_state;
  std::string_view content_type, body;
  std::vector<std::pair<std::string_view, std::string_view>> extra;  ///< X- and others, as received
};

/// Reads a request or a response of RFC 3261. Folded lines are unfolded in `text`, which must live
/// as long as the message. Strict where we depend on it: start line, exactly one Call-ID, CSeq,
/// From and To, at least one Via, CSeq's method that of the request, ids of printable ASCII within
/// kIdBytesMax. Lenient elsewhere: line ends may be bare LF, names may be compact, the body may be
/// cut off, other values may hold any byte (RFC 4475 §3.1.1.2): who shows them cleans them. Error:
/// bad_message with one of a closed set of words. Pure, never throws.
Result<SipMessage> read_sip(std::string& text);

/// The value of `;name=` behind the name-addr or addr-spec; empty if it is not there.
std::string_view header_param(std::string_view header, std::string_view name);
/// The URI of a name-addr or addr-spec, without brackets, with its own parameters.
std::string_view header_uri(std::string_view header);
/// A Replaces header, or the Replaces of a Refer-To URI when `escaped`.
std::optional<Replaces> read_replaces(std::string_view header);
std::optional<Replaces> replaces_of_refer_to(std::string_view refer_to);
/// The status line of a message/sipfrag body (RFC 3515 §2.4.5).
std::optional<int> sipfrag_status(std::string_view body);
/// What the first audio stream of an SDP says, with the session's word where it has none; an
/// address of 0.0.0.0 is RFC 2543's hold. nullopt: no SDP, no audio, or audio refused (port 0).
std::optional<Media> audio_of(const SipMessage& message);

}  // namespace hookswitch::hep
