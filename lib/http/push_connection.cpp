#include "http/push_connection.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "base/assert.hpp"

namespace hookswitch::http {

using boost::system::error_code;

namespace {

/// A client may be over its byte budget by this factor for this long: what one commit brings is not
/// its slowness.
constexpr std::size_t kBurstFactor = 16;
constexpr std::chrono::seconds kBurstTime{1};
/// For the other end's close frame, or its end of the connection.
constexpr std::chrono::seconds kClosingTime{2};
/// What the kernel may hold of a connection: more than is on its way to a client far away, far less
/// than the byte budget.
constexpr int kSendBufferBytes = 256 * 1024;
/// Reads of one connection before others get their turn.
constexpr int kReadsAtOnce = 4;

}  // namespace

/// What the handler holds. The last letter to the connection is sent when it lets go.
struct PushConnection::Handle : Channel {
  Handle(PushConnection& connection, std::shared_ptr<IoThread> thread)
      : to(connection), io(std::move(thread)) {}
  ~Handle() override { io->put(to, Letter::Kind::released); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  void send(const Frame& frame) override { io->put(to, frame); }
  void notify_drained() override { io->put(to, Letter::Kind::drain_notice); }
  void close(Errc why, std::string_view detail) override {
    io->put(to, Farewell{why, std::string{detail}});
  }
  void read_on() override { io->put(to, Letter::Kind::read_on); }

  PushConnection& to;
  const std::shared_ptr<IoThread> io;
};

PushConnection::PushConnection(Stream stream, Counted counted, IoThread& io, Gauge& gauge)
    : io_(io),
      gauge_(gauge),
      stream_(std::move(stream)),
      counted_(std::move(counted)),
      heard_(Clock::now()),
      pinged_(heard_) {
  const ServerOptions& options = io.shared.options;
  stream_.limit_send_buffer(kSendBufferBytes);
  stream_.limit_unacknowledged(
      std::max(2 * options.ping_time, options.client_queue_age_max + kClosingTime));
}

void PushConnection::start(std::string answer, Opening opening, std::string early) {
  open_ = true;
  gauge_.add(1);
  after_write(writer_.write(stream_, std::move(answer), heard_));
  handler_ = opening.accept(std::make_shared<Handle>(*this, io_.shared_from_this()));
  if (!open_) {
    finish();
  } else if (io_.shared.stopping) {
    close(Errc::shutting_down);  // the stop began while it was being accepted
  } else if (!early.empty()) {
    on_bytes(early);
    paused_ = heeds() && !handler_->takes_more();
  }
  if (!paused_) read_later(stream_.holds_more());
  leave_if_done();
}

// --- reading ------------------------------------------------------------------------------------

void PushConnection::read_later(bool at_once) {
  if (!stream_.is_open()) return;
  ++waits_;
  if (at_once)
    boost::asio::post(io_.io, [this] { read(); });
  else
    stream_.when_readable([this](error_code) { read(); });
}

void PushConnection::read() {
  --waits_;
  const auto buffer = io_.read_buffer();
  bool more = stream_.is_open();
  for (int i = 0; more && i < kReadsAtOnce; ++i) {
    const long size = stream_.try_read(buffer);
    more = size > 0 && (static_cast<std::size_t>(size) == buffer.size() || stream_.holds_more());
    if (size < 0) cut();
    if (size <= 0) break;
    heard_ = Clock::now();
    if (open_) on_bytes(buffer.first(static_cast<std::size_t>(size)));
    paused_ = heeds() && !handler_->takes_more();
    if (paused_) return;
  }
  read_later(more);
  leave_if_done();
}

void PushConnection::read_on() {
  if (!std::exchange(paused_, false)) return;
  heard_ = Clock::now();
  read_later(true);
}

// --- writing ------------------------------------------------------------------------------------

void PushConnection::take_letter(Letters& turn, std::uint32_t index) {
  Letter& letter = turn.letters[index];
  const bool heeded = heeds();
  switch (static_cast<Letter::Kind>(letter.kind)) {
    case Letter::Kind::frame:
      if (!heeded || close_wanted_) return;
      letter.next = kNoLetter;
      (first_letter_ == kNoLetter ? first_letter_ : turn.letters[last_letter_].next) = index;
      last_letter_ = index;
      break;
    case Letter::Kind::drain_notice:
      if (!heeded) return;
      drain_wanted_ = true;
      break;
    case Letter::Kind::close:
      if (!heeded || close_wanted_) return;
      close_wanted_ = std::make_unique<Farewell>(std::move(turn.farewells[letter.value]));
      break;
    case Letter::Kind::released:
      released_ = true;
      break;
    case Letter::Kind::read_on:
      read_on();
      break;
  }
  in_turn_ = true;
}

void PushConnection::end_turn(Clock::time_point now) {
  in_turn_ = false;
  if (heeds()) take_mail(now);
  leave_if_done();
}

void PushConnection::take_mail(Clock::time_point now) {
  const std::uint32_t first = std::exchange(first_letter_, kNoLetter);
  if (lost_frame_.load(std::memory_order_relaxed)) return close(Errc::slow_client);
  if (first != kNoLetter) {
    after_write(writer_.write(stream_, io_.batch(first, form()), now));
    if (heeds() && over_budget(now)) return close(Errc::slow_client);
  }
  if (heeds() && close_wanted_) return close(*close_wanted_);
  if (heeds() && drain_wanted_ && writer_.empty()) {
    drain_wanted_ = false;
    handler_->on_drained();
  }
}

void PushConnection::after_write(ChannelWriter::Progress progress) {
  if (progress == ChannelWriter::Progress::failed) return cut();
  if (progress == ChannelWriter::Progress::all) {
    if (ending_) end();
    return;
  }
  if (writing_ || !stream_.is_open()) return;
  writing_ = true;
  ++waits_;
  stream_.when_writable([this](error_code) {
    --waits_;
    writing_ = false;
    if (stream_.is_open()) {
      after_write(writer_.resume(stream_));
      if (heeds() && drain_wanted_ && writer_.empty() && first_letter_ == kNoLetter) {
        drain_wanted_ = false;
        handler_->on_drained();
      }
    }
    leave_if_done();
  });
}

void PushConnection::say(std::string bytes) { say_by(&ChannelWriter::write, std::move(bytes)); }

void PushConnection::say_pong(std::string bytes) {
  say_by(&ChannelWriter::write_pong, std::move(bytes));
}

void PushConnection::say_by(Write write, std::string bytes) {
  const auto now = Clock::now();
  if (heeds() && first_letter_ != kNoLetter) take_mail(now);
  if (!stream_.is_open() || ended_ || bytes.empty()) return;
  after_write((writer_.*write)(stream_, std::move(bytes), now));
  if (heeds() && over_budget(now)) close(Errc::slow_client);
}

/// More than the budget waits, and not only because one commit brought it all at once: the reader
/// has had time to take some. The first frame that waits may be as large as it is.
bool PushConnection::over_budget(Clock::time_point now) const {
  const std::size_t most = io_.shared.options.client_queue_bytes_max;
  const std::size_t waiting = writer_.bytes_behind_first();
  if (waiting <= most) return false;
  return now - writer_.since() > kBurstTime || waiting > kBurstFactor * most;
}

// --- the end ------------------------------------------------------------------------------------

void PushConnection::close(const Farewell& farewell) {
  if (!heeds()) return;
  io_.shared.closed(farewell.why);
  // A slow client's queue is not worth waiting for, but what has begun must end before the
  // farewell.
  if (farewell.why == Errc::slow_client) {
    writer_.drop_unbegun(stream_);
    first_letter_ = kNoLetter;
  }
  close_with(last_words(farewell), !awaits_farewell());
}

void PushConnection::close_behind_mail(Errc why) {
  // A letter goes behind those that wait; after `released` it could come to one that is gone.
  if (!released_) return io_.put(*this, Farewell{why});
  close(why);
  leave_if_done();
}

void PushConnection::close_with(std::string last_words, bool end) {
  if (!heeds()) return;
  if (first_letter_ != kNoLetter) {
    const std::uint32_t first = std::exchange(first_letter_, kNoLetter);
    after_write(writer_.write(stream_, io_.batch(first, form()), Clock::now()));
    if (!heeds()) return;
  }
  closing_ = true;
  closing_since_ = Clock::now();
  read_on();  // for the other end's last word
  say(std::move(last_words));
  if (end) end_when_written();
}

void PushConnection::end_when_written() {
  ending_ = true;
  if (writer_.empty()) end();
}

void PushConnection::end() {
  if (ended_ || !stream_.is_open()) return;
  ended_ = true;
  stream_.end_writing();
  finish();
}

void PushConnection::finish() {
  if (!handler_) {
    if (open_ && !stream_.is_open()) open_ = false, gauge_.add(-1);
    return;
  }
  if (open_) gauge_.add(-1);
  open_ = false;
  const auto handler = std::move(handler_);
  handler->on_closed();
}

void PushConnection::cut() {
  // What the kernel still holds for one who does not read would stay there for minutes.
  if (writer_.empty())
    stream_.cut();
  else
    stream_.reset();
  counted_ = {};  // whoever still holds its channel may outlive the metrics
  finish();
}

void PushConnection::tick(Clock::time_point now, bool tell_handler) {
  const ServerOptions& options = io_.shared.options;
  if (closing_ || !open_) {
    if (closing_ && now - closing_since_ > kClosingTime) cut();
  } else if (lost_frame_.load(std::memory_order_relaxed) || over_budget(now) ||
             (!writer_.empty() && now - writer_.since() > options.client_queue_age_max)) {
    close(Errc::slow_client);
  } else if (!paused_ && silence_max().count() > 0 && now - heard_ > silence_max()) {
    io_.shared.half_open.add();
    cut();
  } else {
    if (now - pinged_ >= options.ping_time) {
      pinged_ = now;
      say(ping());
    }
    if (tell_handler && heeds()) handler_->on_tick();
  }
  leave_if_done();
}

void PushConnection::leave_if_done() {
  if (!stream_.is_open() && released_ && waits_ == 0 && !in_turn_) io_.remove(*this);
}

}  // namespace hookswitch::http
