#include "daemon/command_line.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "daemon/app.hpp"
#include "daemon/commands/capture.hpp"
#include "daemon/commands/dialect_new.hpp"
#include "daemon/commands/dialect_test.hpp"
#include "daemon/commands/explain.hpp"
#include "daemon/commands/replay.hpp"
#include "daemon/commands/simulate.hpp"
#include "daemon/commands/sink.hpp"
#include "daemon/commands/tail.hpp"
#include "daemon/inherited_sockets.hpp"
#include "daemon/open_files.hpp"
#include "daemon/parts.hpp"
#include "daemon/settings/auth.hpp"
#include "daemon/settings/settings.hpp"
#include "daemon/version.hpp"
#include "sources/sip/worker.hpp"

namespace hookswitch {
namespace {

constexpr int kUsage = 64, kConfig = 78;
constexpr const char* kTokenTtl = "1h";
constexpr const char* kDefaultConfig = "/etc/hookswitch/hookswitch.toml";

/// The settings, or nullptr after every problem was printed.
std::shared_ptr<const Settings> load_or_report(const std::string& file) {
  Problems problems;
  auto settings = load_settings(file, problems);
  for (const auto& problem : problems) fmt::print(stderr, "{}\n", problem);
  return problems.empty() ? settings : nullptr;
}

/// "90", "90s", "15m", "1h", "7d" in seconds.
std::optional<std::int64_t> parse_ttl(std::string_view text) {
  std::int64_t unit = 1;
  if (!text.empty()) {
    switch (text.back()) {
      case 's':
        unit = 1;
        break;
      case 'm':
        unit = 60;
        break;
      case 'h':
        unit = 3600;
        break;
      case 'd':
        unit = 86'400;
        break;
      default:
        unit = 0;
    }
    if (unit != 0)
      text.remove_suffix(1);
    else
      unit = 1;
  }
  const auto number = parse_int(text);
  if (!number || *number < 1 || *number > 366LL * 86'400 / unit) return std::nullopt;
  return *number * unit;
}

int serve(const std::string& config) {
  raise_open_files();
  const auto sockets = take_inherited_sockets();
  const auto settings = load_or_report(config);
  if (!settings) return kConfig;
  Problems problems;
  auto listeners = with_sockets(settings->server.listen, sockets, problems);
  for (const auto& problem : problems) fmt::print(stderr, "{}\n", problem);
  if (!problems.empty()) return kConfig;
  return App{settings, std::move(listeners)}.run();
}

int check(const std::string& config) {
  const auto settings = load_or_report(config);
  if (!settings) return kConfig;
  fmt::print(
      "{}: ok ({} organisations, {} users, {} sources, {} clients)\n", config,
      settings->orgs.size(), settings->directory->users().size(),
      settings->webhooks.size() + settings->sip_sources.size() + settings->hep_sources.size(),
      settings->clients.size());
  return 0;
}

struct TokenWish {
  std::string config = kDefaultConfig, org, user, scope = "events:own", ttl, name;
  bool is_static = false;
};

/// The settings for who wants a token: for a static one there need not be any proof yet, since the
/// first one may just be made.
std::shared_ptr<const Settings> load_for_token(const TokenWish& wish) {
  if (!wish.is_static) return load_or_report(wish.config);
  Problems problems;
  auto settings = load_settings(wish.config, problems);
  std::erase_if(problems, [](const std::string& problem) {
    return problem.find(kNobodyCouldConnect) != std::string::npos;
  });
  for (const auto& problem : problems) fmt::print(stderr, "{}\n", problem);
  return problems.empty() ? settings : nullptr;
}

/// Prints a fresh static token, alone on the first line and never again, and what to paste into the
/// configuration.
void print_static_token(const TokenWish& wish, std::uint8_t scopes, std::optional<Time> expires) {
  const std::string random = from_hex(random_hex(kStaticTokenBytes)).value_or("");
  const std::string token = static_token_of(random);
  const std::string name = !wish.name.empty()
                               ? wish.name
                               : (wish.user.empty() ? wish.org : wish.user) + "-" + random_hex(3);
  fmt::print(
      "{}\n\n# The token above is not kept anywhere. For the configuration, then SIGHUP:\n"
      "[[token]]\nname = \"{}\"\norg = \"{}\"\n",
      token, name, wish.org);
  if (!wish.user.empty()) fmt::print("user = \"{}\"\n", wish.user);
  fmt::print("scope = \"{}\"\nhash = \"{}\"\n", scopes_text(scopes),
             to_hex(hash_of_static_token(token)));
  if (expires) fmt::print("expires = {}\n", to_rfc3339(*expires));
}

int token(const TokenWish& wish) {
  const auto settings = load_for_token(wish);
  if (!settings) return kConfig;
  const auto fail = [](const std::string& why) {
    fmt::print(stderr, "hookswitchd token: {}\n", why);
    return kUsage;
  };
  const auto scopes = parse_scopes(wish.scope);
  const auto ttl = parse_ttl(wish.ttl.empty() ? kTokenTtl : wish.ttl);
  if (!wish.is_static && settings->tokens.secrets.empty())
    return fail("the configuration has no auth.hs256_secret_file (or wish for --static)");
  if (!wish.name.empty() && (!wish.is_static || !is_name(wish.name)))
    return fail("--name: 1..64 letters, digits, '-', '_' or '.', with --static");
  if (settings->directory->find_org(wish.org) == nullptr)
    return fail("--org names no [[org]] of the configuration");
  if (!wish.user.empty() && settings->directory->find_user(wish.org, wish.user) == nullptr)
    return fail("--user names no [[user]] of that organisation");
  if (!scopes || *scopes == 0)
    return fail("--scope: words are events:own events:org commands publish users admin");
  if (!ttl) return fail("--ttl: a number with s, m, h or d, at most 366d");
  Grant grant{wish.org, wish.user, *scopes, now() + std::chrono::seconds{*ttl}};
  if (grant.user.empty() && !grant.allows(Scope::events_org))
    return fail("--user is needed without the scope events:org");
  if (wish.is_static)
    print_static_token(wish, *scopes, wish.ttl.empty() ? std::nullopt : grant.expires);
  else
    fmt::print("{}\n", TokenVerifier{settings->tokens}.sign(grant, now()));
  return 0;
}

/// What the tools may read from a configuration instead of being told.
struct ToolWish {
  std::string config, org, source;
};

/// Of the first listener that the tools can use: without TLS, and with the part they are for.
std::string own_url(const Settings& settings, std::string_view path) {
  const auto& all = settings.server.listen;
  const auto usable = std::find_if(all.begin(), all.end(), [&](const http::Listener& one) {
    return one.certificate_file.empty() && serves(&one.parts, path);
  });
  std::string address = (usable == all.end() ? all.front() : *usable).address;
  if (address.starts_with("0.0.0.0:")) address.replace(0, 7, "127.0.0.1");
  return "http://" + address;
}

/// Fills in address and token of who only listens. 0, or the exit status after it said why.
template <class Options>
int take_from_config(Options& options, const ToolWish& wish, const char* command,
                     std::string_view path, Scope scope = Scope::events_org) {
  if (wish.config.empty()) return 0;
  const auto settings = load_or_report(wish.config);
  if (!settings) return kConfig;
  const std::string org = wish.org.empty() ? settings->orgs.front() : wish.org;
  if (settings->directory->find_org(org) == nullptr) {
    fmt::print(stderr, "hookswitchd {}: --org names no [[org]] of the configuration\n", command);
    return kUsage;
  }
  options.url = own_url(*settings, path);
  if (options.token.empty() && options.token_file.empty() && !settings->tokens.secrets.empty()) {
    Grant grant{org, "", 0, now() + std::chrono::hours{24}};
    grant.add(scope);
    options.token = TokenVerifier{settings->tokens}.sign(grant, now());
  }
  return 0;
}

int run_tail(TailOptions options, const ToolWish& wish) {
  const int status = take_from_config(options, wish, "tail", "/v1/events");
  return status != 0 ? status : tail(options);
}

int run_explain(ExplainOptions options, const ToolWish& wish) {
  const int status = take_from_config(options, wish, "explain", "/v1/calls");
  return status != 0 ? status : explain(options);
}

int run_sink(SinkOptions options, const ToolWish& wish) {
  const int status = take_from_config(options, wish, "sink", "/v1/sinks", Scope::admin);
  return status != 0 ? status : sink_command(options);
}

int run_simulate(SimulateOptions options, const ToolWish& wish) {
  if (!wish.config.empty()) {
    const auto settings = load_or_report(wish.config);
    if (!settings) return kConfig;
    const auto named = settings->webhooks.find(wish.source);
    if (named == settings->webhooks.end() || named->second.dialect != "native") {
      fmt::print(stderr,
                 "hookswitchd simulate: --source names no webhook source of the native dialect\n");
      return kUsage;
    }
    options.url = own_url(*settings, "/v1/hooks/") + "/v1/hooks/" + wish.source;
  }
  return simulate(options);
}

int run_capture(CaptureOptions options, const std::string& config) {
  if (options.recording.empty()) {
    const auto settings = load_or_report(config);
    if (!settings) return kConfig;
    options.recording = settings->recorder.folder;
  }
  return capture_call(options);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app{"hookswitchd: tells CRM pages, back-ends and tools what is true about every call."};
  app.set_version_flag("--version", fmt::format("hookswitchd {} ({})", kVersion, kCommit));
  app.require_subcommand(0, 1);
  app.footer("Exit status: 0, 1 failed, 64 bad command line, 78 bad configuration.");

  std::string config = kDefaultConfig;
  const auto with_config = [](CLI::App* command, std::string& into) {
    command->add_option("-c,--config", into, "configuration file")->capture_default_str();
  };
  with_config(&app, config);

  auto* serve_command = app.add_subcommand("serve", "run the daemon (the default)");
  with_config(serve_command, config);
  auto* check_command =
      app.add_subcommand("check", "check the configuration and say all that is wrong with it");
  with_config(check_command, config);

  TokenWish wish;
  auto* token_command = app.add_subcommand("token", "print a token: signed, or static");
  with_config(token_command, wish.config);
  token_command->add_option("--org", wish.org, "organisation")->required();
  token_command->add_option("--user", wish.user, "user; not needed for events:org");
  token_command->add_option("--scope", wish.scope, "scopes, blank between them")
      ->capture_default_str();
  token_command->add_option("--ttl", wish.ttl,
                            "how long it is good: 90s, 15m, 1h, 7d (1h; a static one has no end)");
  token_command->add_flag(
      "--static", wish.is_static,
      "print a token to keep by its hash in the configuration, and the lines for it");
  token_command->add_option("--name", wish.name, "name of a static token");

  TailOptions tail_options;
  auto* tail_command =
      app.add_subcommand("tail", "print events as they come, one JSON object a line");
  ToolWish tool;
  const auto with_daemon = [&tool](CLI::App* command, auto& options) {
    command->add_option("--url", options.url, "the daemon")->capture_default_str();
    command->add_option("-c,--config", tool.config,
                        "take address and token from this configuration");
    command->add_option("--org", tool.org, "organisation, with --config");
    command
        ->add_option("--token", options.token,
                     "token (better: --token-file, or in HOOKSWITCH_TOKEN)")
        ->envname("HOOKSWITCH_TOKEN");
    command->add_option("--token-file", options.token_file, "file that holds the token");
  };
  with_daemon(tail_command, tail_options);
  tail_command->add_option("--since", tail_options.since, "cursor to go on after");
  tail_command->add_option("--type", tail_options.types, "event types, * at the end for any");

  SimulateOptions simulate_options;
  auto* simulate_command = app.add_subcommand(
      "simulate", "make calls without telephones: post native facts to a webhook source");
  simulate_command->add_option("--url", simulate_options.url, "the webhook source")
      ->capture_default_str();
  simulate_command->add_option("-c,--config", tool.config,
                               "take the address from this configuration");
  simulate_command->add_option("--source", tool.source, "webhook source, with --config");
  simulate_command->add_option("--secret-file", simulate_options.secret_file,
                               "file with the source's secret");
  simulate_command
      ->add_option("--calls", simulate_options.calls, "how many calls; 0: until stopped")
      ->capture_default_str();
  simulate_command->add_option("--pace", simulate_options.pace, "how many times faster than life")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 1000.0));
  simulate_command
      ->add_option("--seed", simulate_options.seed, "the same seed makes the same calls")
      ->capture_default_str();
  simulate_command->add_option("--ext", simulate_options.extensions, "extensions that are called")
      ->capture_default_str();

