#include "auth/grant.hpp"

#include <algorithm>
#include <array>

namespace hookswitch {
namespace {

constexpr std::array<std::string_view, 6> kWords{"events:own", "events:org", "commands",
                                                 "publish",    "users",      "admin"};

/// Nothing for a word that is no scope, unless such words are passed over.
std::optional<std::uint8_t> scopes_of(std::string_view text, bool pass_over) {
  Grant grant;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    const auto it = std::find(kWords.begin(), kWords.end(), word);
    if (it != kWords.end())
      grant.add(static_cast<Scope>(it - kWords.begin()));
    else if (!pass_over)
      return std::nullopt;
  }
  return grant.scopes;
}

}  // namespace

std::optional<std::uint8_t> parse_scopes(std::string_view text) { return scopes_of(text, false); }

std::optional<std::uint8_t> known_scopes(std::string_view text) { return scopes_of(text, true); }

std::string scopes_text(std::uint8_t scopes) {
  std::string out;
  for (std::size_t i = 0; i < kWords.size(); ++i)
    if ((scopes >> i & 1) != 0) {
      if (!out.empty()) out += ' ';
      out += kWords[i];
    }
  return out;
}

bool may_see(const Grant& grant, std::string_view event_org, std::span<const Text> audience) {
  if (grant.org != event_org) return false;
  if (grant.allows(Scope::events_org)) return true;
  return grant.allows(Scope::events_own) &&
         std::find(audience.begin(), audience.end(), grant.user) != audience.end();
}

}  // namespace hookswitch
