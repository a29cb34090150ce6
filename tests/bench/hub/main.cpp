#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "unit/delivery/fakes.hpp"

/// What the hub costs per event on one thread, without sockets and without the journal: among how
/// many clients that do not get it, and for how many that do.
namespace hookswitch::delivery_test {
namespace {

class Nowhere : public FrameSink {
 public:
  void send(Frame) override { ++frames; }
  void notify_drained() override {}
  void close(Errc, std::string_view) override {}
  std::uint64_t frames = 0;
};

Filter filter_for(const std::string& kind, const std::string& number) {
  Filter out;
  if (kind == "ext") out.ext = {"x" + number};
  if (kind == "queue") out.queues = {"q" + number};
  if (kind == "call") out.calls = {"c" + number};
  if (kind == "source") out.sources = {"s" + number};
  if (kind == "type") out.types = {"source.*"};
  return out;
}

void run(const std::string& kind, int bystanders, int receivers, int events) {
  HubBench bench{HubLimits{}};
  const auto sink = std::make_shared<Nowhere>();
  const auto add = [&](Attach wish) {
    wish.id = bench.next++;
    wish.sink = sink;
    bench.hub.attach(std::move(wish));
  };
  for (int i = 0; i < bystanders; ++i) {
    if (kind == "own") {
      add(bench.wish(grant("u" + std::to_string(i), Scope::events_own)));
      continue;
    }
    Attach wish = bench.wish(grant("boss", Scope::events_org));
    wish.filters = {{"f", filter_for(kind, std::to_string(i))}};
    add(std::move(wish));
  }
  for (int i = 0; i < receivers; ++i) {
    Attach wish = bench.wish(grant("boss", Scope::events_org));
    if (receivers < 100) {
      Filter line;
      line.ext = {"101"};
      wish.filters = {{"f", std::move(line)}};
    }
    add(std::move(wish));
  }
  std::vector<Event> made;
  std::vector<Published> out;
  made.reserve(static_cast<std::size_t>(events));
  for (int i = 0; i < events; ++i) {
    Event event = ring("call", "alice", "101");
    event.cursor = {"e1", static_cast<std::uint64_t>(i + 1)};
    made.push_back(std::move(event));
  }
  for (const auto& event : made) out.push_back({&event, make_frame(encode(event))});
  sink->frames = 0;
  const std::clock_t before = std::clock();  // CPU time: what else runs does not count
  bench.hub.publish(out);
  const double ns = static_cast<double>(std::clock() - before) * (1e9 / CLOCKS_PER_SEC);
  std::printf("%-7s %6d others %6d receivers %9.0f ns an event %7.1f ns a frame\n", kind.c_str(),
              bystanders, receivers, ns / events,
              sink->frames == 0 ? 0.0 : ns / static_cast<double>(sink->frames));
}

}  // namespace
}  // namespace hookswitch::delivery_test

int main() {
  using hookswitch::delivery_test::run;
  for (const char* kind : {"own", "ext", "queue", "call", "source", "type"})
    for (const int bystanders : {1'000, 50'000}) run(kind, bystanders, 2, 20'000);
  for (const int receivers : {100, 10'000}) run("none", 0, receivers, 1'000'000 / receivers);
}
