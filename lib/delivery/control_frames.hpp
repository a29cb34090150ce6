#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "delivery/leases.hpp"

namespace hookswitch {

/// `{"op":"error"}` (interfaces.md §3). `detail` is a sentence of ours and holds nothing of the
/// client's; empty: the code's own.
std::string error_frame(Errc code, std::string_view id = {}, std::string_view detail = {});
/// `{"op":"subscribed"}`, `{"op":"unsubscribed"}`.
std::string answer_frame(std::string_view op, std::string_view id);

/// `{"op":"reply","ok":true}`, or refused for `why`.
std::string reply_frame(std::string_view id, std::optional<Errc> why = {},
                        std::string_view detail = {});
/// `{"op":"lease"}`.
std::string lease_frame(const Lease& lease);

}  // namespace hookswitch
