#include "http/http_connection.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>

#include "base/text.hpp"
#include "http/event_stream.hpp"
#include "http/head.hpp"
#include "http/ws_connection.hpp"
#include "http/ws_handshake.hpp"

namespace hookswitch::http {

namespace asio = boost::asio;
namespace bhttp = boost::beast::http;
using boost::beast::error_code;

// g++ 12 compiles a co_await in a loop's condition to a trap; hence in statements of their own.

namespace {

Stream stream_of(UniqueFd socket, const TlsContext* tls, asio::io_context& io) {
  Stream::Descriptor descriptor{io};
  error_code ignored;
  descriptor.assign(socket.get(), ignored);
  if (!ignored) (void)socket.release();
  return tls == nullptr || ignored ? Stream{std::move(descriptor)}
                                   : Stream{std::move(descriptor), *tls};
}

Request convert(bhttp::request<bhttp::string_body>& message) {
  Request out;
  out.method = std::string{message.method_string()};
  const std::string_view target{message.target().data(), message.target().size()};
  const auto question = target.find('?');
  out.path = target.substr(0, question);
  if (question != std::string_view::npos) out.query = target.substr(question + 1);
  for (const auto& field : message)
    out.headers.emplace_back(to_lower({field.name_string().data(), field.name_string().size()}),
                             std::string{field.value().data(), field.value().size()});
  out.body = std::move(message.body());
  return out;
}

/// The answer as it stands on the wire, but for its body.
std::string head_of(const Response& response, bool keep) {
  std::string out =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                  std::string_view{bhttp::obsolete_reason(bhttp::int_to_status(response.status))});
  if (!response.content_type.empty())
    out += "Content-Type: " + response.content_type + "\r\nX-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : response.headers) out += name + ": " + value + "\r\n";
  if (!keep) out += "Connection: close\r\n";
  const bool bodiless = response.status / 100 == 1 || response.status == 204;
  if (!bodiless && response.status != 304)
    out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  return out + "\r\n";
}

}  // namespace

struct HttpConnection::Incoming {
  bhttp::request_parser<bhttp::string_body> parser;
};

HttpConnection::HttpConnection(Accepted accepted, std::shared_ptr<IoThread> io)
    : owner_(std::move(io)),
      io_(*owner_),
      shared_(io_.shared),
      listening_(*accepted.listening),
      tls_(listening_.tls()),
      counted_(std::move(accepted.counted)),
      in_hand_(std::move(accepted.in_hand)),
      stream_(stream_of(std::move(accepted.socket), tls_.get(), io_.io)),
      peer_(std::move(accepted.peer)),
      late_(shared_.stopping) {
  io_.requests.insert(this);
}

HttpConnection::~HttpConnection() { io_.requests.erase(this); }

void HttpConnection::expire_after(std::chrono::milliseconds time) {
  deadline_ = IoThread::Clock::now() + time;
}

void HttpConnection::tick(IoThread::Clock::time_point now) {
  if (now < deadline_) return;
  expired_ = true;
  cut();
}

asio::awaitable<void> HttpConnection::run() {
  if (io_.over()) co_return;
  expire_after(shared_.options.header_time);
  co_await first_byte();
  if (stream_.is_tls()) {
    const bool spoken = co_await stream_.handshake();
    if (!spoken) {
      shared_.failed_handshakes.add();
      co_return;
    }
    client_names_ = stream_.client_names();
    co_await first_byte();
  }
  for (bool more = true; more;) more = co_await one_request();
}

asio::awaitable<void> HttpConnection::first_byte() {
  if (!stream_.holds_some()) {
    in_hand_ = {};
    co_await stream_.readable();
  }
  in_hand_ = InHand{shared_.in_hand};
}

asio::awaitable<bool> HttpConnection::read_more(std::size_t size_max) {
  const auto room = buffer_.prepare(size_max);
  const std::size_t size =
      co_await stream_.read_some({static_cast<char*>(room.data()), room.size()});
  buffer_.commit(size);
  co_return size > 0;
}

