#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

/// The files of a recording: `000001.jsonl`, `000002.jsonl`, … in one folder, oldest first. A file
/// is only ever appended to; a line without its end is one that was not finished, and is dropped.
namespace hookswitch::segments {

/// An event at all its limits, escaped twice.
inline constexpr std::size_t kLineBytesMax = 48 * 1024 * 1024;

struct Segment {
  std::uint64_t number = 0;
  std::string path;
  std::uint64_t bytes = 0;
  std::int64_t written_ms = 0;  ///< when it was last written to, milliseconds since 1970
};

/// "000042.jsonl".
std::string name_of(std::uint64_t number);

/// Those of `folder`, oldest first; empty when there is no such folder. Other files are left alone.
std::vector<Segment> list(const std::string& folder);

/// Hands out every whole line, oldest first, without its end. Lines above kLineBytesMax are
/// skipped; a segment that goes away meanwhile is passed over. `take` says whether to go on.
/// Errors: bad_request (a file that cannot be read).
Result<void> each_line(const std::string& folder,
                       const std::function<bool(std::string_view)>& take);

}  // namespace hookswitch::segments
