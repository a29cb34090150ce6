#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "http_client/outgoing.hpp"

namespace hookswitch::http_client {

/// Addresses of a name. May block; called on a thread of the client's. Empty: there are none.
using Resolve = std::function<std::vector<IpAddress>(const std::string& name)>;
/// The system's resolver.
std::vector<IpAddress> resolve_by_system(const std::string& name);

struct ClientOptions {
  std::size_t requests_max = 256;  ///< at once; beyond: Failure::overload
  std::size_t idle_per_host = 4;   ///< connections kept for the next request
  std::size_t idle_max = 64;       ///< ... and of all hosts
  std::chrono::milliseconds idle_time{20'000};
  std::size_t resolvers_max = 8;  ///< names looked up at once; a dead name server costs only these
  std::chrono::milliseconds drain_time{1000};  ///< for a body that nobody wants
  Resolve resolve = resolve_by_system;
};

/// HTTP/1.1 over a thread of its own. A name is looked up once for each new connection and the very
/// address that the policy allowed is connected to; a kept connection is used only where its
/// address is allowed and its certificate was checked by the same trust.
class Client : public Outgoing {
 public:
  explicit Client(Registry& registry, ClientOptions options = {});
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start();
  /// Ends what is under way with shutting_down, then the thread. What comes after is dropped.
  void stop();

  void request(Request request, Done done) override;
  void post(std::function<void()> work) override;
  void later(std::chrono::milliseconds delay, std::function<void()> work) override;
  /// Goes up while the thread turns, about once a second. Any thread.
  std::uint64_t turns() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace hookswitch::http_client
