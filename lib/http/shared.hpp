#pragma once

#include <atomic>
#include <utility>

#include "http/server.hpp"

namespace hookswitch::http {

/// One more while it lives.
class Counted {
 public:
  Counted() = default;
  explicit Counted(Gauge& gauge) : gauge_(&gauge) { gauge.add(1); }
  Counted(Counted&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)) {}
  Counted& operator=(Counted&& other) noexcept {
    std::swap(gauge_, other.gauge_);
    return *this;
  }
  ~Counted() {
    if (gauge_ != nullptr) gauge_->add(-1);
  }

 private:
  Gauge* gauge_ = nullptr;
};

/// A request in hand, or what may become one: a stop waits while it lives.
class InHand {
 public:
  InHand() = default;
  explicit InHand(std::atomic<std::int64_t>& count) : count_(&count) { ++count; }
  InHand(InHand&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  InHand& operator=(InHand&& other) noexcept {
    std::swap(count_, other.count_);
    return *this;
  }
  ~InHand() {
    if (count_ != nullptr) --*count_;
  }

 private:
  std::atomic<std::int64_t>* count_ = nullptr;
};

/// What all threads and connections of one server have. Lives as long as any of them.
struct Shared {
  Shared(ServerOptions given, Handler& behind, Registry& metrics)
      : options(std::move(given)), handler(behind), registry(metrics) {}

  const ServerOptions options;
  Handler& handler;
  Registry& registry;
  Gauge& connections =
      registry.gauge("hookswitch_http_connections", "Open connections, WebSockets included.");
  Gauge& websockets = registry.gauge("hookswitch_websockets", "Open WebSockets.");
  Gauge& event_streams = registry.gauge("hookswitch_event_streams", "Open event streams.");
  Counter& requests =
      registry.counter("hookswitch_http_requests_total", "Requests that passed the strict layer.");
  Counter& late_headers = registry.counter("hookswitch_http_late_headers_total",
                                           "Connections closed: no whole header in time.");
  Counter& failed_handshakes = registry.counter("hookswitch_tls_handshake_failures_total",
                                                "TLS connections closed before they spoke HTTP.");
  Counter& half_open = registry.counter("hookswitch_client_silent_total",
                                        "WebSockets cut: nothing came back to our pings.");
  std::atomic<std::int64_t> in_hand{0};  ///< requests from their first byte until answered
  std::atomic<bool> stopping{false};

  void refused(Errc code) {
    registry
        .counter("hookswitch_http_refusals_total",
                 "Requests refused before any handler, by reason.", {{"code", outcome(code).name}})
        .add();
  }
  void closed(Errc why) {
    registry
        .counter("hookswitch_client_disconnects_total", "WebSockets closed by us, by reason.",
                 {{"reason", outcome(why).name}})
        .add();
  }
};

}  // namespace hookswitch::http
