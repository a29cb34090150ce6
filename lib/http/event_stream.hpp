#pragma once

#include "http/push_connection.hpp"

namespace hookswitch::http {

/// The body of an answer of type text/event-stream, which ends with the connection.
class EventStream : public PushConnection {
 public:
  EventStream(Stream stream, Counted counted, IoThread& io)
      : PushConnection(std::move(stream), std::move(counted), io, io.shared.event_streams) {}

 private:
  Form form() const override { return Form::text; }
  std::string ping() const override { return ": ping\n\n"; }
  std::string last_words(const Farewell&) const override { return {}; }
  bool awaits_farewell() const override { return false; }
  void on_bytes(std::span<char>) override {}  // there is nothing that a client may say
  std::chrono::milliseconds silence_max() const override { return {}; }
};

/// Whether a request asks for an event stream: GET, and the type named in its Accept.
bool asks_for_event_stream(const Request& request);

/// The head of the answer to it.
std::string event_stream_head(const Opening& opening);

}  // namespace hookswitch::http
