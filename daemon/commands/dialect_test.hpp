#pragma once

#include <string>
#include <vector>

namespace hookswitch {

struct DialectTestOptions {
  std::string file;  ///< a dialect file, or the name of one that is shipped
  std::vector<std::string> requests;
  std::vector<std::string> secrets;  ///< NAME=FILE; without a name if the dialect has one only
  std::string public_url, time_zone, country;
  std::string at;  ///< when the requests came, for signed times; empty: now
  bool explain = false;
};

/// Runs saved requests through a dialect as a source would and prints what came of each. 0: each
/// was understood; 1: one was refused, or no rule took it; 64: a file or option that cannot be
/// used; 78: the dialect file has problems, each printed.
int test_dialect(const DialectTestOptions& options);

/// Compiles dialect files and prints what is wrong. 0, or 78.
int check_dialects(const std::vector<std::string>& files);

}  // namespace hookswitch
