#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"

namespace hookswitch::webhook {

/// What a member of a fact may hold: checked when a dialect is compiled, and used to turn what a
/// vendor sent (numbers as text, text as numbers) into it.
struct Shape {
  enum class Kind {
    object,
    party,
    text,
    texts,
    text_map,
    integer,
    seconds,
    time,
    boolean,
    type,
    direction,
    disposition,
    transfer_kind
  };
  Kind kind = Kind::text;
  std::vector<std::pair<std::string_view, const Shape*>> members;  ///< object and party
  /// Of a text that a call can do without: one that is longer is left out, so that a long name does
  /// not cost the call. 0: the fact is refused, because the text says what it is about.
  std::size_t bytes_max = 0;

  const Shape* member(std::string_view name) const;
};

/// The native dialect (model.md §3), and `duration` in seconds beside `duration_ms`.
const Shape& fact_shape();

/// Is `word` allowed where a literal stands? True for every kind that is not a list of words. A
/// `type` may also be "ignore".
bool is_word_of(Shape::Kind kind, std::string_view word);

/// Missing, null, blank text, {} or [].
bool is_empty(const json::Value& value);
/// Text of a string, number or boolean; nullopt for all else, also for a number that only a double
/// beyond 2^53 holds.
std::optional<std::string> as_text(const json::Value& value);
std::optional<double> as_number(const json::Value& value);
/// Whole numbers as they are, others cut towards zero; text is read as decimal.
std::optional<std::int64_t> as_integer(const json::Value& value);

/// Makes `value` fit `shape` as far as its meaning allows; null where it does not. A word that the
/// model does not know becomes null, but a disposition `unknown`. `duration` becomes `duration_ms`.
void fit(json::Value& value, const Shape& shape, json::Document::AllocatorType& arena);

}  // namespace hookswitch::webhook
