#include "sinks/sink.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "sinks/retry_after.hpp"
#include "sinks/signature.hpp"

namespace hookswitch {

namespace {

constexpr milliseconds kSavePause{200};
constexpr milliseconds kReadAgain{1000};
constexpr milliseconds kOverloadPause{250};
/// So many failures without a success between, of more than one call: nobody is there.
constexpr unsigned kOutageFailures = 3;

std::string word_of(unsigned status) { return fmt::format("status_{}xx", status / 100); }

}  // namespace

Sink::Metrics::Metrics(Registry& registry, const std::string& sink)
    : accepted(registry.counter("hookswitch_sink_accepted_total", "Messages that a receiver took.",
                                {{"sink", sink}})),
      attempts(registry.counter("hookswitch_sink_attempts_total", "Messages posted, with repeats.",
                                {{"sink", sink}})),
      dead(registry.counter("hookswitch_sink_dead_letters_total",
                            "Messages given up after all attempts.", {{"sink", sink}})),
      dead_dropped(registry.counter("hookswitch_sink_dead_dropped_total",
                                    "Dead letters that made room for newer ones.",
                                    {{"sink", sink}})),
      gaps(registry.counter("hookswitch_sink_gaps_total",
                            "Times that events were gone before a sink had read them.",
                            {{"sink", sink}})),
      dead_now(
          registry.gauge("hookswitch_sink_dead_letters", "Dead letters kept.", {{"sink", sink}})),
      behind(
          registry.gauge("hookswitch_sink_behind", "Events not dealt with yet.", {{"sink", sink}})),
      held(registry.gauge("hookswitch_sink_held", "Messages in memory.", {{"sink", sink}})),
      disabled(registry.gauge("hookswitch_sink_disabled", "1: the receiver said 410 Gone.",
                              {{"sink", sink}})) {}

Sink::Sink(SinkSettings settings, std::shared_ptr<const Directory> directory, SinkParts& parts)
    : settings_(std::move(settings)),
      directory_(std::move(directory)),
      parts_(parts),
      metrics_(parts.registry, settings_.name),
      store_(parts.folder, settings_.org, settings_.name) {}

void Sink::start() {
  if (auto place = store_.load()) {
    place_ = std::move(*place);
    read_ = place_.accepted();
    has_place_ = true;
  }
  fill();
  show();
}

void Sink::told() {
  may_have_more_ = true;
  fill();
}

void Sink::reconfigure(SinkSettings settings, std::shared_ptr<const Directory> directory) {
  settings_ = std::move(settings);
  directory_ = std::move(directory);
  stopped_ = disabled_ = false;
  end_pause();  // whoever reloads has mended something
  may_have_more_ = true;
  fill();
  pump();
  show();
}

void Sink::stop() {
  stopped_ = true;
  save();
}

// --- reading

void Sink::fill() {
  if (reading_ || stopped_ || disabled_ || rewind_to_ || is_full() || !may_have_more_) return;
  read_ = place_.skip(read_);
  reading_ = true;
  const auto asked = parts_.past([weak = weak_from_this(), &out = parts_.out, org = settings_.org,
                                  epoch = has_place_ ? place_.epoch() : std::string{}, from = read_,
                                  generation = generation_](History& history) {
    Page page{history.epoch(), history.complete_after(org), history.newest(org), true, {}};
    if (page.epoch == epoch && from >= page.complete_after && from < page.newest) {
      auto events = history.read(org, from, kSinkPageEvents, kSinkPageBytes);
      page.is_good = events.has_value();
      if (events) page.events = std::move(*events);
    }
    out.post([weak, page = std::move(page), from, generation]() mutable {
      if (const auto sink = weak.lock()) sink->take(std::move(page), from, generation);
    });
  });
  if (asked) return;
  parts_.out.later(kReadAgain, [weak = weak_from_this()] {
    const auto sink = weak.lock();
    if (!sink) return;
    sink->reading_ = false;
    sink->fill();
  });
}

void Sink::take(Page page, std::uint64_t from, std::uint64_t generation) {
  reading_ = false;
  if (stopped_) return;
  if (generation != generation_) return fill();
  if (!page.is_good) {
    parts_.out.later(kReadAgain, [weak = weak_from_this()] {
      if (const auto sink = weak.lock()) sink->fill();
    });
    return;
  }
  newest_ = page.newest;
  if (find_place(page, from)) take_events(page);
  may_have_more_ = read_ < newest_;
  changed();
  pump();
  fill();
}

/// False: the place was not in this history; it is now.
bool Sink::find_place(const Page& page, std::uint64_t from) {
  if (!has_place_) {
    has_place_ = true;
    place_ = {page.epoch, page.newest};
    read_ = page.newest;
    dirty_ = true;
    save();  // or a crash now would begin after what comes next
    log::notice("sink_begins",
                {{"sink", settings_.name}, {"cursor", Cursor{page.epoch, read_}.str()}});
    return false;
  }
  const bool same = page.epoch == place_.epoch() && from <= page.newest;
  if (same && from >= page.complete_after) return true;
  // What was between is gone; what is still held is posted nevertheless.
  metrics_.gaps.add();
  log::warning("sink_gap", {{"sink", settings_.name},
                            {"from", Cursor{place_.epoch(), from}.str()},
                            {"to", Cursor{page.epoch, page.complete_after}.str()}});
  if (same) {
    place_.done(from + 1, page.complete_after);
  } else {
    place_ = {page.epoch, page.complete_after};
    parts_left_.clear();
  }
  read_ = page.complete_after;
  dirty_ = true;
  return false;
}

void Sink::take_events(Page& page) {
  for (const auto& stored : page.events) {
    read_ = stored.offset;
    if (place_.is_done(stored.offset)) continue;
    auto messages = sink_messages(settings_, *directory_, page.epoch, stored);
    if (!messages) {
      metrics_.gaps.add();
      log::error("stored_event_unreadable", {{"org", settings_.org},
                                             {"offset", std::to_string(stored.offset)},
                                             {"why", messages.error().detail}});
    }
    if (!messages || messages->empty()) {
      place_.done(stored.offset);
      dirty_ = true;
      continue;
    }
    if (messages->size() > 1) parts_left_[stored.offset] = messages->size();
    for (auto& message : *messages) add({std::move(message), 0, 0, false});
  }
}

void Sink::add(Item item) {
  ++held_;
  held_bytes_ += item.message.body().size();
  const std::string name = item.message.lane;
  auto [lane, fresh] = lanes_.try_emplace(name);
  lane->second.items.push_back(std::move(item));
  if (fresh) make_ready(name, lane->second);
}

/// Its first message may go, unless it must wait for another call's last.
void Sink::make_ready(const std::string& name, Lane& lane) {
  const std::string& after = lane.items.front().message.after;
  if (!after.empty() && after != name && lanes_.contains(after)) {
    lane.state = LaneState::blocked;
    blocked_.emplace(after, name);
    return;
  }
  lane.state = LaneState::ready;
  ready_.push_back(name);
}

// --- posting

void Sink::pump() {
  while (!stopped_ && !disabled_ && !paused_ && !rewind_to_ && !ready_.empty() &&
         in_flight_ < (outage_ ? 1 : settings_.concurrency)) {
    const std::string name = std::move(ready_.front());
    ready_.pop_front();
    const auto lane = lanes_.find(name);
    if (lane != lanes_.end() && lane->second.state == LaneState::ready) send(name, lane->second);
  }
}

void Sink::send(const std::string& name, Lane& lane) {
  Item& item = lane.items.front();
  http_client::Request request;
  request.method = "POST";
  request.url = settings_.url;
  request.body = item.message.body();
  const auto seconds = to_unix_ms(now()) / 1000;
  request.headers.emplace_back("Content-Type", settings_.shape == SinkShape::native
                                                   ? "application/cloudevents+json"
                                                   : "application/json");
  request.headers.emplace_back("webhook-id", item.message.id);
  request.headers.emplace_back("webhook-timestamp", std::to_string(seconds));
  if (!settings_.keys.empty())
    request.headers.emplace_back(
        "webhook-signature",
        webhook_signature(settings_.keys, item.message.id, seconds, request.body));
  request.deadline = settings_.timeout;
  request.wants_body = false;
  request.may_repeat = true;
  request.policy = settings_.policy;
  request.trust = settings_.trust;
  lane.state = LaneState::in_flight;
  ++in_flight_;
  metrics_.attempts.add();
  parts_.out.request(std::move(request),
                     [weak = weak_from_this(), name](const http_client::Outcome& outcome) {
                       if (const auto sink = weak.lock()) sink->answered(name, outcome);
                     });
}

void Sink::answered(const std::string& name, const http_client::Outcome& outcome) {
  --in_flight_;
  Lane& lane = lanes_.find(name)->second;
  if (const auto* response = std::get_if<http_client::Response>(&outcome)) {
    if (response->status / 100 == 2) {
      accepted(name, lane);
    } else if (response->status == 410) {
      disabled_ = true;
      last_failure_ = "status 410";
      last_failure_at_ = now();
      log::warning("sink_disabled", {{"sink", settings_.name}, {"why", "410 Gone"}});
      lane.state = LaneState::ready;
      ready_.push_front(name);
    } else {
      parts_.registry
          .counter("hookswitch_sink_failures_total", "Messages that were not taken, by reason.",
                   {{"sink", settings_.name}, {"reason", word_of(response->status)}})
          .add();
      refused(name, lane, fmt::format("status {}", response->status),
              parse_retry_after(response->header("retry-after"), now()));
    }
  } else {
    const auto& failed = std::get<http_client::Failed>(outcome);
    using http_client::Failure;
    if (failed.why == Failure::shutting_down || failed.why == Failure::overload) {
      // Nothing was sent.
      wait(name, lane, kOverloadPause);
    } else {
      const std::string word{to_string(failed.why)};
      parts_.registry
          .counter("hookswitch_sink_failures_total", "Messages that were not taken, by reason.",
                   {{"sink", settings_.name}, {"reason", word}})
          .add();
      refused(name, lane, word, std::nullopt);
    }
  }
  changed();
  if (rewind_to_ && in_flight_ == 0) rewind();
  pump();
  fill();
}

void Sink::accepted(const std::string& name, Lane& lane) {
  metrics_.accepted.add();
  const bool was_letter = lane.items.front().is_letter;
  if (was_letter) store_.raise(lane.items.front().message.id);
  finish(name, lane);
  if (outage_) end_outage();
  ++streak_;
  failures_in_row_ = 0;
  several_failed_ = false;
}

void Sink::refused(const std::string& name, Lane& lane, const std::string& reason,
                   std::optional<std::chrono::seconds> retry_after) {
  Item& item = lane.items.front();
  ++item.attempts;
  item.streak = streak_;
  last_failure_ = reason;
  last_failure_at_ = now();
  note_failure(name);
  if (item.attempts >= settings_.attempts && !stopped_) {
    if (bury(item, reason))
      finish(name, lane);
    else
      wait(name, lane, settings_.backoff_max);
  } else if (outage_) {
    lane.state = LaneState::ready;
    ready_.push_front(name);
  } else {
    wait(name, lane,
         std::max<milliseconds>(backoff(item.attempts),
                                retry_after.value_or(std::chrono::seconds{0})));
  }
  if (retry_after)
    pause(*retry_after, true);
  else if (outage_)
    pause(backoff(failures_in_row_ - kOutageFailures + 1), false);
}

void Sink::note_failure(const std::string& name) {
  several_failed_ |= failures_in_row_ > 0 && failed_lane_ != name;
  failed_lane_ = name;
  ++failures_in_row_;
  if (outage_ || failures_in_row_ < kOutageFailures || !several_failed_) return;
  outage_ = true;
  log::warning("sink_failing", {{"sink", settings_.name}, {"why", last_failure_}});
}

void Sink::end_outage() {
  outage_ = false;
  if (!pause_is_asked_) end_pause();
  log::notice("sink_recovered", {{"sink", settings_.name}});
  // What failed for want of a receiver need not wait for its turn.
  for (auto& [name, lane] : lanes_)
    if (lane.state == LaneState::waiting && lane.items.front().streak == streak_)
      make_ready(name, lane);
}

milliseconds Sink::backoff(unsigned failures) const {
  const auto doublings = std::min(failures - 1, 30U);
  const auto full =
      std::min<std::int64_t>(settings_.backoff.count() << doublings, settings_.backoff_max.count());
  // Between a half and the whole, so that what failed together does not come back together.
  const auto half = static_cast<std::uint64_t>(std::max<std::int64_t>(full / 2, 1));
  return milliseconds{full - static_cast<std::int64_t>(random_u64() % half)};
}

void Sink::wait(const std::string& name, Lane& lane, milliseconds delay) {
  lane.state = LaneState::waiting;
  parts_.out.later(delay, [weak = weak_from_this(), name, id = lane.items.front().message.id] {
    const auto sink = weak.lock();
    if (!sink) return;
    const auto found = sink->lanes_.find(name);
    if (found == sink->lanes_.end() || found->second.state != LaneState::waiting ||
        found->second.items.front().message.id != id)
      return;
    sink->make_ready(name, found->second);
    sink->pump();
  });
}

void Sink::pause(milliseconds delay, bool is_asked) {
  paused_ = true;
  pause_is_asked_ = is_asked;
  parts_.out.later(delay, [weak = weak_from_this(), number = ++pauses_] {
    const auto sink = weak.lock();
    if (!sink || sink->pauses_ != number) return;
    sink->end_pause();
    sink->pump();
  });
}

void Sink::end_pause() {
  ++pauses_;  // its timer is of no account
  paused_ = pause_is_asked_ = false;
}

bool Sink::bury(const Item& item, const std::string& reason) {
  const SinkMessage& message = item.message;
  const auto dropped =
      store_.bury({message.id, message.lane, message.type, message.call, message.cursor.str(),
                   reason, std::string{message.body()}, item.attempts, now()});
  if (!dropped) {
    log::error("sink_dead_letter_not_kept",
               {{"sink", settings_.name}, {"why", dropped.error().detail}});
    return false;
  }
  metrics_.dead.add();
  metrics_.dead_dropped.add(*dropped);
  if (*dropped > 0)
    log::warning("sink_dead_letters_dropped",
                 {{"sink", settings_.name}, {"count", std::to_string(*dropped)}});
  return true;
}

void Sink::finish(const std::string& name, Lane& lane) {
  const SinkMessage& message = lane.items.front().message;
  if (!lane.items.front().is_letter && message.cursor.epoch == place_.epoch()) {
    const auto left = parts_left_.find(message.cursor.offset);
    const bool whole = left == parts_left_.end() || --left->second == 0;
    if (whole) {
      if (left != parts_left_.end()) parts_left_.erase(left);
      place_.done(message.cursor.offset);
      dirty_ = true;
    }
  }
  --held_;
  held_bytes_ -= message.body().size();
  lane.items.pop_front();
  if (!lane.items.empty()) return make_ready(name, lane);
  const std::string ended = name;
  lanes_.erase(ended);
  std::vector<std::string> freed;
  for (auto [it, end] = blocked_.equal_range(ended); it != end; ++it) freed.push_back(it->second);
  blocked_.erase(ended);
  for (const auto& each : freed)
    if (const auto found = lanes_.find(each); found != lanes_.end())
      make_ready(each, found->second);
}

// --- again

void Sink::replay(const Cursor& cursor, std::function<void(std::optional<Errc>)> done) {
  const bool asked = parts_.past([weak = weak_from_this(), &out = parts_.out, org = settings_.org,
                                  cursor, done](History& history) {
    const bool good = cursor.epoch == history.epoch() && cursor.offset <= history.newest(org) &&
                      cursor.offset >= history.complete_after(org);
    out.post([weak, cursor, done, good] {
      const auto sink = weak.lock();
      if (!sink || !good) return done(Errc::cursor_gone);
      log::notice("sink_replay", {{"sink", sink->settings_.name}, {"since", cursor.str()}});
      sink->rewind_to_ = cursor;
      if (sink->in_flight_ == 0) sink->rewind();
      done(std::nullopt);
    });
  });
  if (!asked) done(Errc::overload);
}

void Sink::rewind() {
  place_ = {rewind_to_->epoch, rewind_to_->offset};
  read_ = rewind_to_->offset;
  rewind_to_.reset();
  has_place_ = true;
  ++generation_;
  lanes_.clear();
  ready_.clear();
  blocked_.clear();
  parts_left_.clear();
  held_ = held_bytes_ = 0;
  may_have_more_ = dirty_ = true;
  changed();
  fill();
}

std::size_t Sink::redeliver(const std::vector<std::string>& ids) {
  std::size_t count = 0;
  const auto put = [&](DeadLetter letter) {
    const std::string name = "letters of " + letter.lane;
    const auto lane = lanes_.find(name);
    if (lane != lanes_.end() &&
        std::any_of(lane->second.items.begin(), lane->second.items.end(),
                    [&](const Item& item) { return item.message.id == letter.id; }))
      return;
    SinkMessage message;
    message.id = std::move(letter.id);
    message.lane = name;
    message.type = std::move(letter.type);
    message.call = std::move(letter.call);
    if (const auto cursor = parse_cursor(letter.cursor)) message.cursor = *cursor;
    message.text = std::move(letter.body);
    add({std::move(message), 0, 0, true});
    ++count;
  };
  if (ids.empty()) {
    for (std::size_t i = 0; i < store_.dead() && !is_full(); ++i)
      for (auto& letter : store_.letters(i, 1)) put(std::move(letter));
  } else {
    for (const auto& id : ids)
      if (auto letter = store_.letter(id); letter && !is_full()) put(std::move(*letter));
  }
  pump();
  return count;
}

// --- what is kept, and shown

void Sink::changed() {
  show();
  if (!dirty_ || save_scheduled_) return;
  save_scheduled_ = true;
  parts_.out.later(kSavePause, [weak = weak_from_this()] {
    const auto sink = weak.lock();
    if (!sink) return;
    sink->save_scheduled_ = false;
    sink->save();
  });
}

void Sink::save() {
  if (!dirty_ || !has_place_) return;
  if (auto saved = store_.save(place_); !saved) {
    log::error("sink_cursor_not_kept", {{"sink", settings_.name}, {"why", saved.error().detail}});
    return changed();
  }
  dirty_ = false;
}

void Sink::show() {
  metrics_.dead_now.set(static_cast<std::int64_t>(store_.dead()));
  metrics_.held.set(static_cast<std::int64_t>(held_));
  metrics_.disabled.set(disabled_ ? 1 : 0);
  const auto newest = std::max(newest_, place_.accepted());
  metrics_.behind.set(static_cast<std::int64_t>(newest - place_.accepted()));
}

void Sink::describe(json::Writer& out) const {
  const auto newest = std::max(newest_, place_.accepted());
  const char* state = disabled_ ? "disabled" : outage_ ? "failing" : paused_ ? "paused" : "active";
  out.begin_object().member("name", settings_.name).member("org", settings_.org);
  out.member("kind", "webhook").member("url", settings_.url.origin());
  out.member("shape", settings_.shape == SinkShape::native ? "native" : "elma365");
  out.member("state", state);
  out.key("cursor");
  if (has_place_)
    out.string(Cursor{place_.epoch(), place_.accepted()}.str());
  else
    out.null();
  out.member("behind", static_cast<std::int64_t>(newest - place_.accepted()));
  out.member("held", static_cast<std::int64_t>(held_));
  out.member("in_flight", static_cast<std::int64_t>(in_flight_));
  out.member("dead_letters", static_cast<std::int64_t>(store_.dead()));
  out.key("last_failure");
  if (last_failure_.empty())
    out.null();
  else
    out.begin_object()
        .member("reason", last_failure_)
        .member("at", to_rfc3339(last_failure_at_))
        .end_object();
  out.end_object();
}

}  // namespace hookswitch
