#pragma once

#include <string>
#include <vector>

namespace hookswitch {

struct TailOptions {
  std::string url = "http://127.0.0.1:8080";
  std::string token, token_file, since;
  std::vector<std::string> types;
};

/// Prints every event that the token may see, one JSON object a line, until stopped; reconnects
/// with its last cursor, so that nothing is missed while the daemon restarts. 1: refused for good.
int tail(const TailOptions& options);

}  // namespace hookswitch
