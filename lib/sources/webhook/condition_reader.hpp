#pragma once

#include "sources/webhook/file_reader.hpp"

namespace hookswitch::webhook {

/// C of the grammar.
Condition read_condition(FileReader& in, const json::Value& value, const std::string& at);

/// The condition `name` of `object`; one that holds if there is none.
Condition read_when(FileReader& in, const json::Value& object, const std::string& at,
                    const char* name = "when");

}  // namespace hookswitch::webhook
