#include "sinks/sinks.hpp"

#include <algorithm>
#include <future>
#include <utility>

#include "base/log.hpp"

namespace hookswitch {

namespace {

constexpr milliseconds kLookAgain{20};

}  // namespace

Sinks::Sinks(http_client::Outgoing& out, ReadPast past, std::string folder, Registry& registry)
    : parts_{out, std::move(past), std::move(folder), registry} {}

Sinks::~Sinks() = default;

void Sinks::configure(std::vector<SinkSettings> settings,
                      std::shared_ptr<const Directory> directory) {
  {
    const std::lock_guard lock{mutex_};
    orgs_.clear();
    for (const auto& each : settings) orgs_.insert(each.org);
  }
  parts_.out.post(
      [this, settings = std::move(settings), directory = std::move(directory)]() mutable {
        take(std::move(settings), std::move(directory));
      });
}

void Sinks::take(std::vector<SinkSettings> settings, std::shared_ptr<const Directory> directory) {
  std::set<std::string> wanted;
  for (auto& each : settings) {
    const std::string name = each.name;
    wanted.insert(name);
    const auto found = sinks_.find(name);
    if (found != sinks_.end() && found->second.sink->settings().org == each.org) {
      found->second.is_leaving = false;
      found->second.sink->reconfigure(std::move(each), directory);
      continue;
    }
    if (found != sinks_.end()) found->second.sink->stop();
    const auto sink = std::make_shared<Sink>(std::move(each), directory, parts_);
    sinks_[name] = {sink, false};
    sink->start();
  }
  for (auto& [name, entry] : sinks_) {
    if (wanted.contains(name) || entry.is_leaving) continue;
    log::notice("sink_ends", {{"sink", name}});
    entry.is_leaving = true;
    entry.sink->stop();
  }
  drop_left();
}

/// Those that leave and have nothing under way.
void Sinks::drop_left() {
  bool some_stay = false;
  for (auto it = sinks_.begin(); it != sinks_.end();) {
    const bool leaves = it->second.is_leaving;
    if (leaves && it->second.sink->is_idle()) {
      it->second.sink->stop();
      it = sinks_.erase(it);
      continue;
    }
    some_stay |= leaves;
    ++it;
  }
  if (some_stay) parts_.out.later(kLookAgain, [this] { drop_left(); });
}

void Sinks::wait_for_places(milliseconds most) {
  const auto done = std::make_shared<std::promise<void>>();
  auto future = done->get_future();
  const auto until = std::chrono::steady_clock::now() + most;
  const auto look = std::make_shared<std::function<void()>>();
  *look = [this, done, until, weak = std::weak_ptr{look}] {
    const bool all = std::all_of(sinks_.begin(), sinks_.end(),
                                 [](const auto& each) { return each.second.sink->has_place(); });
    if (all || std::chrono::steady_clock::now() >= until) return done->set_value();
    if (const auto again = weak.lock()) parts_.out.later(milliseconds{2}, *again);
  };
  parts_.out.post(*look);
  future.wait_for(most);
}

void Sinks::told(const std::string& org) {
  {
    const std::lock_guard lock{mutex_};
    if (!orgs_.contains(org)) return;
    told_.insert(org);
    if (told_.size() > 1) return;  // on the way already
  }
  parts_.out.post([this] {
    std::set<std::string> orgs;
    {
      const std::lock_guard lock{mutex_};
      orgs.swap(told_);
    }
    for (auto& [name, entry] : sinks_)
      if (orgs.contains(entry.sink->settings().org)) entry.sink->told();
  });
}

void Sinks::stop(milliseconds most) {
  const auto done = std::make_shared<std::promise<void>>();
  auto future = done->get_future();
  parts_.out.post([this, done, until = std::chrono::steady_clock::now() + most] {
    for (auto& [name, entry] : sinks_) entry.sink->stop();
    await_idle(until, [this, done] {
      for (auto& [name, entry] : sinks_) entry.sink->stop();
      done->set_value();
    });
  });
  future.wait_for(most + milliseconds{500});
}

void Sinks::await_idle(std::chrono::steady_clock::time_point until, std::function<void()> done) {
  const bool idle = std::all_of(sinks_.begin(), sinks_.end(),
                                [](const auto& each) { return each.second.sink->is_idle(); });
  if (idle || std::chrono::steady_clock::now() >= until) return done();
  parts_.out.later(kLookAgain, [this, until, done = std::move(done)]() mutable {
    await_idle(until, std::move(done));
  });
}

std::shared_ptr<Sink> Sinks::find(const std::string& org, const std::string& name) const {
  const auto found = sinks_.find(name);
  const bool there = found != sinks_.end() && !found->second.is_leaving &&
                     found->second.sink->settings().org == org;
  return there ? found->second.sink : nullptr;
}

void Sinks::list(const std::string& org, Answer answer) {
  parts_.out.post([this, org, answer = std::move(answer)] {
    json::Writer out;
    out.begin_object().key("sinks").begin_array();
    for (const auto& [name, entry] : sinks_)
      if (entry.sink->settings().org == org && !entry.is_leaving) entry.sink->describe(out);
    out.end_array().end_object();
    answer(out.str());
  });
}

void Sinks::letters(const std::string& org, const std::string& name, std::size_t from,
                    Answer answer) {
  parts_.out.post([this, org, name, from, answer = std::move(answer)] {
    const auto sink = find(org, name);
    if (!sink) return answer(Error{Errc::not_found, {}});
    json::Writer out;
    out.begin_object().key("letters").begin_array();
    for (const auto& letter : sink->store().letters(from, kLettersShown)) {
      out.begin_object().member("id", letter.id).member("type", letter.type);
      out.member("call", letter.call).member("cursor", letter.cursor);
      out.member("reason", letter.reason);
      out.member("attempts", static_cast<std::int64_t>(letter.attempts));
      out.member("at", to_rfc3339(letter.at)).member("body", letter.body).end_object();
    }
    out.end_array().member("more", from + kLettersShown < sink->store().dead()).end_object();
    answer(out.str());
  });
}

void Sinks::replay(const std::string& org, const std::string& name, const Cursor& since,
                   Answer answer) {
  parts_.out.post([this, org, name, since, answer = std::move(answer)] {
    const auto sink = find(org, name);
    if (!sink) return answer(Error{Errc::not_found, {}});
    sink->replay(since, [since, answer](std::optional<Errc> refused) {
      if (refused) return answer(Error{*refused, {}});
      json::Writer out;
      out.begin_object().member("since", since.str()).end_object();
      answer(out.str());
    });
  });
}

void Sinks::redeliver(const std::string& org, const std::string& name, std::vector<std::string> ids,
                      Answer answer) {
  parts_.out.post([this, org, name, ids = std::move(ids), answer = std::move(answer)] {
    const auto sink = find(org, name);
    if (!sink) return answer(Error{Errc::not_found, {}});
    json::Writer out;
    out.begin_object().member("letters", static_cast<std::int64_t>(sink->redeliver(ids)));
    answer(out.end_object().str());
  });
}

}  // namespace hookswitch
