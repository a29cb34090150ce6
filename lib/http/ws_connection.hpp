#pragma once

#include "http/push_connection.hpp"
#include "http/ws_reader.hpp"

namespace hookswitch::http {

/// A WebSocket (RFC 6455) after its handshake.
class WsConnection : public PushConnection {
 public:
  /// `deflate`: permessage-deflate without context takeover was agreed on.
  WsConnection(Stream stream, Counted counted, IoThread& io, std::size_t message_bytes_max,
               bool deflate);

 private:
  Form form() const override { return deflates_ ? Form::deflated : Form::framed; }
  std::string ping() const override { return ws_control_frame(9, {}); }
  std::string last_words(const Farewell& farewell) const override;
  bool awaits_farewell() const override { return true; }
  void on_bytes(std::span<char> bytes) override;
  std::chrono::milliseconds silence_max() const override;
  void on_failure(std::uint16_t code);

  WsReader reader_;
  const bool deflates_;
};

}  // namespace hookswitch::http
