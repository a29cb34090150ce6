#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace hookswitch {

/// Tells systemd by one datagram to $NOTIFY_SOCKET (sd_notify(3)); does nothing without it.
void notify_systemd(std::string_view state);
/// READY=1 after a reload, RELOADING=1 with the monotonic time before it (systemd 252 has no
/// notify-reload).
void notify_reloading();
/// Half of $WATCHDOG_USEC if it is meant for this process.
std::optional<std::chrono::milliseconds> watchdog_pause();

}  // namespace hookswitch
