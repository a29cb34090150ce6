#include "http_client/names.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <mutex>
#include <system_error>
#include <thread>

namespace hookswitch::http_client {

constexpr std::size_t kAddressesMax = 32;  // of one name; we try a few

/// The way back to the io thread, which may be gone when an answer comes.
struct Names::Post {
  std::mutex mutex;
  boost::asio::io_context* io;
};

std::vector<IpAddress> resolve_by_system(const std::string& name) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_ADDRCONFIG;
  addrinfo* first = nullptr;
  std::vector<IpAddress> out;
  if (::getaddrinfo(name.c_str(), nullptr, &wanted, &first) != 0) return out;
  for (const addrinfo* each = first; each != nullptr && out.size() < kAddressesMax;
       each = each->ai_next) {
    IpAddress address;
    if (each->ai_family == AF_INET6) {
      const auto& in6 = reinterpret_cast<const sockaddr_in6*>(each->ai_addr)->sin6_addr;
      std::copy_n(in6.s6_addr, 16, address.bytes.begin());
    } else if (each->ai_family == AF_INET) {
      const auto& in4 = reinterpret_cast<const sockaddr_in*>(each->ai_addr)->sin_addr;
      address.bytes[10] = address.bytes[11] = 0xff;
      std::copy_n(reinterpret_cast<const std::uint8_t*>(&in4.s_addr), 4,
                  address.bytes.begin() + 12);
    } else {
      continue;
    }
    out.push_back(address);
  }
  ::freeaddrinfo(first);
  return out;
}

Names::Names(boost::asio::io_context& io, Resolve resolve, std::size_t threads_max)
    : resolve_(std::move(resolve)), threads_max_(threads_max), post_(std::make_shared<Post>()) {
  post_->io = &io;
}

void Names::look_up(const std::string& name, Found found) {
  auto& waiting = waiting_[name];
  waiting.push_back(std::move(found));
  if (waiting.size() > 1) return;
  if (threads_ < threads_max_)
    begin(name);
  else
    queue_.push_back(name);
}

void Names::begin(const std::string& name) {
  ++threads_;
  const auto work = [resolve = resolve_, name, way = post_, self = weak_from_this()] {
    auto addresses = resolve(name);
    const std::lock_guard lock{way->mutex};
    if (way->io == nullptr) return;
    boost::asio::post(*way->io, [self, name, addresses = std::move(addresses)] {
      if (const auto names = self.lock()) names->take(name, addresses);
    });
  };
  try {
    std::thread{work}.detach();
  } catch (const std::system_error&) {  // no thread to be had
    boost::asio::post(*post_->io, [self = weak_from_this(), name] {
      if (const auto names = self.lock()) names->take(name, {});
    });
  }
}

void Names::take(const std::string& name, const std::vector<IpAddress>& addresses) {
  --threads_;
  auto waiting = waiting_.extract(name);
  if (!queue_.empty()) {
    const std::string next = queue_.front();
    queue_.erase(queue_.begin());
    begin(next);
  }
  if (waiting.empty()) return;
  for (const auto& found : waiting.mapped()) found(addresses);
}

void Names::stop() {
  const std::lock_guard lock{post_->mutex};
  post_->io = nullptr;
  waiting_.clear();
  queue_.clear();
}

}  // namespace hookswitch::http_client
