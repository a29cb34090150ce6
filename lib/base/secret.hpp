#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace hookswitch {

/// Bytes that must not reach a log, a page or an error. Has no operator<< and no fmt formatter on
/// purpose.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
  /// The bytes, for the function that signs or compares. Do not store the view.
  std::string_view reveal() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string bytes_;
};

/// Reads a secret from a file: one trailing line end is dropped, at most `bytes_max`, not empty. A
/// file that others may read (mode & 0007) is refused with bad_request and a detail that says how
/// to mend it.
Result<Secret> read_secret_file(const std::string& path, std::size_t bytes_max = 4096);

}  // namespace hookswitch
