// ./dev bench calls [LIVE [LARGEST]]: what a fact costs the fold and what a live call costs in
// memory, beside what any design must pay. README.md says how to read it.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <charconv>
#include <ctime>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "bench/calls/clock.hpp"
#include "bench/calls/counting.hpp"
#include "bench/calls/life.hpp"
#include "calls/call_table.hpp"

namespace hookswitch::bench {
namespace {

constexpr std::size_t kChunk = 256;          // facts made ahead of a timed part: they stay in L2
constexpr std::size_t kFactsPerCommit = 64;  // of one Step, as when the broker is busy
constexpr int kRounds = 12;
constexpr int kBatchChunks = 80, kSingleChunks = 40, kAgainChunks = 24;  // of one round
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;
constexpr std::uint64_t kSpareBytes = 4 * kGiB;  // free memory below which no large run begins

/// The rows: what a fact is to the table.
enum Kind : std::size_t { fresh, ringing, answered, held, resumed, ended, again, kKinds };
constexpr std::array<const char*, kKinds> kKindNames{
    "new call (started)",
    "key hit: ringing",
    "key hit: answered",
    "key hit: held",
    "key hit: resumed",
    "end of a call",
    "key hit without news (duplicate)",
};

Kind kind_of(FactType type) {
  switch (type) {
    case FactType::ringing:
      return ringing;
    case FactType::answered:
      return answered;
    case FactType::held:
      return held;
    case FactType::resumed:
      return resumed;
    case FactType::ended:
      return ended;
    default:
      return fresh;
  }
}

template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");  // the optimiser must believe that it is read
}

/// The table does not do what it is measured for: the figures would mean nothing.
[[noreturn]] void wrong(const std::string& what) {
  std::fflush(stdout);
  fmt::print(stderr, "calls_bench: {}\n", what);
  std::exit(1);
}

CallLimits limits() {
  CallLimits out;
  out.keep_ended = std::chrono::minutes{1};  // a third of the live calls is kept besides them
  return out;
}

/// What any design pays for a fact with a known key: one look-up, and one copy of what is known.
class Floor {
 public:
  void apply(const Fact& fact) {
    const std::string& id = fact.ids.call.front();
    if (fact.type == FactType::started) {
      calls_.try_emplace(id, Known{id, fact.ids.sip.front(), fact.from.number, fact.from.name,
                                   fact.did, fact.to.number});
      return;
    }
    const auto at = calls_.find(id);
    if (at == calls_.end()) wrong("the floor lost a call");
    const Known copy = at->second;
    keep(copy);
    if (fact.type == FactType::ended) calls_.erase(at);
  }

 private:
  struct Known {
    std::string call, sip, number, name, did, to;
  };
  std::unordered_map<std::string, Known> calls_;
};

struct Row {
  Samples apply, drop, whole;
  std::uint64_t facts = 0, events = 0, allocations = 0;  // of a separate, untimed pass
};

struct Figures {
  std::array<Row, kKinds> rows;
  Samples hit;        ///< the whole of key hits with change
  double batch_ns{};  ///< a fact of the mix, median of rounds
  double tick_ns{};   ///< of ticks, a fact
  double longest_tick_ms{};
  Samples floor_hit;
  double floor_batch_ns{};
  std::size_t held{};  ///< calls in the table, ended ones included
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

/// A table with a life to tell it.
class World {
 public:
  explicit World(std::size_t live) : life(live), table(people(), 7, limits()) {}

  /// Every call's story up to a point of it: `told` facts, or by chance.
  void begin(std::optional<std::size_t> told = {}) {
    Dice dice{3};
    for (std::size_t at = 0; at < life.live(); ++at) {
      const std::size_t count = told.value_or(1 + dice.below(Life::kStory.size() - 1));
      for (std::size_t i = 0; i < count; ++i) {
        Step step;
        table.apply(life.advance(at), step);
      }
    }
    next_tick = life.now();
  }
  void run(const Fact& fact) {
    Step step;
    table.apply(fact, step);
  }
  /// When one is due: a tick a second.
  void tick(const Clock& clock) {
    if (life.now() < next_tick) return;
    next_tick = life.now() + milliseconds{1000};
    const Ticks from = ticks();
    {
      Step step;
      table.tick(life.now(), step);
    }
    const Ticks took = clock.net(from, ticks());
    tick_total += took;
    tick_longest = std::max(tick_longest, took);
  }
  /// Until calls are forgotten as fast as they end.
  void settle(const Clock& clock) {
    const Time until = life.now() + std::chrono::seconds{62};
    while (life.now() < until) {
      run(life.next());
      tick(clock);
    }
    tick_total = tick_longest = 0;
  }
  /// The table is where the life is.
  void check() {
    while (!life.complete()) run(life.next());
    if (table.live_count() != life.live())
      wrong(fmt::format("{} calls live, not {}", table.live_count(), life.live()));
    constexpr std::array states{CallState::dialing, CallState::ringing, CallState::connected,
                                CallState::held, CallState::connected};
    Dice dice{5};
    for (int i = 0; i < 500; ++i) {
      const std::size_t at = dice.below(life.live());
      const auto call = table.find("acme", life.vendor_id(at));
      if (call == nullptr) wrong("a live call is not found by its vendor id");
      const std::size_t told = life.told(at);
      if (told > 1 && (call->state != states.at(told - 1) || call->legs.size() != 2))
        wrong(fmt::format("after {} facts a call is {} with {} legs", told, to_string(call->state),
                          call->legs.size()));
    }
  }

