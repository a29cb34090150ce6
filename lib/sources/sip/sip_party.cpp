#include "sources/sip/sip_party.hpp"

#include <algorithm>
#include <array>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace hookswitch::sip {
namespace {

constexpr std::size_t kExtensionDigitsMax = 6;
constexpr std::array<std::string_view, 7> kAnonymousUsers{
    "anonymous", "unknown", "restricted", "private", "unavailable", "withheld", "invalid"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

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

/// Digits of a dialled or shown number without visual separators (RFC 3966 §5.1.1); empty when it
/// is no number.
std::string clean_number(std::string_view user) {
  std::string out;
  for (const char c : user) {
    if (is_digit(c) || c == '*' || c == '#' || (c == '+' && out.empty()))
      out += c;
    else if (c != '-' && c != '.' && c != '(' && c != ')' && c != ' ')
      return {};
  }
  return std::any_of(out.begin(), out.end(), is_digit) ? out : std::string{};
}

}  // namespace

UriParts read_uri(std::string_view text) {
  UriParts out;
  text = trim(text);
  if (const auto open = text.rfind('<'); open != std::string_view::npos) {
    out.display = unquote(text.substr(0, open));
    text = text.substr(open + 1);
    text = text.substr(0, text.find('>'));
  }
  for (const std::string_view scheme : {"sip:", "sips:", "tel:"}) {
    if (!starts_with_ignore_case(text, scheme)) continue;
    text.remove_prefix(scheme.size());
    out.tel = scheme == "tel:";
    break;
  }
  text = text.substr(0, text.find('?'));
  const auto at = text.rfind('@');
  if (at == std::string_view::npos && !out.tel &&
      text.substr(0, text.find(';')).find('.') != std::string_view::npos) {
    out.host = to_lower(text.substr(0, text.find_first_of(";:")));  // a host alone names nobody
    return out;
  }
  std::string_view user = text.substr(0, at);
  if (at != std::string_view::npos) {
    std::string_view host = text.substr(at + 1);
    host = host.substr(0, host.find(';'));
    const bool bracketed = !host.empty() && host.front() == '[';
    const auto port = host.find(':', bracketed ? std::min(host.find(']'), host.size()) : 0);
    out.host = to_lower(host.substr(0, port));
  }
  user = user.substr(
      0, user.find_first_of(";:"));  // parameters of a telephone-subscriber, or a password
  const auto decoded = percent_decode(user);
  out.user = decoded && is_utf8(*decoded) ? *decoded : std::string{user};
  for (char& c : out.user)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  if (out.user.size() > kIdBytesMax) out.user.clear();
  if (out.host.size() > kIdBytesMax / 2) out.host.clear();
  return out;
}

Party to_party(const DialogParty& party, const std::set<std::string, std::less<>>& watched) {
  const UriParts uri = read_uri(party.identity.empty() ? party.target : party.identity);
  Party out;
  out.name = party.display.empty() ? uri.display : party.display;
  out.presented = uri.user;
  const auto anonymous = [&](std::string_view word) { return equals_ignore_case(uri.user, word); };
  if (uri.user.empty() || uri.host == "anonymous.invalid" ||
      std::any_of(kAnonymousUsers.begin(), kAnonymousUsers.end(), anonymous))
    return out;
  const bool short_number = uri.user.size() <= kExtensionDigitsMax &&
                            std::all_of(uri.user.begin(), uri.user.end(), is_digit);
  if (watched.contains(uri.user) || short_number)
    out.ext = uri.user;
  else
    out.number = clean_number(uri.user);
  if (!uri.host.empty() && uri.user.size() + uri.host.size() + 5 <= kIdBytesMax)
    out.aor = "sip:" + uri.user + "@" + uri.host;
  return out;
}

}  // namespace hookswitch::sip
