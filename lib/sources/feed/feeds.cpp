#include "sources/feed/feeds.hpp"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace hookswitch::feed {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kRest{200};  ///< before what was refused is offered again
constexpr std::chrono::milliseconds kTick{1000};

}  // namespace

struct Feeds::Impl : std::enable_shared_from_this<Impl> {
  Impl(FactSink& facts, Registry& metrics) : sink(facts), registry(metrics), ticker{io} {}

  using Key = std::pair<std::string, std::string>;

  std::shared_ptr<SourceFeed> feed(const Key& key) {
    const std::lock_guard lock{mutex};
    auto& out = feeds[key];
    if (!out)
      out = std::make_shared<SourceFeed>(key.first, key.second, sink, registry, QueueLimits{},
                                         [weak = weak_from_this(), key] {
                                           if (const auto self = weak.lock()) self->rest(key);
                                         });
    return out;
  }

  std::vector<std::shared_ptr<SourceFeed>> all() const {
    const std::lock_guard lock{mutex};
    std::vector<std::shared_ptr<SourceFeed>> out;
    for (const auto& [key, one] : feeds) out.push_back(one);
    return out;
  }

  void rest(const Key& key) {
    asio::post(io, [this, key] {
      auto timer = std::make_shared<asio::steady_timer>(io, kRest);
      timer->async_wait([this, key, timer](error_code error) {
        if (!error) feed(key)->queue().retry();
      });
    });
  }

  void tick() {
    ++turns;
    const auto at = SourceFeed::Clock::now();
    for (const auto& dialer : dialers) dialer->tick(at);
    for (const auto& one : all()) one->tick(at);
    ticker.expires_after(kTick);
    ticker.async_wait([this](error_code error) {
      if (!error) tick();
    });
  }

  FactSink& sink;
  Registry& registry;
  mutable std::mutex mutex;
  std::map<Key, std::shared_ptr<SourceFeed>> feeds;
  asio::io_context io{1};
  asio::steady_timer ticker;
  std::vector<std::unique_ptr<Dialer>> dialers;
  std::set<Key> dialled;  ///< fixed once started, as the dialers are
  std::atomic<std::uint64_t> turns{0};
  std::thread thread;
};

Feeds::Feeds(FactSink& sink, Registry& registry) : impl_(std::make_shared<Impl>(sink, registry)) {}

Feeds::~Feeds() { stop(); }

std::shared_ptr<SourceFeed> Feeds::feed(const std::string& org, const std::string& name) {
  return impl_->feed({org, name});
}

void Feeds::know(const std::vector<Fact>& legs) {
  for (const auto& leg : legs) feed(leg.org, leg.source)->know(leg);
}

void Feeds::dial(DialSettings settings, TakeEvent take) {
  const Impl::Key key{settings.org, settings.name};
  impl_->dialled.insert(key);
  impl_->dialers.push_back(std::make_unique<Dialer>(
      impl_->io, std::move(settings), impl_->feed(key), std::move(take), impl_->registry));
}

void Feeds::start() {
  if (impl_->thread.joinable()) return;
  for (const auto& dialer : impl_->dialers) dialer->start();
  asio::post(impl_->io, [impl = impl_.get()] { impl->tick(); });
  impl_->thread = std::thread{[impl = impl_.get()] { impl->io.run(); }};
}

void Feeds::stop() {
  for (const auto& one : impl_->all()) one->close();
  impl_->io.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

void Feeds::ask(const std::string& org, const std::string& source) {
  for (const auto& one : impl_->all())
    if (one->org() == org && one->name() == source) one->ask();
}

std::vector<FeedStatus> Feeds::status() const {
  std::vector<FeedStatus> out;
  for (const auto& one : impl_->all())
    if (one->was_connected() || impl_->dialled.contains({one->org(), one->name()}))
      out.push_back(one->status());
  return out;
}

std::uint64_t Feeds::turns() const { return impl_->turns; }

}  // namespace hookswitch::feed
