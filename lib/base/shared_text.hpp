#pragma once

#include <atomic>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace hookswitch {

/// Immutable text that its copies share: eight bytes each, nothing for empty text. A call repeats
/// the same few numbers, lines and ids in its facts, legs, keys and events; with this they are one
/// allocation. Reads like a `const std::string`. Copies may live on any threads.
class Text {
 public:
  Text() noexcept = default;
  Text(std::string text)  // NOLINT(google-explicit-constructor)
      : shared_(text.empty() ? nullptr : new Shared{{1}, std::move(text)}) {}
  Text(std::string_view text) : Text(std::string{text}) {}  // NOLINT(google-explicit-constructor)
  Text(const char* text) : Text(std::string{text}) {}       // NOLINT(google-explicit-constructor)
  Text(const Text& other) noexcept : shared_(other.shared_) {
    if (shared_ != nullptr) shared_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  Text(Text&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  Text& operator=(Text other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~Text() {
    if (shared_ != nullptr && shared_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete shared_;
  }

  const std::string& str() const noexcept { return shared_ == nullptr ? kEmpty : shared_->text; }
  operator const std::string&() const noexcept {  // NOLINT(google-explicit-constructor)
    return str();
  }
  operator std::string_view() const noexcept {  // NOLINT(google-explicit-constructor)
    return str();
  }
  bool empty() const noexcept { return shared_ == nullptr; }
  std::size_t size() const noexcept { return str().size(); }
  bool starts_with(std::string_view prefix) const noexcept { return str().starts_with(prefix); }
  void clear() noexcept { *this = Text{}; }
  /// A hint to the processor that the text will be read soon.
  void prefetch() const noexcept { __builtin_prefetch(shared_); }

  friend bool operator==(const Text& a, const Text& b) noexcept {
    return a.shared_ == b.shared_ || a.str() == b.str();
  }
  friend bool operator==(const Text& a, const std::string& b) noexcept { return a.str() == b; }
  friend bool operator==(const Text& a, std::string_view b) noexcept { return a.str() == b; }
  friend bool operator==(const Text& a, const char* b) noexcept { return a.str() == b; }
  friend auto operator<=>(const Text& a, const Text& b) noexcept {
    return a.shared_ == b.shared_ ? std::strong_ordering::equal : a.str() <=> b.str();
  }
  friend std::string operator+(const Text& a, const Text& b) { return a.str() + b.str(); }
  friend std::string operator+(const Text& a, const std::string& b) { return a.str() + b; }
  friend std::string operator+(const std::string& a, const Text& b) { return a + b.str(); }
  friend std::string operator+(const Text& a, const char* b) { return a.str() + b; }
  friend std::string operator+(const char* a, const Text& b) { return a + b.str(); }
  friend std::ostream& operator<<(std::ostream& out, const Text& text) { return out << text.str(); }

 private:
  struct Shared {
    std::atomic<std::uint32_t> owners;
    const std::string text;
  };
  static const std::string kEmpty;
  Shared* shared_ = nullptr;
};

inline const std::string Text::kEmpty{};

}  // namespace hookswitch
