#pragma once

#include "sources/webhook/evaluate.hpp"
#include "sources/webhook/hook.hpp"

namespace hookswitch::webhook {

/// True when the source has no secrets; else when at least one auth rule of the dialect applied and
/// every one that applied was satisfied by a live value of its secret. Compares in constant time;
/// does not stop at the first secret that fits. `trace` may be nullptr.
bool is_authentic(const DialectProgram& program, const HookOptions& options,
                  const HookRequest& request, Evaluator& evaluator, HookTrace* trace = nullptr);

/// For an authentic request: HookOutcome::replay_time.
std::chrono::seconds replay_time(const DialectProgram& program, const HookOptions& options,
                                 Evaluator& evaluator);

/// "hmac": as dialect files write it.
std::string_view scheme_name(Auth::Scheme scheme);

}  // namespace hookswitch::webhook
