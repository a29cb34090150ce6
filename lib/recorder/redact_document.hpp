#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/time.hpp"

namespace hookswitch {

/// A JSON document of unknown shape, such as a PBX sends, without what tells of people: for who has
/// to learn its shape. Members stay, and so do truth values, small numbers, times near `around`,
/// and words at members that name a kind, a state or a direction. Every other text becomes a
/// pseudonym, the same by the same (see Pseudonyms), numbers others of the same form; values of
/// members that carry proofs (authorization, cookies, signatures, tokens) go altogether. Error
/// bad_json.
Result<std::string> redact_document(std::string_view document, Time around);

}  // namespace hookswitch
