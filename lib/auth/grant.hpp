#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/shared_text.hpp"
#include "base/time.hpp"

namespace hookswitch {

enum class Scope : std::uint8_t { events_own, events_org, commands, publish, users, admin };

/// What a token allows.
struct Grant {
  std::string org, user;
  std::uint8_t scopes = 0;  ///< bit per Scope
  std::optional<Time> expires;
  /// What vouched for it, to ask TokenVerifier::stands() whether it still does. Nothing about a
  /// secret can be learnt from it. Empty: nothing did.
  std::string credential{};

  bool allows(Scope scope) const { return (scopes >> static_cast<unsigned>(scope) & 1) != 0; }
  void add(Scope scope) {
    scopes = static_cast<std::uint8_t>(scopes | 1U << static_cast<unsigned>(scope));
  }
  bool expired(Time now) const { return expires && now >= *expires; }
};

/// "events:own commands" -> bits. nullopt: a word that is no scope.
std::optional<std::uint8_t> parse_scopes(std::string_view text);
/// The same, but words that are no scope are passed over. Never nullopt.
std::optional<std::uint8_t> known_scopes(std::string_view text);
std::string scopes_text(std::uint8_t scopes);

/// The one function that decides who may see an event: `audience` is what the journal keeps with it
/// (model.md §7).
bool may_see(const Grant& grant, std::string_view event_org, std::span<const Text> audience);

}  // namespace hookswitch
