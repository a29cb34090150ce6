#pragma once

#include <optional>
#include <string>
#include <string_view>

/// The numbering plans of the world, as libphonenumber knows them; the only door to it. All
/// functions may be called from any thread and remember the last answers of their thread
/// (kRememberedMax of them, some 100 bytes each), because a call repeats its few numbers in every
/// fact. "Valid" means that the number fits a range in use when the package was made, not that
/// somebody answers.
namespace hookswitch::e164 {

inline constexpr std::size_t kDigitsMax = 15;  ///< ITU-T E.164 §6.2.1, without '+'
inline constexpr std::size_t kRememberedMax = 1024;

struct International {
  std::string number;  ///< '+' and digits; a trunk prefix that was left in ("+44 (0)20 …") is gone
  bool valid = false;  ///< false: only the country calling code and the length are right
};

/// `digits` behind a '+'. nullopt: no country has this calling code or numbers of that length, or
/// something that does not belong there was left in and the rest is not valid.
std::optional<International> international(std::string_view digits);

/// What `digits`, without '+', mean when they are dialled in `country` (ISO 3166): with its
/// international prefix, its trunk prefix or none. Empty if that is no valid number, or if it could
/// as well be a local number of the caller's own area: wrong is worse than unknown.
std::string dialled(std::string_view digits, std::string_view country);

/// 112, 911, 999 … as they are dialled in `country`.
bool is_emergency(std::string_view digits, std::string_view country);

/// Is there a numbering plan for this ISO 3166-1 alpha-2 code?
bool is_country(std::string_view country);

}  // namespace hookswitch::e164
