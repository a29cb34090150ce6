#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http_client/client.hpp"

namespace hookswitch::http_client {

/// Looks names up on threads of their own, because the system's resolver may block for half a
/// minute. Who asks for a name that is being looked up waits for that answer. The threads hold what
/// they use, so a stop waits for none of them. One thread, that of `io`.
class Names : public std::enable_shared_from_this<Names> {
 public:
  using Found = std::function<void(const std::vector<IpAddress>&)>;

  Names(boost::asio::io_context& io, Resolve resolve, std::size_t threads_max);
  /// `found` is called on the thread of `io`, unless it stops first.
  void look_up(const std::string& name, Found found);
  /// Answers that come now go nowhere.
  void stop();

 private:
  struct Post;
  void begin(const std::string& name);
  void take(const std::string& name, const std::vector<IpAddress>& addresses);

  Resolve resolve_;
  std::size_t threads_max_, threads_ = 0;
  std::map<std::string, std::vector<Found>> waiting_;
  std::vector<std::string> queue_;  ///< names that no thread looks up yet
  std::shared_ptr<Post> post_;
};

}  // namespace hookswitch::http_client
