#include "sources/feed/source_feed.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/time.hpp"

namespace hookswitch::feed {
namespace {

constexpr std::size_t kLegsMax = 10'000;  // living legs of one PBX that a list is compared with
constexpr std::chrono::seconds kDownAfter{5};  // one reconnect is no news

}  // namespace

SourceFeed::SourceFeed(std::string org, std::string name, FactSink& sink, Registry& registry,
                       QueueLimits limits, std::function<void()> rest)
    : org_(std::move(org)),
      name_(std::move(name)),
      sink_(sink),
      connections_(registry.gauge("hookswitch_feed_connections",
                                  "Connections by which a PBX tells its events.",
                                  {{"source", name_}})),
      waiting_(registry.gauge("hookswitch_feed_waiting",
                              "Events that are read and not yet durable.", {{"source", name_}})),
      connects_(registry.counter("hookswitch_feed_connects_total",
                                 "Connections that a PBX has told its events by.",
                                 {{"source", name_}})),
      queue_(std::make_shared<FactQueue>(sink, limits, std::move(rest))) {}

void SourceFeed::tell(std::vector<Fact> facts, SourceInputPtr input) {
  {
    const std::lock_guard lock{mutex_};
    ++heard_;
    for (const auto& fact : facts) {
      if (fact.ids.leg.empty()) continue;
      if (fact.type == FactType::ended)
        legs_.erase(fact.ids.leg);
      else if (legs_.size() < kLegsMax || legs_.contains(fact.ids.leg.str()))
        legs_[fact.ids.leg] = heard_;
    }
  }
  queue_->push(std::move(facts), std::move(input));
  waiting_.set(static_cast<std::int64_t>(queue_->size()));
}

void SourceFeed::know(const Fact& leg) {
  const std::lock_guard lock{mutex_};
  if (!leg.ids.leg.empty() && legs_.size() < kLegsMax) legs_.try_emplace(leg.ids.leg, 0);
}

SourceFeed::Connection SourceFeed::connected(std::function<void()> ask) {
  bool news = false;
  Connection out = 0;
  {
    const std::lock_guard lock{mutex_};
    out = next_++;
    asks_.emplace(out, std::move(ask));
    connections_.set(static_cast<std::int64_t>(asks_.size()));
    connects_.add();
    reason_.clear();
    down_since_.reset();
    news = told_ != true;
    told_ = true;
  }
  if (news) sink_.source_health(org_, name_, true, "");
  return out;
}

void SourceFeed::disconnected(Connection connection, const std::string& reason) {
  const std::lock_guard lock{mutex_};
  if (asks_.erase(connection) == 0) return;
  connections_.set(static_cast<std::int64_t>(asks_.size()));
  if (!asks_.empty()) return;
  reason_ = reason;
  down_since_ = Clock::now();
}

void SourceFeed::set_reason(const std::string& reason) {
  const std::lock_guard lock{mutex_};
  if (asks_.empty()) reason_ = reason;
  if (asks_.empty() && !down_since_) down_since_ = Clock::now();
}

void SourceFeed::ask() {
  std::function<void()> ask;
  {
    const std::lock_guard lock{mutex_};
    if (!asks_.empty()) ask = asks_.rbegin()->second;
  }
  if (ask) ask();
}

bool SourceFeed::may_ask() {
  const std::lock_guard lock{mutex_};
  if (unanswered_ < 2) return true;
  unanswered_ = 0;
  return false;
}

void SourceFeed::answer_missing() {
  const std::lock_guard lock{mutex_};
  ++unanswered_;
}

std::uint64_t SourceFeed::list_begins() {
  const std::lock_guard lock{mutex_};
  return heard_;
}

std::vector<std::size_t> SourceFeed::listed(const std::vector<ListedChannel>& channels,
                                            std::uint64_t began, bool of_connection) {
  std::vector<std::size_t> unknown;
  std::vector<Fact> lives;
  {
    const std::lock_guard lock{mutex_};
    unanswered_ = 0;
    std::set<std::string_view> all;
    for (std::size_t i = 0; i < channels.size(); ++i) {
      const auto& leg = channels[i].leg;
      if (!all.insert(leg).second) continue;
      if (!legs_.contains(leg)) {
        unknown.push_back(i);
        continue;
      }
      Fact fact;
      fact.org = org_;
      fact.source = name_;
      fact.received = now();
      fact.type = FactType::updated;
      fact.ids.leg = leg;
      lives.push_back(std::move(fact));
    }
    std::erase_if(legs_, [&](const auto& leg) {
      return leg.second <= began && !all.contains(std::string_view{leg.first});
    });
  }
  if (of_connection) sink_.source_restarted(org_, name_);
  for (std::size_t done = 0; done < lives.size();) {
    const auto end = std::min(lives.size(), done + kFactsPerRequestMax);
    queue_->push({lives.begin() + static_cast<std::ptrdiff_t>(done),
                  lives.begin() + static_cast<std::ptrdiff_t>(end)},
                 nullptr);
    done = end;
  }
  return unknown;
}

void SourceFeed::tick(Clock::time_point at) {
  waiting_.set(static_cast<std::int64_t>(queue_->size()));
  std::string reason;
  {
    const std::lock_guard lock{mutex_};
    if (!down_since_ || told_ == false || at - *down_since_ < kDownAfter) return;
    told_ = false;
    reason = reason_;
  }
  sink_.source_health(org_, name_, false, reason);
}

FeedStatus SourceFeed::status() const {
  const std::lock_guard lock{mutex_};
  return {org_, name_, !asks_.empty(), reason_};
}

bool SourceFeed::was_connected() const {
  const std::lock_guard lock{mutex_};
  return next_ > 0;
}

}  // namespace hookswitch::feed
