#include "http/ws_connection.hpp"

namespace hookswitch::http {

WsConnection::WsConnection(Stream stream, Counted counted, IoThread& io,
                           std::size_t message_bytes_max, bool deflate)
    : PushConnection(std::move(stream), std::move(counted), io, io.shared.websockets),
      reader_(message_bytes_max, deflate),
      deflates_(deflate) {}

std::string WsConnection::last_words(const Farewell& farewell) const {
  const Outcome& row = outcome(farewell.why);
  std::string reason{row.name};
  if (!farewell.detail.empty()) reason += " " + farewell.detail;
  return ws_close_frame(row.close, reason);
}

std::chrono::milliseconds WsConnection::silence_max() const {
  return 2 * io().shared.options.ping_time;
}

void WsConnection::on_bytes(std::span<char> bytes) {
  while (is_open()) {
    const WsEvent event = reader_.next(bytes);
    switch (event.kind) {
      case WsEvent::Kind::need_more:
        return;
      case WsEvent::Kind::text:
        if (heeds()) handler().on_text(event.payload);
        break;
      case WsEvent::Kind::binary:
        if (heeds() && !handler().on_binary()) close(Errc::unsupported_media_type);
        break;
      case WsEvent::Kind::ping:
        if (heeds()) say_pong(ws_control_frame(10, event.payload));
        break;
      case WsEvent::Kind::pong:
        break;
      case WsEvent::Kind::close:
        if (heeds()) close_with(ws_close_frame(event.code, {}), true);
        return end_when_written();
      case WsEvent::Kind::failed:
        return on_failure(event.code);
    }
  }
}

void WsConnection::on_failure(std::uint16_t code) {
  const Errc why = code == 1007   ? Errc::bad_encoding
                   : code == 1009 ? Errc::body_too_large
                                  : Errc::bad_message;
  if (!heeds()) return end_when_written();
  io().shared.closed(why);
  close_with(ws_close_frame(code, code == 1002 ? "protocol_error" : outcome(why).name), true);
}

}  // namespace hookswitch::http
