#pragma once

#include <string>

#include "base/error.hpp"
#include "sources/webhook/hook.hpp"

namespace hookswitch {

/// A request as it was saved, in one file (request line, headers, empty line, body; lines end with
/// LF or CRLF, the body is what follows, byte for byte), or in two: `NAME.headers` (request line
/// and headers; lines that begin with '#' are notes) and the body in `NAME.` and any other ending.
/// `path` may be either of the two. What is behind `/hooks/{source}/` in its path is `rest`; of
/// another path nothing is. `received` is now. Error bad_request with the file and what is wrong.
Result<HookRequest> read_saved_request(const std::string& path);

/// The same, from text. For tests.
Result<HookRequest> parse_saved_head(std::string_view head);

}  // namespace hookswitch
