#pragma once

#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "http/shared.hpp"
#include "http/tls.hpp"

namespace hookswitch::http {

/// A file descriptor and who closes it.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset() {
    if (fd_ >= 0) ::close(release());
  }

 private:
  int fd_ = -1;
};

/// One listener as it was asked for, and the certificate it shows now. Any thread.
class Listening {
 public:
  explicit Listening(Listener asked) : options(std::move(asked)) {}

  const Listener options;

  bool wants_tls() const { return !options.certificate_file.empty() || !options.key_file.empty(); }
  std::shared_ptr<const TlsContext> tls() const {
    const std::lock_guard lock{mutex_};
    return tls_;
  }
  void set_tls(std::shared_ptr<const TlsContext> tls) {
    const std::lock_guard lock{mutex_};
    tls_ = std::move(tls);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> tls_;
};

/// A connection on its way from the listener to the thread it will live on.
struct Accepted {
  UniqueFd socket;
  std::string peer;  ///< address without port
  const Listening* listening = nullptr;
  Counted counted;
  InHand in_hand;  ///< until it is known whether a request has come with it
};

}  // namespace hookswitch::http
