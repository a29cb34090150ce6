#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoded_frame.hpp"
#include "base/error.hpp"
#include "base/ip_ranges.hpp"
#include "base/limits.hpp"
#include "base/metrics.hpp"
#include "http/message.hpp"

namespace hookswitch::http {

/// A connection that messages are pushed to: a WebSocket (RFC 6455), or an event stream. Any
/// thread. Alive while its socket is, or while somebody holds it.
class Channel {
 public:
  virtual ~Channel() = default;
  /// Queues one message, shared and not copied: on a WebSocket a text frame, on an event stream the
  /// text as it is. Over its budget the connection is closed with slow_client.
  virtual void send(const Frame& frame) = 0;
  /// Asks for one on_drained() when everything sent so far has been written.
  virtual void notify_drained() = 0;
  /// After what is queued, a close frame with this outcome's code and name, and `detail` behind a
  /// blank unless it is empty; an event stream just ends.
  virtual void close(Errc why, std::string_view detail) = 0;
  /// Reading goes on, if the handler wanted no more (ChannelHandler::takes_more).
  virtual void read_on() = 0;
};

/// What the owner of a channel does. All calls come on the socket's io thread; on_closed is the
/// last, once. An event stream has no on_text and no on_binary.
class ChannelHandler {
 public:
  virtual ~ChannelHandler() = default;
  virtual void on_text(std::string_view text) = 0;
  /// A binary message came. False: the connection is closed with unsupported_media_type at once;
  /// true: the handler sees to that, after what it still has to say.
  virtual bool on_binary() { return false; }
  /// Asked when what one read brought has been handed over. False: nothing more is read until
  /// Channel::read_on(), so that the other end feels it; its silence is then not held against it.
  virtual bool takes_more() { return true; }
  virtual void on_drained() = 0;
  virtual void on_tick() = 0;  ///< about once a second
  virtual void on_closed() = 0;
};

/// The answer to who asks for a channel.
struct Opening {
  std::optional<Response> refusal;
  std::string subprotocol;  ///< named in the answer; empty: none. Not on an event stream
  Headers headers;          ///< more of the answer's header
  std::size_t message_bytes_max = kClientFrameBytesMax;  ///< larger ones close it with 1009
  std::function<std::unique_ptr<ChannelHandler>(std::shared_ptr<Channel>)> accept;
};

/// What is behind the listener. Called on io threads, several at once.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void on_request(Request request, Respond respond) = 0;
  virtual Opening on_upgrade(const Request& request) = 0;
  /// Whether a GET that accepts text/event-stream is one for on_stream; if not it is a request like
  /// any other, for many accept everything they know.
  virtual bool streams(const Request&) const { return false; }
  /// Somebody asks for what streams() said yes to. What is sent goes out as it is: whoever
  /// sends builds the whole of `id: …\ndata: …\n\n`. The server adds `: ping` comments of its own.
  virtual Opening on_stream(const Request&) {
    Opening out;
    out.refusal = problem(Errc::not_found);
    return out;
  }
};

struct Listener {
  std::string address;  ///< "127.0.0.1:8080", "[::1]:8080"; port 0 picks one
  /// PEM. With them it speaks TLS 1.2 and 1.3 only.
  std::string certificate_file{}, key_file{};
  int fd = -1;  ///< a listening socket to be used as it is, and closed; -1: bind `address`
  /// Whether a WebSocket that offers permessage-deflate (RFC 7692) gets it.
  bool deflate = false;
  std::vector<std::string> parts{};  ///< handed through as Request::parts
  std::string client_ca_file{};      ///< PEM; see TlsContext::load
  IpRanges trusted_proxies{};        ///< whose X-Forwarded-For and -Proto are believed
  bool operator==(const Listener&) const = default;
};

struct ServerOptions {
  std::vector<Listener> listen;
  unsigned io_threads = 1;
  std::size_t body_bytes_max = kBodyBytesMax;
  std::size_t header_bytes_max = kHeaderBytesMax;
  std::size_t connections_max = 19'000;
  std::chrono::milliseconds header_time = kHeaderTime;
  std::chrono::milliseconds idle_time = kIdleTime;
  std::chrono::milliseconds ping_time = kPingTime;
  std::size_t client_queue_bytes_max = kClientQueueBytesMax;
  std::chrono::milliseconds client_queue_age_max = kClientQueueAge;
};

/// Listeners, HTTP/1.1 connections, WebSockets and event streams over io threads of its own; a
/// connection lives and dies on one of them.
class Server {
 public:
  Server(ServerOptions options, Handler& handler, Registry& registry);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds and starts the threads. Error bad_request with the address and the system's reason.
  Result<void> start();
  /// The addresses really bound, in the order of the options.
  std::vector<std::string> bound() const;
  /// Closes the listeners. Requests of connections that are open are still served, one each; new
  /// connections and who wants a channel are answered 503 shutting_down.
  void stop_accepting();
  /// Closes every channel, each behind what is queued for it. Those who come later are not meant:
  /// stop_accepting() first. Any thread.
  void close_channels(Errc why);
  /// True when no WebSocket, no event stream and no request is left; a request counts from its
  /// first byte until it is answered.
  bool idle() const;
  /// Ends the threads; what still lives is cut off.
  void stop();
  /// Reads all certificates and keys again; new connections get them, the others live on. All or
  /// nothing: on an error (bad_request with the file and the reason) everything stays. Any thread.
  Result<void> reload_certificates();
  /// Increases while every io thread turns; for the watchdog. Any thread.
  std::uint64_t turns() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hookswitch::http
