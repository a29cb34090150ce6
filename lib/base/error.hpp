#pragma once

#include <array>
#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace hookswitch {

/// Every way in which something from outside can be refused. The name is stable: it is the `code`
/// of problem+json, the `error` frame, the log field and the metric label.
enum class Errc : std::uint8_t {
  auth_missing,
  auth_expired,
  auth_invalid,
  bad_message,
  forbidden,
  origin_refused,
  signature_invalid,
  source_unknown,
  source_disabled,
  sender_refused,
  not_found,
  method_not_allowed,
  bad_request,
  bad_json,
  bad_encoding,
  unsupported_media_type,
  body_too_large,
  headers_too_large,
  too_deep,
  too_many_fields,
  slow_client,
  overload,
  journal_io,
  shutting_down,
  not_supported,
  cursor_gone,
  lease_stale,
  internal_error,
};

/// What an error looks like outside: one row each, also printed in proto/errors.md.
struct Outcome {
  Errc code;
  const char* name;
  std::uint16_t http;   ///< status of a problem+json answer
  std::uint16_t close;  ///< WebSocket close code (RFC 6455 §7.4)
  bool retry;           ///< the same client may come back as it is
  const char* title;    ///< a sentence without any request data
};

inline constexpr std::array kOutcomes{
    Outcome{Errc::auth_missing, "auth_missing", 401, 4001, false, "A token is required."},
    Outcome{Errc::auth_expired, "auth_expired", 401, 4002, true, "The token has expired."},
    Outcome{Errc::auth_invalid, "auth_invalid", 401, 4001, false, "The token is not valid."},
    Outcome{Errc::bad_message, "bad_message", 400, 4003, false,
            "The frame is not a message of this protocol."},
    Outcome{Errc::forbidden, "forbidden", 403, 4004, false, "The token does not allow this."},
    Outcome{Errc::origin_refused, "origin_refused", 403, 4004, false,
            "The origin or host is not on the allow-list."},
    Outcome{Errc::signature_invalid, "signature_invalid", 401, 4003, false,
            "The request is not signed as this source requires."},
    Outcome{Errc::source_unknown, "source_unknown", 404, 4003, false, "There is no such source."},
    Outcome{Errc::source_disabled, "source_disabled", 410, 4003, false,
            "The source is switched off; do not send again."},
    Outcome{Errc::sender_refused, "sender_refused", 403, 4003, false,
            "The sender is not one of this source."},
    Outcome{Errc::not_found, "not_found", 404, 4003, false, "There is nothing here."},
    Outcome{Errc::method_not_allowed, "method_not_allowed", 405, 4003, false,
            "The method is not allowed here."},
    Outcome{Errc::bad_request, "bad_request", 400, 4003, false, "The request is malformed."},
    Outcome{Errc::bad_json, "bad_json", 400, 4003, false, "The body is not valid JSON."},
    Outcome{Errc::bad_encoding, "bad_encoding", 400, 1007, false, "The text is not valid UTF-8."},
    Outcome{Errc::unsupported_media_type, "unsupported_media_type", 415, 1003, false,
            "The content type is not one this source takes."},
    Outcome{Errc::body_too_large, "body_too_large", 413, 1009, false, "The body is too large."},
    Outcome{Errc::headers_too_large, "headers_too_large", 431, 4003, false,
            "The header is too large."},
    Outcome{Errc::too_deep, "too_deep", 400, 4003, false, "The document is nested too deeply."},
    Outcome{Errc::too_many_fields, "too_many_fields", 400, 4003, false,
            "The document has too many fields."},
    Outcome{Errc::slow_client, "slow_client", 503, 4008, true,
            "The client did not read fast enough."},
    Outcome{Errc::overload, "overload", 503, 1013, true, "Too much at once; come back later."},
    Outcome{Errc::journal_io, "journal_io", 503, 1011, true,
            "Events cannot be stored at the moment."},
    Outcome{Errc::shutting_down, "shutting_down", 503, 1012, true, "The service is restarting."},
    Outcome{Errc::not_supported, "not_supported", 501, 4003, false, "This is not available here."},
    Outcome{Errc::cursor_gone, "cursor_gone", 410, 4009, false,
            "The cursor is too old or of another history; come back without it."},
    Outcome{Errc::lease_stale, "lease_stale", 409, 4003, false,
            "The lease is held by another by now, or is used up."},
    Outcome{Errc::internal_error, "internal_error", 500, 1011, true, "The service failed."},
};

/// The row of `code`. Never fails: a test holds the table complete and in order.
constexpr const Outcome& outcome(Errc code) noexcept {
  return kOutcomes[static_cast<std::size_t>(code)];
}

/// `detail` is for our own log and tests; it may hold request data and so never leaves the process.
struct Error {
  Errc code;
  std::string detail;
};

template <class T>
using Result = boost::system::result<T, Error>;

/// Needed by boost::system::result; reached only by `.value()`, which the house does not use.
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& where);

}  // namespace hookswitch
