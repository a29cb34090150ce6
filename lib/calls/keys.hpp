#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <string>

#include "calls/note.hpp"
#include "calls/record.hpp"
#include "model/fact.hpp"

namespace hookswitch {

/// A strong key that a fact carries. `link`: it names another call that this one belongs with
/// (parent, Replaces, the other call of a transfer), which is evidence like any other but never the
/// call's own name.
struct FactKey {
  Key key;
  JoinedBy rule = JoinedBy::vendor_call_id;
  bool link = false;
  std::uint64_t hash = 0;
};
using FactKeys = boost::container::small_vector<FactKey, 6>;

/// The strong keys of a fact (model.md §4.1), most telling first. Nil Session-ID UUIDs are no
/// evidence (RFC 7989 §5); of a pair both UUIDs count, in either order.
FactKeys strong_keys(const Fact& fact, SourceIndex source, const SourceBook& sources);

/// Where a key is looked up: vendor ids belong to one source, the rest to the organisation.
std::uint64_t hash_of(const Text& org, const Key& key);
/// Where a call is looked up by its own id.
std::uint64_t hash_of_call_id(std::string_view id);
/// Whether two keys of one organisation are the same evidence.
bool same_key(const Key& a, const Key& b);

/// ELMA365's rule: (from number, from ext, to number, to ext, direction), missing parts empty.
/// Empty text when nobody is named.
Text tuple_text(const Fact& fact, SourceIndex source);
std::uint64_t hash_of_tuple(const Text& org, std::string_view tuple);

}  // namespace hookswitch
