#pragma once

#include <string>

#include "sources/webhook/evaluate.hpp"
#include "sources/webhook/trace.hpp"

/// Words for traces. Nothing here decides anything.
namespace hookswitch::webhook {

/// RFC 6901, as in the file.
std::string to_text(const Pointer& pointer);
/// "form", "parse /body/json": as in the file.
std::string to_text(const Decoding& decoding);
/// "bad_json: why".
std::string to_text(const Error& error);
/// The leaf at which `condition` fails; empty if it holds. Costs the evaluator no work.
HookMiss find_miss(const Condition& condition, Evaluator& evaluator);
/// What pointers see, as HookTrace says.
std::string to_text(const RequestDocument& document);

}  // namespace hookswitch::webhook
