#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "model/fact.hpp"

namespace hookswitch {

/// What a source sent, before it was made facts of: for who wants to look at it later. Holds no
/// secret that its adapter knows.
struct SourceInput {
  Time received{};
  std::string method, target;  ///< "POST", "/v1/hooks/cloud?x=1"
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};
using SourceInputPtr = std::shared_ptr<const SourceInput>;

/// Where sources hand their facts. The broker is one; tests have a recording one.
class FactSink {
 public:
  virtual ~FactSink() = default;

  /// Takes the facts of one request, in order. `done` is called exactly once: with nothing, on the
  /// broker's thread, when all of them are durable; else with why they are not (overload,
  /// journal_io, shutting_down), perhaps before this returns. `input`: what all of them were made
  /// of; nullptr: not told. Any thread; does not block.
  using Done = std::function<void(std::optional<Errc>)>;
  virtual void submit(std::vector<Fact> facts, Done done, SourceInputPtr input = nullptr) = 0;

  /// Health of a feed as its adapter sees it; the broker turns a change into source.up or
  /// source.down. Any thread.
  virtual void source_health(const std::string& org, const std::string& source, bool up,
                             const std::string& reason) = 0;

  /// The source has told all that it knows now, or is about to: calls of before that no later fact
  /// of it names are doubted, and end `reconciled` in the end (model.md §5, ghosts). Any thread.
  virtual void source_restarted(const std::string& /*org*/, const std::string& /*source*/) {}
};

}  // namespace hookswitch
