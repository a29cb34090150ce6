#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace hookswitch {

/// Where and how much is recorded: [recorder] of the settings.
struct RecorderOptions {
  std::string folder;  ///< made with mode 0700 when there is something to write; empty: off
  std::uint64_t bytes_max = 256ULL * 1024 * 1024;  ///< of all segments together; 0: off
  std::chrono::hours keep{24};                     ///< older segments are removed
  bool on() const { return !folder.empty() && bytes_max > 0; }
};

/// The folder that belongs to a journal file.
inline std::string recording_folder(const std::string& journal_path) {
  return journal_path + ".rec";
}

}  // namespace hookswitch
