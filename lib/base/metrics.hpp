#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace hookswitch {

/// Only goes up. Any thread.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Goes up and down. Any thread.
class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

using Labels = std::vector<std::pair<std::string, std::string>>;

/// All metrics of the process, and their Prometheus text (exposition format 0.0.4).
/// Label values come from closed sets (source, reason, dialect): never a number, a call id or a
/// user. Any thread; metrics live as long as the registry. Asking for the same name and labels
/// twice gives the same object.
class Registry {
 public:
  Counter& counter(const std::string& name, const std::string& help, Labels labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, Labels labels = {});
  std::string render() const;
  /// Value of a counter or gauge by name and labels; 0 when there is none. For tests and
  /// identities.
  std::int64_t value(const std::string& name, const Labels& labels = {}) const;

 private:
  struct Series {
    Labels labels;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
  };
  struct Family {
    std::string name, help;
    bool is_counter;
    std::vector<Series> series;
  };
  Series& series(const std::string& name, const std::string& help, Labels&& labels,
                 bool is_counter);

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Family>> families_;
};

}  // namespace hookswitch
