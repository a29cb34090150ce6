#include "sources/webhook/phone.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace hookswitch::webhook {
namespace {

constexpr std::array<std::string_view, 8> kWithheld{"anonymous", "restricted", "unavailable",
                                                    "blocked",   "unknown",    "private",
                                                    "withheld",  "no number"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_withheld(std::string_view text) {
  return std::any_of(kWithheld.begin(), kWithheld.end(),
                     [&](auto word) { return equals_ignore_case(text, word); });
}

bool drop_scheme(std::string_view& text) {
  for (const std::string_view scheme : {"sip:", "sips:", "tel:"}) {
    if (text.size() < scheme.size() || !equals_ignore_case(text.substr(0, scheme.size()), scheme))
      continue;
    text.remove_prefix(scheme.size());
    return true;
  }
  return false;
}

/// The user part of an address; the whole text if it is none.
std::string user_part(std::string_view text) {
  const auto open = text.find('<');
  if (open != std::string_view::npos) {
    const auto close = text.find('>', open);
    text = trim(text.substr(open + 1, close == std::string_view::npos ? close : close - open - 1));
  }
  const bool uri = drop_scheme(text);
  const auto at = text.find('@');
  if (at != std::string_view::npos) text = text.substr(0, at);
  text = trim(text.substr(0, text.find(';')));
  if (uri || at != std::string_view::npos) {
    if (auto decoded = percent_decode(text); decoded && is_utf8(*decoded)) return *decoded;
  }
  return std::string{text};
}

}  // namespace

std::string clean_phone(std::string_view text, const PhoneRules& rules) {
  const std::string user = user_part(trim(text));
  if (trim(user).empty() || is_withheld(trim(user))) return {};

  std::string number;
  for (const char c : user)
    if (std::string_view{" ().-/\t"}.find(c) == std::string_view::npos) number += c;
  const bool plus = number.starts_with('+');
  const std::string_view digits = std::string_view{number}.substr(plus ? 1 : 0);
  const auto dialable = [](char c) { return is_digit(c) || c == '*' || c == '#'; };
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), dialable)) return user;
  if (plus || !std::all_of(digits.begin(), digits.end(), is_digit)) return number;

  const auto is_long = [&](std::string_view part) {
    return part.size() >= static_cast<std::size_t>(rules.min_digits) && part.size() <= 15 &&
           part.front() != '0';
  };
  const auto without = [&](const std::string& prefix) { return digits.substr(prefix.size()); };
  if (!rules.intl_prefix.empty() && digits.starts_with(rules.intl_prefix) &&
      is_long(without(rules.intl_prefix)))
    return "+" + std::string{without(rules.intl_prefix)};
  if (!rules.country_code.empty() && !rules.national_prefix.empty() &&
      digits.starts_with(rules.national_prefix) && is_long(without(rules.national_prefix)))
    return "+" + rules.country_code + std::string{without(rules.national_prefix)};
  if (rules.e164_without_plus && is_long(digits)) return "+" + number;
  return number;
}

}  // namespace hookswitch::webhook
