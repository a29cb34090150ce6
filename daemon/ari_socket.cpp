#include "daemon/ari_socket.hpp"

#include <atomic>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "sources/feed/ari_reader.hpp"

namespace hookswitch {
namespace {

/// Asks for the list of what lives, from any thread.
class Asker {
 public:
  Asker(std::weak_ptr<http::Channel> socket, std::weak_ptr<feed::SourceFeed> feed)
      : socket_(std::move(socket)), feed_(std::move(feed)) {}

  void ask() {
    const auto feed = feed_.lock();
    const auto socket = socket_.lock();
    if (!feed || !socket) return;
    began_ = feed->list_begins();
    socket->send(make_frame(feed::ari_list_request()));
  }
  std::uint64_t began() const { return began_; }

 private:
  const std::weak_ptr<http::Channel> socket_;
  const std::weak_ptr<feed::SourceFeed> feed_;
  std::atomic<std::uint64_t> began_{0};
};

class AriSocket : public http::ChannelHandler {
 public:
  AriSocket(std::shared_ptr<http::Channel> socket, std::shared_ptr<feed::SourceFeed> feed,
            HookNow hook, HookRequest opening, FeedIntake& intake)
      : socket_(std::move(socket)),
        feed_(std::move(feed)),
        hook_(std::move(hook)),
        opening_(std::move(opening)),
        intake_(intake),
        asker_(std::make_shared<Asker>(socket_, feed_)),
        connection_(feed_->connected([asker = asker_] { asker->ask(); })) {
    asked_ = feed_->may_ask();
    if (asked_)
      asker_->ask();
    else
      log::warning("list_not_asked", {{"source", feed_->name()}});
  }

  void on_text(std::string_view text) override {
    if (feed::is_ari_answer(text)) return take_list(text);
    tell(std::string{text});
  }
  bool takes_more() override {
    return !feed_->queue().is_full([weak = std::weak_ptr{socket_}] {
      if (const auto socket = weak.lock()) socket->read_on();
    });
  }
  void on_drained() override {}
  void on_tick() override {}
  void on_closed() override {
    if (asked_) feed_->answer_missing();
    feed_->disconnected(connection_, "the PBX is not connected");
  }

 private:
  void tell(std::string event) {
    const auto hook = hook_();
    if (!hook) return socket_->close(Errc::source_unknown, {});
    HookRequest ask = opening_;
    ask.body = std::move(event);
    ask.received = now();
    const auto taken = intake_.take(*hook, std::move(ask), *feed_);
    // It is sent again after a reconnect if its secret is good by then; any other fault is of one
    // event, and closing would only bring it back.
    if (!taken && taken.error().code == Errc::signature_invalid)
      socket_->close(Errc::signature_invalid, {});
  }

  void take_list(std::string_view answer) {
    asked_ = false;
    const auto channels = feed::read_ari_list(answer);
    if (!channels) {
      log::info("list_refused", {{"source", feed_->name()}, {"why", channels.error().detail}});
      return;
    }
    for (const auto at : feed_->listed(*channels, asker_->began(), std::exchange(first_, false)))
      for (const auto& event : (*channels)[at].events) tell(event);
  }

  const std::shared_ptr<http::Channel> socket_;
  const std::shared_ptr<feed::SourceFeed> feed_;
  const HookNow hook_;
  const HookRequest opening_;
  FeedIntake& intake_;
  const std::shared_ptr<Asker> asker_;
  const feed::SourceFeed::Connection connection_;
  bool first_ = true;   ///< no list has come
  bool asked_ = false;  ///< the first question is not answered
};

}  // namespace

std::unique_ptr<http::ChannelHandler> make_ari_socket(std::shared_ptr<http::Channel> socket,
                                                      std::shared_ptr<feed::SourceFeed> feed,
                                                      HookNow hook, HookRequest opening,
                                                      FeedIntake& intake) {
  return std::make_unique<AriSocket>(std::move(socket), std::move(feed), std::move(hook),
                                     std::move(opening), intake);
}

}  // namespace hookswitch