  ExplainOptions explain_options;
  auto* explain_command = app.add_subcommand(
      "explain", "say why a call is one call, and how each of its events came to be");
  with_daemon(explain_command, explain_options);
  explain_command->add_option("call", explain_options.call, "any id of the call")->required();
  explain_command->add_flag("--json", explain_options.json, "print it as JSON");

  SinkOptions sink_options;
  auto* sink_command_line = app.add_subcommand(
      "sink", "outgoing webhooks: how they are doing, what nobody took, and once more");
  sink_command_line->require_subcommand(1);
  const auto add_sink = [&](const char* verb, const char* help) {
    auto* out = sink_command_line->add_subcommand(verb, help);
    with_daemon(out, sink_options);
    out->callback([&sink_options, verb] { sink_options.verb = verb; });
    if (std::string_view{verb} != "list")
      out->add_option("name", sink_options.name, "the sink")->required();
    return out;
  };
  add_sink("list", "every sink: state, cursor, how far behind, last failure");
  add_sink("dead", "the messages that were given up, oldest first, one JSON object a line");
  add_sink("redeliver", "post dead letters once more")
      ->add_option("--id", sink_options.ids, "this one; may be repeated. All, if left out");
  add_sink("replay", "post everything after a cursor once more")
      ->add_option("--since", sink_options.since, "cursor")
      ->required();

