#include "sources/feed/dialer.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "sources/feed/ami_protocol.hpp"
#include "sources/feed/esl_protocol.hpp"

namespace hookswitch::feed {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;

// g++ 12 compiles a co_await in a loop's condition to a trap; hence in statements of their own.

namespace {

constexpr seconds kLoginTime{10};    ///< from the first packet to the login
constexpr seconds kQuietTime{20};    ///< then the other end is asked for a sign of life
constexpr seconds kSilenceTime{60};  ///< then it is gone
constexpr milliseconds kFirstPause{500}, kPauseMost{30'000};
constexpr seconds kRefusedPause{60}, kForgivenAfter{60};
constexpr std::size_t kUnsentMax = 64 * 1024;  ///< our words are few: it does not read

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

std::unique_ptr<FeedProtocol> make_protocol(const DialSettings& settings) {
  if (settings.kind == DialKind::esl)
    return std::make_unique<EslProtocol>(settings.username, settings.password);
  return std::make_unique<AmiProtocol>(settings.username, settings.password, settings.plain_login);
}

}  // namespace

milliseconds BackOff::next(milliseconds lived, bool refused) {
  if (refused) return kRefusedPause;
  pause_ = lived >= kForgivenAfter || pause_.count() == 0 ? kFirstPause
                                                          : std::min(pause_ * 2, kPauseMost);
  return pause_;
}

struct Dialer::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, DialSettings source, std::shared_ptr<SourceFeed> its_feed,
       TakeEvent take_event, Registry& registry)
      : io(context),
        settings(std::move(source)),
        feed(std::move(its_feed)),
        take(std::move(take_event)),
        overflows(registry.counter("hookswitch_feed_overflows_total",
                                   "Connections given up because the broker took no more events.",
                                   {{"source", settings.name}})),
        skipped(registry.counter("hookswitch_feed_skipped_total",
                                 "Messages of a PBX that were passed over: too large, or none.",
                                 {{"source", settings.name}})),
        resolver(io),
        timer(io) {}

  // --- one connection after the other

  asio::awaitable<void> run() {
    for (;;) {
      began = Clock::now();
      logged_in = false;
      FeedEnd end = co_await one_connection();
      const auto lived = logged_in ? Clock::now() - began : Clock::duration{0};
      leave(end);
      auto pause = back_off.next(std::chrono::duration_cast<milliseconds>(lived), end.refused);
      pause += milliseconds{static_cast<std::int64_t>(
          random_u64() % static_cast<std::uint64_t>(pause.count() / 4 + 1))};
      co_await sleep(pause);
      // Nothing is asked for that there is no room for.
      while (feed->queue().is_full()) co_await sleep(milliseconds{200});
    }
  }

  asio::awaitable<void> sleep(milliseconds pause) {
    timer.expires_after(pause);
    co_await timer.async_wait(kTuple);
  }

  void leave(const FeedEnd& end) {
    skipped.add(protocol->skipped());
    if (connection) feed->disconnected(*std::exchange(connection, std::nullopt), end.reason);
    feed->set_reason(end.reason);
    if (end.reason == reason_logged) return;  // one line for an outage
    reason_logged = end.reason;
    log::notice("feed_away", {{"source", settings.name}, {"why", end.reason}});
  }

  asio::awaitable<FeedEnd> one_connection() {
    protocol = make_protocol(settings);
    unsent.clear();
    writing = false;
    over.reset();
    const DialAddress address = address_of(settings);
    auto [not_found, places] = co_await resolver.async_resolve(address.host, address.port, kTuple);
    if (not_found) co_return FeedEnd{"its name is not known"};
    tcp::socket socket{io};
    watch(socket);
    auto [not_connected, place] = co_await asio::async_connect(socket, places, kTuple);
    if (not_connected) co_return ended(not_connected, "no connection");
    error_code ignored;
    socket.set_option(tcp::no_delay{true}, ignored);
    socket.set_option(asio::socket_base::keep_alive{true}, ignored);
    if (!settings.tls) co_return co_await talk(socket, socket);
    ssl::context context{ssl::context::tls_client};
    error_code error;
    if (settings.ca_file.empty())
      context.set_default_verify_paths(error);
    else
      context.load_verify_file(settings.ca_file, error);
    if (error) co_return FeedEnd{"ca_file cannot be read"};
    context.set_verify_mode(ssl::verify_peer, ignored);
    ssl::stream<tcp::socket&> stream{socket, context};
    stream.set_verify_callback(ssl::host_name_verification{address.host}, ignored);
    SSL_set_tlsext_host_name(stream.native_handle(), address.host.c_str());
    auto [not_shaken] = co_await stream.async_handshake(ssl::stream_base::client, kTuple);
    if (not_shaken) co_return ended(not_shaken, "no TLS with a certificate that we trust");
    co_return co_await talk(stream, socket);
  }

