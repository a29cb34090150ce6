#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/fact.hpp"
#include "numbers/address.hpp"

namespace hookswitch {

inline constexpr std::size_t kExtensionDigitsMax = 6;  ///< told without '+': never a whole number
inline constexpr std::size_t kStripPrefixesMax = 8;
inline constexpr std::size_t kPrefixDigitsMax = 5;  ///< "00011" is the longest in use

/// How one source writes numbers.
struct NumberPlan {
  std::string country;  ///< ISO 3166-1 alpha-2 of its lines; empty: only '+' makes a number E.164
  std::vector<std::string> strip_prefixes;  ///< dialled for an outside line: "9", "0"
  std::string intl_prefix;          ///< stands for '+' beside the country's own: "00", "011"
  bool e164_without_plus = false;   ///< it means E.164 and leaves the '+' out
  bool short_is_extension = false;  ///< up to kExtensionDigitsMax digits are a line, known or not,
                                    ///< but for the country's emergency numbers
  std::shared_ptr<const std::set<std::string, std::less<>>>
      extensions;  ///< known lines; may be null

  friend bool operator==(const NumberPlan&, const NumberPlan&) = default;
};

/// What is wrong with a plan, one sentence a key; empty: nothing.
struct NumberPlanProblem {
  std::string key, what;
};
std::vector<NumberPlanProblem> check_numbers(const NumberPlan& plan);

struct NumberReading {
  enum class Kind : std::uint8_t {
    nothing,    ///< no text
    withheld,   ///< is_withheld(): `number` and `ext` are empty
    e164,       ///< `number` is '+' and digits; `ext` what was told to dial behind it, if anything
    extension,  ///< `ext` is a line of the PBX, `number` is empty
    digits,     ///< `number` is what can be dialled: local and short numbers, star codes, doubtful
                ///< ones
    name,       ///< `number` is anything else, verbatim: "conference", "1-800-FLOWERS"
  };
  Kind kind = Kind::nothing;
  std::string number, ext;
};

/// What a source meant by a number. In this order: a known extension is one (unless written with
/// '+'); a withheld number is none; '+' (also of `phone-context`, RFC 3966 §5.1.5) is E.164 if the
/// calling code and the length are right; of other digits every reading is taken that the plan
/// allows (as they are, or behind an outside-line prefix: missing '+', international prefix, trunk
/// prefix, national), and they are E.164 only if all valid readings are one number. Digits of other
/// scripts, visual separators of any kind and direction marks (U+202A …) are understood. Everything
/// else stays as it was told. Pure, any thread, never fails; 1 µs for a number this thread has just
/// seen, some 10 µs for a new one.
NumberReading read_number(std::string_view text, const NumberPlan& plan);
NumberReading read_number(const Address& address, const NumberPlan& plan);

/// Puts the numbers of a party right: `number` and `ext` as read_number() has them, the text that
/// was there in `presented` unless that is told or nothing changed. What the source told as `ext`
/// stays. A party that has only `presented` gets its number if that is E.164. An extension behind
/// an outside number that is also one of the plan's own lines is not taken: it could be either.
/// Doing it twice changes nothing more.
void read_numbers(Party& party, const NumberPlan& plan);

/// All parties of a fact, and its `did`. The only way in which numbers of webhooks are read.
void read_numbers(Fact& fact, const NumberPlan& plan);

}  // namespace hookswitch
