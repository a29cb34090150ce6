#pragma once

#include <optional>
#include <string_view>

#include "base/error.hpp"

namespace hookswitch::http {

/// What Beast 1.81's parser lets through and we do not (facts:
/// tests/thirdparty/beast_parser_test.cpp): line folding, a missing or second Host, a target that
/// is no path, any Transfer-Encoding but exactly `chunked` on HTTP/1.1, a Content-Length that is no
/// plain number or comes twice. `head` is the raw text up to and with the empty line. nothing: it
/// may pass. Pure. RFC 9112 §3.2, §5.2, §6.1, §6.3.
std::optional<Errc> refuse_head(std::string_view head);

}  // namespace hookswitch::http
