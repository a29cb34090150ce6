#include "daemon/commands/sink.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "base/text.hpp"
#include "daemon/commands/client.hpp"

namespace hookswitch {
namespace {

constexpr json::Limits kAnswer{.bytes_max = 16 * 1024 * 1024, .values_max = 1'000'000};

int fail(const std::string& why) {
  fmt::print(stderr, "hookswitchd sink: {}\n", why);
  return 1;
}

std::string body_of(const SinkOptions& options) {
  json::Writer out;
  out.begin_object();
  if (!options.since.empty()) out.member("since", options.since);
  if (!options.ids.empty()) {
    out.key("ids").begin_array();
    for (const auto& id : options.ids) out.string(id);
    out.end_array();
  }
  return out.end_object().str();
}

/// Each member of the list on a line of its own.
std::size_t print_list(const json::Value& answer, std::string_view name) {
  const json::Value* list = json::find(answer, name);
  if (list == nullptr || !list->IsArray()) return 0;
  for (const auto& each : list->GetArray()) fmt::print("{}\n", json::to_string(each));
  return list->Size();
}

}  // namespace

int sink_command(const SinkOptions& options) {
  auto url = client::parse_url(options.url);
  if (!url) {
    fmt::print(stderr, "hookswitchd sink: --url {}\n", url.error().detail);
    return 64;
  }
  std::string token = options.token;
  if (!options.token_file.empty()) {
    const auto secret = read_secret_file(options.token_file);
    if (!secret) return fail(secret.error().detail);
    token = secret->reveal();
  }
  const bool writes = options.verb == "redeliver" || options.verb == "replay";
  std::string path = "/v1/sinks";
  if (options.verb != "list")
    path += "/" + percent_encode(options.name) + "/" +
            (options.verb == "dead" ? "letters" : options.verb);
  for (std::size_t from = 0;;) {
    url->path = path + (from == 0 ? "" : fmt::format("?from={}", from));
    client::HttpClient http{*url};
    const auto answer = writes ? http.ask(body_of(options), token) : http.get(token);
    if (!answer) return fail(answer.error().detail);
    const auto document = json::parse(answer->body, kAnswer);
    if (!document) return fail("the answer is no JSON");
    if (answer->status >= 300)
      return fail(std::string{json::find_string(*document, "code").value_or("refused")});
    if (writes) {
      fmt::print("{}\n", answer->body);
      return 0;
    }
    from += print_list(*document, options.verb == "dead" ? "letters" : "sinks");
    if (!json::find_bool(*document, "more").value_or(false)) return 0;
  }
}

}  // namespace hookswitch
