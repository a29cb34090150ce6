#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

/// Small blocking client side for the command-line tools: one connection, plain HTTP.
namespace hookswitch::client {

struct Url {
  std::string host, port, path;
};

/// `http://host[:port][/path]` and `ws://…`; https is refused with a sentence. Error: bad_request.
Result<Url> parse_url(std::string_view url);

/// A connection that is opened when first used and again after it broke.
class HttpClient {
 public:
  explicit HttpClient(Url url);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  /// Status of a POST of JSON. Error: bad_request with the system's reason.
  Result<unsigned> post(const std::string& body, const std::string& bearer);
  struct Answer {
    unsigned status = 0;
    std::string body;
  };
  /// Error: bad_request with the system's reason, also for an answer above 16 MiB.
  Result<Answer> get(const std::string& bearer);
  /// As get(), of a POST of JSON.
  Result<Answer> ask(const std::string& body, const std::string& bearer);

 private:
  struct Impl;
  Impl* impl_;
};

/// A WebSocket in the native protocol.
class WebSocketClient {
 public:
  explicit WebSocketClient(Url url);
  ~WebSocketClient();
  WebSocketClient(const WebSocketClient&) = delete;
  WebSocketClient& operator=(const WebSocketClient&) = delete;
  Result<void> connect();
  Result<void> send(const std::string& text);
  /// The next text; an error holds the close code and reason in its detail, and slow_client etc. as
  /// far as it is told.
  Result<std::string> receive();
  /// Close code of the last connection, 0 if it broke without one.
  unsigned close_code() const;

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace hookswitch::client
