#include "delivery/event_tail.hpp"

#include <algorithm>
#include <functional>

namespace hookswitch {

namespace {

/// Beside its text an event is there decoded, and perhaps as a message for streams: each takes
/// about as much again.
std::size_t cost(const Frame& native) { return 3 * native->text().size(); }

}  // namespace

std::string stream_head(const Cursor& cursor, std::string_view type) {
  std::string out = "id: ";
  out += cursor.str();
  out += "\nevent: ";
  out += type;
  out += "\ndata: ";
  return out;
}

Frame stream_frame(const Cursor& cursor, std::string_view type, std::string_view json) {
  std::string text = stream_head(cursor, type);
  text.reserve(text.size() + json.size() + 2);
  text += json;
  text += "\n\n";
  return make_frame(text);
}

Frame stream_place(const Cursor& cursor) { return make_frame("id: " + cursor.str() + "\n\n"); }

std::uint64_t EventTail::key_of(SubscriptionIndex::By by, const std::string& value) {
  return std::hash<std::string>{}(value)*0x9E3779B97F4A7C15ULL + static_cast<std::uint64_t>(by);
}

const ToldEvent& EventTail::add(const Event& event, const Frame& native) {
  const std::size_t size = cost(native);
  const std::uint64_t offset = event.cursor.offset;
  if (const auto it = orgs_.find(event.org);
      it != orgs_.end() && !it->second.events.empty() &&
      it->second.events.back().event().cursor.offset + 1 != offset)
    clear();  // a hole must not look like a whole
  // Room is made before: the newest is always there, whatever the limits.
  while (!order_.empty() && (order_.size() >= events_max_ || bytes_ + size > bytes_max_))
    drop_oldest();
  Org& org = orgs_[event.org];
  org.events.emplace_back(event, native);
  order_.push_back(&org);
  bytes_ += size;
  if (events_max_ > 0)
    SubscriptionIndex::each_value(event, [&](SubscriptionIndex::By by, const std::string& value) {
      if (value.empty()) return;
      auto& offsets = org.by_key[key_of(by, value)].all;
      if (offsets.empty() || offsets.back() != offset) offsets.push_back(offset);
    });
  return org.events.back();
}

void EventTail::drop_oldest() {
  Org& org = *order_.front();
  const ToldEvent& oldest = org.events.front();
  const std::uint64_t offset = oldest.event().cursor.offset;
  SubscriptionIndex::each_value(
      oldest.event(), [&](SubscriptionIndex::By by, const std::string& value) {
        const auto it = org.by_key.find(key_of(by, value));
        if (it == org.by_key.end()) return;
        auto& [all, first] = it->second;
        if (all[first] != offset) return;  // the same value again
        if (++first == all.size()) {
          org.by_key.erase(it);
        } else if (first > 32 && first > all.size() / 2) {
          all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first));
          first = 0;
        }
      });
  bytes_ -= cost(oldest.native());
  org.events.pop_front();
  order_.pop_front();
}

std::optional<EventTail::Page> EventTail::after(const std::string& org, std::uint64_t offset,
                                                const Keys* keys, std::size_t events_max) const {
  const auto it = orgs_.find(org);
  if (events_max_ == 0 || it == orgs_.end() || it->second.events.empty()) return std::nullopt;
  const auto& events = it->second.events;
  // Offsets of an organisation follow each other, so the place in here is a difference.
  const std::uint64_t first = it->second.first(), newest = first + events.size() - 1;
  if (offset + 1 < first || offset > newest) return std::nullopt;
  Page out;
  const auto take = [&](std::uint64_t at) {
    out.events.push_back(&events[static_cast<std::size_t>(at - first)]);
  };
  if (keys == nullptr) {
    out.until = std::min(newest, offset + events_max);
    for (std::uint64_t at = offset + 1; at <= out.until; ++at) take(at);
    return out;
  }
  std::vector<std::uint64_t> found;
  for (const std::uint64_t key : *keys) {
    const auto known = it->second.by_key.find(key);
    if (known == it->second.by_key.end()) continue;
    const auto& [all, from] = known->second;
    const auto begin =
        std::upper_bound(all.begin() + static_cast<std::ptrdiff_t>(from), all.end(), offset);
    const auto count = std::min(events_max, static_cast<std::size_t>(all.end() - begin));
    found.insert(found.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.size() > events_max) found.resize(events_max);
  for (const std::uint64_t at : found) take(at);
  out.until = found.size() < events_max ? newest : found.back();
  return out;
}

void EventTail::clear() {
  order_.clear();
  orgs_.clear();
  bytes_ = 0;
}

}  // namespace hookswitch
