#include "numbers/numbers.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"
#include "numbers/e164.hpp"

namespace hookswitch {
namespace {

using Kind = NumberReading::Kind;

constexpr std::size_t kSuffixDigitsMax = 7;
constexpr std::size_t kBaseDigitsMin = 7;  // in front of an extension suffix

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}
std::size_t count_digits(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_digit));
}

// Where the ten digits of a script begin (Unicode category Nd, those that telephones show).
constexpr std::array<char32_t, 12> kDigitZeros{0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66,
                                               0x0AE6, 0x0BE6, 0x0C66, 0x0E50, 0x17E0, 0xFF10};

/// ASCII for a character that means the same; 0 to drop it; nullopt to leave it.
std::optional<char> ascii_of(char32_t c) {
  for (const char32_t zero : kDigitZeros)
    if (c >= zero && c < zero + 10) return static_cast<char>('0' + (c - zero));
  if (c == 0xFF0B) return '+';
  if (c == 0xFF0A) return '*';
  if (c == 0xFF03) return '#';
  if (c == 0xFF08) return '(';
  if (c == 0xFF09) return ')';
  if (c == 0xFF0F) return '/';
  if (c == 0xFF0E || c == 0x00B7 || c == 0x2219) return '.';
  if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xFF0D || c == 0x30FC) return '-';
  if (c == 0x00A0 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000)
    return ' ';
  // Soft hyphen, zero-width characters and direction marks: what a copied contact brings along.
  if (c == 0x00AD || (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) || c == 0x2060 ||
      (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF)
    return '\0';
  return std::nullopt;
}

/// One character of valid UTF-8 at `at`, and its length.
std::pair<char32_t, std::size_t> character(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t out = size == 1 ? lead : lead & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) out = (out << 6) | (byte(i) & 0x3FU);
  return {out, size};
}

std::string fold_to_ascii(const std::string& text) {
  const auto plain = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), plain) || !is_utf8(text)) return text;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto [c, size] = character(text, at);
    const auto ascii = c < 0x80 ? std::optional<char>{static_cast<char>(c)} : ascii_of(c);
    if (!ascii)
      out.append(text, at, size);
    else if (*ascii != '\0')
      out += *ascii;
    at += size;
  }
  return out;
}

/// Four groups of 0 to 255 are an address of a host, not digits with dots between.
bool is_dotted_quad(std::string_view text) {
  int groups = 0;
  for (;;) {
    const auto dot = text.find('.');
    const auto group = text.substr(0, dot);
    if (!all_digits(group) || group.size() > 3 || *parse_int(group) > 255) return false;
    ++groups;
    if (dot == std::string_view::npos) return groups == 4;
    text.remove_prefix(dot + 1);
  }
}

/// "030 123456 / 0171 123456": two numbers, none of which is the number.
bool is_list(std::string_view text) {
  const auto slash = text.find(" /");
  return slash != std::string_view::npos && count_digits(text.substr(0, slash)) > 5 &&
         count_digits(text.substr(slash)) > 5;
}

/// What can be dialled, without visual separators (RFC 3966 §5.1.1 and what people write); empty if
/// the text is something else.
std::string dialable(std::string_view text) {
  // A number that went through a spreadsheet or a float.
  if (text.ends_with(".0") && all_digits(text.substr(0, text.size() - 2))) text.remove_suffix(2);
  if (text.empty() || std::string_view{"+(*#"}.find(text.front()) == std::string_view::npos) {
    if (text.empty() || !is_digit(text.front())) return {};
  }
  if (is_dotted_quad(text) || is_list(text)) return {};
  std::string out;
  for (const char c : text) {
    if (is_digit(c) || c == '*' || c == '#' || (c == '+' && out.empty()))
      out += c;
    else if (std::string_view{" ().-/\t"}.find(c) == std::string_view::npos)
      return {};
  }
  return count_digits(out) > 0 || out.find_first_of("*#") != std::string::npos ? out
                                                                               : std::string{};
}