  CaptureOptions capture_options;
  auto* capture_command = app.add_subcommand(
      "capture", "write all that was recorded of one call as a bundle that can be replayed");
  with_config(capture_command, config);
  capture_command->add_option("--recording", capture_options.recording,
                              "the recording's folder, instead of --config");
  capture_command->add_option("--call", capture_options.call, "any id of the call")->required();
  capture_command->add_flag("--redact", capture_options.redact,
                            "replace every number, name, id and value by another");
  capture_command->add_option("-o,--out", capture_options.out, "file to write; stdout if left out");

  ReplayOptions replay_options;
  auto* replay_command = app.add_subcommand(
      "replay", "play a bundle back: exit status 0 if it tells what it told, byte for byte");
  replay_command->add_option("bundle", replay_options.bundle, "file")->required();
  replay_command
      ->add_option("--speed", replay_options.speed,
                   "1: as it happened, 10: ten times as fast; at once if left out")
      ->check(CLI::Range(0.001, 1'000'000.0));
  replay_command->add_flag("--accept", replay_options.accept,
                           "write what it tells now into the bundle");

  auto* dialect_command = app.add_subcommand("dialect", "write and try what a PBX's webhooks mean");
  dialect_command->require_subcommand(1);
  DialectTestOptions dialect_options;
  auto* dialect_test_command = dialect_command->add_subcommand(
      "test",
      "show what saved requests become: how they are read and proven, which rule, the facts");
  dialect_test_command
      ->add_option("file", dialect_options.file, "dialect file, or the name of a shipped dialect")
      ->required();
  dialect_test_command
      ->add_option(
          "request", dialect_options.requests,
          "request line, headers, empty line, body; or NAME.headers with the body beside it")
      ->required();
  dialect_test_command->add_option("--secret", dialect_options.secrets, "NAME=FILE; several times")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  dialect_test_command->add_option("--public-url", dialect_options.public_url,
                                   "of the source, as the sender was told");
  dialect_test_command->add_option("--tz", dialect_options.time_zone,
                                   "zone of times without one, like Europe/Sofia");
  dialect_test_command->add_option("--country", dialect_options.country,
                                   "where its lines are, like US");
  dialect_test_command->add_option("--at", dialect_options.at,
                                   "when the requests came, for signatures with a time");
  dialect_test_command->add_flag("--explain", dialect_options.explain,
                                 "say what did not match, and why");
  DialectNewOptions new_options;
  auto* dialect_new_command = dialect_command->add_subcommand(
      "new", "write a dialect file to begin with, from a request that was saved");
  dialect_new_command->add_option("--from", new_options.request, "the request, as for test")
      ->required();
  dialect_new_command->add_option("--name", new_options.name, "of the dialect")
      ->capture_default_str();
  std::vector<std::string> dialect_files;
  auto* dialect_check_command =
      dialect_command->add_subcommand("check", "say all that is wrong with dialect files");
  dialect_check_command->add_option("file", dialect_files, "dialect files")->required();

  auto* sip_command =
      app.add_subcommand("sip-worker", "")->group("");  // started by the daemon only

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : kUsage;
  }
  if (sip_command->parsed()) return sip::run_sip_worker(3);
  if (check_command->parsed()) return check(config);
  if (token_command->parsed()) return token(wish);
  if (tail_command->parsed()) return run_tail(tail_options, tool);
  if (explain_command->parsed()) return run_explain(explain_options, tool);
  if (sink_command_line->parsed()) return run_sink(sink_options, tool);
  if (simulate_command->parsed()) return run_simulate(simulate_options, tool);
  if (capture_command->parsed()) return run_capture(capture_options, config);
  if (dialect_test_command->parsed()) return test_dialect(dialect_options);
  if (dialect_new_command->parsed()) return new_dialect(new_options);
  if (dialect_check_command->parsed()) return check_dialects(dialect_files);
  if (replay_command->parsed()) return replay_bundle(replay_options);
  return serve(config);
}

}  // namespace hookswitch
