#include "delivery/event_tail.hpp"

namespace hookswitch {

Frame stream_frame(const Cursor& cursor, std::string_view type, std::string_view json) {
  std::string text;
  text.reserve(json.size() + type.size() + cursor.epoch.size() + 48);
  text += "id: ";
  text += cursor.str();
  text += "\nevent: ";
  text += type;
  text += "\ndata: ";
  text += json;
  text += "\n\n";
  return make_frame(text);
}

const ToldEvent& EventTail::add(const Event& event, const Frame& native) {
  const std::size_t size = native->text().size();
  if (const auto it = orgs_.find(event.org);
      it != orgs_.end() && !it->second.empty() &&
      it->second.back().event().cursor.offset + 1 != event.cursor.offset)
    clear();  // a hole must not look like a whole
  // Room is made before: the newest is always there, whatever the limits.
  while (!order_.empty() && (order_.size() >= events_max_ || bytes_ + size > bytes_max_))
    drop_oldest();
  Events& events = orgs_[event.org];
  events.emplace_back(event, native);
  order_.push_back(&events);
  bytes_ += size;
  return events.back();
}

void EventTail::drop_oldest() {
  Events& events = *order_.front();
  bytes_ -= events.front().native()->text().size();
  events.pop_front();
  order_.pop_front();
}

std::optional<std::pair<EventTail::Events::const_iterator, EventTail::Events::const_iterator>>
EventTail::after(const std::string& org, std::uint64_t offset) const {
  const auto it = orgs_.find(org);
  if (events_max_ == 0 || it == orgs_.end() || it->second.empty()) return std::nullopt;
  const Events& events = it->second;
  const std::uint64_t first = events.front().event().cursor.offset;
  // Offsets of an organisation follow each other, so the place in here is a difference.
  if (offset + 1 < first || offset >= first + events.size()) return std::nullopt;
  return std::pair{events.begin() + static_cast<std::ptrdiff_t>(offset + 1 - first), events.end()};
}

void EventTail::clear() {
  order_.clear();
  orgs_.clear();
  bytes_ = 0;
}

}  // namespace hookswitch
