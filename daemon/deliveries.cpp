#include "daemon/deliveries.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr std::string_view kPrefix = "delivery/";
/// Let go with one delivery: more than come with it, so that it ends.
constexpr std::size_t kForgottenAtOnce = 8;

std::string note_name(const std::string& source, const std::string& key) {
  return std::string{kPrefix} + source + "/" + to_hex(key);
}

/// Source and key; both empty: it is none of ours.
std::pair<std::string, std::string> read_name(std::string_view name) {
  const auto slash = name.rfind('/');
  if (slash == std::string_view::npos || slash < kPrefix.size()) return {};
  auto key = from_hex(name.substr(slash + 1));
  if (!key) return {};
  return {std::string{name.substr(kPrefix.size(), slash - kPrefix.size())}, std::move(*key)};
}

}  // namespace

void Deliveries::forget_oldest(const std::string& name, Source& source) {
  forgotten_.emplace_back(name, source.order.front());
  source.taken.erase(source.order.front());
  source.order.pop_front();
}

void Deliveries::restore(const Notes& notes, Time now) {
  const std::lock_guard lock{mutex_};
  std::multimap<Time, std::pair<std::string, std::string>> by_time;
  for (const auto& [name, text] : notes) {
    if (!name.starts_with(kPrefix)) continue;
    auto one = read_name(name);
    const auto expires = parse_int(text);
    if (one.second.empty() || !expires) continue;
    if (from_unix_ms(*expires) <= now)
      forgotten_.push_back(std::move(one));
    else
      by_time.emplace(from_unix_ms(*expires), std::move(one));
  }
  for (auto& [expires, one] : by_time) {
    Source& source = sources_[one.first];
    source.taken.emplace(one.second, expires);
    source.order.push_back(one.second);
    if (source.order.size() > most_) forget_oldest(one.first, source);
  }
}

Deliveries::Standing Deliveries::begin(const std::string& source, const std::string& key, Time now,
                                       Answer twin) {
  const std::lock_guard lock{mutex_};
  Source& of = sources_[source];
  while (!of.order.empty() && of.taken.at(of.order.front()) <= now) forget_oldest(source, of);
  if (const auto under_way = of.under_way.find(key); under_way != of.under_way.end()) {
    auto& [twins, is_aside] = under_way->second;
    if (is_aside) return Standing::repeated;
    if (twins.size() >= kTwinsMax) return Standing::crowded;
    twins.push_back(std::move(twin));
    return Standing::waits;
  }
  // One whose time is over may stand behind one that was given longer.
  const auto taken = of.taken.find(key);
  if (taken != of.taken.end() && taken->second > now) return Standing::repeated;
  of.under_way.try_emplace(key);
  return Standing::fresh;
}

Deliveries::Notes Deliveries::notes(const std::string& source, const std::string& key,
                                    Time expires) {
  const std::lock_guard lock{mutex_};
  Notes out;
  for (; !forgotten_.empty() && out.size() < kForgottenAtOnce; forgotten_.pop_front()) {
    const auto& [name, old] = forgotten_.front();
    const Source& of = sources_[name];
    // It may have come again since.
    if (!of.taken.contains(old) && !of.under_way.contains(old))
      out.emplace(note_name(name, old), "");
  }
  out.insert_or_assign(note_name(source, key), std::to_string(to_unix_ms(expires)));
  return out;
}

void Deliveries::put_aside(const std::string& source, const std::string& key, bool is_sure) {
  std::vector<Answer> twins;
  {
    const std::lock_guard lock{mutex_};
    Source& of = sources_[source];
    const auto under_way = of.under_way.find(key);
    if (under_way == of.under_way.end()) return;
    twins.swap(under_way->second.twins);
    under_way->second.is_aside = true;
    if (!is_sure) of.under_way.erase(under_way);
  }
  for (auto& twin : twins) twin(std::nullopt);
}

void Deliveries::end(const std::string& source, const std::string& key, std::optional<Time> expires,
                     const Notes& notes, std::optional<Errc> failure) {
  std::vector<Answer> twins;
  bool is_pushed_out = false;
  {
    const std::lock_guard lock{mutex_};
    Source& of = sources_[source];
    if (const auto under_way = of.under_way.find(key); under_way != of.under_way.end()) {
      twins = std::move(under_way->second.twins);
      of.under_way.erase(under_way);
    }
    if (failure) {
      for (const auto& [name, text] : notes)
        if (text.empty()) forgotten_.push_back(read_name(name));
    } else if (expires) {
      if (of.taken.insert_or_assign(key, *expires).second) of.order.push_back(key);
      is_pushed_out = of.order.size() > most_;
      if (is_pushed_out) forget_oldest(source, of);
    }
  }
  if (is_pushed_out)
    registry_
        .counter("hookswitch_hook_deliveries_dropped_total",
                 "Deliveries forgotten before their time, because a source had too many.",
                 {{"source", source}})
        .add();
  for (auto& twin : twins) twin(failure);
}

std::size_t Deliveries::remembered(const std::string& source) const {
  const std::lock_guard lock{mutex_};
  const auto it = sources_.find(source);
  return it == sources_.end() ? 0 : it->second.order.size();
}

}  // namespace hookswitch
