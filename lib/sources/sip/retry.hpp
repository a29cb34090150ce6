#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.hpp"

namespace hookswitch::sip {

inline constexpr milliseconds kRetryFirst{1000};
inline constexpr milliseconds kRetryMost{
    30'000};  // a PBX that came back is seen again after this at most
inline constexpr milliseconds kRetryRefused{5 * 60'000};  // somebody must change something first
inline constexpr milliseconds kRetryAfterMost{60 * 60'000};
inline constexpr milliseconds kShortLife{10'000};  // a subscription that ended sooner did not live

/// Why there is no subscription any more.
struct Ending {
  int status = 0;             ///< final SIP status of a SUBSCRIBE; 0: a NOTIFY terminated it
  std::string_view reason{};  ///< of Subscription-State (RFC 6665 §4.1.3), lower case
  std::optional<std::chrono::seconds> after{};  ///< Retry-After or retry-after
  bool was_active = false;
  milliseconds lived{0};  ///< since it became active
};

/// When the next SUBSCRIBE of a watched extension may go out. The table is in the README. Pure.
class Retry {
 public:
  /// How long to wait. `random` spreads the answers by up to a fifth, so that a thousand
  /// subscriptions that died together do not come back together; 0 gives the shortest.
  milliseconds after(const Ending& ending, std::uint32_t random);
  /// A subscription became active; call it when it has lived kShortLife.
  void succeeded() { failures_ = 0; }

 private:
  int failures_ = 0;
};

}  // namespace hookswitch::sip
