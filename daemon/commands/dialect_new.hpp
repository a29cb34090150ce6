#pragma once

#include <string>

#include "base/error.hpp"
#include "sources/webhook/hook.hpp"

namespace hookswitch {

struct DialectNewOptions {
  std::string request;  ///< a saved request
  std::string name = "mine";
};

/// A dialect file that compiles and gives at least one fact for `request`: what could be guessed of
/// it by the names and shapes of its values, each guess with a comment. Errors: bad_request when
/// the request cannot be read at all.
Result<std::string> dialect_for(const HookRequest& request, const std::string& name);

/// Prints one to stdout. 0; 1: nothing could be made of the request; 64: it could not be read.
int new_dialect(const DialectNewOptions& options);

}  // namespace hookswitch