asio::awaitable<std::size_t> HttpConnection::read_head() {
  const std::size_t most = shared_.options.header_bytes_max;
  for (std::size_t searched = 0;;) {
    const std::string_view seen{static_cast<const char*>(buffer_.data().data()), buffer_.size()};
    const auto end = seen.find("\r\n\r\n", searched);
    if (end != std::string_view::npos ? end + 4 > most : seen.size() >= most) {
      co_await refuse(Errc::headers_too_large);
      co_return 0;
    }
    if (end != std::string_view::npos) co_return end + 4;
    searched = seen.size() < 3 ? 0 : seen.size() - 3;
    const bool more = co_await read_more(std::min<std::size_t>(4096, most - seen.size()));
    if (expired_) shared_.late_headers.add();
    if (!more) co_return 0;
  }
}

asio::awaitable<bool> HttpConnection::read_body(Incoming& incoming) {
  auto& parser = incoming.parser;
  if (equals_ignore_case(std::string_view{parser.get()[bhttp::field::expect]}, "100-continue")) {
    const bool written = co_await stream_.write_all("HTTP/1.1 100 Continue\r\n\r\n");
    if (!written) co_return false;
  }
  expire_after(shared_.options.idle_time);
  while (!parser.is_done()) {
    error_code error;
    const std::size_t used = buffer_.size() == 0 ? 0 : parser.put(buffer_.data(), error);
    buffer_.consume(used);
    if (error && error != bhttp::error::need_more) {
      co_await refuse(error == bhttp::error::body_limit ? Errc::body_too_large : Errc::bad_request);
      co_return false;
    }
    if (parser.is_done() || (used > 0 && buffer_.size() > 0)) continue;
    if (buffer_.size() > shared_.options.header_bytes_max) {  // a chunk's head without end
      co_await refuse(Errc::bad_request);
      co_return false;
    }
    const bool more = co_await read_more(16 * 1024);
    if (!more) co_return false;
  }
  co_return true;
}

asio::awaitable<bool> HttpConnection::one_request() {
  const ServerOptions& options = shared_.options;
  if (!first_ && buffer_.size() == 0) {  // between requests a client may be silent for longer
    expire_after(options.idle_time);
    co_await first_byte();
    const bool more = co_await read_more(4096);
    if (!more) co_return false;
  }
  first_ = false;
  expire_after(options.header_time);
  const std::size_t head_size = co_await read_head();
  if (head_size == 0) co_return false;
  const std::string_view head{static_cast<const char*>(buffer_.data().data()), head_size};
  if (const auto why = refuse_head(head)) {
    co_await refuse(*why);
    co_return false;
  }
  if (late_) {
    co_await refuse(Errc::shutting_down);
    co_return false;
  }
  Incoming incoming;
  auto& parser = incoming.parser;
  parser.header_limit(static_cast<std::uint32_t>(options.header_bytes_max + 1));
  parser.body_limit(options.body_bytes_max);
  error_code error;
  const std::size_t used = parser.put(asio::buffer(head.data(), head.size()), error);
  if (error && error != bhttp::error::need_more) {
    co_await refuse(error == bhttp::error::body_limit ? Errc::body_too_large : Errc::bad_request);
    co_return false;
  }
  buffer_.consume(used);
  if (!parser.is_done()) {
    const bool whole = co_await read_body(incoming);
    if (!whole) co_return false;
  }
  deadline_ = IoThread::Clock::time_point::max();
  shared_.requests.add();
  auto message = parser.release();
  Request request = convert(message);
  set_sender(request);
  request.parts = &listening_.options.parts;
  if (message.version() >= 11 && asks_for_websocket(request)) {
    co_await open_websocket(std::move(request));
    co_return false;
  }
  if (asks_for_event_stream(request) && shared_.handler.streams(request)) {
    co_await open_event_stream(std::move(request));
    co_return false;
  }
  const bool keep = message.keep_alive() && !shared_.stopping;
  const bool is_head = message.method() == bhttp::verb::head;
  request.is_head = is_head;
  if (is_head) request.method = "GET";
  Response response = co_await answer(std::move(request));
  const bool written = co_await write(std::move(response), keep, is_head);
  co_return written&& keep;
}

