#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/text.hpp"
#include "http/server.hpp"
#include "support/raw_client.hpp"

namespace hookswitch::http {

/// What happened on the server's threads, for the test's thread to wait for.
class Log {
 public:
  void add(std::string what) {
    const std::lock_guard lock{mutex_};
    all_.push_back(std::move(what));
    changed_.notify_all();
  }
  /// True once `what` has been added `times` times; false at the deadline.
  bool wait_for(const std::string& what, std::size_t times = 1) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{10},
                             [&] { return count_locked(what) >= times; });
  }
  std::size_t count(const std::string& what) {
    const std::lock_guard lock{mutex_};
    return count_locked(what);
  }
  std::string last() {
    const std::lock_guard lock{mutex_};
    return all_.empty() ? std::string{} : all_.back();
  }

 private:
  std::size_t count_locked(const std::string& what) const {
    std::size_t out = 0;
    for (const auto& each : all_) out += each == what ? 1 : 0;
    return out;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> all_;
};

/// Does what the client's words say: "flood N SIZE", "close WORD", "drain", "pause" (nothing more
/// is read until the next tick but one); anything else comes back.
class WordSocket : public ChannelHandler {
 public:
  WordSocket(std::shared_ptr<Channel> socket, Log& log) : socket_(std::move(socket)), log_(log) {}
  ~WordSocket() override { log_.add("gone"); }

  void on_text(std::string_view text) override {
    if (text.starts_with("flood ")) {
      const auto blank = text.find(' ', 6);
      const auto count = parse_int(text.substr(6, blank - 6)).value_or(0),
                 size = parse_int(text.substr(blank + 1)).value_or(0);
      const auto frame = make_frame(std::string(static_cast<std::size_t>(size), 'f'));
      for (long long i = 0; i < count; ++i) socket_->send(frame);
    } else if (text.starts_with("close ")) {
      for (const auto& row : kOutcomes)
        if (text.substr(6) == row.name) socket_->close(row.code, {});
    } else if (text == "pause") {
      pause_ = 2;
      log_.add("paused");
    } else if (text == "drain") {
      socket_->notify_drained();
    } else {
      if (pause_ > 0) log_.add("read while paused");
      socket_->send(make_frame(text));
    }
  }
  bool takes_more() override { return pause_ == 0; }
  void on_drained() override { log_.add("drained"); }
  void on_tick() override {
    log_.add("tick");
    if (pause_ > 0 && --pause_ == 0) socket_->read_on();
  }
  void on_closed() override { log_.add("closed"); }

 private:
  std::shared_ptr<Channel> socket_;
  Log& log_;
  int pause_ = 0;
};

/// Tells what it got: "METHOD path?query|body". `/thread` answers from another thread, `/never` not
/// at all.
class TellingHandler : public Handler {
 public:
  ~TellingHandler() override {
    for (auto& thread : threads_) thread.join();
  }
  void on_request(Request request, Respond respond) override {
    Response response;
    response.content_type = "text/plain";
    response.body = request.method + " " + request.path + "?" + request.query + "|" + request.body;
    log.add(response.body);
    if (request.parts != nullptr)
      for (const auto& part : *request.parts) log.add("part " + part);
    if (request.path == "/never") {
      const std::lock_guard lock{mutex_};
      held_.push_back(std::move(respond));
    } else if (request.path == "/thread") {
      const std::lock_guard lock{mutex_};
      threads_.emplace_back([respond = std::move(respond), response] { respond(response); });
    } else {
      respond(std::move(response));
    }
  }
  Opening on_upgrade(const Request& request) override {
    Opening out;
    if (request.path == "/refused") out.refusal = problem(Errc::forbidden);
    out.subprotocol = request.header("sec-websocket-protocol");
    out.accept = [this](std::shared_ptr<Channel> socket) {
      log.add("accepted");
      return std::make_unique<WordSocket>(std::move(socket), log);
    };
    return out;
  }
  bool streams(const Request& request) const override {
    return request.path == "/v1/events" || request.path == "/refused";
  }
  /// A stream whose words stand in the query: "flood 3 10;close overload".
  Opening on_stream(const Request& request) override {
    Opening out;
    if (request.path == "/refused") out.refusal = problem(Errc::forbidden);
    out.headers.emplace_back("X-More", "yes");
    out.accept = [this, words = percent_decode(request.query).value_or("")](
                     std::shared_ptr<Channel> channel) {
      log.add("accepted");
      auto handler = std::make_unique<WordSocket>(std::move(channel), log);
      for (std::string_view rest = words; !rest.empty();) {
        const auto end = std::min(rest.find(';'), rest.size());
        handler->on_text(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      return handler;
    };
    return out;
  }
  Log log;

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::vector<Respond> held_;
};

class ServerTest : public testing::Test {
 protected:
  using RawClient = testing_support::RawClient;

  ServerTest() { options.listen = {{"127.0.0.1:0"}}; }
  ~ServerTest() override {
    if (server) server->stop();
  }
  void start() {
    server = std::make_unique<Server>(options, handler, registry);
    const auto started = server->start();
    ASSERT_TRUE(started) << started.error().detail;
    address = server->bound().at(0);
  }
  std::int64_t disconnects(const char* reason) const {
    return registry.value("hookswitch_client_disconnects_total", {{"reason", reason}});
  }

  ServerOptions options;
  TellingHandler handler;
  Registry registry;
  std::unique_ptr<Server> server;
  std::string address;
};

}  // namespace hookswitch::http
