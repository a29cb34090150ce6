#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "base/text.hpp"
#include "numbers/numbers.hpp"

/// The first byte is the plan, the rest the text of a number: nothing may break the reader; what it
/// calls E.164 is '+' and digits; reading a party twice is reading it once; no text is lost.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  using Kind = NumberReading::Kind;
  if (size == 0) return 0;
  static const char* const kCountries[]{"", "US", "DE", "GB", "FR", "RU", "BR", "JP"};
  NumberPlan plan;
  plan.country = kCountries[data[0] & 7U];
  plan.e164_without_plus = (data[0] & 8U) != 0;
  plan.short_is_extension = (data[0] & 16U) != 0;
  if ((data[0] & 32U) != 0) plan.strip_prefixes = {"0", "9"};
  if ((data[0] & 64U) != 0) plan.intl_prefix = "00";
  static const auto lines = std::make_shared<std::set<std::string, std::less<>>>(
      std::set<std::string, std::less<>>{"101", "alice"});
  plan.extensions = lines;
  std::string text{reinterpret_cast<const char*>(data) + 1, size - 1};
  const auto read = read_number(text, plan);
  const auto digits = [](std::string_view all) {
    return !all.empty() && all.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (read.kind == Kind::e164)
    HS_ASSERT(read.number.size() <= 16 && read.number.front() == '+' &&
              digits(std::string_view{read.number}.substr(1)));
  if (read.kind == Kind::extension) HS_ASSERT(read.number.empty() && !read.ext.empty());
  if (read.kind == Kind::nothing || read.kind == Kind::withheld)
    HS_ASSERT(read.number.empty() && read.ext.empty());
  if (read.kind == Kind::nothing && is_utf8(text))
    HS_ASSERT(trim(text).empty() || read_address(text).user.empty());

  if (!is_utf8(text)) return 0;  // no party has such a text
  Party once;
  once.number = text;
  read_numbers(once, plan);
  HS_ASSERT(once.number == text || once.ext == text || once.presented == text);
  Party twice = once;
  read_numbers(twice, plan);
  HS_ASSERT(twice == once);
  return 0;
}
