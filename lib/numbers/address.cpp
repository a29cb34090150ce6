#include "numbers/address.hpp"

#include <algorithm>
#include <array>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

// Without blanks, '_', '-', '.', quotes and ASCII capitals.
constexpr std::array<std::string_view, 36> kWithheldWords{
    // English: RFC 3323 and 3GPP TS 24.229 names, Q.951 as PBXs spell it, vendors' words
    "anonymous", "unknown", "restricted", "private", "privatenumber", "privatecaller",
    "unavailable", "withheld", "numberwithheld", "blocked", "nonumber", "nocallerid", "outofarea",
    "notavailable", "n/a", "hidden", "hiddennumber", "unknownnumber", "unknowncaller", "invalid",
    "calleridblocked", "anonymouscaller",
    // what localised PBXs and telephones write
    "anonym", "unbekannt", "anonyme", "inconnu", "anonimo", "sconosciuto", "desconocido", "oculto",
    "anoniem", "неизвестный", "неизвестно", "скрыт", "анонимный", "Неизвестный"};

// A to Z on the keypad (ITU-T E.161), with a '+' that somebody put before all numbers: ANONYMOUS,
// RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE, PRIVATE. None of them is a number of any country.
constexpr std::array<std::string_view, 6> kWithheldKeys{"+266696687", "+7378742833",  "+2562533",
                                                        "+8656696",   "+86282452253", "+7748283"};

constexpr std::size_t kZerosLeast = 4;  // 000 is Australia's emergency number, 0 and 00 an operator

bool starts_with_ignore_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equals_ignore_case(text.substr(0, prefix.size()), prefix);
}

/// "\"Jane \\\"J\\\" Doe\"" -> Jane "J" Doe
std::string unquote(std::string_view text) {
  text = trim(text);
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string{text};
  std::string out;
  text = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

std::string decoded(std::string_view text) {
  auto out = percent_decode(text);
  return out && is_utf8(*out) ? *out : std::string{text};
}

}  // namespace

Address read_address(std::string_view text) {
  Address out;
  text = trim(text);
  if (const auto open = text.rfind('<'); open != std::string_view::npos) {
    out.display = unquote(text.substr(0, open));
    text = text.substr(open + 1);
    text = trim(text.substr(0, text.find('>')));
  }
  bool sip = false;
  for (const std::string_view scheme : {"sip:", "sips:", "tel:"}) {
    if (!starts_with_ignore_case(text, scheme)) continue;
    text.remove_prefix(scheme.size());
    out.uri = true;
    sip = scheme != "tel:";
    break;
  }
  if (out.uri || text.find('@') != std::string_view::npos) text = text.substr(0, text.find('?'));
  const auto at = text.rfind('@');
  std::string_view user = text;
  if (at != std::string_view::npos) {
    out.uri = sip = true;
    user = text.substr(0, at);
    std::string_view host = text.substr(at + 1);
    host = host.substr(0, host.find(';'));
    const bool bracketed = !host.empty() && host.front() == '[';
    const auto port = host.find(':', bracketed ? std::min(host.find(']'), host.size()) : 0);
    out.host = to_lower(host.substr(0, port));
  } else if (sip && text.substr(0, text.find(';')).find('.') != std::string_view::npos) {
    out.host = to_lower(text.substr(0, text.find_first_of(";:")));
    user = {};
  }
  if (const auto semicolon = user.find(';'); semicolon != std::string_view::npos) {
    out.params = user.substr(semicolon + 1);
    user = user.substr(0, semicolon);
  }
  if (sip) user = user.substr(0, user.find(':'));  // a password
  out.user = out.uri ? decoded(user) : std::string{user};
  for (char& c : out.user)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  out.user = std::string{trim(out.user)};
  if (out.user.size() > kIdBytesMax) out.user.clear();
  if (out.host.size() > kIdBytesMax / 2) out.host.clear();
  return out;
}

std::string address_param(const Address& address, std::string_view name) {
  std::string_view rest = address.params;
  while (!rest.empty()) {
    const auto end = rest.find(';');
    const std::string_view one = rest.substr(0, end);
    const auto equals = one.find('=');
    if (equals != std::string_view::npos && equals_ignore_case(trim(one.substr(0, equals)), name))
      return decoded(trim(one.substr(equals + 1)));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  return {};
}

bool is_withheld(const Address& address) {
  if (address.host == "invalid" || address.host.ends_with(".invalid")) return true;
  const std::string_view user = trim(address.user);
  std::string word;
  for (const char c : user)
    if (std::string_view{" \t_-.\"'"}.find(c) == std::string_view::npos) word += c;
  if (word == "P" || word == "O") return true;  // Bellcore GR-31: private, out of area
  word = to_lower(word);
  const auto is = [&](std::string_view other) { return word == other; };
  if (std::any_of(kWithheldWords.begin(), kWithheldWords.end(), is)) return true;
  if (std::find(kWithheldKeys.begin(), kWithheldKeys.end(), user) != kWithheldKeys.end())
    return true;
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < user.size(); ++i) {
    if (user[i] == '0')
      ++zeros;
    else if (std::string_view{" \t().-/"}.find(user[i]) == std::string_view::npos &&
             !(user[i] == '+' && i == 0))
      return false;
  }
  return zeros >= kZerosLeast;
}

}  // namespace hookswitch
