#include "http/server.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "base/log.hpp"
#include "base/text.hpp"
#include "http/head.hpp"

namespace hookswitch::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
namespace bws = boost::beast::websocket;
using tcp = asio::ip::tcp;
using beast::error_code;

namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
/// Items on their way to one io thread; beyond, the receiver of the next one is called slow. Far
/// above what one commit publishes.
constexpr std::size_t kOutboxMax = 1'000'000;
/// A client may be over its byte budget by this factor for this long: what one commit brings is not
/// its slowness.
constexpr std::size_t kBurstFactor = 16;
constexpr std::chrono::seconds kBurstTime{1};

class WsConnection;

/// One more while it lives.
class Counted {
 public:
  explicit Counted(Gauge& gauge) : gauge_(gauge) { gauge_.add(1); }
  ~Counted() { gauge_.add(-1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  Gauge& gauge_;
};

/// What another thread wants of a connection.
struct Outgoing {
  enum class Kind : std::uint8_t { frame, drain_notice, close };
  Kind kind;
  std::shared_ptr<WsConnection> to;
  Frame frame;
  Errc why = Errc::internal_error;
};

/// What all threads and connections of one server have. Lives as long as any of them.
struct Shared {
  const ServerOptions options;
  Handler& handler;
  Registry& registry;
  Gauge& connections;
  Gauge& websockets;
  Counter& requests;
  std::atomic<std::int64_t> busy{0};  ///< requests being answered
  std::atomic<bool> stopping{false};

  void refused(Errc code) {
    registry
        .counter("hookswitch_http_refusals_total",
                 "Requests refused before any handler, by reason.", {{"code", outcome(code).name}})
        .add();
  }
};

class HttpConnection;

/// One io_context with its thread, the connections that live there, and a mailbox for frames from
/// other threads. Shared by its connections and by whoever holds a WebSocket or an answer to give:
/// the io_context must outlive them, even if the server is gone. stop() ends every operation, so
/// that no connection keeps the thread that keeps it.
class IoThread : public std::enable_shared_from_this<IoThread> {
 private:
  const std::shared_ptr<Shared> owner_;  // before `io`: what is destroyed with it still counts

 public:
  explicit IoThread(std::shared_ptr<Shared> shared_state)
      : owner_(std::move(shared_state)), shared(*owner_), ticker_(io) {}

  void start() {
    work_.emplace(io.get_executor());
    tick();
    thread_ = std::thread{[this] {
      io.run();
      ended_.set_value();
    }};
  }
  /// Cuts every connection off and lets what waits for them see it.
  void stop();
  /// One wake-up for all that arrives until the thread gets to it.
  void put(Outgoing item);

  asio::io_context io{1};
  Shared& shared;
  std::atomic<std::uint64_t> turns{0};
  std::unordered_set<WsConnection*> websockets;
  std::unordered_set<HttpConnection*> requests;

 private:
  void tick();
  void flush();

  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  asio::steady_timer ticker_;
  std::thread thread_;
  std::promise<void> ended_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::vector<Outgoing> outbox_, turn_;
};

class WsConnection : public Channel, public std::enable_shared_from_this<WsConnection> {
 public:
  using Clock = std::chrono::steady_clock;

  WsConnection(beast::tcp_stream&& stream, std::shared_ptr<IoThread> io)
      : owner_(std::move(io)), io_(*owner_), ws_(std::move(stream)) {}

  // Channel, any thread
  void send(Frame frame) override {
    io_.put({Outgoing::Kind::frame, shared_from_this(), std::move(frame)});
  }
  void notify_drained() override {
    io_.put({Outgoing::Kind::drain_notice, shared_from_this(), {}});
  }
  void close(Errc why) override { io_.put({Outgoing::Kind::close, shared_from_this(), {}, why}); }
  std::atomic<bool> lost_frame{
      false};  ///< the mailbox was full: what it missed it must fetch by resuming

  // io thread
  asio::awaitable<void> run(std::unique_ptr<bhttp::request<bhttp::string_body>> request,
                            Opening upgrade) {
    const auto self = shared_from_this();
    const Counted counted{io_.shared.connections};
    beast::get_lowest_layer(ws_).expires_never();
    bws::stream_base::timeout timeouts{std::chrono::seconds{10}, 2 * io_.shared.options.ping_time,
                                       true};
    ws_.set_option(timeouts);
    ws_.set_option(bws::stream_base::decorator([&](bws::response_type& response) {
      response.erase(bhttp::field::server);
      if (!upgrade.subprotocol.empty())
        response.set(bhttp::field::sec_websocket_protocol, upgrade.subprotocol);
    }));
    ws_.read_message_max(kClientFrameBytesMax);
    ws_.text(true);
    ws_.auto_fragment(false);
    const auto [accepted] = co_await ws_.async_accept(*request, kToken);
    request.reset();
    if (accepted) co_return;
    io_.websockets.insert(this);
    io_.shared.websockets.add(1);
    open_ = true;
    handler_ = upgrade.accept(self);
    upgrade = {};
    if (io_.shared.stopping) cut();  // came after stop() had cut off what it found
    beast::flat_buffer buffer;
    for (;;) {
      const auto [error, size] = co_await ws_.async_read(buffer, kToken);
      if (error) {
        if (error == bws::error::message_too_big) count_close(Errc::body_too_large);
        break;
      }
      // Once we are closing, reading goes on only for the other end's close frame.
      const bool heed = !closing_;
      if (heed && ws_.got_text())
        handler_->on_text({static_cast<const char*>(buffer.data().data()), size});
      if (heed && ws_.got_binary() && !handler_->on_binary())
        do_close(Errc::unsupported_media_type);
      buffer.consume(size);
    }
    finish();
  }

  void deliver(Outgoing& item) {
    if (!open_ || closing_) return;
    if (lost_frame.load(std::memory_order_relaxed)) return do_close(Errc::slow_client);
    switch (item.kind) {
      case Outgoing::Kind::frame:
        if (over_budget(item.frame->text().size())) return do_close(Errc::slow_client);
        queued_bytes_ += item.frame->text().size();
        queue_.push_back({std::move(item.frame), Clock::now()});
        if (queue_.size() == 1) write_front();
        break;
      case Outgoing::Kind::drain_notice:
        if (queue_.empty())
          handler_->on_drained();
        else
          drain_wanted_ = true;
        break;
      case Outgoing::Kind::close:
        do_close(item.why);
        break;
    }
  }

  void tick() {
    if (!open_) return;
    const auto now = Clock::now();
    if (closing_) {
      // The other end has not answered our close frame, or does not even read it.
      if (now - closing_since_ > std::chrono::seconds{2}) cut();
      return;
    }
    if (lost_frame.load(std::memory_order_relaxed) || over_budget(0))
      return do_close(Errc::slow_client);
    if (!queue_.empty() && now - queue_.front().since > io_.shared.options.client_queue_age_max)
      return do_close(Errc::slow_client);
    handler_->on_tick();
  }

  /// More than the budget waits, and not only because one commit brought it all at once: the reader
  /// has had time to take some.
  bool over_budget(std::size_t more) const {
    const std::size_t most = io_.shared.options.client_queue_bytes_max;
    if (queue_.empty() || queued_bytes_ + more <= most) return false;
    return Clock::now() - queue_.front().since > kBurstTime ||
           queued_bytes_ + more > kBurstFactor * most;
  }

  void cut() { beast::get_lowest_layer(ws_).close(); }

 private:
  struct Queued {
    Frame frame;
    Clock::time_point since;
  };

  void write_front() {
    ws_.async_write(asio::buffer(queue_.front().frame->text()),
                    [self = shared_from_this()](error_code error, std::size_t) {
                      if (error || !self->open_)
                        return;  // on an error the read side sees it too and finishes
                      self->queued_bytes_ -= self->queue_.front().frame->text().size();
                      self->queue_.pop_front();
                      if (!self->queue_.empty()) return self->write_front();
                      if (self->close_after_) return self->send_close();
                      if (std::exchange(self->drain_wanted_, false) && self->handler_)
                        self->handler_->on_drained();
                    });
  }

  void count_close(Errc why) {
    io_.shared.registry
        .counter("hookswitch_client_disconnects_total", "WebSockets closed by us, by reason.",
                 {{"reason", outcome(why).name}})
        .add();
  }

  void do_close(Errc why) {
    if (closing_ || !open_) return;
    closing_ = true;
    closing_since_ = Clock::now();
    close_why_ = why;
    count_close(why);
    // A slow client's queue is not worth waiting for, but the frame under way must end before the
    // close frame.
    if (why == Errc::slow_client && queue_.size() > 1) {
      for (std::size_t i = 1; i < queue_.size(); ++i)
        queued_bytes_ -= queue_[i].frame->text().size();
      queue_.resize(1);
    }
    if (queue_.empty())
      send_close();
    else
      close_after_ = true;
  }

  void send_close() {
    const Outcome& row = outcome(close_why_);
    ws_.async_close({static_cast<bws::close_code>(row.close), row.name},
                    [self = shared_from_this()](error_code) {});
  }

  void finish() {
    if (!open_) return;
    open_ = false;
    io_.websockets.erase(this);
    io_.shared.websockets.add(-1);
    handler_->on_closed();
    handler_.reset();
    cut();  // the queue stays: a write under way still reads its front
  }

  const std::shared_ptr<IoThread> owner_;  // before `ws_`: its io_context must outlive the socket
  IoThread& io_;
  bws::stream<beast::tcp_stream, false>
      ws_;  // no permessage-deflate: it costs hundreds of KiB a connection
  std::unique_ptr<ChannelHandler> handler_;
  std::deque<Queued> queue_;
  std::size_t queued_bytes_ = 0;
  bool open_ = false, closing_ = false, close_after_ = false, drain_wanted_ = false;
  Errc close_why_ = Errc::internal_error;
  Clock::time_point closing_since_{};
};

void IoThread::put(Outgoing item) {
  bool first = false;
  {
    const std::lock_guard lock{mutex_};
    if (stopped_) return;
    if (outbox_.size() >= kOutboxMax) {
      item.to->lost_frame = true;
      return;
    }
    first = outbox_.empty();
    outbox_.push_back(std::move(item));
  }
  if (first) asio::post(io, [this] { flush(); });
}

void IoThread::flush() {
  {
    const std::lock_guard lock{mutex_};
    turn_.swap(outbox_);
  }
  for (auto& item : turn_) item.to->deliver(item);
  turn_.clear();
}

void IoThread::tick() {
  ticker_.expires_after(std::chrono::seconds{1});
  ticker_.async_wait([this](error_code error) {
    if (error) return;
    ++turns;
    // tick() may end a connection, which takes it out of the set.
    const std::vector<WsConnection*> now{websockets.begin(), websockets.end()};
    for (WsConnection* each : now)
      if (websockets.contains(each)) each->tick();
    tick();
  });
}

/// One TCP connection speaking HTTP/1.1 until it is closed or becomes a WebSocket.
class HttpConnection {
 public:
  HttpConnection(tcp::socket socket, std::shared_ptr<IoThread> io)
      : owner_(std::move(io)),
        io_(*owner_),
        shared_(io_.shared),
        stream_(std::move(socket)),
        late_(shared_.registry.counter("hookswitch_http_late_headers_total",
                                       "Connections closed: no whole header in time.")) {
    error_code ignored;
    peer_ = stream_.socket().remote_endpoint(ignored).address().to_string();
    stream_.socket().set_option(tcp::no_delay{true}, ignored);
    io_.requests.insert(this);
  }
  ~HttpConnection() { io_.requests.erase(this); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void cut() { stream_.close(); }

  asio::awaitable<void> run() {
    const Counted counted{shared_.connections};
    // g++ 12 compiles a co_await in a loop's condition to a trap; hence in statements of their own,
    // here and below.
    for (bool more = !shared_.stopping; more;) more = co_await one_request();
  }

 private:
  /// False: the connection is done with.
  asio::awaitable<bool> one_request() {
    const ServerOptions& options = shared_.options;
    buffer_.max_size(options.header_bytes_max + 64 * 1024);
    if (!first_ && buffer_.size() == 0) {  // between requests a client may be silent for longer
      stream_.expires_after(options.idle_time);
      const auto [error, size] = co_await stream_.async_read_some(buffer_.prepare(1024), kToken);
      if (error) co_return false;
      buffer_.commit(size);
    }
    first_ = false;
    stream_.expires_after(options.header_time);
    std::size_t head_size = 0;
    for (;;) {
      const std::string_view seen{static_cast<const char*>(buffer_.data().data()), buffer_.size()};
      const auto end = seen.find("\r\n\r\n");
      if (end != std::string_view::npos) {
        head_size = end + 4;
        break;
      }
      if (seen.size() >= options.header_bytes_max) {
        co_await refuse(Errc::headers_too_large);
        co_return false;
      }
      const std::size_t room = std::min<std::size_t>(4096, options.header_bytes_max - seen.size());
      const auto [error, size] = co_await stream_.async_read_some(buffer_.prepare(room), kToken);
      if (error == beast::error::timeout) late_.add();
      if (error) co_return false;
      buffer_.commit(size);
    }
    if (head_size > options.header_bytes_max) {
      co_await refuse(Errc::headers_too_large);
      co_return false;
    }
    const std::string_view head{static_cast<const char*>(buffer_.data().data()), head_size};
    if (const auto why = refuse_head(head)) {
      co_await refuse(*why);
      co_return false;
    }
    bhttp::request_parser<bhttp::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(options.header_bytes_max + 1));
    parser.body_limit(options.body_bytes_max);
    error_code parse_error;
    const std::size_t used = parser.put(asio::buffer(head.data(), head.size()), parse_error);
    if (parse_error && parse_error != bhttp::error::need_more) {
      co_await refuse(parse_error == bhttp::error::body_limit ? Errc::body_too_large
                                                              : Errc::bad_request);
      co_return false;
    }
    buffer_.consume(used);
    if (!parser.is_done()) {
      if (equals_ignore_case(std::string_view{parser.get()[bhttp::field::expect]},
                             "100-continue")) {
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        const auto [failed, sent] =
            co_await asio::async_write(stream_, asio::buffer(kContinue), kToken);
        if (failed) co_return false;
      }
      stream_.expires_after(options.idle_time);
      const auto [body_error, body_size] =
          co_await bhttp::async_read(stream_, buffer_, parser, kToken);
      if (body_error) {
        if (body_error == bhttp::error::body_limit) {
          co_await refuse(Errc::body_too_large);
        } else if (body_error.category() ==
                       bhttp::make_error_code(bhttp::error::bad_chunk).category() &&
                   body_error != bhttp::error::end_of_stream &&
                   body_error != bhttp::error::partial_message) {
          co_await refuse(Errc::bad_request);
        }
        co_return false;
      }
    }
    shared_.requests.add();
    auto message = parser.release();
    if (bws::is_upgrade(message)) {
      co_await upgrade(std::move(message));
      co_return false;
    }
    const bool keep = message.keep_alive() && !shared_.stopping;
    const bool is_head = message.method() == bhttp::verb::head;
    Request request = convert(message);
    if (is_head) request.method = "GET";
    ++shared_.busy;
    Response response = co_await answer(std::move(request));
    --shared_.busy;
    const bool written = co_await write(std::move(response), keep, is_head);
    co_return written&& keep;
  }

  Request convert(bhttp::request<bhttp::string_body>& message) const {
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
    out.peer = peer_;
    return out;
  }

  /// Waits for the handler's answer, which may come from any thread.
  asio::awaitable<Response> answer(Request request) {
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

  asio::awaitable<bool> write(Response response, bool keep, bool without_body) {
    bhttp::response<bhttp::string_body> message;
    message.version(11);
    message.result(response.status);
    if (!response.content_type.empty()) {
      message.set(bhttp::field::content_type, response.content_type);
      message.set("X-Content-Type-Options", "nosniff");
    }
    for (const auto& [name, value] : response.headers) message.insert(name, value);
    message.body() = std::move(response.body);
    message.keep_alive(keep);
    message.prepare_payload();
    if (without_body) message.body().clear();
    stream_.expires_after(shared_.options.idle_time);
    const auto [error, size] = co_await bhttp::async_write(stream_, message, kToken);
    co_return !error;
  }

  asio::awaitable<void> refuse(Errc why) {
    shared_.refused(why);
    const bool written = co_await write(problem(why), false, false);
    if (!written) co_return;
    // Closing over unread bytes would reset the connection before the other end has read the
    // answer.
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(std::chrono::seconds{1});
    std::array<char, 4096> sink;
    for (std::size_t total = 0; total < 1024 * 1024;) {
      const auto [error, size] = co_await stream_.async_read_some(asio::buffer(sink), kToken);
      if (error) break;
      total += size;
    }
  }

  asio::awaitable<void> upgrade(bhttp::request<bhttp::string_body> message) {
    if (shared_.stopping) {
      co_await refuse(Errc::shutting_down);
      co_return;
    }
    Request request = convert(message);
    Opening decision = shared_.handler.on_upgrade(request);
    if (decision.refusal) {
      co_await write(std::move(*decision.refusal), false, false);
      co_return;
    }
    // In a coroutine of its own: what this one holds (parser, buffers, frames) is not needed for
    // the hours to come.
    const auto connection = std::make_shared<WsConnection>(std::move(stream_), owner_);
    auto request_for_accept =
        std::make_unique<bhttp::request<bhttp::string_body>>(std::move(message));
    asio::co_spawn(io_.io, connection->run(std::move(request_for_accept), std::move(decision)),
                   asio::detached);
  }

  const std::shared_ptr<IoThread> owner_;
  IoThread& io_;
  Shared& shared_;
  beast::tcp_stream stream_;
  Counter& late_;
  beast::flat_buffer buffer_;
  std::string peer_;
  bool first_ = true;
};

asio::awaitable<void> serve(tcp::socket socket, std::shared_ptr<IoThread> io) {
  HttpConnection connection{std::move(socket), std::move(io)};
  co_await connection.run();
}

void IoThread::stop() {
  if (!thread_.joinable()) return;
  asio::post(io, [this] {
    ticker_.cancel();
    work_.reset();
    for (WsConnection* each : std::vector<WsConnection*>{websockets.begin(), websockets.end()})
      each->cut();
    for (HttpConnection* each : std::vector<HttpConnection*>{requests.begin(), requests.end()})
      each->cut();
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    outbox_.clear();
  });
  // run() returns when nothing is left to do; a handler that does not come back must not hang the
  // stop.
  if (ended_.get_future().wait_for(std::chrono::seconds{2}) != std::future_status::ready) io.stop();
  thread_.join();
}

}  // namespace

struct Server::Impl {
  Impl(ServerOptions given, Handler& handler, Registry& registry)
      : owner(new Shared{
            std::move(given), handler, registry,
            registry.gauge("hookswitch_http_connections", "Open connections, WebSockets included."),
            registry.gauge("hookswitch_websockets", "Open WebSockets."),
            registry.counter("hookswitch_http_requests_total",
                             "Requests that passed the strict layer.")}),
        shared(*owner),
        options(shared.options),
        accept_errors(registry.counter("hookswitch_http_accept_errors_total",
                                       "Failed accepts (descriptors used up, …).")),
        turned_away(registry.counter("hookswitch_http_turned_away_total",
                                     "Connections closed at once: too many.")) {}

  const std::shared_ptr<Shared> owner;
  Shared& shared;
  const ServerOptions& options;
  Counter& accept_errors;
  Counter& turned_away;
  std::vector<std::shared_ptr<IoThread>> threads;
  std::vector<tcp::acceptor> acceptors;
  std::vector<std::string> bound;
  std::size_t next = 0;

  asio::awaitable<void> accept_loop(tcp::acceptor& acceptor) {
    while (!shared.stopping) {
      const auto io = threads[next++ % threads.size()];
      tcp::socket socket{io->io};
      const auto [error] = co_await acceptor.async_accept(socket, kToken);
      if (error == asio::error::operation_aborted || shared.stopping) co_return;
      if (error) {
        // EMFILE and its like do not go away by trying again at once.
        accept_errors.add();
        asio::steady_timer pause{co_await asio::this_coro::executor,
                                 std::chrono::milliseconds{100}};
        co_await pause.async_wait(kToken);
        continue;
      }
      if (shared.connections.value() >= static_cast<std::int64_t>(options.connections_max)) {
        turned_away.add();
        continue;
      }
      // From the thread it will live on, so that all of it happens there.
      asio::co_spawn(io->io, serve(std::move(socket), io), asio::detached);
    }
  }
};

Server::Server(ServerOptions options, Handler& handler, Registry& registry)
    : impl_(std::make_unique<Impl>(std::move(options), handler, registry)) {}

Server::~Server() { stop(); }

Result<void> Server::start() {
  auto& impl = *impl_;
  for (unsigned i = 0; i < std::max(1U, impl.options.io_threads); ++i)
    impl.threads.push_back(std::make_shared<IoThread>(impl.owner));
  for (const auto& [address] : impl.options.listen) {
    const auto colon = address.rfind(':');
    std::string_view host = std::string_view{address}.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const auto port = colon == std::string::npos
                          ? std::nullopt
                          : parse_int(std::string_view{address}.substr(colon + 1));
    error_code error;
    const auto ip = asio::ip::make_address(host, error);
    const long long number = port.value_or(-1);
    if (error || number < 0 || number > 65535)
      return Error{Errc::bad_request, address + ": is no address with port"};
    tcp::acceptor acceptor{impl.threads.front()->io};
    const tcp::endpoint endpoint{ip, static_cast<std::uint16_t>(number)};
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(4096, error);
    if (error) return Error{Errc::bad_request, fmt::format("{}: {}", address, error.message())};
    const auto local = acceptor.local_endpoint();
    impl.bound.push_back(local.address().is_v6()
                             ? fmt::format("[{}]:{}", local.address().to_string(), local.port())
                             : fmt::format("{}:{}", local.address().to_string(), local.port()));
    impl.acceptors.push_back(std::move(acceptor));
  }
  for (auto& acceptor : impl.acceptors)
    asio::co_spawn(impl.threads.front()->io, impl.accept_loop(acceptor), asio::detached);
  for (auto& thread : impl.threads) thread->start();
  return {};
}

std::vector<std::string> Server::bound() const { return impl_->bound; }

void Server::stop_accepting() {
  impl_->shared.stopping = true;
  if (impl_->threads.empty()) return;
  asio::post(impl_->threads.front()->io, [this] {
    for (auto& acceptor : impl_->acceptors) {
      error_code ignored;
      acceptor.close(ignored);
    }
  });
}

bool Server::idle() const {
  return impl_->shared.busy == 0 && impl_->shared.websockets.value() == 0;
}

void Server::stop() {
  stop_accepting();
  for (auto& thread : impl_->threads) thread->stop();
}

std::uint64_t Server::turns() const {
  std::uint64_t least = UINT64_MAX;
  for (const auto& thread : impl_->threads) least = std::min(least, thread->turns.load());
  return least;
}

}  // namespace hookswitch::http
