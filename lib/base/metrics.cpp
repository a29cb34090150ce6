#include "base/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"

namespace hookswitch {
namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string label_text(const Labels& labels) {
  if (labels.empty()) return {};
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    if (out.size() > 1) out += ',';
    out += fmt::format("{}=\"{}\"", name, escape(value));
  }
  return out + "}";
}

}  // namespace

Registry::Series& Registry::series(const std::string& name, const std::string& help,
                                   Labels&& labels, bool is_counter) {
  auto family = std::find_if(families_.begin(), families_.end(),
                             [&](const auto& f) { return f->name == name; });
  if (family == families_.end()) {
    families_.push_back(std::make_unique<Family>(Family{name, help, is_counter, {}}));
    family = families_.end() - 1;
  }
  HS_ASSERT((*family)->is_counter == is_counter);
  for (auto& series : (*family)->series)
    if (series.labels == labels) return series;
  (*family)->series.push_back(
      {std::move(labels), std::make_unique<Counter>(), std::make_unique<Gauge>()});
  return (*family)->series.back();
}

Counter& Registry::counter(const std::string& name, const std::string& help, Labels labels) {
  const std::lock_guard lock{mutex_};
  return *series(name, help, std::move(labels), true).counter;
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, Labels labels) {
  const std::lock_guard lock{mutex_};
  return *series(name, help, std::move(labels), false).gauge;
}

std::string Registry::render() const {
  const std::lock_guard lock{mutex_};
  std::string out;
  for (const auto& family : families_) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", family->name, family->help, family->name,
                       family->is_counter ? "counter" : "gauge");
    for (const auto& series : family->series) {
      out += family->name + label_text(series.labels);
      out += family->is_counter ? fmt::format(" {}\n", series.counter->value())
                                : fmt::format(" {}\n", series.gauge->value());
    }
  }
  return out;
}

std::int64_t Registry::value(const std::string& name, const Labels& labels) const {
  const std::lock_guard lock{mutex_};
  for (const auto& family : families_) {
    if (family->name != name) continue;
    for (const auto& series : family->series)
      if (series.labels == labels)
        return family->is_counter ? static_cast<std::int64_t>(series.counter->value())
                                  : series.gauge->value();
  }
  return 0;
}

}  // namespace hookswitch
