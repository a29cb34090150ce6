#pragma once

#include "http/push_connection.hpp"
#include "http/ws_reader.hpp"

namespace hookswitch::http {

/// A WebSocket (RFC 6455) after its handshake.
class WsConnection : public PushConnection {
 public:
  WsConnection(Stream stream, Counted counted, IoThread& io);

 private:
  bool framed() const override { return true; }
  std::string ping() const override { return ws_control_frame(9, {}); }
  std::string farewell(Errc why) const override;
  bool awaits_farewell() const override { return true; }
  void on_bytes(std::span<char> bytes) override;
  std::chrono::milliseconds silence_max() const override;
  void on_failure(std::uint16_t code);

  WsReader reader_;
};

}  // namespace hookswitch::http
