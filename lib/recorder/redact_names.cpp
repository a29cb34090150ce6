#include "recorder/redact_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace hookswitch {
namespace {

constexpr std::size_t kPhoneDigitsLeast = 7;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// What is left of a number without plus, 00 or the zeros of a national form: two forms of one
/// number end alike.
std::string core_of(std::string_view text) {
  std::string digits = digits_of(text);
  if (!text.starts_with('+'))
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

/// Ten digits each, ascending; 555 0100 to 0199 is kept free for fiction in every area code.
class FictitiousNumbers {
 public:
  explicit FictitiousNumbers(std::set<std::string> taken) : taken_(std::move(taken)) {}
  std::string next() {
    for (;;) {
      const std::string out = at(count_++);
      if (!taken_.contains(out)) return out;
    }
  }
  bool one_area_was_enough() const { return count_ <= 100; }

 private:
  static std::string at(std::size_t n) {
    static constexpr std::array kAreas{202, 203, 205, 206, 207, 208, 209, 210, 212, 213,
                                       214, 215, 216, 217, 218, 219, 224, 225, 228, 229,
                                       231, 234, 239, 240, 248, 251, 252, 253, 254, 256};
    if (n < kAreas.size() * 100) return fmt::format("{}55501{:02}", kAreas[n / 100], n % 100);
    return fmt::format("999{:07}", n);
  }
  std::set<std::string> taken_;
  std::size_t count_ = 0;
};

/// `digits` in the form of `text`: its plus or zeros, and its punctuation where the count allows.
std::string in_form_of(std::string_view text, std::string_view digits) {
  std::string prefix;
  if (text.starts_with('+')) {
    prefix = "+";
    text.remove_prefix(1);
  } else {
    while (text.starts_with('0')) {
      prefix += '0';
      text.remove_prefix(1);
    }
  }
  if (digits_of(text).size() != digits.size()) return prefix + std::string{digits};
  std::string out = prefix;
  std::size_t at = 0;
  for (const char c : text) out += is_digit(c) ? digits[at++] : c;
  return out;
}

bool is_ulid(std::string_view text) {
  return text.size() == 26 && std::all_of(text.begin(), text.end(), [](char c) {
           return is_digit(c) || (c >= 'A' && c <= 'Z');
         });
}

std::string pseudonym(Telling kind, std::size_t number, std::size_t width) {
  const auto counted = [&](std::string_view start, std::string_view end = "") {
    return fmt::format("{}{:0{}}{}", start, number, width, end);
  };
  switch (kind) {
    case Telling::org:
      return counted("org");
    case Telling::source:
      return counted("source");
    case Telling::user:
      return counted("user");
    case Telling::email:
      return counted("mail", "@example.com");
    case Telling::name:
      return counted("Name ");
    case Telling::hex_id:
      return fmt::format("a{:031x}", number);
    case Telling::id:
      return counted("id");
    case Telling::host:
      return counted("host", ".example.com");
    case Telling::url:
      return counted("https://example.com/");
    case Telling::epoch:
      return fmt::format("{:08x}", number);
    case Telling::number:
    case Telling::call_id:
    case Telling::text:
      break;
  }
  return counted("text");
}

}  // namespace

std::string digits_of(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out), is_digit);
  return out;
}

bool looks_like_number(std::string_view text) {
  const bool plus = text.starts_with('+');
  if (plus) text.remove_prefix(1);
  const std::string digits = digits_of(text);
  if (digits.empty()) return false;
  if (digits.size() == text.size()) return true;
  return digits.size() >= kPhoneDigitsLeast && std::all_of(text.begin(), text.end(), [](char c) {
           return is_digit(c) || std::string_view{" .-()/"}.find(c) != std::string_view::npos;
         });
}

void Pseudonyms::add(Telling kind, std::string_view text) {
  if (text.empty()) return;
  const auto [it, fresh] = kinds_.try_emplace(std::string{text}, kind);
  if (!fresh) it->second = std::min(it->second, kind);
}

std::string Pseudonyms::of(std::string_view text) const {
  const auto it = names_.find(text);
  return it == names_.end() ? std::string{} : it->second;
}

