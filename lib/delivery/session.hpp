#pragma once

#include <atomic>
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

/// The way from a socket's thread to the hub: runs `work` on the broker's thread, in order. Any
/// thread.
class HubPort {
 public:
  virtual ~HubPort() = default;
  virtual void post(std::function<void(Hub&)> work) = 0;
};

/// What all sessions share. Read-only; any thread.
struct SessionRules {
  std::shared_ptr<const TokenVerifier> verifier;
  std::shared_ptr<const Directory>
      directory;                   ///< a token of an organisation that is not there is no token
  std::optional<Grant> anonymous;  ///< for clients without a token; nothing: they are refused
  std::size_t ack_window = kAckWindow;
  std::chrono::milliseconds ping_time = kPingTime;  ///< how often sockets ping, to be told
};

/// The rules as they are now, for they change while sessions live. Any thread.
using RulesNow = std::function<std::shared_ptr<const SessionRules>()>;

/// Who comes with this token, or with none. `own_host`: the client asked for us by a name that is
/// ours; else nobody is let in without a token (DNS rebinding). Errors: auth_missing, auth_invalid,
/// auth_expired. Any thread.
Result<Grant> admit(const SessionRules& rules, std::string_view token, bool own_host, Time now);

/// The protocol of one client (interfaces.md §3): `hello` first, then control frames; of an event
/// stream, open_stream() in place of both. Knows no socket. Not thread-safe: lives on the io thread
/// of its socket, which calls the on_… functions.
class Session {
 public:
  using Clock = std::chrono::steady_clock;

  /// `header_token`: from `Authorization: Bearer` of the upgrade, may be empty. `own_host`: as for
  /// admit().
  Session(RulesNow rules, HubPort& port, Registry& registry, std::shared_ptr<FrameSink> sink,
          Dialect dialect, std::string header_token, bool own_host, Clock::time_point opened);
  /// With rules that stay as they are.
  Session(std::shared_ptr<const SessionRules> rules, HubPort& port, Registry& registry,
          std::shared_ptr<FrameSink> sink, Dialect dialect, std::string header_token, bool own_host,
          Clock::time_point opened);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// For a client that only listens, admitted already: its frames are messages of an event stream,
  /// in the native dialect. `since`: as in `hello`, be it a cursor or not. `admitted_by`: the
  /// rules that gave the grant, if not those of now. Once, in place of on_text().
  void open_stream(Grant grant, std::optional<Filter> filter,
                   const std::optional<std::string>& since,
                   std::shared_ptr<const SessionRules> admitted_by = nullptr);
  void on_text(std::string_view text, Time now);
  /// The protocol has no binary frames: closes with unsupported_media_type.
  void on_binary() { refuse(Errc::unsupported_media_type); }
  /// Closes with auth_expired when the token has expired, and when what vouched for it has gone
  /// from the rules: who has another comes back with it, and with where it was.
  void on_tick(Clock::time_point at, Time now);
  void on_drained();
  void on_closed();

 private:
  struct PendingAck;

  void on_hello(const json::Value& frame, Time now);
  void on_ack(const json::Value& frame);
  void on_command(const std::string& id, const json::Value& frame);
  void on_auth(const json::Value& frame, Time now);
  /// Hands the client to the hub.
  void attach(Attach wish, Grant grant, std::optional<std::string_view> since,
              std::shared_ptr<const SessionRules> admitted_by);
  /// True if by the rules of now it would be let in with the same rights.
  bool still_stands();
  void on_control(std::string_view op, const json::Value& frame, Time now);
  void refuse(Errc why);
  void complain(Errc why, std::string_view id = {}, std::string_view detail = {});
  void say(std::string text);
  /// To the hub, unless this client has too much on the way there already.
  void post(std::function<void(Hub&)> work);

  RulesNow rules_;
  HubPort& port_;
  Registry& registry_;
  std::shared_ptr<FrameSink> sink_;
  Dialect dialect_;
  std::string header_token_;
  bool own_host_;
  Clock::time_point opened_;
  ClientId id_;
  std::shared_ptr<std::atomic<int>> on_the_way_ = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<PendingAck> ack_;              ///< the last one; nothing until there is one
  std::optional<Grant> grant_;                   ///< set by hello
  std::shared_ptr<const SessionRules> held_to_;  ///< by these rules it is still good
  bool stream_ = false;
  Clock::time_point place_told_;  ///< when a stream's place was last asked to be told
  bool closed_ = false;
};

}  // namespace hookswitch
