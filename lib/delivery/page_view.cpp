#include "delivery/page_view.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

std::vector<Frame> make_frames(Dialect dialect, const PageUser& user, const Event& event,
                               TelephonyStatus before, TelephonyStatus after) {
  auto messages = page_messages(dialect, event, user, before, after);
  keep_last_cursor(messages);
  std::vector<Frame> out;
  out.reserve(messages.size());
  for (const auto& text : messages) out.push_back(make_frame(text));
  return out;
}

}  // namespace

void PageView::join(const std::string& org) {
  Org& entry = orgs_[org];
  if (++entry.pages == 1) entry.board.seed(history_.live(org));
}

void PageView::leave(const std::string& org) {
  const auto it = orgs_.find(org);
  if (it != orgs_.end() && --it->second.pages == 0) orgs_.erase(it);
}

void PageView::take(const Event& event) {
  made_.clear();
  moves_.clear();
  if (const auto it = orgs_.find(event.org); it != orgs_.end())
    moves_ = it->second.board.apply(event);
}

const std::vector<Frame>& PageView::frames(Dialect dialect, const PageUser& user,
                                           const Event& event) {
  const auto known = std::find_if(made_.begin(), made_.end(), [&](const Made& made) {
    return made.dialect == dialect && made.user == user.id;
  });
  if (known != made_.end()) return known->frames;
  const auto after = status(user.org, user.id);
  auto before = after;
  for (const auto& move : moves_)
    if (move.user == user.id) before = move.before;
  made_.push_back({dialect, user.id, make_frames(dialect, user, event, before, after)});
  return made_.back().frames;
}

std::vector<Frame> PageView::past_frames(Dialect dialect, const PageUser& user,
                                         const Event& event) const {
  const auto now = status(user.org, user.id);
  return make_frames(dialect, user, event, now, now);
}

TelephonyStatus PageView::status(const std::string& org, const std::string& user) const {
  const auto it = orgs_.find(org);
  return it == orgs_.end() ? TelephonyStatus::NoCall : it->second.board.status(org, user);
}

void PageView::begin_anew() {
  for (auto& [org, entry] : orgs_) {
    entry.board = PresenceBoard{};
    entry.board.seed(history_.live(org));
  }
}

}  // namespace hookswitch
