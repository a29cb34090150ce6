#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "calls/call_table.hpp"
#include "directory/directory.hpp"
#include "model/fact.hpp"
#include "recorder/record.hpp"

namespace hookswitch {

/// One thing that went into the call table.
struct BundleInput {
  enum class Kind { settings, directory, fact, tick, restart };
  Kind kind = Kind::tick;
  Time at{};
  Fact fact;
  std::shared_ptr<const Directory> directory;
  std::vector<record::SourceSettings> sources;
  std::string org, source;           ///< of a restart
  std::vector<std::string> calls;    ///< ids of the calls it touched
  std::vector<std::string> created;  ///< ids of those that began with it
  std::string raw;                   ///< JSON of the raw input it was made of, or empty
};

/// One thing that came out of it, exactly as clients were told.
struct BundleEvent {
  std::string frame, call;
  std::vector<std::string> audience;
  friend bool operator==(const BundleEvent&, const BundleEvent&) = default;
};

/// All there is to know about one call: what was said about it, and what was told. Written as JSON
/// lines, a header first (README.md of this room).
struct Bundle {
  std::string version;  ///< of the program that wrote it
  std::string org;
  std::vector<std::string> calls;  ///< whose events these are, in the order they began
  CallLimits limits;               ///< those it began with
  bool redacted = false;
  std::vector<std::string> notes;  ///< for people: what was left out or chosen, and why
  std::string known_problem;       ///< why it does not replay; empty: it does
  std::vector<BundleInput> inputs;
  std::vector<BundleEvent> events;
};

inline constexpr std::size_t kBundleBytesMax = 256 * 1024 * 1024;
inline constexpr std::size_t kBundleLinesMax = 1'000'000;

/// Errors: bad_request with the line's number and what is wrong with it; never with its content. A
/// last line without its end counts.
Result<Bundle> read_bundle(std::string_view text);
/// Inputs first, then events; ends with a line end. read_bundle gives the same again.
std::string write_bundle(const Bundle& bundle);

/// How our own lines are to be parsed.
json::Limits own_line_limits();

}  // namespace hookswitch
