#include "recorder/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "recorder/record.hpp"

namespace hookswitch {
namespace {

std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::optional<Difference> first_difference(const json::Value& expected, const json::Value& told,
                                           const std::string& pointer) {
  const auto here = [&](std::string at, const json::Value* one, const json::Value* two) {
    return Difference{0, std::move(at), one == nullptr ? "" : json::to_string(*one),
                      two == nullptr ? "" : json::to_string(*two)};
  };
  if (expected.IsObject() && told.IsObject()) {
    for (const auto& item : expected.GetObject()) {
      const auto name = json::text(item.name);
      const std::string at = pointer + "/" + escaped(name);
      const json::Value* other = json::find(told, name);
      if (other == nullptr) return here(at, &item.value, nullptr);
      if (auto found = first_difference(item.value, *other, at)) return found;
    }
    for (const auto& item : told.GetObject())
      if (json::find(expected, json::text(item.name)) == nullptr)
        return here(pointer + "/" + escaped(json::text(item.name)), nullptr, &item.value);
    return std::nullopt;
  }
  if (expected.IsArray() && told.IsArray()) {
    for (rapidjson::SizeType i = 0; i < std::max(expected.Size(), told.Size()); ++i) {
      const std::string at = fmt::format("{}/{}", pointer, i);
      const json::Value* one = i < expected.Size() ? &expected[i] : nullptr;
      const json::Value* two = i < told.Size() ? &told[i] : nullptr;
      if (one == nullptr || two == nullptr) return here(at, one, two);
      if (auto found = first_difference(*one, *two, at)) return found;
    }
    return std::nullopt;
  }
  if (json::to_string(expected) == json::to_string(told)) return std::nullopt;
  return here(pointer, &expected, &told);
}

std::string list_text(const std::vector<std::string>& texts) {
  json::Writer out;
  out.begin_array();
  for (const auto& text : texts) out.string(text);
  out.end_array();
  return out.str();
}

class Player {
 public:
  Player(const Bundle& bundle, const std::function<void(const BundleEvent&)>& tell)
      : bundle_(bundle),
        tell_(tell),
        ours_(bundle.calls.begin(), bundle.calls.end()),
        table_(std::make_shared<const Directory>(), 1, bundle.limits) {
    table_.set_ids([this](Time) { return next_id(); });
    table_.set_checkable([this](const auto& org, const auto& source) {
      return checkable_.contains(
          {std::string{std::string_view{org}}, std::string{std::string_view{source}}});
    });
  }

  void feed(const BundleInput& input) {
    if (input.kind == BundleInput::Kind::directory) return table_.set_directory(input.directory);
    if (input.kind == BundleInput::Kind::settings) return set(input.sources);
    created_.assign(input.created.begin(), input.created.end());
    about_ours_ = std::any_of(input.calls.begin(), input.calls.end(),
                              [&](const auto& id) { return ours_.contains(id); });
    Step step;
    if (input.kind == BundleInput::Kind::fact)
      table_.apply(input.fact, step);
    else if (input.kind == BundleInput::Kind::restart)
      table_.source_restarted(input.org, input.source, input.at, step);
    else
      table_.tick(input.at, step);
    for (auto& event : step.events) told(event);
  }

  Replay finish() {
    for (std::size_t i = out_.told.size(); i < bundle_.events.size() && !out_.difference; ++i)
      out_.difference = Difference{i + 1, "", bundle_.events[i].frame, ""};
    return std::move(out_);
  }

 private:
  void set(const std::vector<record::SourceSettings>& sources) {
    checkable_.clear();
    for (const auto& source : sources) {
      table_.set_source_rules(source.org, source.name, source.rules);
      if (source.checkable) checkable_.emplace(source.org, source.name);
    }
  }

  /// What the recording says; else a name that is in no recording.
  std::string next_id() {
    if (!created_.empty()) {
      std::string out = std::move(created_.front());
      created_.pop_front();
      return out;
    }
    std::string out = fmt::format("replay-{}", ++strangers_);
    // A call that was not there then is news if it is about what we look at.
    if (about_ours_) ours_.insert(out);
    return out;
  }

  void told(Event& event) {
    if (!event.call) return;
    const std::string call{event.call->id};
    if (!ours_.contains(call)) return;
    const std::size_t at = out_.told.size();
    const BundleEvent* then = at < bundle_.events.size() ? &bundle_.events[at] : nullptr;
    event.cursor = {"replay", at + 1};
    if (then != nullptr)
      if (const auto frame = json::parse(then->frame, own_line_limits()))
        if (const auto cursor = json::find_string(*frame, "cursor"))
          event.cursor = parse_cursor(*cursor).value_or(event.cursor);
    BundleEvent now{encode(event), call, {}};
    for (const auto& user : event.audience) now.audience.emplace_back(std::string_view{user});
    compare(then, now, at + 1);
    if (tell_) tell_(now);
    out_.told.push_back(std::move(now));
  }

  void compare(const BundleEvent* then, const BundleEvent& now, std::size_t number) {
    if (out_.difference) return;
    if (then == nullptr)
      out_.difference = Difference{0, "", "", now.frame};
    else if (auto found = difference_of(then->frame, now.frame))
      out_.difference = std::move(found);
    else if (then->audience != now.audience)
      out_.difference =
          Difference{0, "audience", list_text(then->audience), list_text(now.audience)};
    if (out_.difference) out_.difference->event = number;
  }

  const Bundle& bundle_;
  const std::function<void(const BundleEvent&)>& tell_;
  std::set<std::string> ours_;
  CallTable table_;
  std::set<std::pair<std::string, std::string>> checkable_;
  std::deque<std::string> created_;
  bool about_ours_ = false;
  std::size_t strangers_ = 0;
  Replay out_;
};

}  // namespace

std::string Difference::text() const {
  const auto shown = [](const std::string& json) { return json.empty() ? "nothing" : json; };
  return fmt::format("event {}{}{}: was {}, is {}", event, pointer.empty() ? "" : " ", pointer,
                     shown(expected), shown(told));
}

std::optional<Difference> difference_of(const std::string& expected, const std::string& told) {
  if (expected == told) return std::nullopt;
  const auto one = json::parse(expected, own_line_limits()),
             two = json::parse(told, own_line_limits());
  if (one && two)
    if (auto found = first_difference(*one, *two, "")) return found;
  // The same values in other bytes: another order of members, say.
  return Difference{0, "", expected, told};
}

Replay replay(const Bundle& bundle, const std::function<void(Time)>& before,
              const std::function<void(const BundleEvent&)>& tell) {
  Player player{bundle, tell};
  for (const auto& input : bundle.inputs) {
    if (before) before(input.at);
    player.feed(input);
  }
  return player.finish();
}

}  // namespace hookswitch