  Life life;
  CallTable table;
  Time next_tick{};
  Ticks tick_total = 0, tick_longest = 0;
};

void fill_mix(Life& life, std::vector<Fact>& chunk) {
  chunk.clear();
  while (chunk.size() < kChunk) chunk.push_back(life.next());
}
void fill_again(Life& life, std::vector<Fact>& chunk) {
  chunk.clear();
  while (chunk.size() < kChunk) chunk.push_back(life.again());
}

Ticks batch(World& world, const std::vector<Fact>& chunk) {
  const Ticks from = ticks();
  for (std::size_t i = 0; i < chunk.size();) {
    Step step;
    for (const std::size_t end = std::min(i + kFactsPerCommit, chunk.size()); i < end; ++i)
      world.table.apply(chunk[i], step);
    keep(step);
  }
  return ticks() - from;
}

void single(World& world, const Fact& fact, Kind kind, const Clock& clock, Figures& out) {
  Ticks folded = 0;
  const Ticks from = ticks();
  {
    Step step;
    world.table.apply(fact, step);
    folded = ticks();
  }
  const Ticks dropped = ticks();
  Row& row = out.rows[kind];
  const Ticks apply = clock.net(from, folded), drop = clock.net(folded, dropped);
  row.apply.add(apply);
  row.drop.add(drop);
  row.whole.add(apply + drop);
  if (kind >= ringing && kind <= resumed) out.hit.add(apply + drop);
}

/// Events and allocations by row, and that the table tells what it should; nothing is timed.
void count(World& world, const Fact& fact, Kind kind, Figures& out) {
  Row& row = out.rows[kind];
  const auto before = heap().allocations;
  count_heap(true);
  {
    Step step;
    world.table.apply(fact, step);
    row.events += step.events.size();
    if (step.events.empty() != (kind == again))
      wrong(fmt::format("{}: {} events", kKindNames.at(kind), step.events.size()));
    for (const auto& event : step.events)
      if (!event.call) wrong("an event without its call");
  }
  count_heap(false);
  row.allocations += heap().allocations - before;
  ++row.facts;
}

Figures measure(std::size_t live, const Clock& clock) {
  Figures out;
  World world{live};
  Life floor_life{live};
  Floor floor;
  world.begin();
  world.settle(clock);
  world.check();
  Dice dice{3};
  for (std::size_t at = 0; at < live; ++at)
    for (std::size_t i = 1 + dice.below(Life::kStory.size() - 1); i > 0; --i)
      floor.apply(floor_life.advance(at));

  std::vector<Fact> chunk;
  chunk.reserve(kChunk);
  std::vector<double> rounds, floor_rounds;
  std::uint64_t facts = 0;
  // The two take turns in blocks that are long against what a cache holds of the other.
  for (int round = 0; round < kRounds; ++round) {
    Ticks taken = 0;
    for (int i = 0; i < kBatchChunks; ++i) {
      fill_mix(world.life, chunk);
      taken += batch(world, chunk);
      world.tick(clock);
    }
    rounds.push_back(clock.ns(taken) / (kBatchChunks * kChunk));
    for (int i = 0; i < kSingleChunks; ++i) {
      fill_mix(world.life, chunk);
      for (const auto& fact : chunk) single(world, fact, kind_of(fact.type), clock, out);
      world.tick(clock);
    }
    while (!world.life.complete()) world.run(world.life.next());
    for (int i = 0; i < kAgainChunks; ++i) {
      fill_again(world.life, chunk);
      for (const auto& fact : chunk) single(world, fact, again, clock, out);
    }
    facts += kChunk * (kBatchChunks + kSingleChunks);

    taken = 0;
    for (int i = 0; i < kBatchChunks; ++i) {
      fill_mix(floor_life, chunk);
      const Ticks from = ticks();
      for (const auto& fact : chunk) floor.apply(fact);
      taken += ticks() - from;
    }
    floor_rounds.push_back(clock.ns(taken) / (kBatchChunks * kChunk));
    for (int i = 0; i < kSingleChunks; ++i) {
      fill_mix(floor_life, chunk);
      for (const auto& fact : chunk) {
        const Ticks from = ticks();
        floor.apply(fact);
        const Ticks took = clock.net(from, ticks());
        const Kind kind = kind_of(fact.type);
        if (kind >= ringing && kind <= resumed) out.floor_hit.add(took);
      }
    }
  }
  world.check();
  out.held = world.table.size();
  out.batch_ns = median(rounds);
  out.floor_batch_ns = median(floor_rounds);
  out.tick_ns = clock.ns(world.tick_total) / static_cast<double>(facts);
  out.longest_tick_ms = clock.ns(world.tick_longest) / 1e6;
  for (int i = 0; i < kSingleChunks; ++i) {
    fill_mix(world.life, chunk);
    for (const auto& fact : chunk) count(world, fact, kind_of(fact.type), out);
  }
  while (!world.life.complete()) world.run(world.life.next());
  fill_again(world.life, chunk);
  for (const auto& fact : chunk) count(world, fact, again, out);
  return out;
}

std::uint64_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  std::uint64_t all = 0, resident = 0;
  in >> all >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t available_bytes() {
  std::ifstream in{"/proc/meminfo"};
  for (std::string name, unit; in >> name;) {
    std::uint64_t kib = 0;
    in >> kib;
    std::getline(in, unit);
    if (name == "MemAvailable:") return kib * 1024;
  }
  return 0;
}

struct Weight {
  double heap_bytes{}, resident_bytes{}, allocations{};
};

/// Of a live call after `told` facts of its story; the facts themselves are gone.
Weight weigh(std::size_t live, std::size_t told) {
  malloc_trim(0);
  const Heap before = heap();
  count_heap(true);
  Weight out;
  {
    World world{live};
    const auto resident = resident_bytes();
    const Heap empty = heap();
    world.begin(told);
    const auto each = [&](auto bytes) {
      return static_cast<double>(bytes) / static_cast<double>(live);
    };
    out = {each(heap().bytes - empty.bytes), each(resident_bytes() - resident),
           each(heap().allocations - empty.allocations)};
  }
  count_heap(false);
  if (heap().bytes != before.bytes)
    fmt::print("  ({} bytes outlive the table)\n", heap().bytes - before.bytes);
  return out;
}

/// Median times of what is done with a fact outside of the fold, beside the fold.
void print_neighbours(std::size_t live, const Clock& clock) {
  World world{live};
  world.begin();
  world.settle(clock);
  Samples read, fold, looked_up, encoded, saved;
  std::uint64_t event_bytes = 0, saved_bytes = 0, events = 0, saves = 0;
  for (int i = 0; i < 20'000; ++i) {
    Fact fact = world.life.next();
    json::Writer out;
    write_json(out, fact);
    const std::string text{out.str()};
    Ticks from = ticks();
    {
      const auto document = json::parse(text);
      const auto same = document ? fact_from_json(*document) : document.error();
      if (!same) wrong("a fact cannot be read back: " + same.error().detail);
      keep(*same);
    }
    read.add(clock.net(from, ticks()));

    Step step;
    from = ticks();
    world.table.apply(fact, step);
    fold.add(clock.net(from, ticks()));

    const std::string id = fact.ids.call.front();
    from = ticks();
    {
      const auto call = world.table.find("acme", id);
      keep(call);
    }
    looked_up.add(clock.net(from, ticks()));

    for (const auto& event : step.events) {
      from = ticks();
      const std::string frame = encode(event);
      encoded.add(clock.net(from, ticks()));
      event_bytes += frame.size();
      ++events;
    }
    for (const auto& touched : step.touched) {
      from = ticks();
      const std::string state = world.table.save(touched);
      saved.add(clock.net(from, ticks()));
      saved_bytes += state.size();
      ++saves;
    }
    world.tick(clock);
  }
  const auto mean = [](std::uint64_t sum, std::uint64_t of) {
    return static_cast<double>(sum) / static_cast<double>(std::max<std::uint64_t>(of, 1));
  };
  const auto line = [&](const char* name, Samples& of, const std::string& more) {
    fmt::print("  {:<44}{:>9.0f} ns{}\n", name, clock.ns(of.median()), more);
  };
  line("the fold of a fact, cold after its neighbours", fold, "");
  line("reading a fact from its JSON", read, "");
  line("find(org, vendor id), right after its fact", looked_up, "");
  line("encode(event)", encoded,
       fmt::format("   {:.0f} bytes, {:.2f} a fact", mean(event_bytes, events),
                   mean(events, 20'000)));
  line(
      "save(id)", saved,
      fmt::format("   {:.0f} bytes, {:.2f} a fact", mean(saved_bytes, saves), mean(saves, 20'000)));
}

/// What a hold or a resume costs in a call that already has a history.
void print_long_calls(const Clock& clock) {
  constexpr std::size_t live = 1000, longest = 96;
  World world{live};
  world.begin(3);
  std::map<std::size_t, Samples> by_length;
  for (std::size_t known = 3; known < longest; ++known)
    for (std::size_t at = 0; at < live; ++at) {
      const Fact fact = world.life.toggle(at);
      const Ticks from = ticks();
      world.run(fact);
      const Ticks took = clock.net(from, ticks());
      for (const std::size_t length : {4U, 12U, 24U, 48U, 95U})
        if (known == length) by_length[length].add(took);
    }
  fmt::print("A hold or resume in a call of which so many facts are known ({} live calls)\n ",
             live);
  for (auto& [length, of] : by_length) fmt::print("  {}: {:.0f} ns", length, clock.ns(of.median()));
  fmt::print("\n");
}

std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(out.size()) - 3; at > 0; at -= 3)
    out.insert(static_cast<std::size_t>(at), 1, ',');
  return out;
}

void print_rows(Figures& of, const Clock& clock) {
  fmt::print("  {:<34}{:>8}{:>8}{:>10}{:>8}{:>10}{:>8}\n", "", "median", "p99", "= apply", "+ drop",
             "events", "allocs");
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    Row& row = of.rows.at(kind);
    const auto each = [&](std::uint64_t sum) {
      return static_cast<double>(sum) / static_cast<double>(std::max<std::uint64_t>(row.facts, 1));
    };
    fmt::print("  {:<34}{:>8.0f}{:>8.0f}{:>10.0f}{:>8.0f}{:>10.2f}{:>8.1f}\n", kKindNames.at(kind),
               clock.ns(row.whole.median()), clock.ns(row.whole.quantile(0.99)),
               clock.ns(row.apply.median()), clock.ns(row.drop.median()), each(row.events),
               each(row.allocations));
  }
}

std::optional<std::size_t> parse_count(std::string_view text) {
  std::size_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out < 1000 || out > 10'000'000)
    return std::nullopt;
  return out;
}

/// 1,000, 10,000, … up to `largest`, and `live`.
std::vector<std::size_t> sizes_for(std::size_t live, std::size_t largest) {
  std::vector<std::size_t> out{live};
  for (std::size_t size = 1000; size <= largest; size *= 10)
    if (size != live) out.push_back(size);
  std::sort(out.begin(), out.end());
  return out;
}

int run(std::size_t live, std::size_t largest) {
  const Clock clock;
  const auto began = std::chrono::steady_clock::now();
  const auto cpu_began = std::clock();
  fmt::print(
      "{} live calls, {} users, one thread; ns unless another unit stands there. Read the "
      "ratios: figures drift with the machine.\n"
      "Reading the clock costs {:.0f} ns, which is taken off.\n\n",
      grouped(live), grouped(kUsers), clock.ns(clock.own));

  fmt::print("Memory of a live call with two legs\n");
  double bytes_after_answer = 0;
  for (const std::size_t told : {3U, 5U}) {
    const Weight weight = weigh(live, told);
    if (told == 3) bytes_after_answer = weight.heap_bytes;
    fmt::print("  {:<34}{:>8.0f} bytes of heap{:>8.0f} bytes resident\n",
               told == 3 ? "answered (3 facts)" : "held and resumed (5 facts)", weight.heap_bytes,
               weight.resident_bytes);
  }
  std::fflush(stdout);

  std::map<std::size_t, Figures> by_size;
  for (const std::size_t size : sizes_for(live, largest)) {
    // Calls that have ended, the floor and the events come on top.
    const auto expected = static_cast<std::uint64_t>(3 * bytes_after_answer) * size;
    const bool large = size > 100'000;
    if (const auto free = available_bytes();
        large && (free < kSpareBytes || free - kGiB < expected)) {
      fmt::print(
          "\n{} live calls are left out: {} MiB of memory are available, {} MiB are needed\n",
          grouped(size), free >> 20U, std::max(kSpareBytes, expected + kGiB) >> 20U);
      continue;
    }
    fmt::print(stderr, "measuring {} live calls\n", grouped(size));
    by_size.emplace(size, measure(size, clock));
    malloc_trim(0);
  }
  if (!by_size.contains(live)) return 0;
  Figures& main = by_size.at(live);

  fmt::print("\nA fact by what it is, {} live calls ({} ended ones are still kept)\n",
             grouped(live), grouped(main.held - live));
  print_rows(main, clock);
  const double look_up = clock.ns(main.rows[again].whole.median());
  const double hit = clock.ns(main.hit.median());
  fmt::print(
      "  Where a key hit goes: {:.0f} ns ({:.0f} %) to find the call and see no news, {:.0f} "
      "ns ({:.0f} %) to fold and tell.\n"
      "  Ticks: {:.1f} ns a fact, the longest took {:.2f} ms.\n",
      look_up, 100 * look_up / hit, hit - look_up, 100 * (hit - look_up) / hit, main.tick_ns,
      main.longest_tick_ms);
  std::fflush(stdout);

  fmt::print("\n");
  print_long_calls(clock);
  fmt::print("\nNeighbours of the fold, not part of it ({} live calls)\n", grouped(live));
  print_neighbours(live, clock);

  fmt::print(
      "\nFlat? Median of a key hit and mean of the mix, by live calls\n"
      "  {:>10}{:>10}{:>8}{:>10}{:>8}{:>16}{:>8}{:>14}{:>10}\n",
      "live", "key hit", "x", "mix", "x", "floor: key hit", "x", "mix", "x");
  Figures& least = by_size.begin()->second;
  for (auto& [size, of] : by_size) {
    const auto ratio = [](double one, double other) { return other > 0 ? one / other : 0; };
    const double its_hit = clock.ns(of.hit.median()), its_floor = clock.ns(of.floor_hit.median());
    fmt::print("  {:>10}{:>10.0f}{:>8.2f}{:>10.0f}{:>8.2f}{:>16.0f}{:>8.2f}{:>14.0f}{:>10.2f}\n",
               grouped(size), its_hit, ratio(its_hit, clock.ns(least.hit.median())), of.batch_ns,
               ratio(of.batch_ns, least.batch_ns), its_floor,
               ratio(its_floor, clock.ns(least.floor_hit.median())), of.floor_batch_ns,
               ratio(of.floor_batch_ns, least.floor_batch_ns));
  }

  const double mix = main.batch_ns + main.tick_ns;
  const double floor_hit = clock.ns(main.floor_hit.median());
  Figures& most = by_size.rbegin()->second;
  fmt::print("\n{:<46}{:>12}{:>14}{:>12}{:>8}\n", "", "figure", "wanted", "floor", "ratio");
  fmt::print("{:<46}{:>12}{:>14}{:>12}{:>8.1f}\n", "facts/s of the mix, ticks included",
             grouped(static_cast<std::uint64_t>(1e9 / mix)), ">= 300,000",
             grouped(static_cast<std::uint64_t>(1e9 / main.floor_batch_ns)),
             mix / main.floor_batch_ns);
  fmt::print("{:<46}{:>12.2f}{:>14}{:>12.2f}{:>8.1f}\n", "us of a key hit, median", hit / 1e3,
             "< 1.5", floor_hit / 1e3, hit / floor_hit);
  fmt::print("{:<46}{:>12.0f}{:>14}\n", "heap bytes of an answered two-leg call",
             bytes_after_answer, "<= 2,048");
  fmt::print("{:<46}{:>12.2f}{:>14}{:>12.2f}\n",
             fmt::format("key hit, {} to {} live calls", grouped(by_size.begin()->first),
                         grouped(by_size.rbegin()->first)),
             clock.ns(most.hit.median()) / clock.ns(least.hit.median()), "<= 1.3",
             clock.ns(most.floor_hit.median()) / clock.ns(least.floor_hit.median()));
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  const double cpu = static_cast<double>(std::clock() - cpu_began) / CLOCKS_PER_SEC;
  fmt::print("\n{:.0f} s, of which this thread had the processor {:.0f} %.\n", wall.count(),
             100 * cpu / wall.count());
  return 0;
}

}  // namespace
}  // namespace hookswitch::bench

int main(int argc, char** argv) {
  using namespace hookswitch::bench;
  const auto live = parse_count(argc > 1 ? argv[1] : "100000");
  const auto largest = parse_count(argc > 2 ? argv[2] : "1000000");
  if (argc > 3 || !live || !largest) {
    fmt::print(stderr, "usage: calls_bench [LIVE [LARGEST]]: counts of calls, 1000 to 10000000\n");
    return 64;
  }
  return run(*live, *largest);
}
