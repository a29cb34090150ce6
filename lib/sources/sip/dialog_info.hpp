#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace hookswitch::sip {

inline constexpr std::size_t kDialogInfoBytesMax =
    128 * 1024;  // 256 dialogs of 500 bytes, the size Kamailio writes
inline constexpr std::size_t kDialogInfoDepthMax = 16;  // RFC 4235 needs 5, extensions some more
inline constexpr std::size_t kDialogInfoAttributesMax = 64;  // of one element; RFC 4235 needs 5
inline constexpr std::size_t kDialogsMax = 256;              // one extension in one document
inline constexpr std::size_t kAnomaliesMax = 16;             // kept of one document
inline constexpr std::size_t kCallIdBytesMax = 200;          // leaves room for "<ext>/" in a leg id

/// RFC 4235 §3.7.1, in rank order.
enum class DialogState : std::uint8_t { trying, proceeding, early, confirmed, terminated };
enum class DialogDirection : std::uint8_t { unknown, initiator, recipient };

struct DialogParty {
  std::string identity;  ///< URI, or a whole name-addr where a PBX writes one
  std::string display;   ///< of the identity
  std::string target;    ///< URI
  std::optional<bool>
      rendering;  ///< param +sip.rendering (RFC 4235 §5.2): false = on hold, nullopt = not told
  friend bool operator==(const DialogParty&, const DialogParty&) = default;
};

struct Dialog {
  std::string id, call_id, local_tag, remote_tag;
  DialogDirection direction = DialogDirection::unknown;
  std::optional<DialogState> state;  ///< nullopt: missing, or a word RFC 4235 does not have
  std::string event;  ///< "cancelled", "rejected", "replaced", "local-bye", "remote-bye", "error",
                      ///< "timeout"
  std::optional<int> code;  ///< SIP status, 100..699
  DialogParty local, remote;
  std::string replaces;     ///< Call-ID of the dialog that this one replaced
  std::string referred_by;  ///< URI
  friend bool operator==(const Dialog&, const Dialog&) = default;
};

struct DialogInfo {
  std::string entity;
  std::optional<std::uint32_t> version;
  bool full = true;
  std::vector<Dialog> dialogs;
  std::vector<std::string>
      anomalies;  ///< what was not as RFC 4235 has it and was got over; words, no document text
};

/// Reads one application/dialog-info+xml document (RFC 4235 §4). Namespace prefixes, unknown
/// elements and wrong or missing parts are got over and noted as anomalies; words are read without
/// regard to case. All text in the result is valid UTF-8 without control characters. A document
/// type declaration is refused: there is nothing that could be expanded or fetched. Errors:
/// body_too_large, bad_encoding (not UTF-8, or a NUL), bad_request (not well-formed, a DTD, not
/// dialog-info), too_deep, too_many_fields. Pure; any thread.
Result<DialogInfo> parse_dialog_info(std::string_view xml);

std::string_view to_string(DialogState state);

}  // namespace hookswitch::sip
