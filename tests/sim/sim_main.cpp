#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "calls/call_table.hpp"
#include "sim/invariants.hpp"
#include "sim/pbx_model.hpp"
#include "sim/truth.hpp"

/// Runs seeds of the model against the call table. README.md says what is checked.
namespace hookswitch::sim {
namespace {

constexpr Ms kKept = 11 * 60'000;  // ended calls are kept for ten minutes
constexpr Ms kQuiet =
    12 * 3'600'000 + 1'800'000;  // the longest silence limit, and then the keeping

struct Options {
  std::uint64_t first = 1, seeds = 50;
  std::vector<Profile> profiles;
  int calls = 300;
  std::size_t shown = 3;  ///< findings printed in full
  std::string rule;       ///< print only findings of this rule
};

std::string hex(const std::string& bytes) {
  std::string out;
  char two[3];
  for (const char byte : bytes) {
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
    out += two;
  }
  return out;
}

/// Tells the table that the PBX has begun anew, where it can be told.
template <class Table>
void restart_source(Table& table, Time at, Step& step) {
  if constexpr (requires { table.source_restarted("acme", "pbx", at, step); })
    table.source_restarted("acme", "pbx", at, step);
}

/// One world through one table.
class Run {
 public:
  /// `checks`: else only the hash is made.
  Run(const World& world, bool checks)
      : world_(world),
        checks_(checks),
        table_(std::make_unique<CallTable>(world.people, world.seed)),
        told_([this](Problem problem) { on_problem(std::move(problem)); }) {}

