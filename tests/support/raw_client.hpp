#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hookswitch::testing_support {

/// One blocking TCP connection to 127.0.0.1 that writes exactly the bytes it is told to. Every read
/// has a deadline.
class RawClient {
 public:
  using Clock = std::chrono::steady_clock;

  /// `bound`: "127.0.0.1:4711". `receive_bytes`: size of the kernel's receive buffer; 0: its own
  /// choice.
  explicit RawClient(const std::string& bound, int receive_bytes = 0) {
    const auto port = std::atol(bound.substr(bound.rfind(':') + 1).c_str());
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_bytes > 0)
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }

  /// False when the other end does not take it all.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void shut_down_sending() { ::shutdown(socket_, SHUT_WR); }
  /// Ends the connection with a reset.
  void reset() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(socket_);
    socket_ = -1;
  }

  /// Reads more into the buffer. False at the end of the connection or the deadline.
  bool read_more(std::chrono::milliseconds limit = kLimit) {
    pollfd wait{socket_, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(limit.count())) <= 0) return false;
    char bytes[65536];
    const auto got = ::recv(socket_, bytes, sizeof bytes, 0);
    ended_ = got <= 0;
    if (got > 0) buffer_.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  }
  /// Takes `size` bytes; nullopt when they do not come.
  std::optional<std::string> take(std::size_t size) {
    while (buffer_.size() < size)
      if (!read_more()) return std::nullopt;
    std::string out = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return out;
  }
  /// Takes all up to and with `mark`.
  std::optional<std::string> take_through(std::string_view mark) {
    for (;;) {
      const auto at = buffer_.find(mark);
      if (at != std::string::npos) return take(at + mark.size());
      if (!read_more()) return std::nullopt;
    }
  }
  /// True when the other end has closed and nothing is left to read.
  bool at_end(std::chrono::milliseconds limit = kLimit) {
    const auto until = Clock::now() + limit;
    while (!ended_ && Clock::now() < until) {
      if (!buffer_.empty()) return false;
      read_more(std::chrono::milliseconds{100});
    }
    return ended_ && buffer_.empty();
  }

  struct Response {
    unsigned status = 0;
    std::string head, body;
    /// Value of a header, name in lower case as it stands in the text without case.
    std::string header(std::string_view name) const {
      std::string lower;
      for (const char c : head)
        lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      const auto at = lower.find("\r\n" + std::string{name} + ": ");
      if (at == std::string::npos) return {};
      const auto start = at + name.size() + 4;
      return head.substr(start, head.find("\r\n", start) - start);
    }
  };
  /// One response; status 0 when none came whole. `has_body`: false after HEAD.
  Response response(bool has_body = true) {
    Response out;
    const auto head = take_through("\r\n\r\n");
    if (!head) return out;
    out.head = *head;
    const auto body =
        has_body ? take(static_cast<std::size_t>(std::atol(out.header("content-length").c_str())))
                 : std::string{};
    if (!body) return out;
    out.body = *body;
    out.status = static_cast<unsigned>(std::atol(out.head.substr(9, 3).c_str()));
    return out;
  }
  Response request(std::string_view bytes) {
    send(bytes);
    return response();
  }

  // --- WebSocket (RFC 6455) ---
  Response upgrade(const std::string& path = "/v1/events", const std::string& more = {}) {
    send("GET " + path +
         " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + more +
         "\r\n");
    return response();
  }
  static std::string frame(unsigned opcode, std::string_view payload, bool final = true) {
    std::string out;
    out += static_cast<char>((final ? 0x80 : 0) | opcode);
    if (payload.size() < 126) {
      out += static_cast<char>(0x80 | payload.size());
    } else if (payload.size() < 65536) {
      out += static_cast<char>(0x80 | 126);
      for (int shift = 8; shift >= 0; shift -= 8)
        out += static_cast<char>(payload.size() >> shift & 0xff);
    } else {
      out += static_cast<char>(0x80 | 127);
      for (int shift = 56; shift >= 0; shift -= 8)
        out += static_cast<char>(payload.size() >> shift & 0xff);
    }
    const std::string mask{"\x12\x34\x56\x78", 4};
    out += mask;
    for (std::size_t i = 0; i < payload.size(); ++i)
      out += static_cast<char>(payload[i] ^ mask[i % 4]);
    return out;
  }
  bool send_text(std::string_view text) { return send(frame(1, text)); }

  struct Frame {
    unsigned opcode = 0;  ///< 0: none came
    std::string payload;
    unsigned close_code() const {
      if (opcode != 8 || payload.size() < 2) return 0;
      return static_cast<unsigned>(static_cast<unsigned char>(payload[0]) << 8 |
                                   static_cast<unsigned char>(payload[1]));
    }
    std::string close_reason() const {
      return payload.size() > 2 ? payload.substr(2) : std::string{};
    }
  };
  /// The next frame but pings.
  Frame read_frame() {
    for (;;) {
      const auto head = take(2);
      if (!head) return {};
      std::size_t size = static_cast<unsigned char>((*head)[1]) & 0x7f;
      if (size >= 126) {
        const auto longer = take(size == 126 ? 2 : 8);
        if (!longer) return {};
        size = 0;
        for (const char c : *longer) size = size << 8 | static_cast<unsigned char>(c);
      }
      auto payload = take(size);
      if (!payload) return {};
      const unsigned opcode = static_cast<unsigned char>((*head)[0]) & 15;
      if (opcode != 9) return {opcode, std::move(*payload)};
    }
  }
  /// Reads on to the close frame.
  Frame read_close() {
    for (;;) {
      Frame one = read_frame();
      if (one.opcode == 0 || one.opcode == 8) return one;
    }
  }

 private:
  static constexpr std::chrono::milliseconds kLimit{10'000};
  int socket_ = -1;
  bool connected_ = false, ended_ = false;
  std::string buffer_;
};

}  // namespace hookswitch::testing_support
