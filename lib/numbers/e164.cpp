#include "numbers/e164.hpp"

#include <phonenumbers/logger.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>
#include <phonenumbers/shortnumberinfo.h>

#include <functional>
#include <vector>

namespace hookswitch::e164 {
namespace {

using i18n::phonenumbers::PhoneNumber;
using Util = i18n::phonenumbers::PhoneNumberUtil;

constexpr std::size_t kLocalDigitsMax = 10;  // of a subscriber and a line behind a company's PBX

/// The library's own one prints every text that is no number to standard output.
class NoLogger : public i18n::phonenumbers::Logger {
  void WriteMessage(const std::string&) override {}
};

const Util& util() {
  static const Util& the = []() -> const Util& {
    Util* made = Util::GetInstance();
    made->SetLogger(new NoLogger);  // it takes it
    return *made;
  }();
  return the;
}

/// The last answers of this thread, one a slot. The questions are pure, so nothing grows old.
template <class Answer>
class Remembered {
 public:
  template <class Ask>
  const Answer& get(std::string_view country, std::string_view digits, Ask ask) {
    std::string question{country};
    question += ':';
    question += digits;
    Slot& slot = slots_[std::hash<std::string>{}(question) % kRememberedMax];
    if (slot.question != question) {
      slot.answer = ask();
      slot.question = std::move(question);
    }
    return slot.answer;
  }

 private:
  struct Slot {
    std::string question;
    Answer answer{};
  };
  std::vector<Slot> slots_ = std::vector<Slot>(kRememberedMax);  // not in the thread's own block
};

std::string digits_of(const std::string& text) {
  std::string out;
  for (const char c : text)
    if (c >= '0' && c <= '9') out += c;
  return out;
}

/// Could a subscriber's number of this length, dialled within its own area, need one more digit in
/// front to be whole? Where no number is that long, it is whole already.
bool could_be_local(const PhoneNumber& number, const std::string& significant) {
  PhoneNumber longer;
  longer.set_country_code(number.country_code());
  longer.set_national_number(std::stoull("1" + significant));
  return util().IsPossibleNumberForTypeWithReason(longer, Util::FIXED_LINE) != Util::TOO_LONG;
}

std::string read_dialled(const std::string& digits, const std::string& country) {
  PhoneNumber number;
  if (util().ParseAndKeepRawInput(digits, country, &number) != Util::NO_PARSING_ERROR ||
      !util().IsValidNumber(number))
    return {};
  std::string out, significant;
  util().Format(number, Util::E164, &out);
  if (out.size() > 1 + kDigitsMax) return {};  // Germany's plan, as it is there, allows it
  if (number.country_code_source() == PhoneNumber::FROM_NUMBER_WITH_IDD) return out;
  if (number.country_code_source() == PhoneNumber::FROM_NUMBER_WITHOUT_PLUS_SIGN)
    return digits.size() > kLocalDigitsMax || !could_be_local(number, digits) ? out : std::string{};
  util().GetNationalSignificantNumber(number, &significant);
  if (significant != digits) return out;  // a trunk prefix was there
  std::string written;
  util().Format(number, Util::NATIONAL, &written);
  if (digits_of(written) == digits) return out;  // this country writes none
  return could_be_local(number, significant) ? std::string{} : out;
}

std::optional<International> read_international(const std::string& digits) {
  PhoneNumber number;
  if (util().ParseAndKeepRawInput("+" + digits, "ZZ", &number) != Util::NO_PARSING_ERROR)
    return std::nullopt;
  International out;
  out.valid = util().IsValidNumber(number);
  if (!out.valid && util().IsPossibleNumberWithReason(number) != Util::IS_POSSIBLE)
    return std::nullopt;
  util().Format(number, Util::E164, &out.number);
  if (out.number.size() > 1 + kDigitsMax) return std::nullopt;
  if (out.valid) return out;
  // Perhaps a range that came into use after the package was made; but then nothing was to be taken
  // out of it, and hardly any number begins with a zero behind the calling code.
  std::string significant;
  util().GetNationalSignificantNumber(number, &significant);
  if (out.number != "+" + digits || significant.starts_with('0')) return std::nullopt;
  return out;
}

}  // namespace

std::optional<International> international(std::string_view digits) {
  if (digits.empty() || digits.size() > kDigitsMax + 2) return std::nullopt;  // "(0)" may be inside
  thread_local Remembered<std::optional<International>> remembered;
  return remembered.get("", digits, [&] { return read_international(std::string{digits}); });
}

std::string dialled(std::string_view digits, std::string_view country) {
  if (country.empty() || digits.empty() || digits.size() > kDigitsMax + 6)  // 00…, 810…, carriers
    return {};
  thread_local Remembered<std::string> remembered;
  return remembered.get(country, digits,
                        [&] { return read_dialled(std::string{digits}, std::string{country}); });
}

bool is_emergency(std::string_view digits, std::string_view country) {
  static const i18n::phonenumbers::ShortNumberInfo info;
  return !country.empty() && info.IsEmergencyNumber(std::string{digits}, std::string{country});
}

bool is_country(std::string_view country) {
  return util().GetCountryCodeForRegion(std::string{country}) != 0;
}

}  // namespace hookswitch::e164