void Pseudonyms::assign() {
  std::map<Telling, std::vector<std::string>> by_kind;  // each sorted, as kinds_ is
  for (const auto& [text, kind] : kinds_) by_kind[kind].push_back(text);
  for (const auto& [kind, texts] : by_kind) {
    if (kind == Telling::number) {
      assign_numbers(texts);
    } else if (kind == Telling::call_id) {
      assign_call_ids(texts);
    } else {
      const auto width = std::max<std::size_t>(4, std::to_string(texts.size()).size());
      std::size_t number = 0;
      for (const auto& text : texts) names_[text] = pseudonym(kind, ++number, width);
    }
  }
}

void Pseudonyms::assign_numbers(const std::vector<std::string>& texts) {
  std::vector<std::string> phones;
  std::map<std::size_t, std::vector<std::string>> extensions;  // by length
  for (const auto& text : texts) {
    const auto digits = digits_of(text).size();
    if (digits >= kPhoneDigitsLeast)
      phones.push_back(text);
    else
      extensions[digits].push_back(text);
  }
  assign_phones(phones);
  for (const auto& [digits, list] : extensions) assign_extensions(digits, list);
}

void Pseudonyms::assign_phones(const std::vector<std::string>& texts) {
  // A shorter form belongs to the one longer number that ends with it; of two, to neither.
  std::set<std::string> cores, taken;
  for (const auto& text : texts) cores.insert(core_of(text));
  std::vector<std::string> longest_first{cores.begin(), cores.end()};
  std::stable_sort(longest_first.begin(), longest_first.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  std::set<std::string> backwards;  // of the numbers that stand for themselves
  std::map<std::string, std::string> whole;
  for (const auto& core : longest_first) {
    if (core.size() >= 10) taken.insert(core.substr(core.size() - 10));
    const std::string key{core.rbegin(), core.rend()};
    const auto first = backwards.lower_bound(key);
    const auto matches = [&](auto it) { return it != backwards.end() && it->starts_with(key); };
    if (core.size() >= kPhoneDigitsLeast && matches(first) && !matches(std::next(first))) {
      whole[core] = std::string{first->rbegin(), first->rend()};
    } else {
      whole[core] = core;
      backwards.insert(key);
    }
  }
  FictitiousNumbers numbers{taken};
  std::map<std::string, std::string> ten_digits;  // by whole number, ascending
  for (const auto& [core, number] : whole) ten_digits[number];
  for (auto& [number, digits] : ten_digits) digits = numbers.next();
  for (const auto& text : texts) {
    const std::string core = core_of(text);
    const std::string& ten = ten_digits[whole[core]];
    const bool full = text.starts_with('+') || core.size() > 10;
    names_[text] = in_form_of(text, full                               ? "1" + ten
                                    : core.size() <= kPhoneDigitsLeast ? ten.substr(3)
                                                                       : ten);
  }
  if (!numbers.one_area_was_enough())
    notes_.emplace_back("numbers beyond +1 202 555 01xx are 555 01xx of other area codes");
}

void Pseudonyms::assign_extensions(std::size_t digits, const std::vector<std::string>& texts) {
  std::set<std::string> taken;
  for (const auto& text : texts) taken.insert(digits_of(text));
  const auto power = [](std::size_t n) {
    std::size_t out = 1;
    while (n-- > 0) out *= 10;
    return out;
  };
  const auto free_from = [&](std::size_t first, std::size_t length) {
    std::vector<std::string> out;
    for (std::size_t n = first; n < power(length) && out.size() < texts.size(); ++n)
      if (auto text = std::to_string(n); !taken.contains(text)) out.push_back(std::move(text));
    return out;
  };
  auto free = free_from(2 * power(digits - 1), digits);
  if (free.size() < texts.size()) free = free_from(digits == 1 ? 0 : power(digits - 1), digits);
  if (free.size() < texts.size()) {
    free = free_from(2 * power(digits + 1), digits + 2);
    notes_.push_back(fmt::format("numbers of {} digits have become longer", digits));
  }
  for (std::size_t i = 0; i < texts.size(); ++i)
    names_[texts[i]] = (texts[i].starts_with('+') ? "+" : "") + free[i];
}

void Pseudonyms::assign_call_ids(const std::vector<std::string>& texts) {
  // Ours keep the time they begin with, which orders them and is told elsewhere too.
  std::size_t number = 0;
  for (const auto& text : texts) {
    ++number;
    names_[text] = is_ulid(text) ? fmt::format("{}{:016}", text.substr(0, 10), number)
                                 : fmt::format("call{:04}", number);
  }
}

}  // namespace hookswitch