  template <class Stream>
  asio::awaitable<FeedEnd> talk(Stream& stream, tcp::socket& socket) {
    heard = asked_sign = Clock::now();
    send = [this, &stream] { write(stream); };
    std::array<char, 16 * 1024> buffer;
    FeedEnd end;
    for (;;) {
      auto [error, size] = co_await stream.async_read_some(asio::buffer(buffer), kTuple);
      if (error) {
        end = ended(error, "the connection ended");
        break;
      }
      heard = Clock::now();
      FeedStep step;
      protocol->on_bytes({buffer.data(), size}, step);
      carry_out(step);
      if (over) {
        end = *over;
        break;
      }
    }
    send = cut = nullptr;
    error_code ignored;
    socket.close(ignored);
    // The write that is under way still refers to the stream.
    while (writing) co_await sleep(milliseconds{5});
    co_return end;
  }

  void watch(tcp::socket& socket) {
    cut = [&socket] {
      error_code ignored;
      socket.close(ignored);
    };
  }

  FeedEnd ended(error_code, const char* what) {
    cut = nullptr;
    return over ? *over : FeedEnd{what};
  }

  void give_up(std::string reason) {
    if (!over) over = FeedEnd{std::move(reason)};
    if (cut) std::exchange(cut, nullptr)();
  }

  // --- what the protocol says

  void carry_out(FeedStep& step) {
    if (!step.note.empty())
      log::warning("feed_note", {{"source", settings.name}, {"why", step.note}});
    if (step.logged_in) {
      logged_in = true;
      reason_logged.clear();
      first_list = true;
      connection = feed->connected([weak = weak_from_this()] {
        if (const auto self = weak.lock())
          asio::post(self->io, [weak] {
            if (const auto alive = weak.lock()) alive->ask();
          });
      });
      log::notice("feed_connected", {{"source", settings.name}});
    }
    if (step.asked) list_began = feed->list_begins();
    for (auto& event : step.events) take(settings, std::move(event));
    if (step.list)
      for (const auto at : feed->listed(*step.list, list_began, std::exchange(first_list, false)))
        for (auto& event : (*step.list)[at].events) take(settings, std::move(event));
    unsent += step.send;
    if (step.end && !over) over = std::move(step.end);
    if (!over && feed->queue().is_full()) {
      overflows.add();
      over = FeedEnd{"the broker takes no more at the moment"};
    }
    if (!over && send) send();
  }

  void ask() {
    if (!connection) return;
    FeedStep step;
    protocol->ask(step);
    carry_out(step);
    if (over) give_up({});
  }

  template <class Stream>
  void write(Stream& stream) {
    if (unsent.size() > kUnsentMax) return give_up("it does not read");
    if (writing || unsent.empty()) return;
    writing = true;
    sending = std::exchange(unsent, {});
    asio::async_write(stream, asio::buffer(sending),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        self->writing = false;
                        if (!error && self->send) self->send();
                      });
  }

  void tick(Clock::time_point at) {
    if (!cut) return;
    if (!logged_in) {
      if (at - began > kLoginTime) give_up("it does not let us in in time");
      return;
    }
    if (at - heard > kSilenceTime) return give_up("it is silent");
    if (at - std::max(heard, asked_sign) < kQuietTime) return;
    asked_sign = at;
    FeedStep step;
    protocol->keep_alive(step);
    carry_out(step);
    if (over) give_up({});
  }

  asio::io_context& io;
  const DialSettings settings;
  const std::shared_ptr<SourceFeed> feed;
  const TakeEvent take;
  Counter &overflows, &skipped;
  tcp::resolver resolver;
  asio::steady_timer timer;
  BackOff back_off;
  std::string reason_logged;

  // of the connection of now
  std::unique_ptr<FeedProtocol> protocol;
  Clock::time_point began{}, heard{}, asked_sign{};
  std::optional<SourceFeed::Connection> connection;
  std::function<void()> cut, send;
  std::string unsent, sending;
  std::optional<FeedEnd> over;
  std::uint64_t list_began = 0;
  bool logged_in = false, first_list = false, writing = false;
};

Dialer::Dialer(asio::io_context& io, DialSettings settings, std::shared_ptr<SourceFeed> feed,
               TakeEvent take, Registry& registry)
    : impl_(std::make_shared<Impl>(io, std::move(settings), std::move(feed), std::move(take),
                                   registry)) {}

Dialer::~Dialer() = default;

void Dialer::start() {
  asio::co_spawn(
      impl_->io, [impl = impl_]() -> asio::awaitable<void> { co_await impl->run(); },
      asio::detached);
}

void Dialer::tick(Clock::time_point at) { impl_->tick(at); }

}  // namespace hookswitch::feed