  void go() {
    plan_bounds();
    // Every second world sees the broker itself start anew, from what it has saved.
    const std::size_t restart = world_.profile == Profile::clean || world_.seed % 2 == 0
                                    ? world_.deliveries.size()
                                    : world_.deliveries.size() / 2;
    for (std::size_t i = 0; i < world_.deliveries.size(); ++i) {
      const Delivery& each = world_.deliveries[i];
      const Ms now = ms_of(each.fact.received);
      if (i == restart) start_anew();
      advance(now);
      Step step;
      if (each.restart)
        restart_source(*table_, each.fact.received, step);
      else
        table_->apply(each.fact, step);
      after(step, now);
    }
    const Ms last = now_;
    advance(last + 5'000);
    if (world_.profile != Profile::lossy && table_->live_count() > 0)
      find("ghosts-after-quiet", {}, std::to_string(table_->live_count()) + " calls live on");
    for (; now_ < last + kQuiet; now_ += 10'000) tick(now_);
    if (table_->live_count() > 0)
      find("alive-after-long-quiet", {}, std::to_string(table_->live_count()));
    if (table_->size() > 0) find("kept-after-long-quiet", {}, std::to_string(table_->size()));
    if (checks_) final_truth();
  }

  const std::string& digest_chain() const { return chain_; }
  std::size_t events() const { return events_; }
  const std::vector<Finding>& findings() const { return findings_; }
  const Invariants& told() const { return told_; }
  int split() const { return split_; }
  int seen() const { return seen_; }

 private:
  void find(const char* rule, std::set<int> real, std::string what) {
    findings_.push_back({rule, std::move(real), std::move(what)});
  }
  void on_problem(Problem problem) {
    std::set<int> real;
    if (const auto at = told_.calls().find(problem.call_id); at != told_.calls().end())
      real = marks_of(at->second.call);
    findings_.push_back({std::move(problem.rule), std::move(real), std::move(problem.what)});
  }

  void start_anew() {
    std::map<std::string, std::string> saved;
    for (const auto& id : touched_)
      if (std::string state = table_->save(id); !state.empty()) saved.emplace(id, std::move(state));
    const std::size_t size = table_->size(), live = table_->live_count();
    table_ = std::make_unique<CallTable>(world_.people, world_.seed + 1'000'000);
    if (!table_->restore(saved).empty()) find("saved-state-unreadable", {}, "");
    if (table_->size() != size || table_->live_count() != live)
      find("saved-state-lost-calls", {},
           std::to_string(table_->size()) + " of " + std::to_string(size));
  }

  void advance(Ms to) {
    for (;;) {
      const auto settles = table_->next_settle();
      const Ms pace = settles && ms_of(*settles) <= now_ + 1'000 ? 100 : 1'000;
      const Ms next = now_ - now_ % pace + pace;
      if (next > to) break;
      now_ = next;
      tick(now_);
    }
    now_ = std::max(now_, to);
  }
  void tick(Ms now) {
    Step step;
    table_->tick(time_at(now), step);
    after(step, now);
  }

  void after(const Step& step, Ms now) {
    for (const Event& event : step.events) {
      ++events_;
      std::string text = encode(event);
      for (const auto& user : event.audience) text += " " + std::string{user};
      // A chain, so that the whole stream need not be kept.
      chain_ = digest(HashKind::sha256, chain_ + text);
    }
    for (const auto& id : step.touched) touched_.insert(std::string{id});
    if (!checks_) return;
    told_.see(step.events);
    for (const auto& id : step.touched)
      if (const auto call = table_->find("acme", id); call && call->id == id)
        told_.compare(id, *call);
    for (const Event& event : step.events)
      if (event.call)
        if (const auto real = marks_of(*event.call); real.size() > 1)
          find("false-merge", real, line_of(event));
    bounded(now);
  }

  /// No more records than there are calls that live, or ended not long ago, in every source's own
  /// count. After losses any call may be a ghost, and what its facts still tell a second one.
  void plan_bounds() {
    const bool twice = world_.profile == Profile::two_sources || world_.profile == Profile::lossy;
    for (const RealCall& call : world_.calls) {
      const int many = static_cast<int>(call.vendor_calls.size()) * (twice ? 2 : 1);
      changes_[call.started] += many;
      if (world_.profile != Profile::lossy) changes_[call.ended + kKept] -= many;
    }
  }
  void bounded(Ms now) {
    for (; !changes_.empty() && changes_.begin()->first <= now; changes_.erase(changes_.begin()))
      bound_ += changes_.begin()->second;
    if (static_cast<int>(table_->size()) > bound_ && !over_bound_) {
      over_bound_ = true;  // said once
      find("memory-bound", {},
           std::to_string(table_->size()) + " records at " + std::to_string(now) + ", at most " +
               std::to_string(bound_) + " are due");
    }
    if (table_->live_count() > table_->size()) find("memory-bound", {}, "more live than kept");
  }

  void final_truth() {
    seen_ = static_cast<int>(world_.calls.size());
    if (world_.profile == Profile::lossy) return;
    const Matching matching = match(told_);
    for (const RealCall& real : world_.calls) {
      const auto at = matching.of_real.find(real.place);
      if (at == matching.of_real.end()) {
        find("real-call-untold", {real.place}, "");
        continue;
      }
      if (at->second.size() > 1) {
        ++split_;
        find("real-call-split", {real.place}, std::to_string(at->second.size()) + " calls");
        continue;
      }
      for (Finding& each : against_truth(world_, real, told_.calls().at(*at->second.begin())))
        findings_.push_back(std::move(each));
    }
  }

  const World& world_;
  bool checks_;
  std::unique_ptr<CallTable> table_;
  std::set<std::string> touched_;
  bool over_bound_ = false;
  Invariants told_;
  Ms now_ = 0;
  std::string chain_;
  std::size_t events_ = 0;
  std::map<Ms, int> changes_;
  int bound_ = 0;
  int split_ = 0, seen_ = 0;
  std::vector<Finding> findings_;
};

void print_finding(const World& world, const Run& run, const Finding& finding) {
  std::printf("\nFAILED %s: seed %llu, profile %s, pbx says: %s\n  %s\n", finding.rule.c_str(),
              static_cast<unsigned long long>(world.seed), name_of(world.profile),
              world.pbx.text().c_str(), finding.what.c_str());
  for (const int real : finding.real) {
    std::printf("%s", world.calls[static_cast<std::size_t>(real)].text().c_str());
    for (const Delivery& each : world.deliveries) {
      if (each.restart)
        std::printf("  restart of pbx at %lld\n",
                    static_cast<long long>(ms_of(each.fact.received)));
      if (each.real != real) continue;
      json::Writer json;
      write_json(json, each.fact);
      std::printf("  fact %lld %s %s%s\n", static_cast<long long>(ms_of(each.fact.received)),
                  std::string{each.fact.source}.c_str(), each.fact.state_report ? "state " : "",
                  json.str().c_str());
    }
    for (const auto& [id, told] : run.told().calls()) {
      if (!marks_of(told.call).contains(real)) continue;
      std::printf("  events of %s%s\n", id.c_str(), told.merged ? ", absorbed" : "");
      for (const auto& line : told.log) std::printf("    %s\n", line.c_str());
    }
  }
}

/// All seeds of one profile.
struct Tally {
  std::map<std::string, int> count;
  std::map<std::string, std::string> first;
  std::map<std::string, std::map<std::string, int>> stories;
  std::size_t shown = 0;
  int split = 0, seen = 0;
  std::size_t events = 0, facts = 0;
  std::string chain;
};

void note(Tally& tally, const std::string& rule, const World& world,
          const std::set<int>& real = {}) {
  if (tally.count[rule]++ == 0) tally.first[rule] = std::to_string(world.seed);
  for (const int each : real)
    ++tally.stories[rule][world.calls[static_cast<std::size_t>(each)].story];
}

void run_seed(std::uint64_t seed, Profile profile, const Options& options, Tally& tally) {
  const World world = make_world(seed, profile, options.calls);
  Run run{world, true};
  run.go();
  const World again = make_world(seed, profile, options.calls);
  Run second{again, false};
  second.go();
  if (run.digest_chain() != second.digest_chain()) {
    note(tally, "determinism", world);
    std::printf("\nFAILED determinism: seed %llu, profile %s: %s and then %s\n",
                static_cast<unsigned long long>(seed), name_of(profile),
                hex(run.digest_chain()).c_str(), hex(second.digest_chain()).c_str());
  }
  tally.chain = digest(HashKind::sha256, tally.chain + run.digest_chain());
  tally.events += run.events();
  tally.facts += world.deliveries.size();
  tally.split += run.split();
  tally.seen += run.seen();
  for (const Finding& finding : run.findings()) {
    const bool wanted =
        options.rule.empty() ? !tally.count.contains(finding.rule) : options.rule == finding.rule;
    if (wanted && tally.shown < options.shown) {
      ++tally.shown;
      print_finding(world, run, finding);
    }
    // Two sources may stay two calls once in ten thousand: that is judged at the end.
    if (finding.rule == "real-call-split" && profile == Profile::two_sources) {
      for (const int real : finding.real) {
        const std::string& story = world.calls[static_cast<std::size_t>(real)].story;
        ++tally.stories[finding.rule][story];
      }
      tally.first.try_emplace(finding.rule, std::to_string(seed));
      continue;
    }
    note(tally, finding.rule, world, finding.real);
  }
}

/// Lines "profile seed" of cases that once failed; they are run before all others.
std::vector<std::pair<std::string, std::uint64_t>> remembered() {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  std::ifstream in{HOOKSWITCH_SOURCE_DIR "/tests/sim/seeds.txt"};
  for (std::string line; std::getline(in, line);) {
    const auto space = line.find(' ');
    if (line.empty() || line[0] == '#' || space == std::string::npos) continue;
    out.emplace_back(line.substr(0, space), std::stoull(line.substr(space + 1)));
  }
  return out;
}

bool run_profile(Profile profile, const Options& options) {
  Tally tally;
  std::vector<std::uint64_t> seeds;
  for (const auto& [name, seed] : remembered())
    if (name == name_of(profile)) seeds.push_back(seed);
  for (std::uint64_t i = 0; i < options.seeds; ++i) seeds.push_back(options.first + i);
  for (const std::uint64_t seed : seeds) run_seed(seed, profile, options, tally);

  if (profile == Profile::two_sources && tally.split * 10'000LL > tally.seen)
    tally.count["real-call-split"] = tally.split;
  std::printf("\n%s: %zu seeds, %d calls, %zu facts, %zu events, sha256 %s\n", name_of(profile),
              seeds.size(), tally.seen, tally.facts, tally.events, hex(tally.chain).c_str());
  if (profile == Profile::two_sources)
    std::printf("  one call per real call: %d of %d\n", tally.seen - tally.split, tally.seen);
  for (const auto& [rule, count] : tally.count) {
    std::printf("  FAILED %-32s %7d times, first with seed %s\n", rule.c_str(), count,
                tally.first[rule].c_str());
    for (const auto& [story, times] : tally.stories[rule])
      std::printf("           %7d %s\n", times, story.c_str());
  }
  if (tally.count.empty()) std::printf("  all promises held\n");
  return tally.count.empty();
}

int usage() {
  std::fprintf(stderr,
               "sim_calls [--first SEED] [--seeds N] [--calls N] [--show N] [--rule RULE]\n"
               "          [--profile clean|wild|lossy|two_sources]\n");
  return 64;
}

}  // namespace

int main(const std::vector<std::string_view>& words) {
  Options options;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const std::string_view name = words[i], value = words[i + 1];
    std::uint64_t number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);
    if (name == "--first")
      options.first = number;
    else if (name == "--seeds")
      options.seeds = number;
    else if (name == "--calls")
      options.calls = static_cast<int>(number);
    else if (name == "--rule")
      options.rule = value;
    else if (name == "--show")
      options.shown = number;
    else if (name == "--profile") {
      for (const Profile profile : kProfiles)
        if (value == name_of(profile)) options.profiles.push_back(profile);
      if (options.profiles.empty()) return usage();
    } else {
      return usage();
    }
  }
  if (words.size() % 2 != 0) return usage();
  if (options.profiles.empty()) options.profiles.assign(std::begin(kProfiles), std::end(kProfiles));
  bool good = true;
  for (const Profile profile : options.profiles) good &= run_profile(profile, options);
  return good ? 0 : 1;
}

}  // namespace hookswitch::sim

int main(int argc, char** argv) {
  return hookswitch::sim::main(std::vector<std::string_view>(argv + 1, argv + argc));
}
