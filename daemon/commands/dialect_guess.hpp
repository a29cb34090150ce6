#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace hookswitch {

/// One value of a request, and what stands for it in a dialect.
struct Leaf {
  std::string pointer;  ///< "/body/data/from"
  std::string name;     ///< the last member and the one around it, lower case, letters and digits
                        ///< only: "from", "data"
  std::string around;
  std::string text;
};

/// What a new dialect could read where. Empty pointer: nothing looked like it.
struct Guess {
  std::string each;  ///< the list that rules go through, if there is one
  Leaf type, direction, call_id, leg_id, from, from_name, to, ext, time, duration, recording, seq,
      delivery, proof;
  std::string time_form;  ///< of $time: "iso", "unix", "ms", …; empty: "auto"
};

/// All texts and numbers of a document as pointers see it, without the header.
std::vector<Leaf> leaves(const json::Value& document, std::string& each);
/// Guesses by name and shape; no value is used for two things.
Guess guess(const json::Value& document);

/// The fact type that a vendor's word stands for; nullptr: not a word we know.
const char* type_of_word(std::string_view word);
/// "inbound", "outbound" or "internal"; nullptr likewise.
const char* direction_of_word(std::string_view word);

}  // namespace hookswitch
