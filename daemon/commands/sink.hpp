#pragma once

#include <string>
#include <vector>

namespace hookswitch {

struct SinkOptions {
  std::string url = "http://127.0.0.1:8080";
  std::string token, token_file;
  std::string verb;  ///< list, dead, redeliver, replay
  std::string name, since;
  std::vector<std::string> ids;
};

/// Asks the daemon about its sinks, or for something once more, and prints what it says. 0; 1:
/// refused, or nobody answered; 64: a bad URL.
int sink_command(const SinkOptions& options);

}  // namespace hookswitch
