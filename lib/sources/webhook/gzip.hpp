#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace hookswitch::webhook {

/// Does it begin as RFC 1952 says?
bool is_gzip(std::string_view bytes);

/// Undoes gzip (one member, nothing behind it). What would become more than `bytes_max`, or more
/// than kInflateRatioMax times what came, is given up on the way there. Errors: body_too_large,
/// bad_request.
Result<std::string> gunzip(std::string_view bytes, std::size_t bytes_max);

}  // namespace hookswitch::webhook
