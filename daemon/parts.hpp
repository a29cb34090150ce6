#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// What a listener may serve: `events` the WebSocket, the event stream and the files that pages use
/// them with; `hooks` what sources post; `api` calls, commands, directory; `console` the console's
/// own files; `metrics` /metrics, /livez, /readyz, /version.
inline constexpr std::array<std::string_view, 5> kParts{"events", "hooks", "api", "console",
                                                        "metrics"};

/// The part that a path belongs to. A path that nobody knows is of the api.
std::string_view part_of(std::string_view path);

/// Whether a listener with these parts serves the path; none or an empty list: all of them.
bool serves(const std::vector<std::string>* parts, std::string_view path);

}  // namespace hookswitch
