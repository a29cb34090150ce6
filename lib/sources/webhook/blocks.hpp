#pragma once

#include <string_view>

#include "base/error.hpp"
#include "base/json.hpp"

namespace hookswitch::webhook {

/// Blocks of `Key: value` lines, parted by empty lines, as Asterisk's manager and FreeSWITCH's
/// event socket write them: a list of objects. Keys in lower case; a key that occurs again makes a
/// list;
/// `<unknown>` is empty text; a line without a colon (a greeting) is passed over. Bounds:
/// kBlockLinesMax fields a block, kBlockFieldsMax in all. Errors: bad_encoding, too_many_fields.
Result<json::Value> parse_blocks(std::string_view text, json::Document::AllocatorType& arena);

}  // namespace hookswitch::webhook
