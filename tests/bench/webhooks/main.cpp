// ./dev bench webhooks [DIALECT…]: what a request costs from its bytes to facts, by dialect, beside
// decoders written by hand. See README.md beside this file.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <set>

#include "bench/webhooks/by_hand.hpp"
#include "sources/webhook/program.hpp"
#include "unit/dialect_sequences/sequence.hpp"

namespace hookswitch::bench {
namespace {

using dialect_sequences::Folder;

constexpr double kUsMost = 25, kRatioMost = 3, kFactsLeast = 100'000;
constexpr int kBatches = 41, kPerBatch = 60;

/// Of this thread: what others do on the machine is not ours.
double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double median(std::vector<double> all) {
  if (all.empty()) return 0;
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

/// Microseconds of one call: the median over batches, caches warm.
double cost(const std::function<void()>& run) {
  std::vector<double> all;
  for (int batch = 0; batch < kBatches; ++batch) {
    const double began = cpu_us();
    for (int i = 0; i < kPerBatch; ++i) run();
    all.push_back((cpu_us() - began) / kPerBatch);
  }
  return median(std::move(all));
}

/// Requests that `folder` says are taken, each once.
std::vector<HookRequest> requests_of(const Folder& folder, const Hook& hook) {
  std::set<std::string> names;
  if (const json::Value* list = folder.list("sequences"))
    for (const auto& sequence : list->GetArray())
      for (const auto& name : dialect_sequences::texts_of(json::find(sequence, "requests")))
        names.insert(name);
  std::vector<HookRequest> out;
  for (const auto& name : names) {
    auto request = dialect_sequences::request_of(folder, name);
    if (hook.handle(request)) out.push_back(std::move(request));
  }
  return out;
}

DialectProgramPtr shipped(const std::string& name) {
  const auto path = testing::source_root() / "config/dialects" / (name + ".json");
  if (!std::filesystem::exists(path)) return nullptr;
  auto compiled = compile_dialect(testing::read_bytes(path), name);
  auto* program = std::get_if<DialectProgramPtr>(&compiled);
  return program == nullptr ? nullptr : *program;
}

bool told = true;  // every line within its limit so far

void line(const std::string& what, double is, double limit, bool most, const std::string& unit) {
  const bool good = most ? is <= limit : is >= limit;
  told &= good;
  fmt::print("{:<58} {:>10.1f} {:<8} {} {:.0f}  {}\n", what, is, unit,
             most ? "at most " : "at least", limit, good ? "ok" : "MISSED");
}

double ed25519_cost() {
  static const double out = [] {
    // RFC 8032 §7.1, test 2.
    const std::string key =
        *from_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    const std::string signature = *from_hex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
        "f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    return cost([&] { (void)is_ed25519_by(key, "r", signature); });
  }();
  return out;
}

/// What libcrypto alone needs for a proof of the vendor's choice, where that is above all limits.
double own_floor(const DialectProgram& program) {
  const auto is_curve = [](const webhook::Auth& auth) {
    return auth.scheme == webhook::Auth::Scheme::ed25519;
  };
  return std::any_of(program.auth.begin(), program.auth.end(), is_curve) ? ed25519_cost() : 0;
}

void bench_dialect(const std::string& name) {
  const auto program = shipped(name);
  const Folder folder = dialect_sequences::read_folder(name);
  if (program == nullptr || !folder.problem.empty()) {
    fmt::print("{:<22} left out: {}\n", name, program ? folder.problem : "no such dialect");
    return;
  }
  const Hook hook{program, folder.options};
  HookOptions open = folder.options;
  open.secrets.clear();
  const Hook unsigned_hook{program, open};
  std::vector<double> all, bare;
  std::size_t facts = 0, bytes = 0;
  for (const auto& request : requests_of(folder, hook)) {
    facts += hook.handle(request)->facts.size();
    bytes += request.body.size();
    all.push_back(cost([&] { (void)hook.handle(request); }));
    bare.push_back(cost([&] { (void)unsigned_hook.handle(request); }));
  }
  if (all.empty()) return;
  const auto count = static_cast<double>(all.size());
  const double middle = median(all), most = kUsMost + own_floor(*program);
  told &= middle <= most;
  fmt::print("{:<22} {:>8} {:>9.0f} {:>7.1f} {:>11.1f} {:>11.1f} {:>11.1f}  {}\n", name, all.size(),
             static_cast<double>(bytes) / count, static_cast<double>(facts) / count, middle,
             *std::max_element(all.begin(), all.end()), middle - median(bare),
             middle <= most ? "ok" : "MISSED");
}

void bench_by_hand() {
  const auto zadarma = dialect_sequences::read_folder("zadarma");
  const Hook zadarma_hook{shipped("zadarma"), zadarma.options};
  const auto start = dialect_sequences::request_of(zadarma, "01-notify_start");
  const auto sofia = webhook::TimeZone::load("Europe/Sofia");
  HookOptions plan = zadarma.options;
  plan.numbers.e164_without_plus = true;
  const auto report = [](const std::string& what, double engine, double hand) {
    fmt::print("{:<58} {:>10.2f} us by hand {:.2f} us\n", what, engine, hand);
    line("  ratio", engine / hand, kRatioMost, true, "");
  };
  report("zadarma NOTIFY_START, signed form", cost([&] { (void)zadarma_hook.handle(start); }),
         cost([&] { (void)zadarma_start(start, plan, sofia.get()); }));

  const auto elma = dialect_sequences::read_folder("elma365");
  const Hook elma_hook{shipped("elma365"), elma.options};
  const auto event = dialect_sequences::request_of(elma, "02-event");
  HookOptions elma_plan = elma.options;
  elma_plan.numbers.e164_without_plus = true;
  report("elma365 event, JSON", cost([&] { (void)elma_hook.handle(event); }),
         cost([&] { (void)elma_event(event, elma_plan); }));
}

void bench_native() {
  const std::string fact =
      R"({"type":"ringing","ids":{"call":["c-1"],"leg":"l-1"},"direction":"inbound","from":{"number":"+12025550143","name":"Jane Doe"},"agent":{"ext":"101"},"at":"2025-11-20T15:00:00.000Z"})";
  const Hook hook{shipped("native"), testing::options_with({{"SECRET", {"native-test-secret"}}})};
  const auto guarded = [](std::string body) {
    auto request = testing::post(std::move(body));
    request.headers.emplace_back("authorization", "Bearer native-test-secret");
    return request;
  };
  const auto one = guarded(fact);
  std::string list = "[" + fact;
  for (int i = 1; i < 50; ++i) list += "," + fact;
  const auto many = guarded(list + "]");
  if (!hook.handle(one) || hook.handle(many)->facts.size() != 50) {
    fmt::print("native facts are refused\n");
    told = false;
    return;
  }
  line("native facts, one a request", 1e6 / cost([&] { (void)hook.handle(one); }), kFactsLeast,
       false, "/s");
  line("native facts, 50 a request", 50e6 / cost([&] { (void)hook.handle(many); }), kFactsLeast,
       false, "/s");
  const auto options = testing::options_with();
  const double engine = cost([&] { (void)hook.handle(one); }),
               hand = cost([&] { (void)native_fact(one, options); });
  line("  ratio to reading it by hand", engine / hand, kRatioMost, true, "");
}

void bench_floor() {
  fmt::print(
      "libcrypto alone: Ed25519 {:.1f} us, HMAC-SHA1 of 600 bytes {:.1f} us, HMAC-SHA256 {:.1f} "
      "us\n",
      ed25519_cost(), cost([&] { (void)hmac(HashKind::sha1, "k", std::string(600, 'x')); }),
      cost([&] { (void)hmac(HashKind::sha256, "k", std::string(600, 'x')); }));
}

}  // namespace
}  // namespace hookswitch::bench

int main(int argc, char** argv) {
  using namespace hookswitch;
  using namespace hookswitch::bench;
  std::vector<std::string> names{argv + 1, argv + argc};
  const bool all = names.empty();
  if (all) names = dialect_sequences::folder_names();
  fmt::print("{:<22} {:>8} {:>9} {:>7} {:>11} {:>11} {:>11}\n", "dialect", "requests", "bytes",
             "facts", "median us", "slowest us", "proof us");
  for (const auto& name : names) bench_dialect(name);
  if (all) {
    bench_by_hand();
    bench_native();
    bench_floor();
  }
  return told ? 0 : 1;
}
