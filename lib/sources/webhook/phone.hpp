#pragma once

#include <string>
#include <string_view>

namespace hookswitch::webhook {

/// How a source writes numbers.
struct PhoneRules {
  bool e164_without_plus = false;  ///< digits of at least min_digits are E.164 that lost its '+'
  int min_digits = 8;
  std::string intl_prefix;      ///< "00", "011": stands for '+'
  std::string national_prefix;  ///< "0": stands for '+' and country_code
  std::string country_code;     ///< "49"
};

/// The number or user part of what a source sent: `"Jane" <sip:+12025550143@gw;user=phone>` gives
/// `+12025550143`. Blanks and
/// `().-/` go if nothing but a dialable number is left; alphanumeric user parts stay. Empty for a
/// withheld number (`anonymous`,
/// `<unknown>`, …). Never fails.
std::string clean_phone(std::string_view text, const PhoneRules& rules);

}  // namespace hookswitch::webhook
