#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace hookswitch::webhook {

struct FormField {
  std::string name, value;
  friend auto operator<=>(const FormField&, const FormField&) = default;
};

/// The fields of a form in their order, unescaped; those without a name are left out. A broken
/// escape stays as it is, and bytes that are no UTF-8 are taken for Latin-1, so every field is
/// UTF-8. Errors: too_many_fields.
Result<std::vector<FormField>> form_fields(std::string_view text);

/// `a=1&b[c]=2&d[]=3` to an object, as PHP reads it (`application/x-www-form-urlencoded`, WHATWG
/// URL §5.1): a later value of the same name wins, `d[]` appends, an object with the keys 0, 1, …
/// becomes an array. Bounds: kFormFieldsMax fields, kFormNestingMax brackets. Errors:
/// too_many_fields, too_deep.
Result<json::Value> parse_form(std::string_view text, json::Document::AllocatorType& arena);

/// Names and values as they were sent: no escapes, no brackets. Same bounds; Latin-1 as
/// above, so a proof over such bytes fits only where it is of the raw body.
Result<json::Value> parse_raw_form(std::string_view text, json::Document::AllocatorType& arena);

/// Names without brackets understood, values unescaped: what signatures of form fields are over.
Result<json::Value> parse_flat_form(std::string_view text, json::Document::AllocatorType& arena);

}  // namespace hookswitch::webhook
