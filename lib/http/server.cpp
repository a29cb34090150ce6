#include "http/server.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <deque>

#include "http/acceptor.hpp"
#include "http/io_thread.hpp"
#include "http/listening.hpp"
#include "http/shared.hpp"
#include "http/tls.hpp"

namespace hookswitch::http {

struct Server::Impl {
  Impl(ServerOptions given, Handler& handler, Registry& registry)
      : owner(std::make_shared<Shared>(std::move(given), handler, registry)), shared(*owner) {
    for (const auto& each : shared.options.listen) listenings.emplace_back(each);
  }

  /// The certificate of every listener that wants one, in their order.
  Result<std::vector<std::shared_ptr<const TlsContext>>> load_certificates() const {
    std::vector<std::shared_ptr<const TlsContext>> out;
    for (const auto& each : listenings) {
      out.emplace_back();
      if (!each.wants_tls()) continue;
      auto loaded = TlsContext::load(each.options.certificate_file, each.options.key_file,
                                     each.options.client_ca_file);
      if (!loaded) return loaded.error();
      out.back() = std::move(*loaded);
    }
    return out;
  }

  const std::shared_ptr<Shared> owner;
  Shared& shared;
  std::deque<Listening> listenings;
  std::vector<std::shared_ptr<IoThread>> threads;
  std::vector<std::unique_ptr<Acceptor>> acceptors;
};

Server::Server(ServerOptions options, Handler& handler, Registry& registry)
    : impl_(std::make_unique<Impl>(std::move(options), handler, registry)) {}

Server::~Server() { stop(); }

Result<void> Server::start() {
  auto& impl = *impl_;
  if (const auto loaded = reload_certificates(); !loaded) return loaded.error();
  for (unsigned i = 0; i < std::max(1U, impl.shared.options.io_threads); ++i)
    impl.threads.push_back(std::make_shared<IoThread>(impl.owner));
  for (const auto& each : impl.listenings) {
    auto acceptor = Acceptor::open(each, impl.threads);
    if (!acceptor) return acceptor.error();
    impl.acceptors.push_back(std::move(*acceptor));
  }
  for (auto& acceptor : impl.acceptors) acceptor->start();
  for (auto& thread : impl.threads) thread->start();
  return {};
}

Result<void> Server::reload_certificates() {
  auto loaded = impl_->load_certificates();
  if (!loaded) return loaded.error();
  for (std::size_t i = 0; i < loaded->size(); ++i)
    impl_->listenings[i].set_tls(std::move((*loaded)[i]));
  return {};
}

std::vector<std::string> Server::bound() const {
  std::vector<std::string> out;
  for (const auto& each : impl_->acceptors) out.push_back(each->bound());
  return out;
}

void Server::stop_accepting() {
  auto& impl = *impl_;
  if (impl.shared.stopping.exchange(true) || impl.threads.empty()) return;
  // Until it has run, nobody knows who is still waiting to be accepted.
  boost::asio::post(impl.threads.front()->io, [this, waits = InHand{impl.shared.in_hand}] {
    for (auto& each : impl_->acceptors) each->stop();
  });
}

void Server::close_channels(Errc why) {
  for (auto& thread : impl_->threads)
    boost::asio::post(thread->io, [io = thread.get(), why] { io->close_channels(why); });
}

bool Server::idle() const {
  const Shared& shared = impl_->shared;
  return shared.in_hand == 0 && shared.websockets.value() == 0 && shared.event_streams.value() == 0;
}

void Server::stop() {
  stop_accepting();
  for (auto& thread : impl_->threads) thread->stop();
}

std::uint64_t Server::turns() const {
  std::uint64_t least = UINT64_MAX;
  for (const auto& thread : impl_->threads) least = std::min(least, thread->turns.load());
  return least;
}

}  // namespace hookswitch::http