/// Takes "x12", "ext. 12", "extension 12", "доб. 12" off the end of a number.
std::string take_suffix(std::string& text) {
  std::size_t at = text.size();
  while (at > 0 && is_digit(text[at - 1])) --at;
  const std::string digits = text.substr(at);
  if (digits.empty() || digits.size() > kSuffixDigitsMax) return {};
  std::string_view head = trim(std::string_view{text}.substr(0, at));
  for (const std::string_view word :
       {"extension", "extn.", "extn", "ext.", "ext", "x", "доб.", "доб"}) {
    if (head.size() <= word.size() ||
        !equals_ignore_case(head.substr(head.size() - word.size()), word))
      continue;
    head = trim(head.substr(0, head.size() - word.size()));
    while (!head.empty() && (head.back() == ',' || head.back() == ';'))
      head = trim(head.substr(0, head.size() - 1));
    if (count_digits(head) < kBaseDigitsMin) return {};
    text = std::string{head};
    return digits;
  }
  return {};
}

/// The one number that all valid readings of some digits agree on.
class Readings {
 public:
  explicit Readings(const NumberPlan& plan) : plan_(plan) {}

  void take(std::string_view digits) {
    if (digits.size() <= kExtensionDigitsMax) return;
    if (plan_.e164_without_plus) add_international(digits);
    const auto& prefix = plan_.intl_prefix;
    if (!prefix.empty() && digits.starts_with(prefix))
      add_international(digits.substr(prefix.size()));
    add(e164::dialled(digits, plan_.country));
  }

  const std::string& agreed() const { return agreed_; }  ///< empty: none, or several
  bool in_doubt() const { return in_doubt_; }            ///< several

 private:
  void add_international(std::string_view digits) {
    if (auto read = e164::international(digits); read && read->valid) add(std::move(read->number));
  }
  void add(std::string number) {
    if (number.empty() || in_doubt_) return;
    in_doubt_ = !agreed_.empty() && agreed_ != number;
    agreed_ = in_doubt_ ? std::string{} : std::move(number);
  }

  const NumberPlan& plan_;
  std::string agreed_;
  bool in_doubt_ = false;
};

/// '+' and digits as E.164; empty if that cannot be. `sure`: only a valid one.
std::string with_plus(std::string_view digits, bool sure) {
  if (!all_digits(digits)) return {};
  auto read = e164::international(digits);
  return read && (read->valid || !sure) ? std::move(read->number) : std::string{};
}

std::string without_plus(std::string_view digits, const NumberPlan& plan) {
  // Whoever always writes E.164 and leaves the '+' out means that first.
  if (plan.e164_without_plus && digits.size() > kExtensionDigitsMax)
    if (auto number = with_plus(digits, true); !number.empty()) return number;
  Readings readings{plan};
  readings.take(digits);
  for (const auto& prefix : plan.strip_prefixes)
    if (digits.starts_with(prefix)) readings.take(digits.substr(prefix.size()));
  if (!readings.agreed().empty() || !plan.e164_without_plus || readings.in_doubt() ||
      digits.size() <= kExtensionDigitsMax)
    return readings.agreed();
  return with_plus(digits, false);
}

bool is_prefix(std::string_view text) {
  return text.size() <= kPrefixDigitsMax && all_digits(text);
}

/// `phone-context` of a part of the world, RFC 3966 §5.1.5: without it the digits mean nothing.
bool has_context(const Address& address) {
  return address_param(address, "phone-context").starts_with('+');
}

/// A number that stands alone: no address, no party.
std::string read_alone(const std::string& text, const NumberPlan& plan) {
  auto read = read_number(text, plan);
  return read.kind == Kind::extension ? std::move(read.ext) : std::move(read.number);
}

}  // namespace

std::vector<NumberPlanProblem> check_numbers(const NumberPlan& plan) {
  std::vector<NumberPlanProblem> out;
  if (!plan.country.empty() && !e164::is_country(plan.country))
    out.push_back(
        {"country", "must be two capital letters (ISO 3166-1) of a country with telephones"});
  if (plan.strip_prefixes.size() > kStripPrefixesMax ||
      !std::all_of(plan.strip_prefixes.begin(), plan.strip_prefixes.end(), is_prefix))
    out.push_back({"strip_prefixes", "must be at most eight prefixes of one to five digits"});
  if (!plan.intl_prefix.empty() && !is_prefix(plan.intl_prefix))
    out.push_back({"intl_prefix", "must be one to five digits"});
  return out;
}

