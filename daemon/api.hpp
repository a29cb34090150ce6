#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "auth/grant.hpp"
#include "base/metrics.hpp"
#include "daemon/broker.hpp"
#include "daemon/deliveries.hpp"
#include "daemon/feed_intake.hpp"
#include "daemon/settings/settings.hpp"
#include "daemon/unmatched.hpp"
#include "delivery/session.hpp"
#include "http/server.hpp"
#include "sinks/sinks.hpp"
#include "sources/feed/feeds.hpp"

namespace hookswitch {

/// What /readyz says. A problem is a word for people, empty if there is none.
struct Readiness {
  bool ready = false;
  std::string journal;
  std::vector<std::pair<std::string, std::string>> sources;  ///< (name, problem)
};

/// What /readyz and /livez ask of the parts; filled by App. Any thread.
struct Probe {
  std::function<Readiness()> readiness;
  std::function<bool()> alive;
};

/// Whether a request came by a way, from an address and with a certificate that the source has.
bool may_send(const WebhookSource& source, const http::Request& request);

/// The outside contract over HTTP (interfaces.md §2): routing, tokens, origins, answers. Called on
/// io threads; what it needs of calls it asks the broker for.
class Api : public http::Handler {
 public:
  Api(std::shared_ptr<const Settings> settings, Broker& broker, feed::Feeds& feeds,
      FeedIntake& intake, Sinks& sinks, Registry& registry, Probe probe);

  void on_request(http::Request request, http::Respond respond) override;
  http::Opening on_upgrade(const http::Request& request) override;
  bool streams(const http::Request& request) const override;
  http::Opening on_stream(const http::Request& request) override;

  /// Listeners really bound: the names of our own origin.
  void set_bound(const std::vector<std::string>& bound);
  /// Swaps the settings all at once; requests under way keep theirs, a session's next token is
  /// held against the new ones.
  void set_settings(std::shared_ptr<const Settings> settings);
  /// Deliveries that had been taken before the start. Before the first request.
  void restore_deliveries(const Deliveries::Notes& notes) { deliveries_.restore(notes, now()); }

 private:
  struct View {
    std::shared_ptr<const Settings> settings;
    std::shared_ptr<const SessionRules> rules;
  };
  View view() const;
  /// For sessions, which outlive a change of the settings.
  RulesNow rules_now() const {
    return [this] { return view().rules; };
  }

  void hook(const View& view, http::Request request, http::Respond respond);
  /// A PBX that opens a WebSocket and tells its events by it.
  http::Opening open_feed(const View& view, const http::Request& request);
  void take(const WebhookSource& source, HookRequest ask, HookOutcome outcome, std::string target,
            const Deliveries::Answer& answer);
  /// GET /v1/sources/{source}/unmatched
  http::Response source(const View& view, const http::Request& request);
  void calls(const View& view, const http::Request& request, http::Respond respond);
  void sinks(const View& view, const http::Request& request, http::Respond respond);
  http::Response page(const View& view, const http::Request& request) const;
  http::Response ready() const;
  void refuse(Errc code, const http::Respond& respond);
  /// The answer to a refused request, counted.
  http::Response refusal(Errc code);
  /// Answers a browser that asks whether a page of another origin may open an event stream.
  http::Response preflight(const View& view, const http::Request& request);
  Result<Grant> grant_of(const View& view, const http::Request& request) const;
  /// A browser's page may talk to us: its origin is our own (under a name that is ours), or on a
  /// list.
  bool origin_allowed(const View& view, const http::Request& request) const;
  bool host_is_ours(const View& view, std::string_view host) const;

  mutable std::mutex mutex_;
  View view_;
  std::vector<std::string> own_hosts_;
  Broker& broker_;
  feed::Feeds& feeds_;
  FeedIntake& intake_;
  Sinks& sinks_;
  Registry& registry_;
  Probe probe_;
  Counter& unmatched_;
  Deliveries deliveries_;
  Unmatched kept_unmatched_;
};

}  // namespace hookswitch
