#include "sources/feed/fact_queue.hpp"

#include <utility>

namespace hookswitch::feed {
namespace {

/// Roughly what an event holds while it waits: its facts are of about the size of what they were
/// made of.
std::size_t weigh(const std::vector<Fact>& facts, const SourceInputPtr& input) {
  std::size_t out = facts.size() * sizeof(Fact);
  for (const auto& fact : facts) {
    out += fact.reason.size() + fact.custom_data.size();
    for (const auto* texts : {&fact.headers, &fact.variables})
      for (const auto& [name, value] : *texts) out += 128 + name.size() + value.size();
  }
  if (input) out += sizeof *input + input->body.size();
  return out;
}

}  // namespace

FactQueue::FactQueue(FactSink& sink, QueueLimits limits, std::function<void()> rest)
    : sink_(sink), limits_(limits), rest_(std::move(rest)) {}

void FactQueue::push(std::vector<Fact> facts, SourceInputPtr input) {
  if (facts.empty()) return;
  {
    const std::lock_guard lock{mutex_};
    if (closed_) return;
    Item item{std::move(facts), std::move(input), 0};
    item.bytes = weigh(item.facts, item.input);
    bytes_ += item.bytes;
    waiting_.emplace(next_++, std::move(item));
  }
  submit();
}

/// At `part` of a limit, in hundredths.
bool FactQueue::over(std::size_t part) const {
  return (waiting_.size() + under_way_.size()) * 100 >= limits_.events * part ||
         bytes_ * 100 >= limits_.bytes * part;
}

bool FactQueue::is_full(std::function<void()> when_room) {
  const std::lock_guard lock{mutex_};
  if (closed_ || !over(100)) return false;
  when_room_.push_back(std::move(when_room));
  return true;
}

bool FactQueue::is_full() const {
  const std::lock_guard lock{mutex_};
  return !closed_ && over(100);
}

std::size_t FactQueue::size() const {
  const std::lock_guard lock{mutex_};
  return waiting_.size() + under_way_.size();
}

/// One thread at a time, so that the order stays; who comes meanwhile leaves it to that one.
void FactQueue::submit() {
  std::unique_lock lock{mutex_};
  if (submitting_) return;
  submitting_ = true;
  while (!closed_ && !resting_ && !waiting_.empty() && under_way_.size() < limits_.under_way) {
    auto item = waiting_.extract(waiting_.begin());
    const Number number = item.key();
    auto facts = item.mapped().facts;
    auto input = item.mapped().input;
    under_way_.insert(std::move(item));
    lock.unlock();
    // The answer may come after we are gone, or before this returns.
    sink_.submit(
        std::move(facts),
        [weak = weak_from_this(), number](std::optional<Errc> why) {
          if (const auto self = weak.lock()) self->answered(number, why);
        },
        std::move(input));
    lock.lock();
  }
  submitting_ = false;
}

void FactQueue::answered(Number number, std::optional<Errc> why) {
  bool refused = false;
  std::vector<std::function<void()>> told;
  {
    const std::lock_guard lock{mutex_};
    auto item = under_way_.extract(number);
    if (item.empty()) return;
    if (!closed_ && (why == Errc::overload || why == Errc::journal_io)) {
      waiting_.insert(std::move(item));
      refused = !std::exchange(resting_, true);
    } else {
      bytes_ -= item.mapped().bytes;
      if (!over(50)) told.swap(when_room_);
    }
  }
  if (refused && rest_) rest_();
  for (const auto& tell : told) tell();
  if (!refused) submit();
}

void FactQueue::retry() {
  {
    const std::lock_guard lock{mutex_};
    resting_ = false;
  }
  submit();
}

void FactQueue::close() {
  std::vector<std::function<void()>> told;
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    waiting_.clear();
    told.swap(when_room_);
  }
  for (const auto& tell : told) tell();
}

}  // namespace hookswitch::feed
