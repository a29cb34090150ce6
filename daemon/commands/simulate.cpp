#include "daemon/commands/simulate.hpp"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "base/time.hpp"
#include "daemon/commands/client.hpp"
#include "model/fact.hpp"

namespace hookswitch {
namespace {

using Clock = std::chrono::steady_clock;

struct Line {
  const char* name;
  const char* number;
};

constexpr Line kPeople[] = {{"Jane Doe", "+12025550143"},
                            {"John Roe", "+12025550144"},
                            {"Casey Caller", "+12025550142"},
                            {"Robin Sample", "+12025550187"},
                            {"", "+12025550119"}};
constexpr const char* kMainNumber = "+12025550100";

/// Makes whole calls as facts with the time each is due; the same seed makes the same calls.
class Script {
 public:
  Script(std::uint64_t seed, std::vector<std::string> extensions)
      : random_(seed), extensions_(std::move(extensions)) {}

  /// Facts of the next call, by seconds from its start.
  std::multimap<double, Fact> next() {
    std::multimap<double, Fact> out;
    ++count_;
    const Line& person = kPeople[pick(std::size(kPeople))];
    const std::size_t who = pick(extensions_.size());
    const int kind = static_cast<int>(pick(10));
    Fact base;
    base.ids.call.push_back(fmt::format("sim-{}-{}", random_(), count_));
    double at = 0;
    const auto add = [&](double after, FactType type, const std::string& ext, auto change) {
      at += after;
      Fact fact = base;
      fact.type = type;
      fact.agent.ext = ext;
      change(fact);
      out.emplace(at, std::move(fact));
    };
    const auto plain = [](Fact&) {};
    const std::string& ext = extensions_[who];
    const bool outbound = kind >= 7;
    base.direction = outbound ? Direction::outbound : Direction::inbound;
    if (outbound) {
      base.from.ext = ext;
      base.to = {person.number, "", "", person.name, ""};
    } else {
      base.from = {person.number, "", "", person.name, ""};
      base.did = kMainNumber;
    }
    add(0, FactType::started, "", plain);
    if (!outbound) {
      add(0.4, FactType::ringing, ext, plain);
      if (kind >= 5 && extensions_.size() > 1)
        add(0.1, FactType::ringing, extensions_[(who + 1) % extensions_.size()], plain);
    }
    if (kind == 4 || kind == 9) {
      add(4 + seconds(6), FactType::ended, "",
          [](Fact& fact) { fact.disposition = Disposition::no_answer; });
      return out;
    }
    add(1.5 + seconds(4), FactType::answered, ext, plain);
    if (kind % 2 == 0) {
      add(2 + seconds(5), FactType::held, ext, plain);
      add(2 + seconds(4), FactType::resumed, ext, plain);
    }
    add(3 + seconds(15), FactType::ended, "",
        [](Fact& fact) { fact.disposition = Disposition::answered; });
    return out;
  }

  double gap() { return 1.0 + seconds(4); }

 private:
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>{0, count - 1}(random_);
  }
  double seconds(double most) { return std::uniform_real_distribution<double>{0, most}(random_); }

  std::mt19937_64 random_;
  std::vector<std::string> extensions_;
  std::uint64_t count_ = 0;
};

}  // namespace

int simulate(const SimulateOptions& options) {
  const auto url = client::parse_url(options.url);
  if (!url) {
    fmt::print(stderr, "hookswitchd simulate: --url {}\n", url.error().detail);
    return 64;
  }
  Secret secret;
  if (!options.secret_file.empty()) {
    auto read = read_secret_file(options.secret_file);
    if (!read) {
      fmt::print(stderr, "hookswitchd simulate: {}\n", read.error().detail);
      return 1;
    }
    secret = std::move(*read);
  }
  client::HttpClient http{*url};
  Script script{options.seed, options.extensions};
  std::multimap<Clock::time_point, Fact> due;
  const auto real = [&](double seconds) {
    return std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>{seconds / options.pace});
  };
  auto next_call = Clock::now();
  auto last_success = Clock::now();
  std::uint64_t made = 0;
  bool answered = false;
  while (!due.empty() || options.calls == 0 || made < options.calls) {
    if (options.calls == 0 || made < options.calls) {
      if (Clock::now() >= next_call) {
        for (auto& [at, fact] : script.next())
          due.emplace(Clock::now() + real(at), std::move(fact));
        ++made;
        next_call += real(script.gap());
      }
    }
    while (!due.empty() && due.begin()->first <= Clock::now()) {
      Fact fact = due.begin()->second;
      fact.at = now();
      json::Writer body;
      write_json(body, fact);
      const auto status = http.post(body.str(), std::string{secret.reveal()});
      if (status && *status == 200) {
        due.erase(due.begin());
        last_success = Clock::now();
        answered = true;
        continue;
      }
      if (status && *status < 500) {
        fmt::print(stderr, "hookswitchd simulate: the daemon answered {}\n", *status);
        return 1;
      }
      // A restart is waited for; a daemon that was never there is a mistake of whoever called us.
      if (Clock::now() - last_success >
          (answered ? std::chrono::seconds{30} : std::chrono::seconds{5})) {
        fmt::print(stderr, "hookswitchd simulate: no answer: {}\n",
                   status ? std::to_string(*status) : status.error().detail);
        return 1;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{200});
      break;
    }
    auto until = due.empty() ? next_call : due.begin()->first;
    if (options.calls == 0 || made < options.calls) until = std::min(until, next_call);
    if (until > Clock::now()) std::this_thread::sleep_until(until);
  }
  fmt::print("{} calls made\n", made);
  return 0;
}

}  // namespace hookswitch
