#include "http/io_thread.hpp"

#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "base/assert.hpp"
#include "http/http_connection.hpp"
#include "http/push_connection.hpp"

namespace hookswitch::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBufferBytes = 64 * 1024;
/// Connections written to before others get their turn at being read: about a millisecond.
constexpr std::size_t kWritesAtOnce = 256;
/// After a long turn the next one waits for this share of its time: its readers answer at once, and
/// what they bring about goes out together, not the first of it alone.
constexpr int kRestShare = 16;
constexpr std::chrono::milliseconds kRestMax{2};
/// Several small frames are put into one for all who get the same; more bytes than this are not.
constexpr std::size_t kJoinedBytesMax = 256 * 1024;

EncodedFrame::Bytes bytes_of(const EncodedFrame& frame, Form form) {
  switch (form) {
    case Form::text:
      return frame.plain();
    case Form::framed:
      return frame.wire();
    case Form::deflated:
      return frame.deflated_wire();
  }
  return {};
}

}  // namespace

IoThread::IoThread(std::shared_ptr<Shared> shared_state)
    : owner_(std::move(shared_state)), shared(*owner_), ticker_(io), rest_(io) {
  read_buffer_.resize(kReadBufferBytes);
}

IoThread::~IoThread() {
  for (PushConnection* each : channels_) delete each;
}

void IoThread::start() {
  work_.emplace(io.get_executor());
  tick();
  thread_ = std::thread{[this] {
    // OpenSSL writes without MSG_NOSIGNAL.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    io.run();
    ended_.set_value();
  }};
}

void IoThread::stop() {
  if (!thread_.joinable()) return;
  asio::post(io, [this] {
    ticker_.cancel();
    rest_.cancel();
    work_.reset();
    over_ = true;
    cut_all();
    mailbox_.close();
  });
  // run() returns when nothing is left to do; a handler that does not come back must not hang the
  // stop.
  if (ended_.get_future().wait_for(std::chrono::seconds{2}) != std::future_status::ready) io.stop();
  thread_.join();
  cut_all();
}

void IoThread::cut_all() {
  for (PushConnection* each : std::vector<PushConnection*>{channels_}) each->cut();
  for (HttpConnection* each : std::vector<HttpConnection*>{requests.begin(), requests.end()})
    each->cut();
}

void IoThread::put(PushConnection& to, const Frame& frame) {
  switch (mailbox_.put(to, frame)) {
    case Mailbox::Put::stored:
      break;
    case Mailbox::Put::first:
      return wake();
    case Mailbox::Put::full:
      to.lose_frame();
      break;
  }
}

void IoThread::put(PushConnection& to, Farewell farewell) {
  if (mailbox_.put(to, std::move(farewell)) == Mailbox::Put::first) wake();
}

void IoThread::put(PushConnection& to, Letter::Kind kind) {
  if (mailbox_.put(to, kind) == Mailbox::Put::first) wake();
}

void IoThread::wake() {
  asio::post(io, [this] {
    if (in_turn_) {
      mail_waits_ = true;
    } else if (Clock::now() >= rest_until_) {
      begin_turn();
    } else {
      in_turn_ = true;
      rest_.expires_at(rest_until_);
      rest_.async_wait([this](error_code) { begin_turn(); });
    }
  });
}

void IoThread::tick() {
  // Limits shorter than a second are looked at as often as they need; the handlers are not.
  const ServerOptions& options = shared.options;
  const auto shortest = std::min({options.header_time, options.idle_time, options.ping_time,
                                  options.client_queue_age_max, std::chrono::milliseconds{4000}});
  ticker_.expires_after(std::max(shortest / 4, std::chrono::milliseconds{10}));
  ticker_.async_wait([this](error_code error) {
    if (error) return;
    ++turns;
    const auto now = Clock::now();
    const bool tell_handlers = now - second_ >= std::chrono::milliseconds{950};
    if (tell_handlers) second_ = now;
    // One that ends gives its place to the last, which has had its tick.
    for (std::size_t i = channels_.size(); i-- > 0;) channels_[i]->tick(now, tell_handlers);
    for (HttpConnection* each : requests) each->tick(now);
    tick();
  });
}

void IoThread::begin_turn() {
  mailbox_.take(turn_);
  in_turn_ = true;
  mail_waits_ = false;
  turn_began_ = Clock::now();
  auto& letters = turn_.letters;
  for (std::uint32_t i = 0; i < letters.size(); ++i) {
    if (i + 8 < letters.size()) __builtin_prefetch(letters[i + 8].to);
    PushConnection& to = *letters[i].to;
    const bool first = !to.has_mail();
    to.take_letter(turn_, i);
    if (first && to.has_mail()) receivers_.push_back(&to);
  }
  write_some();
}

void IoThread::write_some() {
  const std::size_t until = std::min(receivers_.size(), written_to_ + kWritesAtOnce);
  const auto now = Clock::now();
  for (; written_to_ < until; ++written_to_) {
    if (written_to_ + 4 < until) __builtin_prefetch(receivers_[written_to_ + 4]);
    receivers_[written_to_]->end_turn(now);
  }
  if (written_to_ < receivers_.size()) return asio::post(io, [this] { write_some(); });
  receivers_.clear();
  written_to_ = 0;
  gathered_.clear();
  pieces_.clear();
  joined_.clear();
  turn_.clear();
  in_turn_ = false;
  const auto ended = Clock::now();
  rest_until_ = ended + std::min<Clock::duration>((ended - turn_began_) / kRestShare, kRestMax);
  if (std::exchange(mail_waits_, false)) wake();
}

Batch IoThread::batch(std::uint32_t first, Form form) {
  gathering_.clear();
  for (std::uint32_t i = first; i != PushConnection::kNoLetter; i = turn_.letters[i].next)
    gathering_.push_back(turn_.letters[i].value);
  if (form == gathered_form_ && gathering_ == gathered_) {
    if (joined_.empty() && pieces_.size() > 1) {
      std::size_t size = 0;
      for (const auto& piece : pieces_) size += piece.bytes.size();
      if (size <= kJoinedBytesMax)
        for (const auto& piece : pieces_) joined_ += piece.bytes;
    }
    return {pieces_, joined_};
  }
  gathered_.swap(gathering_);
  gathered_form_ = form;
  pieces_.clear();
  joined_.clear();
  for (const std::uint32_t index : gathered_) {
    const Frame& frame = turn_.frames[index];
    const auto [own, shared_rest] = bytes_of(*frame, form);
    if (!own.empty()) pieces_.push_back({own, &frame});
    if (!shared_rest.empty()) pieces_.push_back({shared_rest, &frame, true});
  }
  return {pieces_, joined_};
}

void IoThread::add(std::unique_ptr<PushConnection> connection) {
  connection->place = channels_.size();
  channels_.push_back(connection.release());
}

void IoThread::close_channels(Errc why) {
  // One that ends gives its place to the last, which has been told.
  for (std::size_t i = channels_.size(); i-- > 0;) channels_[i]->close_behind_mail(why);
}

void IoThread::remove(PushConnection& connection) {
  HS_ASSERT(channels_[connection.place] == &connection);
  channels_[connection.place] = channels_.back();
  channels_[connection.place]->place = connection.place;
  channels_.pop_back();
  delete &connection;
}

}  // namespace hookswitch::http
