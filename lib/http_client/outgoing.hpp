#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "http_client/address.hpp"
#include "http_client/response_reader.hpp"
#include "http_client/url.hpp"

namespace hookswitch::http_client {

/// Why there is no response. The word is the metric's label and what operators read.
enum class Failure : std::uint8_t {
  bad_request,         ///< a method or header that would not be one line
  address_refused,     ///< every address of the host is one that the policy refuses
  name_unresolved,     ///< the name has no address
  connect_failed,      ///< refused or unreachable
  tls_failed,          ///< no TLS, or a certificate that does not prove the host
  timed_out,           ///< not all within the deadline
  broken,              ///< the connection ended before the response did
  bad_response,        ///< not HTTP as ResponseReader takes it
  response_too_large,  ///< the head or the body
  overload,            ///< too many requests of ours at once
  shutting_down
};
inline constexpr std::size_t kFailures = 11;
std::string_view to_string(Failure failure);

struct Failed {
  Failure why = Failure::broken;
  std::string detail;  ///< for our log; may hold what the server or the system said
};

/// Whom we believe: the system's certification authorities, or those of one PEM file. Immutable;
/// any thread.
class TlsTrust {
 public:
  struct Impl;
  /// Empty: the system's. Error bad_request with the file and what is wrong with it.
  static Result<std::shared_ptr<const TlsTrust>> load(const std::string& ca_file);
  explicit TlsTrust(std::unique_ptr<Impl> impl);
  ~TlsTrust();
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// One request. Host, Content-Length and User-Agent are ours to write.
struct Request {
  std::string method = "GET";
  Url url;
  Headers headers;
  std::string body;
  std::chrono::milliseconds deadline{10'000};  ///< for all of it, from the name to the last byte
  std::size_t body_bytes_max = 64 * 1024;      ///< of the response
  /// False: the status is the answer. What else comes is dropped, and cut off after a moment.
  bool wants_body = true;
  /// True: sent once more, over a new connection, where one that was kept broke without an answer.
  /// Right for what may be done twice (RFC 9110 §9.2.2).
  bool may_repeat = false;
  std::shared_ptr<const AddressPolicy> policy;  ///< nothing: the public internet only
  std::shared_ptr<const TlsTrust> trust;        ///< nothing: the system's
};

using Outcome = std::variant<Response, Failed>;
using Done = std::function<void(Outcome)>;

/// The way out: requests and timers on one thread, whose callbacks come one at a time. Redirects
/// are not followed: a 3xx is the response. Any thread.
class Outgoing {
 public:
  virtual ~Outgoing() = default;
  /// `done` is called once, on the thread, whatever happens; never from within request().
  virtual void request(Request request, Done done) = 0;
  /// Runs `work` on the thread, in order. Dropped once it has stopped.
  virtual void post(std::function<void()> work) = 0;
  /// As post(), after `delay`.
  virtual void later(std::chrono::milliseconds delay, std::function<void()> work) = 0;
};

}  // namespace hookswitch::http_client
