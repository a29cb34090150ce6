#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// What a text tells of. Where the same text stands for two things, the first of this list counts.
enum class Telling : std::uint8_t {
  number,  ///< a telephone number, an extension, a feature code
  call_id,
  org,
  source,
  user,
  email,
  name,
  hex_id,  ///< 32 hex digits, a Session-ID's half
  id,
  host,
  url,
  epoch,
  text,
};

/// Pseudonyms for texts: the same text gets the same one everywhere, different ones different ones,
/// and within a kind they sort as the texts do, so that an order by value stays. First all texts
/// are told with add(), then assign() is called once, then of() gives the pseudonyms. The same
/// texts give the same pseudonyms.
///
/// Numbers of seven digits and more become +1 202 555 01xx, then 555 01xx of other area codes, then
/// +1 999 …, in the form they had (with plus, national, with blanks); two forms of one number stay
/// two forms of one number. Shorter digits become others of the same length, if there are any left.
/// Nothing becomes a text that is itself to be hidden.
class Pseudonyms {
 public:
  void add(Telling kind, std::string_view text);
  void assign();
  /// Empty for a text that was not added.
  std::string of(std::string_view text) const;

  /// Every text that was added, with its kind.
  const std::map<std::string, Telling, std::less<>>& texts() const { return kinds_; }
  /// What people should know about the choice; empty for the plain case.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void assign_numbers(const std::vector<std::string>& texts);
  void assign_phones(const std::vector<std::string>& texts);
  void assign_extensions(std::size_t digits, const std::vector<std::string>& texts);
  void assign_call_ids(const std::vector<std::string>& texts);

  std::map<std::string, Telling, std::less<>> kinds_;
  std::map<std::string, std::string, std::less<>> names_;
  std::vector<std::string> notes_;
};

/// Digits, perhaps with a plus before and blanks, dots, dashes and brackets between them.
bool looks_like_number(std::string_view text);
/// Digits of `text`, and no other character.
std::string digits_of(std::string_view text);

}  // namespace hookswitch
