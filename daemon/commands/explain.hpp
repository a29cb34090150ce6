#pragma once

#include <string>

#include "base/json.hpp"

namespace hookswitch {

struct ExplainOptions {
  std::string url = "http://127.0.0.1:8080";
  std::string token, token_file;
  std::string call;  ///< any id of the call
  bool json = false;
};

/// Asks the daemon why a call is as it is and prints that for people, or as the JSON it came as. 0;
/// 1: refused, there is no such call, or nobody answered; 64: a bad URL.
int explain(const ExplainOptions& options);

/// An explanation (proto/schemas/explain.json) as lines for people. Pure.
std::string explanation_text(const json::Value& explanation);

}  // namespace hookswitch
