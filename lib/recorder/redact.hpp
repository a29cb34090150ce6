#pragma once

#include "recorder/bundle.hpp"

namespace hookswitch {

/// The same bundle without what tells of people: every number, name, address, id, host, URL, value
/// of a header or variable and custom data is replaced, the same by the same everywhere (see
/// Pseudonyms). What stays: the model's own words, times, numbers that count, names of headers and
/// variables, ids of legs, the offsets of cursors. Raw inputs are dropped. A text at a place that
/// this version does not know is replaced too, unless it is a word of the model. Pure: the same
/// bundle gives the same bytes. Errors: internal_error when something to be hidden is still there.
Result<Bundle> redact(const Bundle& bundle);

/// Every text of `bundle` that redact() hides, as it stands there. For proofs.
std::vector<std::string> private_texts(const Bundle& bundle);

}  // namespace hookswitch
