#include "http_client/client.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <optional>
#include <thread>
#include <unordered_set>

#include "http_client/connection.hpp"
#include "http_client/names.hpp"

namespace hookswitch::http_client {

namespace asio = boost::asio;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using boost::system::error_code;
using Clock = Connection::Clock;

namespace {

constexpr std::size_t kAddressesTried = 4;
constexpr std::size_t kReadBytes = 8 * 1024;

bool is_one_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return c == '\t' || (u >= 0x20 && u != 0x7f);
  });
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

/// What goes over the wire; nullopt where a text would break out of its line.
std::optional<std::string> wire_text(const Request& request) {
  if (!is_name(request.method)) return std::nullopt;
  std::string out = request.method + " " + request.url.target +
                    " HTTP/1.1\r\nHost: " + request.url.authority() +
                    "\r\nUser-Agent: hookswitch\r\n";
  for (const auto& [name, value] : request.headers) {
    if (!is_name(name) || !is_one_line(value)) return std::nullopt;
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  }
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD"))
    out += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  out += "\r\n";
  out += request.body;
  return out;
}

}  // namespace

struct Client::Core : std::enable_shared_from_this<Client::Core> {
  /// One request under way.
  struct Exchange : std::enable_shared_from_this<Exchange> {
    Exchange(asio::io_context& io, Request asked, Done then)
        : request(std::move(asked)), done(std::move(then)), timer(io), step(io), named(io) {}
    Request request;
    Done done;
    asio::steady_timer timer;  ///< of the whole
    asio::steady_timer step;   ///< of one address
    asio::steady_timer named;  ///< cancelled when the name is looked up
    Clock::time_point until{};
    std::unique_ptr<Connection> connection;
    std::optional<std::vector<IpAddress>> addresses;
    bool expired = false, connecting = false, step_expired = false;
  };
  using ExchangePtr = std::shared_ptr<Exchange>;

  Core(Registry& registry, ClientOptions wanted)
      : options(std::move(wanted)),
        requests(registry.counter("hookswitch_outgoing_requests_total",
                                  "HTTP requests of ours to others.")),
        failures(registry.counter("hookswitch_outgoing_failures_total",
                                  "Of these, those without an answer.")),
        refused(registry.counter("hookswitch_outgoing_refused_total",
                                 "Of these, those to an address that may not be reached.")),
        ticker(io),
        names(std::make_shared<Names>(io, options.resolve, options.resolvers_max)) {}

  // any thread
  void start();
  void stop();

  // io thread
  void begin(Request request, Done done);
  /// Keeps the core for as long as it runs.
  awaitable<void> run(std::shared_ptr<Core>, ExchangePtr one);
  awaitable<Outcome> ask(Exchange& one);
  awaitable<std::optional<Failed>> connect(Exchange& one, const Connection::Key& key);
  awaitable<std::optional<Failed>> find_addresses(Exchange& one);
  /// `is_stale`: nothing of an answer came.
  awaitable<Outcome> exchange(Exchange& one, const std::string& text, bool& is_stale);
  std::unique_ptr<Connection> take_idle(const Exchange& one, const Connection::Key& key);
  void keep(std::unique_ptr<Connection> connection);
  void tick();
  void drop_idle(Clock::time_point before);
  void arm(const ExchangePtr& one);
  Failed failed(const Exchange& one, Failure why, std::string detail = {}) const {
    if (stopping) return {Failure::shutting_down, {}};
    return {one.expired ? Failure::timed_out : why, std::move(detail)};
  }

