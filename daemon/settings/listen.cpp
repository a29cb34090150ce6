#include "daemon/settings/listen.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <thread>

#include "base/text.hpp"
#include "daemon/open_files.hpp"
#include "daemon/parts.hpp"
#include "http/certificate.hpp"

namespace hookswitch {
namespace {

/// "127.0.0.1" or "[::1]".
bool is_ip_address(std::string host) {
  in_addr v4{};
  in6_addr v6{};
  if (!host.starts_with('[')) return ::inet_pton(AF_INET, host.c_str(), &v4) == 1;
  return host.ends_with(']') &&
         ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6) == 1;
}

void read_address(Section& in, std::string& out) {
  in.required("address", out);
  const auto colon = out.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt
                                               : parse_int(std::string_view{out}.substr(colon + 1));
  const bool numeric = colon != std::string::npos && is_ip_address(out.substr(0, colon));
  if (!out.empty() && (!numeric || !port || *port < 0 || *port > 65535))
    in.fail("address", "must be an IP address and a port, like 127.0.0.1:8080");
}

void read_certificate(Section& in, http::Listener& out) {
  in.text("certificate_file", out.certificate_file);
  in.text("key_file", out.key_file);
  if (out.certificate_file.empty() && out.key_file.empty()) return;
  if (out.key_file.empty()) return in.fail("key_file", "is missing beside certificate_file");
  if (out.certificate_file.empty())
    return in.fail("certificate_file", "is missing beside key_file");
  out.certificate_file = in.resolve(out.certificate_file);
  out.key_file = in.resolve(out.key_file);
  for (const auto& problem : http::check_certificate(out.certificate_file, out.key_file))
    in.fail(problem.of_key ? "key_file" : "certificate_file", problem.what);
}

void read_client_ca(Section& in, http::Listener& out) {
  in.text("client_ca_file", out.client_ca_file);
  if (out.client_ca_file.empty()) return;
  if (out.certificate_file.empty())
    in.fail("client_ca_file", "is of no use without certificate_file: certificates come by TLS");
  out.client_ca_file = in.resolve(out.client_ca_file);
  if (const auto problem = http::check_authorities(out.client_ca_file); !problem.empty())
    in.fail("client_ca_file", problem);
}

void read_parts(Section& in, std::vector<std::string>& out) {
  in.texts("parts", out);
  if (in.has("parts") && out.empty()) in.fail("parts", "is empty: the listener would be of no use");
  for (const auto& part : out)
    if (std::find(kParts.begin(), kParts.end(), part) == kParts.end())
      in.fail("parts", fmt::format("\"{}\" is no part; there are {}", part,
                                   fmt::join(kParts.begin(), kParts.end(), ", ")));
}

}  // namespace

void read_listen(Section& root, Settings& out) {
  for (auto& in : root.tables("listen")) {
    http::Listener listener;
    read_address(in, listener.address);
    read_certificate(in, listener);
    in.boolean("deflate", listener.deflate);
    read_client_ca(in, listener);
    std::vector<std::string> proxies;
    in.texts("trusted_proxies", proxies);
    read_ranges(in, "trusted_proxies", proxies, listener.trusted_proxies);
    read_parts(in, listener.parts);
    in.texts("hosts", out.hosts);
    std::vector<std::string> origins;
    in.texts("origins", origins);
    for (const auto& origin : origins)
      if (auto added = out.origins.add(origin); !added)
        in.fail("origins", fmt::format("\"{}\" {}", origin, added.error().detail));
    in.finish();
    out.server.listen.push_back(std::move(listener));
  }
  if (!out.server.listen.empty()) return;
  out.server.listen.emplace_back().address = "127.0.0.1:8080";
}

void read_ranges(Section& in, const char* key, const std::vector<std::string>& texts,
                 IpRanges& out) {
  for (const auto& text : texts)
    if (auto added = out.add(text); !added)
      in.fail(key, fmt::format("\"{}\" {}", text, added.error().detail));
}

void read_http(Section in, http::ServerOptions& out) {
  const auto size = [](std::size_t& into) {
    return [&into](std::int64_t v) { into = static_cast<std::size_t>(v); };
  };
  const auto time = [](std::chrono::milliseconds& into) {
    return [&into](std::int64_t v) { into = std::chrono::milliseconds{v}; };
  };
  out.io_threads = 0;
  out.connections_max = 0;
  in.integer("body_bytes_max", 1024, 16 * 1024 * 1024, size(out.body_bytes_max));
  in.integer("header_bytes_max", 1024, 256 * 1024, size(out.header_bytes_max));
  in.integer("header_time_ms", 100, 60'000, time(out.header_time));
  in.integer("idle_time_ms", 1000, 3'600'000, time(out.idle_time));
  in.integer("connections_max", 0, 1'000'000, [&](std::int64_t v) {
    if (v != 0 && v < 16)
      in.fail("connections_max", "must be 0 (as many as may be) or at least 16");
    out.connections_max = static_cast<std::size_t>(v);
  });
  in.integer("io_threads", 0, 64,
             [&](std::int64_t v) { out.io_threads = static_cast<unsigned>(v); });
  in.finish();
  if (out.io_threads == 0) out.io_threads = std::max(1U, std::thread::hardware_concurrency());
  if (out.connections_max == 0) out.connections_max = connections_possible();
}

void read_delivery(Section in, Settings& out) {
  auto& server = out.server;
  in.integer("client_queue_bytes_max", 65'536, 1 << 30,
             [&](std::int64_t v) { server.client_queue_bytes_max = static_cast<std::size_t>(v); });
  in.integer("client_queue_age_ms_max", 100, 600'000,
             [&](std::int64_t v) { server.client_queue_age_max = std::chrono::milliseconds{v}; });
  in.integer("ping_ms", 1000, 600'000,
             [&](std::int64_t v) { server.ping_time = std::chrono::milliseconds{v}; });
  in.integer("ack_window", 1, 100'000,
             [&](std::int64_t v) { out.ack_window = static_cast<std::size_t>(v); });
  in.finish();
}

}  // namespace hookswitch
