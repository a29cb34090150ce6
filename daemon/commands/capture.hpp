#pragma once

#include <string>

namespace hookswitch {

struct CaptureOptions {
  std::string recording;  ///< the folder
  std::string call;       ///< any id of the call
  std::string out;        ///< file to write, mode 0600, replaced if it is there; empty: stdout
  bool redact = false;
};

/// Writes the bundle of a call out of a recording; the daemon may be running. Notes for people go
/// to stderr. 0: written; 1: there is no such call, or it could not be read or written.
int capture_call(const CaptureOptions& options);

}  // namespace hookswitch
