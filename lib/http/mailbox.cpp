#include "http/mailbox.hpp"

#include <utility>

namespace hookswitch::http {

namespace {

constexpr std::uint32_t kValueMax = (1U << 29) - 1;

}  // namespace

Mailbox::Put Mailbox::put(PushConnection& to, const Frame& frame) {
  const std::lock_guard lock{mutex_};
  if (closed_) return Put::stored;
  const std::size_t bytes =
      letters_.letters.size() * sizeof(Letter) + letters_.frames.size() * sizeof(Frame);
  if (bytes >= kBytesMax) return Put::full;
  if (letters_.frames.empty() || letters_.frames.back() != frame) letters_.frames.push_back(frame);
  letters_.letters.push_back({&to, static_cast<unsigned>(Letter::Kind::frame),
                              static_cast<std::uint32_t>(letters_.frames.size() - 1) & kValueMax,
                              0});
  return letters_.letters.size() == 1 ? Put::first : Put::stored;
}

Mailbox::Put Mailbox::put(PushConnection& to, Farewell farewell) {
  const std::lock_guard lock{mutex_};
  if (closed_) return Put::stored;
  letters_.farewells.push_back(std::move(farewell));
  letters_.letters.push_back({&to, static_cast<unsigned>(Letter::Kind::close),
                              static_cast<std::uint32_t>(letters_.farewells.size() - 1) & kValueMax,
                              0});
  return letters_.letters.size() == 1 ? Put::first : Put::stored;
}

Mailbox::Put Mailbox::put(PushConnection& to, Letter::Kind kind) {
  const std::lock_guard lock{mutex_};
  if (closed_) return Put::stored;
  letters_.letters.push_back({&to, static_cast<unsigned>(kind) & 7U, 0, 0});
  return letters_.letters.size() == 1 ? Put::first : Put::stored;
}

void Mailbox::take(Letters& into) {
  const std::lock_guard lock{mutex_};
  std::swap(into, letters_);
}

void Mailbox::close() {
  Letters last;  // its frames go outside of the lock
  const std::lock_guard lock{mutex_};
  closed_ = true;
  std::swap(last, letters_);
}

}  // namespace hookswitch::http
