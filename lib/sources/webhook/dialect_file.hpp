#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hookswitch {

/// One thing that is wrong in a dialect file.
struct DialectProblem {
  std::string place;  ///< "file:line: /json/pointer"
  std::string what;
  friend bool operator==(const DialectProblem&, const DialectProblem&) = default;
};

/// A dialect file, checked and compiled. Immutable: shared by all threads and all sources of that
/// dialect.
class DialectProgram;
using DialectProgramPtr = std::shared_ptr<const DialectProgram>;

/// Text of a dialect file (config/dialects/README.md is the language; `//` comments are allowed) to
/// a program, or to all of its problems in the order of the file. Unknown keys, unknown $ops,
/// pointers into nothing, regular expressions that RE2 refuses, words that are not of the model and
/// unknown time zones are problems. Reads the system's zone files, nothing else.
std::variant<DialectProgramPtr, std::vector<DialectProblem>> compile_dialect(
    std::string_view text, std::string_view file_name);

/// The names of the secrets that the dialect can use, each once, in the order of the file:
/// {"API_SECRET"}.
std::vector<std::string> secret_names(const DialectProgram& program);

/// Whether the vendor sends a request again that was not answered 2xx (`"retries": false`: it does
/// not, so what is refused is lost).
bool retries(const DialectProgram& program);

/// Whether the vendor signs its requests: a source of such a dialect without a secret takes
/// anybody's word.
bool is_signed(const DialectProgram& program);

}  // namespace hookswitch
