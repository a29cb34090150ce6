#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "journal/journal.hpp"

namespace hookswitch::journal_test {

inline const Time kNow = from_unix_ms(1'795'186'801'000);

/// What a journal holds, as its readers see it.
struct View {
  struct Org {
    std::uint64_t newest = 0, complete_after = 0;
    friend bool operator==(const Org&, const Org&) = default;
  };
  std::map<std::string, Org> orgs;
  std::map<std::string, std::string> calls;
  friend bool operator==(const View&, const View&) = default;
};

/// Commits of a made-up day, the same for the same seed, and what must be there after each.
class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) { views.emplace_back(); }

  JournalBatch next() {
    JournalBatch out;
    const auto count = random_() % 4;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string org = random_() % 3 == 0 ? "globex" : "acme";
      auto& all = bodies[org];
      all.push_back("{\"org\":\"" + org + "\",\"n\":" + std::to_string(all.size() + 1) +
                    ",\"pad\":\"" + std::string(random_() % 3000, 'x') + "\"}");
      out.events.push_back({org, all.size(), kNow, {"alice"}, make_frame(all.back())});
    }
    for (std::uint64_t i = 0; i <= count; ++i) {
      const std::string id = "call-" + std::to_string(random_() % 12);
      const bool forget = random_() % 8 == 0;
      out.calls[id] = forget ? "" : std::to_string(random_()) + std::string(random_() % 900, 'y');
    }
    return out;
  }
  /// The batch as the next view; `journal` has it.
  void keep(const JournalBatch& batch, const Journal& journal) {
    View view = views.back();
    for (const auto& event : batch.events) view.orgs[event.org].newest = event.offset;
    for (auto& [org, known] : view.orgs) known.complete_after = journal.complete_after(org);
    for (const auto& [id, state] : batch.calls)
      if (state.empty())
        view.calls.erase(id);
      else
        view.calls[id] = state;
    views.push_back(std::move(view));
  }

  /// Everything that can be read, each event compared with what was told; nothing: an error.
  std::optional<View> view(Journal& journal) const {
    View out;
    for (const auto& [org, all] : bodies) {
      const auto newest = journal.newest(org), from = journal.complete_after(org);
      if (newest == 0) continue;
      out.orgs[org] = {newest, from};
      const auto events = journal.read(org, from, 1'000'000, 1'000'000'000);
      if (!events) return std::nullopt;
      EXPECT_EQ(events->size(), newest - from);
      auto expected = from;
      for (const auto& event : *events) {
        EXPECT_EQ(event.offset, ++expected);
        EXPECT_LE(event.offset, all.size());
        if (event.offset == 0 || event.offset > all.size()) continue;
        EXPECT_EQ(event.body->text(), all[event.offset - 1]);
        EXPECT_EQ(event.audience, std::vector<Text>{"alice"});
        EXPECT_EQ(event.time, kNow);
      }
    }
    auto calls = journal.load_calls();
    if (!calls) return std::nullopt;
    out.calls = std::move(*calls);
    return out;
  }
  /// Whether it is what was there after so many commits, or after one more.
  bool is_after(const View& view, std::size_t commits) const {
    return (commits < views.size() && views[commits] == view) ||
           (commits + 1 < views.size() && views[commits + 1] == view);
  }

  std::map<std::string, std::vector<std::string>> bodies;
  std::vector<View> views;  ///< after so many commits

 private:
  std::mt19937_64 random_;
};

}  // namespace hookswitch::journal_test
