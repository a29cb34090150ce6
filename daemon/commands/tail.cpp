#include "daemon/commands/tail.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "daemon/commands/client.hpp"

namespace hookswitch {
namespace {

std::string hello(const TailOptions& options, const std::string& token, const std::string& since) {
  json::Writer out;
  out.begin_object().member("op", "hello");
  if (!token.empty()) out.member("token", token);
  if (!since.empty()) out.member("since", since);
  if (!options.types.empty()) {
    out.key("subscribe").begin_array().begin_object().key("types").begin_array();
    for (const auto& type : options.types) out.string(type);
    out.end_array().end_object().end_array();
  }
  out.end_object();
  return out.str();
}

/// Prints events of one connection; moves `since` along. The error that ended it.
Error follow(client::WebSocketClient& socket, std::string& since) {
  for (;;) {
    const auto text = socket.receive();
    if (!text) return text.error();
    const auto frame =
        json::parse(*text, {.bytes_max = 16 * 1024 * 1024, .values_max = 10'000'000});
    if (!frame) continue;
    if (const auto cursor = json::find_string(*frame, "cursor")) since = *cursor;
    if (json::find(*frame, "specversion") == nullptr) continue;
    std::fwrite(text->data(), 1, text->size(), stdout);
    std::fputc('\n', stdout);
    if (std::fflush(stdout) != 0) return Error{Errc::shutting_down, "nobody reads"};
  }
}

}  // namespace

int tail(const TailOptions& options) {
  const auto url = client::parse_url(options.url);
  if (!url) {
    fmt::print(stderr, "hookswitchd tail: --url {}\n", url.error().detail);
    return 64;
  }
  std::string token = options.token;
  if (!options.token_file.empty()) {
    const auto secret = read_secret_file(options.token_file);
    if (!secret) {
      fmt::print(stderr, "hookswitchd tail: {}\n", secret.error().detail);
      return 1;
    }
    token = secret->reveal();
  }
  std::string since = options.since;
  auto pause = std::chrono::milliseconds{100};
  for (bool connected_once = false;;) {
    client::WebSocketClient socket{*url};
    Error why{Errc::internal_error, ""};
    auto connected = socket.connect();
    if (connected) connected = socket.send(hello(options, token, since));
    if (connected) {
      connected_once = true;
      pause = std::chrono::milliseconds{100};
      why = follow(socket, since);
    } else {
      why = connected.error();
    }
    const unsigned code = socket.close_code();
    const bool for_good = code == 4001 || code == 4002 || code == 4003 || code == 4004 ||
                          why.code == Errc::shutting_down || !connected_once;
    fmt::print(stderr, "hookswitchd tail: {}{}\n", why.detail,
               for_good ? "" : "; connecting again");
    if (for_good) return 1;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds{5000});
  }
}

}  // namespace hookswitch