NumberReading read_number(std::string_view text, const NumberPlan& plan) {
  const Address address = read_address(text);
  text = trim(text);
  if (address.user.empty() && !is_withheld(address))  // a host, or too long for a number
    return {text.empty() ? Kind::nothing : Kind::name, std::string{text}, {}};
  auto out = read_number(address, plan);
  // A name that would be read as another one is not taken apart.
  if (out.kind == Kind::name &&
      (!address.params.empty() || read_address(out.number).user != out.number))
    out.number = std::string{text};
  return out;
}

NumberReading read_number(const Address& address, const NumberPlan& plan) {
  const std::string& user = address.user;
  if (user.empty() && !is_withheld(address)) return {};
  const bool known = plan.extensions != nullptr && plan.extensions->contains(user);
  if (known && !user.starts_with('+')) return {Kind::extension, {}, user};

  std::string text = fold_to_ascii(user);
  if (const auto trimmed = trim(text); trimmed.size() != text.size()) text = std::string{trimmed};
  if (is_withheld(address)) return {Kind::withheld, {}, {}};
  std::string ext = address_param(address, "ext");
  if (!all_digits(ext) || ext.size() > kSuffixDigitsMax) ext.clear();
  if (ext.empty()) ext = take_suffix(text);
  const std::string number = dialable(text);
  if (number.empty()) return {Kind::name, user, {}};
  Address cleaned;
  cleaned.user = plan.e164_without_plus && number.front() != '+' ? "+" + number : number;
  if (is_withheld(cleaned)) return {Kind::withheld, {}, {}};

  std::string whole;
  if (number.front() == '+') {
    whole = with_plus(std::string_view{number}.substr(1), false);
  } else if (has_context(address)) {
    const std::string context = dialable(address_param(address, "phone-context"));
    if (!context.empty()) whole = with_plus(context.substr(1) + number, true);
    if (whole.empty()) return {Kind::name, user, {}};
  } else if (all_digits(number)) {  // of the plan, also when the context is a domain
    whole = without_plus(number, plan);
  }
  if (!whole.empty()) return {Kind::e164, std::move(whole), std::move(ext)};
  if (!ext.empty() && address.params.empty()) return {Kind::name, user, {}};

  const bool is_short = all_digits(number) && number.size() <= kExtensionDigitsMax;
  if ((plan.extensions != nullptr && plan.extensions->contains(number)) ||
      (is_short && plan.short_is_extension && !e164::is_emergency(number, plan.country)))
    return {Kind::extension, {}, number};
  return {Kind::digits, number, {}};
}

void read_numbers(Party& party, const NumberPlan& plan) {
  const std::string told = party.number;
  if (told.empty()) {
    if (party.presented.empty() || !party.ext.empty()) return;
    auto read = read_number(std::string_view{party.presented}, plan);
    if (read.kind == Kind::e164) party.number = std::move(read.number);
    return;
  }
  auto read = read_number(told, plan);
  const std::string had = party.ext;
  if (read.kind == Kind::extension && !had.empty() && had != read.ext) {
    read.number = std::move(read.ext);
    read.ext.clear();
  }
  const bool ours =
      read.kind == Kind::e164 && plan.extensions != nullptr && plan.extensions->contains(read.ext);
  if (had.empty() && !read.ext.empty() && !ours) party.ext = read.ext;
  if (party.presented.empty() && read.number != told && (read.ext != told || !read.number.empty()))
    party.presented = told;
  party.number = std::move(read.number);
}

void read_numbers(Fact& fact, const NumberPlan& plan) {
  for (Party* party : {&fact.from, &fact.to, &fact.customer, &fact.transfer.to})
    read_numbers(*party, plan);
  if (const std::string did = fact.did; !did.empty()) fact.did = read_alone(did, plan);
}

}  // namespace hookswitch
