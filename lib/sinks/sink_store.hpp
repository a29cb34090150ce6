#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "sinks/messages.hpp"
#include "sinks/progress.hpp"

namespace hookswitch {

inline constexpr std::size_t kDeadLettersMax = 1000;  // of one sink; what a person can look through
inline constexpr std::size_t kDeadBytesMax = 16 * 1024 * 1024;  // ... and of at most these texts

/// A message that nobody took.
struct DeadLetter {
  std::string id, lane, type, call, cursor, reason, body;
  unsigned attempts = 0;
  Time at{};
};

/// What one sink must not forget: how far it is, and its dead letters. Files in one folder, each
/// written aside, synced and renamed; without a folder nothing outlives the process. One thread.
class SinkStore {
 public:
  /// `folder`: empty, or where `<name>.cursor` and `<name>.dead/` are; made when first written to.
  SinkStore(std::string folder, std::string org, std::string name);

  /// nullopt: there is none, or it is another organisation's or unreadable, which is logged.
  std::optional<Progress> load() const;
  /// Durable when it returns. Error journal_io with the reason.
  Result<void> save(const Progress& progress);

  /// Takes the place of one with the same id. Beyond the bounds the oldest go; returned is how
  /// many. Durable when it returns. Error journal_io.
  Result<std::size_t> bury(const DeadLetter& letter);
  std::size_t dead() const { return index_.size(); }
  /// Oldest first, after the first `from`, at most `most`. Unreadable ones are left out.
  std::vector<DeadLetter> letters(std::size_t from, std::size_t most) const;
  std::optional<DeadLetter> letter(const std::string& id) const;
  /// Forgets it.
  void raise(const std::string& id);

 private:
  struct Entry {
    std::uint64_t number;
    std::string id;
    std::size_t bytes;
    std::string text;  ///< where there is no folder
  };
  std::string file_of(const Entry& entry) const;
  std::optional<DeadLetter> read(const Entry& entry) const;
  void drop(std::size_t at);
  Result<void> write(const std::string& folder, const std::string& name, std::string_view text);

  std::string folder_, org_, name_;
  std::vector<Entry> index_;  ///< oldest first
  std::size_t bytes_ = 0;
  std::uint64_t next_ = 1;
};

}  // namespace hookswitch
