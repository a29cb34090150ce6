#include <cstdint>
#include <memory>
#include <string>

#include "base/assert.hpp"
#include "base/json.hpp"
#include "delivery/filter.hpp"
#include "delivery/session.hpp"

namespace hookswitch {
namespace {

/// Counts instead of doing: the hub has tests of its own.
class NoHub : public HubPort {
 public:
  void post(std::function<void(Hub&)>) override { ++posted; }
  int posted = 0;
};

class Wire : public FrameSink {
 public:
  void send(const Frame& frame) override {
    HS_ASSERT(!closed);
    HS_ASSERT(json::parse(frame->text()));
  }
  void notify_drained() override {}
  void close(Errc why, std::string_view) override {
    HS_ASSERT(!closed);
    HS_ASSERT(outcome(why).close != 1000);
    closed = true;
  }
  bool closed = false;
};

}  // namespace
}  // namespace hookswitch

/// Lines, each one text frame of a client: before and after `hello`, for native and page clients.
/// Nothing a client sends may do more than close its own connection, and only once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto document = json::parse(text)) (void)filter_from_json(*document);
  auto rules = std::make_shared<SessionRules>();
  rules->verifier = std::make_shared<const TokenVerifier>(
      std::vector<Secret>{Secret{"0123456789abcdef0123456789abcdef"}});
  rules->anonymous = Grant{"acme", "alice", *parse_scopes("events:own"), {}};
  for (const Dialect dialect : {Dialect::native, Dialect::cloudevents, Dialect::rc_embeddable,
                                Dialect::opencti_dialpad, Dialect::elma365}) {
    for (const bool greeted : {false, true}) {
      Registry registry;
      NoHub hub;
      const auto wire = std::make_shared<Wire>();
      Session session{rules, hub, registry, wire, dialect, "", true, Session::Clock::time_point{}};
      const Time now = from_unix_ms(1'795'186'801'000);
      if (greeted) session.on_text(R"({"op":"hello"})", now);
      HS_ASSERT(!greeted || hub.posted == 1);
      for (std::string_view rest = text; !rest.empty() && !wire->closed;) {
        const auto end = rest.find('\n');
        session.on_text(rest.substr(0, end), now);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      }
      session.on_tick(Session::Clock::time_point{} + std::chrono::hours{1}, now);
      session.on_closed();
      session.on_text(R"({"op":"ping"})", now);
    }
  }
  return 0;
}
