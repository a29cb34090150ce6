#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/grant.hpp"
#include "auth/token.hpp"
#include "base/metrics.hpp"
#include "delivery/hub.hpp"

namespace hookswitch {

/// The way from a socket's thread to the hub: runs `work` on the broker's thread, in order. Any thread.
class HubPort {
 public:
  virtual ~HubPort() = default;
  virtual void post(std::function<void(Hub&)> work) = 0;
};

/// What all sessions share. Read-only; any thread.
struct SessionRules {
  std::shared_ptr<const TokenVerifier> verifier;
  std::shared_ptr<const Directory> directory;  ///< a token of an organisation that is not there is no token
  std::optional<Grant> anonymous;  ///< for clients without a token; nothing: they are refused
};

/// The protocol of one client (interfaces.md §3): `hello` first, then control frames. Knows no socket. Not thread-safe: lives on
/// the io thread of its socket, which calls the on_… functions.
class Session {
 public:
  using Clock = std::chrono::steady_clock;

  /// `header_token`: from `Authorization: Bearer` of the upgrade, may be empty.
  Session(std::shared_ptr<const SessionRules> rules, HubPort& port, Registry& registry, std::shared_ptr<FrameSink> sink,
          Dialect dialect, std::string header_token, Clock::time_point opened);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void on_text(std::string_view text, Time now);
  void on_tick(Clock::time_point at, Time now);
  void on_drained();
  void on_closed();

 private:
  void on_hello(const json::Value& frame, Time now);
  void on_control(std::string_view op, const json::Value& frame, Time now);
  void refuse(Errc why);
  void complain(Errc why, std::string_view id = {});
  void say(std::string text);

  std::shared_ptr<const SessionRules> rules_;
  HubPort& port_;
  Registry& registry_;
  std::shared_ptr<FrameSink> sink_;
  Dialect dialect_;
  std::string header_token_;
  Clock::time_point opened_;
  ClientId id_;
  std::optional<Grant> grant_;  ///< set by hello
  bool closed_ = false;
};

}  // namespace hookswitch
