#include "daemon/commands/client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <memory>

namespace hookswitch::client {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

namespace {

constexpr std::uint64_t kAnswerBytesMax = 16 * 1024 * 1024;

Error failure(const beast::error_code& error) { return Error{Errc::bad_request, error.message()}; }

beast::error_code dial(asio::io_context& io, const Url& url, tcp::socket& socket) {
  beast::error_code error;
  tcp::resolver resolver{io};
  const auto endpoints = resolver.resolve(url.host, url.port, error);
  if (!error) asio::connect(socket, endpoints, error);
  return error;
}

}  // namespace

Result<Url> parse_url(std::string_view url) {
  if (url.starts_with("https://") || url.starts_with("wss://"))
    return Error{Errc::bad_request, "TLS is not for this tool: give the daemon's plain listener"};
  for (const std::string_view scheme : {"http://", "ws://"}) {
    if (!url.starts_with(scheme)) continue;
    url.remove_prefix(scheme.size());
    const auto slash = url.find('/');
    Url out{std::string{url.substr(0, slash)}, "80",
            slash == std::string_view::npos ? "/" : std::string{url.substr(slash)}};
    if (const auto colon = out.host.rfind(':');
        colon != std::string::npos && out.host.find(']', colon) == std::string::npos) {
      out.port = out.host.substr(colon + 1);
      out.host.resize(colon);
    }
    if (out.host.starts_with('[') && out.host.ends_with(']'))
      out.host = out.host.substr(1, out.host.size() - 2);
    if (out.host.empty() || out.path.find_first_of(" \r\n") != std::string::npos) break;
    return out;
  }
  return Error{Errc::bad_request, "must look like http://127.0.0.1:8080/"};
}

struct HttpClient::Impl {
  Url url;
  asio::io_context io;
  std::unique_ptr<tcp::socket> socket;

  Result<Answer> send(beast::http::request<beast::http::string_body> request,
                      const std::string& bearer);
};

HttpClient::HttpClient(Url url) : impl_(new Impl{std::move(url), {}, nullptr}) {}
HttpClient::~HttpClient() { delete impl_; }

Result<unsigned> HttpClient::post(const std::string& body, const std::string& bearer) {
  auto answer = ask(body, bearer);
  if (!answer) return answer.error();
  return answer->status;
}

Result<HttpClient::Answer> HttpClient::ask(const std::string& body, const std::string& bearer) {
  namespace http = beast::http;
  http::request<http::string_body> request{http::verb::post, impl_->url.path, 11};
  request.set(http::field::content_type, "application/json");
  request.body() = body;
  request.prepare_payload();
  return impl_->send(std::move(request), bearer);
}

Result<HttpClient::Answer> HttpClient::get(const std::string& bearer) {
  namespace http = beast::http;
  return impl_->send({http::verb::get, impl_->url.path, 11}, bearer);
}

Result<HttpClient::Answer> HttpClient::Impl::send(
    beast::http::request<beast::http::string_body> request, const std::string& bearer) {
  namespace http = beast::http;
  request.set(http::field::host, url.host + ":" + url.port);
  if (!bearer.empty()) request.set(http::field::authorization, "Bearer " + bearer);
  for (int attempt = 0;; ++attempt) {
    const bool fresh = socket == nullptr;
    beast::error_code error;
    if (fresh) {
      socket = std::make_unique<tcp::socket>(io);
      error = dial(io, url, *socket);
    }
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kAnswerBytesMax);
    if (!error) http::write(*socket, request, error);
    if (!error) http::read(*socket, buffer, parser, error);
    if (error || !parser.get().keep_alive()) socket.reset();
    if (!error) return Answer{parser.get().result_int(), std::move(parser.get().body())};
    if (fresh || attempt > 0)
      return failure(
          error);  // an idle connection may have been closed meanwhile; a new one may not
  }
}

struct WebSocketClient::Impl {
  Url url;
  asio::io_context io;
  std::unique_ptr<beast::websocket::stream<tcp::socket>> stream;
  unsigned close_code = 0;
};

WebSocketClient::WebSocketClient(Url url) : impl_(new Impl{std::move(url), {}, nullptr}) {}
WebSocketClient::~WebSocketClient() { delete impl_; }

Result<void> WebSocketClient::connect() {
  impl_->close_code = 0;
  tcp::socket socket{impl_->io};
  if (const auto error = dial(impl_->io, impl_->url, socket)) return failure(error);
  impl_->stream = std::make_unique<beast::websocket::stream<tcp::socket>>(std::move(socket));
  impl_->stream->read_message_max(16 * 1024 * 1024);
  impl_->stream->set_option(
      beast::websocket::stream_base::decorator([](beast::websocket::request_type& request) {
        request.set(beast::http::field::sec_websocket_protocol, "hookswitch.v1");
      }));
  beast::error_code error;
  impl_->stream->handshake(impl_->url.host + ":" + impl_->url.port, "/v1/events", error);
  if (error) return failure(error);
  impl_->stream->text(true);
  return {};
}

Result<void> WebSocketClient::send(const std::string& text) {
  beast::error_code error;
  impl_->stream->write(asio::buffer(text), error);
  if (error) return failure(error);
  return {};
}

Result<std::string> WebSocketClient::receive() {
  beast::error_code error;
  beast::flat_buffer buffer;
  impl_->stream->read(buffer, error);
  if (error) {
    impl_->close_code = impl_->stream->reason().code;
    const std::string reason{impl_->stream->reason().reason.data(),
                             impl_->stream->reason().reason.size()};
    return Error{Errc::bad_request, impl_->close_code == 0
                                        ? error.message()
                                        : std::to_string(impl_->close_code) + " " + reason};
  }
  return beast::buffers_to_string(buffer.data());
}

unsigned WebSocketClient::close_code() const { return impl_->close_code; }

}  // namespace hookswitch::client
