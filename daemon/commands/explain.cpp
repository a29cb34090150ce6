#include "daemon/commands/explain.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <functional>

#include "base/secret.hpp"
#include "base/text.hpp"
#include "daemon/commands/client.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kAnswerBytesMax = 16 * 1024 * 1024;

int failed(const std::string& why) {
  fmt::print(stderr, "hookswitchd explain: {}\n", why);
  return 1;
}

/// A text member, fit for a terminal: what sources sent may be anything.
std::string said(const json::Value& object, const char* name) {
  std::string out{json::find_string(object, name).value_or("")};
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

/// "  source hq", or nothing when it is not told.
std::string with(const char* before, const std::string& text) {
  return text.empty() ? "" : before + text;
}

void each(const json::Value& object, const char* name,
          const std::function<void(const json::Value&)>& take) {
  const json::Value* list = json::find(object, name);
  if (list == nullptr || !list->IsArray()) return;
  for (const auto& item : list->GetArray()) take(item);
}

/// "+12025550143", "101", or both.
std::string party(const json::Value& fact, const std::string& name) {
  const std::string number = said(fact, name.c_str());
  const std::string ext = said(fact, (name + "_ext").c_str());
  return number.empty() || ext.empty() ? number + ext : number + " (" + ext + ")";
}

std::string fact_line(const json::Value& fact) {
  const std::string source = said(fact, "source");
  return fmt::format("{} {:<9} {}{}{}{}{}{}", said(fact, "at"), said(fact, "type"),
                     source.empty() ? "(time)" : source, with("  line ", said(fact, "agent")),
                     with("  from ", party(fact, "from")), with("  to ", party(fact, "to")),
                     with("  reason ", said(fact, "reason")),
                     with("  received ", said(fact, "received")));
}

}  // namespace

std::string explanation_text(const json::Value& explanation) {
  std::string out =
      "call " + said(explanation, "call") + "\n\nwhat was told, in the order in which it counts\n";
  each(explanation, "facts", [&](const json::Value& item) {
    const json::Value* fact = json::find(item, "fact");
    if (fact == nullptr) return;
    out += fmt::format("  {}\n      joined: {}. {}\n", fact_line(*fact), said(item, "joined_by"),
                       said(item, "why"));
    each(item, "decisions", [&](const json::Value& decision) {
      out += fmt::format("      {}{}. {}{}\n", said(decision, "rule"),
                         with(" ", said(decision, "leg")), said(decision, "sentence"),
                         with(" Because: ", said(decision, "because")));
    });
  });
  out += "\nwhy it is one call\n";
  each(explanation, "joins", [&](const json::Value& join) {
    const json::Value* confidence = json::find(join, "confidence");
    out +=
        fmt::format("  {} {}{}{}{}{}. {}\n", said(join, "at"), said(join, "rule"),
                    with(" by ", said(join, "evidence")), with(" of ", said(join, "source")),
                    with(" took in ", said(join, "absorbed")),
                    confidence != nullptr && confidence->IsNumber() && confidence->GetDouble() < 1
                        ? fmt::format(" (confidence {:.2f})", confidence->GetDouble())
                        : "",
                    said(join, "sentence"));
  });
  std::string misses;
  each(explanation, "not_joined", [&](const json::Value& miss) {
    misses += fmt::format("  {}: no {}: {}\n", said(miss, "call"), said(miss, "rule"),
                          said(miss, "failed"));
  });
  return out + "\nwhat is not this call, though it has something in common\n" +
         (misses.empty() ? "  nothing\n" : misses);
}

int explain(const ExplainOptions& options) {
  auto url = client::parse_url(options.url);
  if (!url) {
    fmt::print(stderr, "hookswitchd explain: --url {}\n", url.error().detail);
    return 64;
  }
  std::string token = options.token;
  if (!options.token_file.empty()) {
    const auto secret = read_secret_file(options.token_file);
    if (!secret) return failed(secret.error().detail);
    token = secret->reveal();
  }
  url->path = "/v1/calls/" + percent_encode(options.call) + "/explain";
  const auto answer = client::HttpClient{*url}.get(token);
  if (!answer) return failed(answer.error().detail);
  if (answer->status == 404) return failed("the daemon knows no such call, or it is not yours");
  const auto document =
      json::parse(answer->body, {.bytes_max = kAnswerBytesMax, .values_max = 1'000'000});
  if (answer->status != 200 || !document || !document->IsObject())
    return failed(
        fmt::format("the daemon answers {}{}", answer->status,
                    document && document->IsObject() ? with(" ", said(*document, "code")) : ""));
  const std::string text = options.json ? answer->body + "\n" : explanation_text(*document);
  const bool printed =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return printed ? 0 : failed("nobody reads");
}

}  // namespace hookswitch
