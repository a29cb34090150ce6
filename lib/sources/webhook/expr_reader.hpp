#pragma once

#include "sources/webhook/file_reader.hpp"

namespace hookswitch::webhook {

/// E of the grammar. `shape` is what the value becomes; nullptr: any.
Expr read_expr(FileReader& in, const json::Value& value, const std::string& at, const Shape* shape);

}  // namespace hookswitch::webhook
