#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "sources/webhook/hook.hpp"

/// A dialect file of any bytes gives a program or problems with a place each; a program takes
/// requests.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  const auto compiled = compile_dialect({reinterpret_cast<const char*>(data), size}, "x.json");
  if (const auto* problems = std::get_if<std::vector<DialectProblem>>(&compiled)) {
    const bool placed = !problems->empty() && problems->front().place.starts_with("x.json:") &&
                        !problems->front().what.empty();
    if (placed) return 0;
    std::fprintf(stderr, "refused without a place\n");
    std::abort();
  }
  HookOptions options;
  const auto program = std::get<DialectProgramPtr>(compiled);
  for (const auto& name : secret_names(*program)) options.secrets[name] = {Secret{"k"}};
  for (const bool is_open : {true, false}) {
    if (is_open) options.secrets.clear();
    const Hook hook{program, options};
    HookRequest request{
        "POST",
        "a/b",
        "token=k&zd_echo=1",
        {{"authorization", "Bearer k"}, {"signature", "x"}},
        R"({"event":{"event":"NotifyEnd","srcPhone":"12025550143","dstPhone":"101"},"list":[{"a":1},{"a":"2"}]})",
        from_unix_ms(1'763'650'800'000)};
    (void)hook.handle(request);
    request.body = "event=NOTIFY_START&caller_id=1&a[b][]=2";
    request.headers.emplace_back("content-type", "application/x-www-form-urlencoded");
    (void)hook.handle(request);
  }
  return 0;
}
