#include "sources/sip/retry.hpp"

#include <algorithm>

namespace hookswitch::sip {
namespace {

enum class Kind { at_once, back_off, refused };

Kind kind_of_reason(std::string_view reason) {
  if (reason == "deactivated" || reason == "timeout") return Kind::at_once;
  if (reason == "rejected" || reason == "noresource" || reason == "invariant") return Kind::refused;
  return Kind::back_off;  // probation, giveup, and words to come
}

Kind kind_of_status(const Ending& ending) {
  switch (ending.status) {
    case 481:
      return ending.was_active ? Kind::at_once : Kind::back_off;
    case 401:
    case 403:
    case 404:
    case 405:
    case 406:
    case 407:
    case 410:
    case 415:
    case 420:
    case 489:
    case 501:
    case 603:
    case 604:
      return Kind::refused;
    default:
      return Kind::back_off;
  }
}

}  // namespace

milliseconds Retry::after(const Ending& ending, std::uint32_t random) {
  Kind kind = ending.status == 0 ? kind_of_reason(ending.reason) : kind_of_status(ending);
  if (ending.lived >= kShortLife)
    failures_ = 0;
  else if (kind == Kind::at_once)
    kind = Kind::back_off;

  milliseconds wait{0};
  if (kind == Kind::refused) wait = kRetryRefused;
  if (kind == Kind::back_off)
    wait = std::min(kRetryMost, kRetryFirst * (1 << std::min(failures_, 10)));
  if (kind == Kind::back_off) ++failures_;
  if (ending.after) wait = std::max(wait, std::min(kRetryAfterMost, milliseconds{*ending.after}));
  return wait + wait / 5 * (random % 1024) / 1024;
}

}  // namespace hookswitch::sip
