#include "daemon/settings/settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <type_traits>

#include "base/file.hpp"
#include "base/text.hpp"
#include "daemon/settings/auth.hpp"
#include "daemon/settings/listen.hpp"
#include "daemon/settings/section.hpp"
#include "daemon/settings/sinks.hpp"
#include "proto/assets.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kConfigBytesMax = 1024 * 1024;
constexpr std::int64_t kFactsPerSecondMost = 1'000'000;

void read_journal(Section in, Settings& out) {
  std::string engine = "sqlite";
  in.text("engine", engine);
  if (engine != "sqlite" && engine != "memory")
    in.fail("engine", "must be \"sqlite\" or \"memory\" (\"jetstream\" is not available yet)");
  std::string path;
  in.text("path", path);
  if (!path.empty()) out.journal_path = in.resolve(path);
  if (engine == "memory") out.journal_path = kMemoryJournal;
  in.integer("retention_hours", 1, 24 * 365,
             [&](std::int64_t v) { out.retention = std::chrono::hours{v}; });
  in.integer("bytes_max", 64 << 20, std::int64_t{1} << 40,
             [&](std::int64_t v) { out.journal_bytes_max = static_cast<std::uint64_t>(v); });
  in.finish();
}

void read_recorder(Section in, Settings& out) {
  // Who keeps the journal in memory wants nothing on disk.
  if (out.journal_path != kMemoryJournal) out.recorder.folder = recording_folder(out.journal_path);
  in.integer("bytes_max", 0, std::int64_t{1} << 40, [&](std::int64_t v) {
    if (v != 0 && v < 1'048'576) in.fail("bytes_max", "must be 0 (off) or at least 1048576");
    out.recorder.bytes_max = static_cast<std::uint64_t>(v);
  });
  in.integer("keep_hours", 1, 24 * 365,
             [&](std::int64_t v) { out.recorder.keep = std::chrono::hours{v}; });
  in.finish();
}