  ClientOptions options;
  Counter &requests, &failures, &refused;
  asio::io_context io{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  asio::steady_timer ticker;
  std::shared_ptr<Names> names;
  std::map<Connection::Key, std::vector<std::unique_ptr<Connection>>> idle;
  std::size_t idle_count = 0;
  std::unordered_set<ExchangePtr> under_way;
  std::unordered_set<std::shared_ptr<asio::steady_timer>> timers;
  std::shared_ptr<const AddressPolicy> public_only = std::make_shared<const AddressPolicy>();
  std::shared_ptr<const TlsTrust> system_trust;
  bool stopping = false;
  std::atomic<std::uint64_t> turns{0};
  std::thread thread;
};

void Client::Core::start() {
  work.emplace(io.get_executor());
  tick();
  thread = std::thread{[this] {
    // OpenSSL writes without MSG_NOSIGNAL.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    io.run();
  }};
}

void Client::Core::stop() {
  if (!thread.joinable()) return;
  asio::post(io, [this] {
    stopping = true;
    names->stop();
    idle.clear();
    ticker.cancel();
    for (const auto& timer : timers) timer->cancel();
    for (const auto& one : under_way) {
      one->named.cancel();
      one->timer.cancel();
      one->step.cancel();
      if (one->connection) one->connection->cut();
    }
    work.reset();
  });
  thread.join();
}

void Client::Core::tick() {
  ++turns;
  drop_idle(Clock::now() - options.idle_time);
  ticker.expires_after(std::chrono::seconds{1});
  ticker.async_wait([this](error_code cancelled) {
    if (!cancelled) tick();
  });
}

void Client::Core::drop_idle(Clock::time_point before) {
  for (auto it = idle.begin(); it != idle.end();) {
    idle_count -=
        std::erase_if(it->second, [&](const auto& each) { return each->idle_since <= before; });
    it = it->second.empty() ? idle.erase(it) : std::next(it);
  }
}

std::unique_ptr<Connection> Client::Core::take_idle(const Exchange& one,
                                                    const Connection::Key& key) {
  const auto found = idle.find(key);
  if (found == idle.end()) return nullptr;
  auto& kept = found->second;
  std::unique_ptr<Connection> out;
  while (!kept.empty() && !out) {
    auto last = std::move(kept.back());
    kept.pop_back();
    --idle_count;
    // What another request was allowed, this one may not be.
    if (one.request.policy->allows(last->address()) && last->is_quiet()) out = std::move(last);
  }
  if (kept.empty()) idle.erase(found);
  return out;
}

void Client::Core::keep(std::unique_ptr<Connection> connection) {
  if (stopping || idle_count >= options.idle_max) return;
  auto& kept = idle[connection->key()];
  if (kept.size() >= options.idle_per_host) return;
  connection->idle_since = Clock::now();
  kept.push_back(std::move(connection));
  ++idle_count;
}

void Client::Core::begin(Request request, Done done) {
  requests.add();
  if (stopping || under_way.size() >= options.requests_max) {
    failures.add();
    return done(Failed{stopping ? Failure::shutting_down : Failure::overload, {}});
  }
  if (!request.policy) request.policy = public_only;
  if (request.url.tls && !request.trust) {
    if (!system_trust)
      if (auto loaded = TlsTrust::load("")) system_trust = std::move(*loaded);
    request.trust = system_trust;
  }
  auto one = std::make_shared<Exchange>(io, std::move(request), std::move(done));
  under_way.insert(one);
  one->until = Clock::now() + one->request.deadline;
  arm(one);
  asio::co_spawn(io, run(shared_from_this(), std::move(one)), asio::detached);
}

/// Cuts the exchange off at its time.
void Client::Core::arm(const ExchangePtr& one) {
  one->timer.expires_at(one->until);
  one->timer.async_wait([weak = std::weak_ptr<Exchange>{one}](error_code cancelled) {
    const auto late = weak.lock();
    if (cancelled || !late) return;
    late->expired = true;
    late->named.cancel();
    if (late->connection) late->connection->cut();
  });
}

awaitable<void> Client::Core::run(std::shared_ptr<Core>, ExchangePtr one) {
  Outcome out = co_await ask(*one);
  one->timer.cancel();
  one->step.cancel();
  under_way.erase(one);
  if (const auto* why = std::get_if<Failed>(&out)) {
    failures.add();
    if (why->why == Failure::address_refused) refused.add();
  }
  one->done(std::move(out));
}

awaitable<Outcome> Client::Core::ask(Exchange& one) {
  const auto text = wire_text(one.request);
  if (!text) co_return Failed{Failure::bad_request, {}};
  const Url& url = one.request.url;
  if (url.tls && !one.request.trust)
    co_return Failed{Failure::tls_failed, "no certification authorities"};
  const Connection::Key key{url.tls, url.host, url.port, one.request.trust.get()};
  one.connection = take_idle(one, key);
  if (one.connection) {
    bool is_stale = false;
    Outcome out = co_await exchange(one, *text, is_stale);
    if (!is_stale || one.expired || stopping || !one.request.may_repeat) co_return out;
  }
  if (auto why = co_await connect(one, key)) co_return std::move(*why);
  bool is_stale = false;
  co_return co_await exchange(one, *text, is_stale);
}

awaitable<std::optional<Failed>> Client::Core::find_addresses(Exchange& one) {
  const Url& url = one.request.url;
  if (url.address) {
    one.addresses = std::vector{*url.address};
  } else {
    one.named.expires_at(Clock::time_point::max());
    names->look_up(url.host, [weak = one.weak_from_this()](const std::vector<IpAddress>& found) {
      const auto waiting = weak.lock();
      if (!waiting) return;
      waiting->addresses = found;
      waiting->named.cancel();
    });
    error_code cancelled;
    co_await one.named.async_wait(redirect_error(use_awaitable, cancelled));
  }
  if (stopping) co_return Failed{Failure::shutting_down, {}};
  if (!one.addresses || one.addresses->empty()) co_return failed(one, Failure::name_unresolved);
  std::erase_if(*one.addresses,
                [&](const IpAddress& each) { return !one.request.policy->allows(each); });
  if (one.addresses->empty()) co_return Failed{Failure::address_refused, {}};
  co_return std::nullopt;
}

awaitable<std::optional<Failed>> Client::Core::connect(Exchange& one, const Connection::Key& key) {
  if (auto why = co_await find_addresses(one)) co_return why;
  const auto count = std::min(one.addresses->size(), kAddressesTried);
  Failed last{Failure::connect_failed, {}};
  for (std::size_t i = 0; i < count; ++i) {
    one.connection = std::make_unique<Connection>(io, key, one.request.trust);
    // The last address may take all that is left, the others their share.
    const auto now = Clock::now();
    const auto share = (one.until - now) / static_cast<int>(count - i);
    one.connecting = true;
    one.step_expired = false;
    one.step.expires_at(now + share);
    one.step.async_wait([weak = one.weak_from_this()](error_code cancelled) {
      const auto late = weak.lock();
      if (cancelled || !late || !late->connecting) return;
      late->step_expired = true;
      late->connection->cut();
    });
    error_code wrong = co_await one.connection->connect((*one.addresses)[i]);
    last = {Failure::connect_failed, wrong.message()};
    if (!wrong && key.tls) {
      wrong = co_await one.connection->handshake();
      last = {Failure::tls_failed, wrong.message()};
    }
    one.connecting = false;
    one.step.cancel();
    if (!wrong) co_return std::nullopt;
    if (one.expired || stopping) break;
    if (one.step_expired) last = {Failure::timed_out, {}};
  }
  co_return failed(one, last.why, std::move(last.detail));
}

awaitable<Outcome> Client::Core::exchange(Exchange& one, const std::string& text, bool& is_stale) {
  ResponseReader reader{{.body_bytes_max = one.request.body_bytes_max},
                        one.request.method != "HEAD"};
  std::array<char, kReadBytes> buffer;
  bool answered = false, draining = false;
  // A server may answer before it has read everything, and close: what it said counts.
  error_code wrong = co_await one.connection->write(text);
  const bool unsent = wrong.failed();
  for (bool more = true; more;) {
    wrong = {};
    const std::size_t size = co_await one.connection->read(buffer, wrong);
    answered |= size > 0;
    const auto state = size > 0 ? reader.feed({buffer.data(), size})
                                : (wrong == asio::error::eof ? reader.end() : reader.state());
    more = size > 0 && !wrong &&
           (state == ResponseReader::State::head || state == ResponseReader::State::body);
    if (more && reader.has_status() && !one.request.wants_body && !draining) {
      draining = true;
      one.until = std::min(one.until, Clock::now() + options.drain_time);
      arm(one.shared_from_this());
    }
  }
  const bool whole = reader.state() == ResponseReader::State::done;
  const bool stands = whole || (!one.request.wants_body && reader.has_status());
  auto connection = std::move(one.connection);
  if (stands && !stopping) {
    if (reader.keeps() && !unsent && !one.expired) keep(std::move(connection));
    Response out = std::move(reader.response());
    if (!one.request.wants_body) out.body.clear();
    co_return out;
  }
  is_stale = !answered;
  if (reader.state() == ResponseReader::State::too_large)
    co_return failed(one, Failure::response_too_large);
  if (reader.state() == ResponseReader::State::bad && answered && wrong != asio::error::eof)
    co_return failed(one, Failure::bad_response);
  co_return failed(one, Failure::broken, wrong.message());
}

Client::Client(Registry& registry, ClientOptions options)
    : core_(std::make_shared<Core>(registry, std::move(options))) {}

Client::~Client() { stop(); }

void Client::start() { core_->start(); }

void Client::stop() { core_->stop(); }

void Client::request(Request request, Done done) {
  asio::post(core_->io,
             [core = core_.get(), request = std::move(request), done = std::move(done)]() mutable {
               core->begin(std::move(request), std::move(done));
             });
}

void Client::post(std::function<void()> work) { asio::post(core_->io, std::move(work)); }

void Client::later(std::chrono::milliseconds delay, std::function<void()> work) {
  asio::post(core_->io, [core = core_.get(), delay, work = std::move(work)]() mutable {
    if (core->stopping) return;
    auto timer = std::make_shared<asio::steady_timer>(core->io, delay);
    core->timers.insert(timer);
    timer->async_wait([core, timer, work = std::move(work)](error_code cancelled) {
      core->timers.erase(timer);
      if (!cancelled) work();
    });
  });
}

std::uint64_t Client::turns() const { return core_->turns; }

}  // namespace hookswitch::http_client
