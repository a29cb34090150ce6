#include "daemon/settings/sinks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/limits.hpp"
#include "model/words.hpp"
#include "sinks/signature.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kSinksMax = 64;  // each may hold some megabytes

bool is_type(const std::string& word) {
  if (!word.ends_with('*')) return from_word<EventType>(word).has_value();
  return word.size() > 1;
}

void read_filter(Section in, Filter& out) {
  in.texts("types", out.types);
  in.texts("ext", out.ext);
  in.texts("users", out.users);
  in.texts("queues", out.queues);
  in.texts("directions", out.directions);
  in.texts("sources", out.sources);
  in.finish();
  std::size_t count = 0;
  for (const auto* list :
       {&out.types, &out.ext, &out.users, &out.queues, &out.directions, &out.sources})
    count += list->size();
  if (count > kFilterValuesMax)
    in.fail("types", fmt::format("the filter has more than {} values", kFilterValuesMax));
  for (const auto& type : out.types)
    if (!is_type(type)) in.fail("types", fmt::format("\"{}\" is no type of event", type));
  for (const auto& direction : out.directions)
    if (!from_word<Direction>(direction))
      in.fail("directions", "must be of inbound, outbound, internal, unknown");
}

void read_keys(Section& in, std::vector<Secret>& out) {
  bool unsigned_allowed = false;
  in.boolean("allow_unsigned", unsigned_allowed);
  for (const char* key : {"secret_file", "previous_secret_file"}) {
    std::optional<Secret> written;
    in.secret(key, written);
    if (!written) continue;
    auto made = signing_key(*written);
    if (made)
      out.push_back(std::move(*made));
    else
      in.fail(key, made.error().detail);
  }
  if (!in.has("secret_file") && !unsigned_allowed)
    in.fail("secret_file",
            "is missing: a receiver could not know whose requests these are (make one with: echo "
            "whsec_$(openssl rand -base64 32) > sink.secret; or write allow_unsigned = true)");
}

void read_guard(Section& in, const std::string& url, SinkSettings& out) {
  std::vector<std::string> blocks;
  in.texts("allow_private", blocks);
  std::vector<http_client::IpRange> exempt;
  for (const auto& block : blocks) {
    const auto range = http_client::parse_ip_range(block);
    if (range)
      exempt.push_back(*range);
    else
      in.fail("allow_private", fmt::format("\"{}\" {}", block, range.error().detail));
  }
  out.policy = std::make_shared<const http_client::AddressPolicy>(std::move(exempt));
  if (url.empty()) return;
  const auto parsed = http_client::parse_url(url);
  if (!parsed) return in.fail("url", parsed.error().detail);
  out.url = *parsed;
  if (parsed->address && !out.policy->allows(*parsed->address))
    in.fail("url",
            "is no public address: list the block of addresses in allow_private if you mean it");
}

void read_sink(Section& in, SinkSettings& out) {
  std::string url, shape = "native", ca_file;
  in.required("url", url);
  read_guard(in, url, out);
  read_keys(in, out.keys);
  if (in.has("filter")) read_filter(in.table("filter"), out.filter);
  in.text("shape", shape);
  if (shape == "elma365")
    out.shape = SinkShape::elma365;
  else if (shape != "native")
    in.fail("shape", "must be \"native\" or \"elma365\"");
  in.integer("attempts", 1, 100, [&](std::int64_t v) { out.attempts = static_cast<unsigned>(v); });
  const auto time = [](milliseconds& into) {
    return [&into](std::int64_t v) { into = milliseconds{v}; };
  };
  in.integer("backoff_ms", 10, 3'600'000, time(out.backoff));
  in.integer("backoff_max_ms", 10, 24 * 3'600'000, time(out.backoff_max));
  if (out.backoff_max < out.backoff) in.fail("backoff_max_ms", "is less than backoff_ms");
  in.integer("timeout_ms", 100, 60'000, time(out.timeout));
  in.integer("concurrency", 1, 64,
             [&](std::int64_t v) { out.concurrency = static_cast<std::size_t>(v); });
  in.text("ca_file", ca_file);
  if (!ca_file.empty()) {
    auto trust = http_client::TlsTrust::load(in.resolve(ca_file));
    if (trust)
      out.trust = std::move(*trust);
    else
      in.fail("ca_file", trust.error().detail);
  }
}

}  // namespace

void read_sinks(Section& root, Settings& out) {
  std::set<std::string> names;
  for (auto& in : root.tables("sink")) {
    SinkSettings sink;
    std::string kind;
    read_name(in, "name", sink.name);
    read_name(in, "org", sink.org);
    in.required("kind", kind);
    if (!kind.empty() && kind != "webhook") {
      in.fail("kind", "must be \"webhook\"");
      continue;
    }
    if (!sink.name.empty() && !names.insert(sink.name).second) in.fail("name", "is used twice");
    if (!sink.org.empty() &&
        std::find(out.orgs.begin(), out.orgs.end(), sink.org) == out.orgs.end())
      in.fail("org", "names no [[org]]");
    read_sink(in, sink);
    in.finish();
    out.sinks.push_back(std::move(sink));
  }
  if (out.sinks.size() > kSinksMax)
    root.fail("sink", fmt::format("there may be {} at most", kSinksMax));
}

}  // namespace hookswitch
