#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/fact_sink.hpp"

namespace hookswitch {

/// Facts per second that settings allow; absent or 0: no limit.
struct Budgets {
  std::map<std::pair<std::string, std::string>, std::uint32_t> sources;  ///< by (org, name)
  std::map<std::string, std::uint32_t> orgs;
};

/// What facts take up while they wait.
struct Load {
  std::size_t facts = 0, bytes = 0;
};

/// Memory that a request holds until it is committed, roughly and rather too much.
Load load_of(const std::vector<Fact>& facts, const SourceInputPtr& input);

/// Why a request's facts are not taken; the word is the metric's label.
enum class Refusal : std::uint8_t {
  queue_full,
  source_share,
  org_share,
  source_rate,
  org_rate,
  journal_io,
  shutting_down,
  shed,
};
const char* to_string(Refusal why);

/// Who may still put facts into the queue before the journal. Two rules:
/// - Shares. A source may have as much waiting as there is room left, an organisation twice that.
///   So one alone fills at most half of the queue, and whoever comes second finds room however
///   noisy the first is; nobody is held to a share that others do not want.
/// - Budgets. With `facts_per_second` a source or an organisation has a second's worth in hand,
///   refilled at that rate. A request passes while anything is in hand and may overdraw it: a batch
///   is never refused for its size alone.
/// Not thread-safe: under the broker's mutex. Time is passed in.
class Admission {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Admission(Load most) : most_(most) {}
  void set_budgets(Budgets budgets);

  /// Counts the request in, or says why not; then nothing has changed.
  std::optional<Refusal> take(const std::string& org, const std::string& source, Load load,
                              Clock::time_point at);
  /// Counts it in without asking.
  void take_anyway(const std::string& org, const std::string& source, Load load);
  /// What take() let in waits no more.
  void release(const std::string& org, const std::string& source, Load load);
  Load waiting() const { return waiting_; }

 private:
  struct Holder {
    Load waiting;
    double rate = 0, in_hand = 0;
    Clock::time_point filled{};

    void set_rate(std::uint32_t facts_per_second);
    /// True while something is in hand. Refills first.
    bool may_spend(Clock::time_point at);
  };
  struct Org : Holder {
    std::map<std::string, Holder, std::less<>> sources;
  };
  Org& org_of(const std::string& org);
  Holder& source_of(Org& org, const std::string& name, const std::string& source);

  const Load most_;
  Load waiting_;
  Budgets budgets_;
  std::unordered_map<std::string, Org> orgs_;
};

}  // namespace hookswitch