void HttpConnection::set_sender(Request& request) const {
  const IpRanges& trusted = listening_.options.trusted_proxies;
  request.peer = peer_;
  request.is_secure = stream_.is_tls();
  request.client_names = client_names_;
  if (trusted.empty() || !trusted.contains(peer_)) return;
  std::string forwarded;
  for (const auto& [name, value] : request.headers)
    if (name == "x-forwarded-for") forwarded += (forwarded.empty() ? "" : ",") + value;
  request.peer = sender_behind(trusted, peer_, forwarded);
  if (request.has("x-forwarded-proto"))
    request.is_secure = equals_ignore_case(request.header("x-forwarded-proto"), "https");
}

asio::awaitable<Response> HttpConnection::answer(Request request) {
  const auto start = [this](auto&& completion, Request&& moved) {
    using Completion = std::decay_t<decltype(completion)>;
    auto held = std::make_shared<Completion>(std::forward<decltype(completion)>(completion));
    // `io` is named before `held`, so that it outlives it wherever the answer is dropped.
    shared_.handler.on_request(std::move(moved), [io = owner_, held](Response response) {
      asio::post(io->io, [held, response = std::move(response)]() mutable {
        std::move (*held)(std::move(response));
      });
    });
  };
  co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(Response)>(
      start, asio::use_awaitable, std::move(request));
}

asio::awaitable<bool> HttpConnection::write(Response response, bool keep, bool without_body) {
  std::string message = head_of(response, keep);
  if (!without_body) message += response.body;
  expire_after(shared_.options.idle_time);
  co_return co_await stream_.write_all(message);
}

asio::awaitable<void> HttpConnection::linger() {
  stream_.end_writing();
  expire_after(std::chrono::seconds{1});
  std::array<char, 4096> sink;
  for (std::size_t total = 0; total < 1024 * 1024;) {
    const std::size_t size = co_await stream_.read_some(sink);
    if (size == 0) break;
    total += size;
  }
}

asio::awaitable<void> HttpConnection::refuse(Errc why) {
  shared_.refused(why);
  const bool written = co_await write(problem(why), false, false);
  if (written) co_await linger();
}

std::string HttpConnection::early() const {
  return {static_cast<const char*>(buffer_.data().data()), buffer_.size()};
}

asio::awaitable<void> HttpConnection::open_websocket(Request request) {
  if (shared_.stopping) {
    co_await refuse(Errc::shutting_down);
    co_return;
  }
  if (auto refusal = refuse_websocket(request)) {
    shared_.refused(Errc::bad_request);
    const bool written = co_await write(std::move(*refusal), false, false);
    if (written) co_await linger();
    co_return;
  }
  join_subprotocols(request);
  Opening opening = shared_.handler.on_upgrade(request);
  if (opening.refusal) {
    co_await write(std::move(*opening.refusal), false, false);
    co_return;
  }
  const auto deflate = listening_.options.deflate ? agree_on_deflate(request) : std::nullopt;
  if (deflate) opening.headers.emplace_back("Sec-WebSocket-Extensions", *deflate);
  auto connection = std::make_unique<WsConnection>(std::move(stream_), std::move(counted_), io_,
                                                   opening.message_bytes_max, deflate.has_value());
  PushConnection& opened = *connection;
  io_.add(std::move(connection));
  std::string head = websocket_answer(request, opening.subprotocol, opening.headers);
  opened.start(std::move(head), std::move(opening), early());
}

asio::awaitable<void> HttpConnection::open_event_stream(Request request) {
  if (shared_.stopping) {
    co_await refuse(Errc::shutting_down);
    co_return;
  }
  Opening opening = shared_.handler.on_stream(request);
  if (opening.refusal) {
    co_await write(std::move(*opening.refusal), false, false);
    co_return;
  }
  auto connection = std::make_unique<EventStream>(std::move(stream_), std::move(counted_), io_);
  PushConnection& opened = *connection;
  io_.add(std::move(connection));
  std::string head = event_stream_head(opening);
  opened.start(std::move(head), std::move(opening), early());
}

asio::awaitable<void> serve(Accepted accepted, std::shared_ptr<IoThread> io) {
  HttpConnection connection{std::move(accepted), std::move(io)};
  co_await connection.run();
}

}  // namespace hookswitch::http
