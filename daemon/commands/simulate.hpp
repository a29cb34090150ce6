#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hookswitch {

struct SimulateOptions {
  std::string url = "http://127.0.0.1:8080/v1/hooks/demo";
  std::string secret_file;
  std::uint64_t calls = 0;
  double pace = 1.0;
  std::uint64_t seed = 1;
  std::vector<std::string> extensions{"101", "102"};
};

/// Plays calls that begin, ring, are answered or not, are held and end, as native facts over HTTP,
/// several at a time. 1: the daemon refused or could not be reached (for 5 s at first, 30 s later).
int simulate(const SimulateOptions& options);

}  // namespace hookswitch