void read_calls(Section in, CallLimits& out) {
  const auto into = [](auto& limit) {
    return [&limit](std::int64_t v) { limit = std::remove_reference_t<decltype(limit)>{v}; };
  };
  in.integer("settle_ms", 0, 60'000, into(out.settle));
  in.integer("fusion_window_ms", 0, 60'000, into(out.fusion_window));
  in.integer("unanswered_silence_minutes", 1, 7 * 24 * 60, into(out.unanswered_silence));
  in.integer("answered_silence_hours", 1, 30 * 24, into(out.answered_silence));
  in.integer("keep_ended_minutes", 1, 24 * 60, into(out.keep_ended));
  in.integer("tuple_guard_minutes", 1, 7 * 24 * 60, into(out.tuple_guard));
  in.integer("check_time_s", 1, 3600, into(out.check_time));
  in.finish();
}

void read_log(Section in, Settings& out) {
  std::string level = "info";
  in.text("level", level);
  const std::map<std::string, log::Level> levels{{"error", log::Level::error},
                                                 {"warning", log::Level::warning},
                                                 {"notice", log::Level::notice},
                                                 {"info", log::Level::info},
                                                 {"debug", log::Level::debug}};
  if (const auto it = levels.find(level); it != levels.end())
    out.log_level = it->second;
  else
    in.fail("level", "must be error, warning, notice, info or debug");
  in.finish();
}

void read_people(Section& root, Settings& out, Directory& directory) {
  for (auto& in : root.tables("org")) {
    Org org;
    read_name(in, "id", org.id);
    in.text("country", org.country);
    in.text("number", org.number);
    NumberPlan plan;
    plan.country = org.country;
    for (const auto& problem : check_numbers(plan)) {
      in.fail(problem.key, problem.what);
      org.country.clear();
    }
    if (directory.find_org(org.id) != nullptr) in.fail("id", "is used twice");
    in.integer("facts_per_second", 0, kFactsPerSecondMost, [&](std::int64_t v) {
      if (v > 0) out.budgets.orgs[org.id] = static_cast<std::uint32_t>(v);
    });
    in.finish();
    out.orgs.push_back(org.id);
    directory.add(std::move(org));
  }
  for (auto& in : root.tables("user")) {
    User user;
    read_name(in, "org", user.org);
    read_name(in, "id", user.id);
    in.text("name", user.name);
    in.text("email", user.email);
    in.texts("extensions", user.extensions);
    if (!user.org.empty() && directory.find_org(user.org) == nullptr)
      in.fail("org", "names no [[org]]");
    if (directory.find_user(user.org, user.id) != nullptr) in.fail("id", "is used twice");
    for (const auto& ext : user.extensions)
      if (directory.find_by_ext(user.org, ext) != nullptr)
        in.fail("extensions", fmt::format("\"{}\" belongs to another user", ext));
    in.finish();
    directory.add(std::move(user));
  }
}

/// How a source departs from the plain reading of its facts.
SourceRules read_rules(Section& in) {
  SourceRules out;
  std::vector<std::string> quirks;
  in.texts("quirks", quirks);
  in.texts("key_headers", out.key_headers);
  for (auto& header : out.key_headers) {
    header = to_lower(header);
    if (!is_name(header)) in.fail("key_headers", "has a name that is no header name");
  }
  for (const auto& name : quirks) {
    if (const auto set = find_quirk(name)) {
      set(out);
      continue;
    }
    in.fail("quirks", fmt::format("\"{}\" is no quirk we know; there are {}", name,
                                  fmt::join(quirk_names(), ", ")));
  }
  bool fuses = out.fuses;
  in.boolean("fuse", fuses);
  out.fuses = out.fuses && fuses;
  return out;
}

DialectProgramPtr read_dialect(Section& in, const std::string& name) {
  std::string text, file = name;
  if (name.find('/') != std::string::npos) {
    file = in.resolve(name);
    auto read = read_file(file, kConfigBytesMax);
    if (!read) {
      in.fail("dialect", read.error().detail);
      return nullptr;
    }
    text = std::move(*read);
  } else {
    text = asset("dialects/" + name + ".json");
    file = "dialects/" + name + ".json";
    if (text.empty()) {
      in.fail(
          "dialect",
          fmt::format(
              "there is no dialect \"{}\" (a file of yours is written with a path: \"./{}.json\")",
              name, name));
      return nullptr;
    }
  }
  auto compiled = compile_dialect(text, file);
  if (auto* program = std::get_if<DialectProgramPtr>(&compiled)) return *program;
  for (const auto& problem : std::get<std::vector<DialectProblem>>(compiled))
    in.fail("dialect", problem.place + ": " + problem.what);
  return nullptr;
}

/// How a source writes numbers; check_numbers() says what is wrong with it.
void read_number_plan(Section& in, NumberPlan& plan) {
  in.text("country", plan.country);
  in.texts("strip_prefixes", plan.strip_prefixes);
  in.text("intl_prefix", plan.intl_prefix);
  in.boolean("e164_without_plus", plan.e164_without_plus);
}

/// What the sources of an organisation share when they read numbers.
struct OrgNumbers {
  std::string country;
  std::shared_ptr<std::set<std::string, std::less<>>> extensions =
      std::make_shared<std::set<std::string, std::less<>>>();
};

std::map<std::string, OrgNumbers> org_numbers(const Directory& directory, const Settings& out) {
  std::map<std::string, OrgNumbers> all;
  for (const auto& org : out.orgs) all[org].country = directory.find_org(org)->country;
  for (const User* user : directory.users())
    all[user->org].extensions->insert(user->extensions.begin(), user->extensions.end());
  return all;
}

void read_webhook(Section& in, const std::string& name, const std::string& org,
                  const OrgNumbers& org_wide, Settings& out) {
  WebhookSource source{name, org, "native", nullptr, read_rules(in), {}};
  HookOptions options;
  options.org = org;
  options.source = name;
  in.text("dialect", source.dialect);
  in.text("public_url", options.public_url);
  in.text("time_zone", options.time_zone);
  read_number_plan(in, options.numbers);
  for (const auto& problem : check_numbers(options.numbers)) in.fail(problem.key, problem.what);
  options.numbers.extensions = org_wide.extensions;
  options.org_country = org_wide.country;
  if (!options.time_zone.empty() && !is_time_zone(options.time_zone))
    in.fail("time_zone", "is no zone of this system");
  const auto into = [](std::chrono::seconds& window) {
    return [&window](std::int64_t v) { window = std::chrono::seconds{v}; };
  };
  in.boolean("disabled", source.disabled);
  in.boolean("tls_only", source.tls_only);
  in.integer("keep_unmatched", 0, 100,
             [&](std::int64_t v) { source.keep_unmatched = static_cast<std::size_t>(v); });
  in.texts("client_names", source.client_names);
  const auto& listeners = out.server.listen;
  if (!source.client_names.empty() &&
      std::none_of(listeners.begin(), listeners.end(),
                   [](const auto& one) { return !one.client_ca_file.empty(); }))
    in.fail("client_names", "is of no use: no [[listen]] has a client_ca_file");
  std::vector<std::string> senders;
  in.texts("allow_from", senders);
  read_ranges(in, "allow_from", senders, source.allow_from);
  if (in.has("allow_from") && senders.empty())
    in.fail("allow_from", "is empty: nobody could send (leave it out, or write disabled = true)");
  in.integer("dedupe_window_s", 0, 86'400, into(source.dedupe_window));
  in.integer("dedupe_untimed_window_s", 0, 86'400, into(source.dedupe_untimed_window));
  const auto program = read_dialect(in, source.dialect);
  if (program) source.delivery = delivery_rules(*program);
  if (program) source.retries = retries(*program);
  in.boolean("retries", source.retries);
  const auto names = program ? secret_names(*program) : std::vector<std::string>{};
  std::optional<Secret> secret;
  in.secret("secret_file", secret);
  if (secret && program) {
    if (names.empty()) in.fail("secret_file", "is of no use: this dialect checks no secret");
    if (names.size() > 1)
      in.fail("secret_file",
              "the dialect knows several secrets: write secrets = { NAME = { file = \"…\" } }");
    if (!names.empty()) options.secrets[names.front()].push_back(std::move(*secret));
  }
  if (in.has("secrets")) {
    Section table = in.table("secrets");
    if (table.present()) {
      for (const auto& [key, item] : *table.raw()) {
        const std::string secret_name{key.str()};
        if (program && std::find(names.begin(), names.end(), secret_name) == names.end())
          table.fail(secret_name, "is no secret of this dialect");
        Section one = table.table(secret_name);
        for (const char* which : {"file", "previous_file"}) {
          std::optional<Secret> value;
          one.secret(which, value);
          if (value) options.secrets[secret_name].push_back(std::move(*value));
        }
        if (!one.has("file")) one.fail("file", "is missing");
        one.finish();
      }
    }
  }
  bool unsigned_allowed = false;
  in.boolean("allow_unsigned", unsigned_allowed);
  if (program && is_signed(*program) && source.dialect != "native" && !in.has("secret_file") &&
      !in.has("secrets") && !unsigned_allowed)
    in.fail("dialect",
            "signs its requests: name the secret_file (or write allow_unsigned = true and protect "
            "the path otherwise)");
  for (const auto& [secret_name, values] : options.secrets)
    source.secrets.insert(source.secrets.end(), values.begin(), values.end());
  if (program) source.hook = std::make_shared<const Hook>(program, std::move(options));
  out.webhooks[name] = std::move(source);
}

void read_sip(Section& in, const std::string& name, const std::string& org,
              const OrgNumbers& org_wide, Settings& out) {
  sip::SourceSettings source;
  source.org = org;
  source.name = name;
  in.required("server", source.server);
  in.text("domain", source.domain);
  in.text("username", source.username);
  in.text("realm", source.realm);
  in.texts("watch", source.watch);
  in.integer("expires_s", sip::kExpiresMin, sip::kExpiresMax,
             [&](std::int64_t v) { source.expires_s = static_cast<int>(v); });
  read_number_plan(in, source.numbers);
  if (source.numbers.country.empty()) source.numbers.country = org_wide.country;
  std::optional<Secret> password;
  in.secret("password_file", password);
  if (password) source.password = std::move(*password);
  for (const auto& problem : sip::check(source))
    in.fail(problem.key == "password" ? "password_file" : problem.key, problem.what);
  out.sip_rules.push_back(read_rules(in));
  out.sip_sources.push_back(std::move(source));
}

void read_hep(Section& in, const std::string& name, const std::string& org,
              const OrgNumbers& org_wide, Settings& out) {
  hep::SourceSettings source;
  source.org = org;
  source.name = name;
  in.required("address", source.address);
  std::optional<Secret> key;
  in.secret("auth_key_file", key);
  const bool unreadable = in.has("auth_key_file") && !key;
  if (key) source.auth_key = std::move(*key);
  read_number_plan(in, source.numbers);
  if (source.numbers.country.empty()) source.numbers.country = org_wide.country;
  for (const auto& problem : hep::check(source))
    if (!(problem.key == "address" && source.address.empty()) &&
        !(problem.key == "auth_key_file" && unreadable))
      in.fail(problem.key, problem.what);
  out.hep_rules.push_back(read_rules(in));
  out.hep_sources.push_back(std::move(source));
}

void read_dial(Section& in, const std::string& name, const std::string& org, bool is_ami,
               const OrgNumbers& org_wide, Settings& out) {
  DialSource source;
  feed::DialSettings& to = source.settings;
  to.kind = is_ami ? feed::DialKind::ami : feed::DialKind::esl;
  to.org = org;
  to.name = name;
  in.required("server", to.server);
  in.text("username", to.username);
  std::optional<Secret> password;
  in.secret("password_file", password);
  const bool unreadable = in.has("password_file") && !password;
  if (password) to.password = std::move(*password);
  if (is_ami) {
    in.boolean("plain_login", to.plain_login);
    in.boolean("tls", to.tls);
    in.text("ca_file", to.ca_file);
    if (!to.ca_file.empty()) to.ca_file = in.resolve(to.ca_file);
  }
  for (const auto& problem : feed::check(to))
    if (!unreadable || problem.key != "password_file") in.fail(problem.key, problem.what);
  HookOptions options;
  options.org = org;
  options.source = name;
  in.text("time_zone", options.time_zone);
  if (!options.time_zone.empty() && !is_time_zone(options.time_zone))
    in.fail("time_zone", "is no zone of this system");
  read_number_plan(in, options.numbers);
  for (const auto& problem : check_numbers(options.numbers)) in.fail(problem.key, problem.what);
  options.numbers.extensions = org_wide.extensions;
  options.org_country = org_wide.country;
  std::string dialect = is_ami ? "asterisk-ami" : "freeswitch-esl";
  in.text("dialect", dialect);
  const auto program = read_dialect(in, dialect);
  if (program) source.hook = std::make_shared<const Hook>(program, std::move(options));
  source.rules = read_rules(in);
  out.dial_sources.push_back(std::move(source));
}

void read_sources(Section& root, const Directory& directory, Settings& out) {
  std::vector<std::string> names;
  auto org_wide = org_numbers(directory, out);
  for (auto& in : root.tables("source")) {
    std::string name, org, kind;
    read_name(in, "name", name);
    read_name(in, "org", org);
    in.required("kind", kind);
    if (std::find(names.begin(), names.end(), name) != names.end())
      in.fail("name", "is used twice");
    names.push_back(name);
    in.integer("facts_per_second", 0, kFactsPerSecondMost, [&](std::int64_t v) {
      if (v > 0) out.budgets.sources[{org, name}] = static_cast<std::uint32_t>(v);
    });
    if (!org.empty() && std::find(out.orgs.begin(), out.orgs.end(), org) == out.orgs.end())
      in.fail("org", "names no [[org]]");
    if (kind == "webhook") {
      read_webhook(in, name, org, org_wide[org], out);
    } else if (kind == "sip") {
      read_sip(in, name, org, org_wide[org], out);
    } else if (kind == "hep") {
      read_hep(in, name, org, org_wide[org], out);
    } else if (kind == "ami" || kind == "esl") {
      read_dial(in, name, org, kind == "ami", org_wide[org], out);
    } else if (!kind.empty()) {
      in.fail("kind", "must be \"webhook\", \"sip\", \"hep\", \"ami\" or \"esl\"");
      continue;
    }
    in.finish();
  }
}

void read_clients(Section& root, Settings& out) {
  for (auto& in : root.tables("client")) {
    PageClient client;
    std::string dialect;
    std::vector<std::string> origins;
    read_name(in, "id", client.id);
    read_name(in, "org", client.org);
    in.required("dialect", dialect);
    in.texts("origins", origins);
    in.text_table("headers", client.headers);
    in.text("login_url", client.login_url);
    if (!client.login_url.empty() && !client.login_url.starts_with("https://") &&
        !client.login_url.starts_with("http://"))
      in.fail("login_url", "must begin with https:// or http://");
    const auto known = dialect_of_subprotocol(dialect);
    if (!dialect.empty() && (!known || !is_page(*known)))
      in.fail("dialect", "must be \"rc-embeddable\", \"opencti-dialpad\" or \"elma365\"");
    if (known) client.dialect = *known;
    if (origins.empty()) in.fail("origins", "is missing: no page could embed this client");
    for (const auto& origin : origins)
      if (auto added = client.origins.add(origin); !added)
        in.fail("origins", fmt::format("\"{}\" {}", origin, added.error().detail));
    for (const auto& [name, value] : client.headers)
      if (!is_name(name)) in.fail("headers", "has a name that is no header name");
    if (!client.org.empty() &&
        std::find(out.orgs.begin(), out.orgs.end(), client.org) == out.orgs.end())
      in.fail("org", "names no [[org]]");
    if (out.clients.contains(client.id)) in.fail("id", "is used twice");
    in.finish();
    out.clients[client.id] = std::move(client);
  }
}

}  // namespace

std::shared_ptr<const Settings> load_settings(const std::string& file, Problems& problems) {
  auto out = std::make_shared<Settings>();
  out->file = file;
  const auto read = read_file(file, kConfigBytesMax);
  if (!read) {
    problems.push_back(fmt::format("{}:1:1: file: {}", file, read.error().detail));
    return out;
  }
  const std::string& text = *read;
  const toml::parse_result parsed = toml::parse(std::string_view{text}, std::string_view{file});
  if (!parsed) {
    const auto& at = parsed.error().source().begin;
    problems.push_back(fmt::format("{}:{}:{}: syntax: {}", file, at.line, at.column,
                                   parsed.error().description()));
    return out;
  }
  auto folder = std::filesystem::path{file}.parent_path().string();
  if (folder.empty()) folder = ".";
  Section root{&parsed.table(), file, folder, "", problems};
  auto directory = std::make_shared<Directory>();
  read_listen(root, *out);
  read_http(root.table("http"), out->server);
  read_delivery(root.table("delivery"), *out);
  read_auth(root.table("auth"), *out);
  read_journal(root.table("journal"), *out);
  read_recorder(root.table("recorder"), *out);
  read_calls(root.table("calls"), out->calls);
  read_log(root.table("log"), *out);
  read_people(root, *out, *directory);
  read_tokens(root, *directory, *out);
  read_sources(root, *directory, *out);
  read_clients(root, *out);
  read_sinks(root, *out);
  root.finish();
  if (out->orgs.empty()) root.fail("org", "is missing: write at least one [[org]]");
  if (out->anonymous && directory->find_org(out->anonymous->org) == nullptr)
    root.fail("auth", "anonymous.org names no [[org]]");
  out->directory = std::move(directory);
  // Sections are read in our order; people read files from top to bottom.
  std::stable_sort(
      problems.begin(), problems.end(), [&](const std::string& a, const std::string& b) {
        const auto place = [&](const std::string& problem) {
          const auto rest =
              std::string_view{problem}.substr(std::min(file.size() + 1, problem.size()));
          const auto colon = rest.find(':');
          const auto column = rest.substr(std::min(colon + 1, rest.size()));
          return std::pair{parse_int(rest.substr(0, colon)).value_or(0),
                           parse_int(column.substr(0, column.find(':'))).value_or(0)};
        };
        return place(a) < place(b);
      });
  return out;
}

}  // namespace hookswitch
