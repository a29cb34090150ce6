#pragma once

#include "sources/webhook/file_reader.hpp"

namespace hookswitch::webhook {

/// One entry of `auth`.
Auth read_auth(FileReader& in, const json::Value& value, const std::string& at);

}  // namespace hookswitch::webhook
