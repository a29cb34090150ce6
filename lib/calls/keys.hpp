#pragma once

#include <string>
#include <vector>

#include "model/call.hpp"
#include "model/fact.hpp"

namespace hookswitch {

/// The strong keys of a fact (model.md §4.1), most telling first. Ids of a vendor are scoped by
/// source, SIP Call-IDs and Session-IDs by organisation: two PBXs of one organisation may report
/// the same dialog.
std::vector<CallKey> strong_keys(const Fact& fact);

/// What two facts must share to be about one call by that key. Parts are separated by a byte that
/// no part holds.
std::string index_text(const std::string& org, const CallKey& key);

/// ELMA365's rule: (from number, from ext, to number, to ext, direction), missing parts empty.
/// Empty text when nobody is named.
std::string tuple_text(const Fact& fact);

}  // namespace hookswitch
