#include "daemon/settings/settings.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/temp_folder.hpp"

namespace hookswitch {
namespace {

using testing_support::TempFolder;

const std::string kAuth = "[auth]\nhs256_secret_file = \"jwt.secret\"\n";
const std::string kOrg = "[[org]]\nid = \"acme\"\n";

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() { folder.write("jwt.secret", std::string(64, 'a') + "\n"); }

  /// Loads `text` as hookswitch.toml; what was wrong is in `problems`, without the file's folder.
  std::shared_ptr<const Settings> load(const std::string& text) {
    Problems found;
    const auto out = load_settings(folder.write("hookswitch.toml", text), found);
    problems.clear();
    for (const auto& problem : found) {
      EXPECT_TRUE(problem.starts_with(folder.path() + "/")) << problem;
      problems.push_back(problem.substr(std::min(problem.size(), folder.path().size() + 1)));
    }
    return out;
  }
  /// Loads a good file with `text` behind it.
  std::shared_ptr<const Settings> load_with(const std::string& text) {
    return load(kAuth + kOrg + text);
  }

  /// True if one problem holds all of `parts`.
  bool told(std::initializer_list<std::string_view> parts) const {
    return std::any_of(problems.begin(), problems.end(), [&](const std::string& problem) {
      return std::all_of(parts.begin(), parts.end(), [&](std::string_view part) {
        return problem.find(part) != std::string::npos;
      });
    });
  }
  std::string all() const {
    std::string out;
    for (const auto& problem : problems) out += problem + "\n";
    return out;
  }

  TempFolder folder;
  Problems problems;
};

TEST_F(SettingsTest, SmallestFileGivesTheDefaults) {
  const auto settings = load(kAuth + kOrg);
  EXPECT_EQ(all(), "");
  EXPECT_EQ(settings->server.listen, std::vector<http::Listener>{{"127.0.0.1:8080"}});
  EXPECT_EQ(settings->server.body_bytes_max, 256U * 1024);
  EXPECT_EQ(settings->server.header_bytes_max, 16U * 1024);
  EXPECT_EQ(settings->server.header_time, std::chrono::seconds{10});
  EXPECT_EQ(settings->server.idle_time, std::chrono::seconds{60});
  EXPECT_EQ(settings->server.client_queue_bytes_max, 1024U * 1024);
  EXPECT_EQ(settings->server.client_queue_age_max, std::chrono::seconds{10});
  EXPECT_GE(settings->server.io_threads, 1U);
  EXPECT_GE(settings->server.connections_max, 512U) << "what the limit of open files leaves";
  EXPECT_EQ(settings->ack_window, 1000U);
  EXPECT_EQ(settings->journal_path, "/var/lib/hookswitch/journal.db");
  EXPECT_EQ(settings->journal_bytes_max, 2'147'483'648U);
  EXPECT_FALSE(settings->anonymous.has_value());
  EXPECT_EQ(settings->tokens.secrets.size(), 1U);
  EXPECT_EQ(settings->log_level, log::Level::info);
}

TEST_F(SettingsTest, WholeFileIsRead) {
  folder.write("zadarma.secret", "zadarma-test-secret");
  folder.write("sip.password", "sip-test-secret");
  const auto settings = load(
      "[[listen]]\naddress = \"127.0.0.1:9000\"\nhosts = [\"cti.example.com\"]\norigins = "
      "[\"https://crm.example.com\"]\n"
      "[[listen]]\naddress = \"[::1]:9000\"\n"
      "[http]\nbody_bytes_max = 2048\nheader_bytes_max = 4096\nheader_time_ms = 500\nidle_time_ms "
      "= 2000\nconnections_max = 100\nio_threads = 3\n"
      "[delivery]\nclient_queue_bytes_max = 70000\nclient_queue_age_ms_max = 300\nping_ms = 5000\n"
      "[auth]\nhs256_secret_file = \"jwt.secret\"\nhs256_previous_secret_file = \"jwt.secret\"\n"
      "anonymous = { org = \"acme\", user = \"alice\", scope = \"events:own\" }\n"
      "[journal]\nengine = \"sqlite\"\npath = \"data/j.db\"\nretention_hours = 48\n"
      "bytes_max = 100000000\n"
      "[log]\nlevel = \"debug\"\n"
      "[[org]]\nid = \"acme\"\ncountry = \"US\"\nnumber = \"+12025550100\"\nfacts_per_second = "
      "500\n"
      "[[user]]\norg = \"acme\"\nid = \"alice\"\nname = \"Alice\"\nemail = "
      "\"alice@example.com\"\nextensions = [\"101\", \"201\"]\n"
      "[[source]]\nname = \"cloud\"\norg = \"acme\"\nkind = \"webhook\"\ndialect = "
      "\"zadarma\"\nsecret_file = \"zadarma.secret\"\n"
      "public_url = \"https://cti.example.com/v1/hooks/cloud\"\ntime_zone = "
      "\"Europe/Sofia\"\ncountry = \"BG\"\nfacts_per_second = 20\n"
      "[[source]]\nname = \"hq\"\norg = \"acme\"\nkind = \"sip\"\nserver = "
      "\"sip:127.0.0.1:5060\"\ndomain = \"pbx.example.com\"\n"
      "username = \"watcher\"\npassword_file = \"sip.password\"\nrealm = \"pbx\"\nwatch = "
      "[\"101\", \"102\"]\nexpires_s = 300\n"
      "[[client]]\nid = \"crm\"\norg = \"acme\"\ndialect = \"rc-embeddable\"\norigins = "
      "[\"https://*.example.com\"]\nheaders = { X-A = \"b\" }\n");
  ASSERT_EQ(all(), "");
  EXPECT_EQ(settings->server.listen,
            (std::vector<http::Listener>{{"127.0.0.1:9000"}, {"[::1]:9000"}}));
  EXPECT_EQ(settings->hosts, std::vector<std::string>{"cti.example.com"});
  EXPECT_TRUE(settings->origins.allows("https://crm.example.com"));
  EXPECT_EQ(settings->server.body_bytes_max, 2048U);
  EXPECT_EQ(settings->server.header_bytes_max, 4096U);
  EXPECT_EQ(settings->server.header_time, std::chrono::milliseconds{500});
  EXPECT_EQ(settings->server.idle_time, std::chrono::milliseconds{2000});
  EXPECT_EQ(settings->server.connections_max, 100U);
  EXPECT_EQ(settings->server.io_threads, 3U);
  EXPECT_EQ(settings->server.client_queue_bytes_max, 70'000U);
  EXPECT_EQ(settings->server.client_queue_age_max, std::chrono::milliseconds{300});
  EXPECT_EQ(settings->server.ping_time, std::chrono::milliseconds{5000});
  EXPECT_EQ(settings->tokens.secrets.size(), 2U);
  ASSERT_TRUE(settings->anonymous.has_value());
  EXPECT_EQ(settings->anonymous->user, "alice");
  EXPECT_TRUE(settings->anonymous->allows(Scope::events_own));
  EXPECT_EQ(settings->journal_path, folder.path("data/j.db"));
  EXPECT_EQ(settings->retention, std::chrono::hours{48});
  EXPECT_EQ(settings->journal_bytes_max, 100'000'000U);
  EXPECT_EQ(settings->log_level, log::Level::debug);
  EXPECT_EQ(settings->directory->find_org("acme")->country, "US");
  EXPECT_EQ(settings->directory->find_by_ext("acme", "201")->id, "alice");
  ASSERT_TRUE(settings->webhooks.contains("cloud"));
  EXPECT_NE(settings->webhooks.at("cloud").hook, nullptr);
  ASSERT_EQ(settings->sip_sources.size(), 1U);
  EXPECT_EQ(settings->sip_sources[0].password.reveal(), "sip-test-secret");
  EXPECT_EQ(settings->sip_sources[0].expires_s, 300);
  EXPECT_EQ(settings->sip_sources[0].watch, (std::vector<std::string>{"101", "102"}));
  EXPECT_EQ(settings->budgets.orgs.at("acme"), 500u);
  EXPECT_EQ(settings->budgets.sources.at({"acme", "cloud"}), 20u);
  EXPECT_EQ(settings->budgets.sources.size(), 1u) << "no limit unless told";
  ASSERT_TRUE(settings->clients.contains("crm"));
  EXPECT_EQ(settings->clients.at("crm").headers.at("X-A"), "b");
  EXPECT_TRUE(settings->clients.at("crm").origins.allows("https://a.example.com"));
}

struct Bound {
  const char *section, *key;
  std::int64_t least, most;
};
class IntegerKey : public SettingsTest, public testing::WithParamInterface<Bound> {};
TEST_P(IntegerKey, IsTakenWithinItsBoundsOnly) {
  const auto& [section, key, least, most] = GetParam();
  const auto with = [&](const std::string& value) {
    load(kAuth + kOrg + "[" + section + "]\n" + key + " = " + value + "\n");
    return problems.size();
  };
  const std::string name = std::string{section} + "." + key;
  EXPECT_EQ(with(std::to_string(least)), 0U) << all();
  EXPECT_EQ(with(std::to_string(most)), 0U) << all();
  for (const std::string& wrong :
       {std::to_string(least - 1), std::to_string(most + 1), std::string{"-9223372036854775808"},
        std::string{"9223372036854775807"}, std::string{"\"" + std::to_string(least) + "\""},
        std::to_string(least) + ".0", std::string{"true"}, std::string{"[1]"}}) {
    EXPECT_EQ(with(wrong), 1U) << wrong << "\n" << all();
    EXPECT_TRUE(told({"hookswitch.toml:6:1: ", name + ": must be "})) << wrong << "\n" << all();
  }
}
INSTANTIATE_TEST_SUITE_P(
    Keys, IntegerKey,
    testing::Values(
        Bound{"calls", "fusion_window_ms", 0, 60'000}, Bound{"calls", "settle_ms", 0, 60'000},
        Bound{"calls", "unanswered_silence_minutes", 1, 10'080},
        Bound{"calls", "answered_silence_hours", 1, 720},
        Bound{"calls", "keep_ended_minutes", 1, 1440},
        Bound{"calls", "tuple_guard_minutes", 1, 10'080}, Bound{"calls", "check_time_s", 1, 3600},
        Bound{"http", "body_bytes_max", 1024, 16 * 1024 * 1024},
        Bound{"http", "header_bytes_max", 1024, 256 * 1024},
        Bound{"http", "header_time_ms", 100, 60'000},
        Bound{"http", "idle_time_ms", 1000, 3'600'000},
        Bound{"http", "connections_max", 0, 1'000'000}, Bound{"http", "io_threads", 0, 64},
        Bound{"delivery", "client_queue_bytes_max", 65'536, 1 << 30},
        Bound{"delivery", "client_queue_age_ms_max", 100, 600'000},
        Bound{"delivery", "ping_ms", 1000, 600'000}, Bound{"delivery", "ack_window", 1, 100'000},
        Bound{"journal", "retention_hours", 1, 24 * 365},
        Bound{"journal", "bytes_max", 64 << 20, std::int64_t{1} << 40}),
    [](const auto& bound) { return std::string{bound.param.key}; });

TEST_F(SettingsTest, UnknownKeysAreNamedWithLineAndColumnInEverySection) {
  for (const char* section :
       {"[http]", "[delivery]", "[journal]", "[calls]", "[log]",
        "[[listen]]\naddress = \"127.0.0.1:0\"", "[[user]]\norg = \"acme\"\nid = \"bob\"",
        "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"",
        "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"sip\"\nserver = "
        "\"sip:127.0.0.1\"\nwatch = [\"1\"]",
        "[[client]]\nid = \"c\"\norg = \"acme\"\ndialect = \"elma365\"\norigins = "
        "[\"https://a.example.com\"]"}) {
    const std::string text = kAuth + kOrg + section + "\n  bodi_bytes = 5\n";
    const auto line = std::count(text.begin(), text.end(), '\n');
    load(text);
    EXPECT_EQ(problems.size(), 1U) << section << "\n" << all();
    EXPECT_TRUE(
        told({"hookswitch.toml:" + std::to_string(line) + ":3: ", "bodi_bytes: unknown key"}))
        << section << "\n"
        << all();
  }
  load(kAuth + kOrg + "[htttp]\n");
  EXPECT_TRUE(told({"hookswitch.toml:5:2: htttp: unknown key"})) << all();
  load("colour = 1\n" + kAuth + kOrg);
  EXPECT_TRUE(told({"hookswitch.toml:1:1: colour: unknown key"})) << all();
  load(kAuth + "other = 1\n" + kOrg);
  EXPECT_TRUE(told({"hookswitch.toml:3:1: auth.other: unknown key"})) << all();
  load(kAuth + kOrg + "secret = 1\n");
  EXPECT_TRUE(told({"hookswitch.toml:5:1: org.secret: unknown key"})) << all();
  load(kAuth + "anonymous = { org = \"acme\", scope = \"events:org\", x = 1 }\n" + kOrg);
  EXPECT_TRUE(told({"hookswitch.toml:3:", "anonymous.x: unknown key"})) << all();
}

TEST_F(SettingsTest, AllProblemsAreToldAtOnceInTheOrderOfTheFile) {
  load(
      "[[client]]\nid = \"c\"\norg = \"nobody\"\ndialect = \"elma365\"\norigins = [\"*\"]\n"
      "[log]\nlevel = \"loud\"\n[http]\nio_threads = 65\nbody_bytes_max = 1\n" +
      kAuth + "[[org]]\nid = \"a b\"\n[[user]]\norg = \"x\"\nid = \"\"\n");
  std::vector<int> lines;
  for (const auto& problem : problems)
    lines.push_back(std::stoi(problem.substr(problem.find(':') + 1)));
  EXPECT_TRUE(std::is_sorted(lines.begin(), lines.end())) << all();
  for (const char* key : {"client.org", "client.origins", "log.level", "http.io_threads",
                          "http.body_bytes_max", "org.id", "user.org", "user.id"})
    EXPECT_TRUE(told({key})) << key << "\n" << all();
}

TEST_F(SettingsTest, ProblemsOfOneLineComeInItsOrder) {
  load(kAuth + "anonymous = { org = \"acme\", zeta = 1, alpha = 2, scope = \"events:org\" }\n" +
       kOrg);
  ASSERT_EQ(problems.size(), 2U) << all();
  EXPECT_NE(problems[0].find("zeta"), std::string::npos) << all();
  EXPECT_NE(problems[1].find("alpha"), std::string::npos) << all();
}

TEST_F(SettingsTest, SyntaxErrorHasItsPlace) {
  load(kAuth + kOrg + "[http\n");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(problems[0].starts_with("hookswitch.toml:5:")) << all();
  load(kAuth + kAuth + kOrg);
  EXPECT_EQ(problems.size(), 1U) << all();
  load(std::string_view{"a = \"\xff\"\n"}.data());
  EXPECT_EQ(problems.size(), 1U) << all();
}

TEST_F(SettingsTest, FileThatCannotBeReadIsAProblemNotAnException) {
  Problems found;
  load_settings(folder.path("none.toml"), found);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with(folder.path("none.toml:")));
  found.clear();
  EXPECT_NO_THROW(load_settings(folder.path(), found));
  EXPECT_FALSE(found.empty());
}

TEST_F(SettingsTest, EmptyFileIsToldWhatItLacks) {
  load("");
  EXPECT_TRUE(told({"org", "is missing"})) << all();
  EXPECT_TRUE(told({"hs256_secret_file", "is missing"})) << all();
}

TEST_F(SettingsTest, SecretsAreCheckedAndNeverShown) {
  folder.write("open.secret", std::string(64, 'b'), 0644);
  folder.write("short.secret", "tooshort-s3cret");
  folder.write("empty.secret", "");
  const std::pair<const char*, const char*> wrong[] = {{"open.secret", "chmod"},
                                                       {"short.secret", "32 bytes"},
                                                       {"empty.secret", "empty"},
                                                       {"none.secret", "cannot read"}};
  for (const auto& [file, why] : wrong) {
    load(std::string{"[auth]\nhs256_secret_file = \""} + file + "\"\n" + kOrg);
    EXPECT_EQ(problems.size(), 1U) << all();
    EXPECT_TRUE(told({"hookswitch.toml:2:1: auth.hs256_secret_file: ", why})) << file << "\n"
                                                                              << all();
    EXPECT_EQ(all().find("tooshort-s3cret"), std::string::npos);
  }
  load("[auth]\nhs256_secret = \"inline-s3cret-inline-s3cret-inline-s3cret\"\n" + kOrg);
  EXPECT_TRUE(told({"hs256_secret", "unknown key"})) << all();
  EXPECT_EQ(all().find("inline-s3cret"), std::string::npos);
}

TEST_F(SettingsTest, AbsoluteSecretPathsAreTakenAsTheyAre) {
  load("[auth]\nhs256_secret_file = \"" + folder.path("jwt.secret") + "\"\n" + kOrg);
  EXPECT_EQ(all(), "");
}

TEST_F(SettingsTest, ListenAddressesAreIpAddressesWithAPort) {
  for (const char* good :
       {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:8080", "[::]:65535", "192.0.2.1:1"}) {
    load_with(std::string{"[[listen]]\naddress = \""} + good + "\"\n");
    EXPECT_EQ(all(), "") << good;
  }
  for (const char* bad :
       {"8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "localhost:8080", "cti.example.com:80", "http://127.0.0.1:80", "[::1:80", "::1", "1.2.3:80",
        "256.0.0.1:80", ""}) {
    load_with(std::string{"[[listen]]\naddress = \""} + bad + "\"\n");
    EXPECT_TRUE(told({"listen.address"})) << bad << "\n" << all();
  }
  load_with("[[listen]]\n");
  EXPECT_TRUE(told({"listen.address: is missing"})) << all();
}

TEST_F(SettingsTest, OriginsAreRefusedWithTheReason) {
  load_with(
      "[[listen]]\naddress = \"127.0.0.1:0\"\norigins = [\"https://ok.example.com\", "
      "\"https://*.com\", \"*\"]\n");
  EXPECT_EQ(problems.size(), 2U) << all();
  EXPECT_TRUE(told({":7:1: listen.origins: \"https://*.com\" the wildcard"})) << all();
  EXPECT_TRUE(told({"listen.origins: \"*\" must begin"})) << all();
}

TEST_F(SettingsTest, TextsMustBeTextsAndListsLists) {
  for (const char* wrong : {"[log]\nlevel = 5\n", "[log]\nlevel = [\"info\"]\n",
                            "[journal]\npath = 1\n", "[journal]\npath = \"a\\nb\"\n",
                            "[[user]]\norg = \"acme\"\nid = \"b\"\nextensions = \"101\"\n",
                            "[[user]]\norg = \"acme\"\nid = \"b\"\nextensions = [101]\n",
                            "[[user]]\norg = \"acme\"\nid = \"b\"\nextensions = [\"\"]\n",
                            "[[user]]\norg = \"acme\"\nid = \"b\"\nname = 1\n", "listen = 5\n",
                            "http = 5\n", "http = [1]\n", "log = \"info\"\n", "user = [1]\n"}) {
    const bool top = std::string_view{wrong}.find('[') != 0;
    load(top ? wrong + kAuth + kOrg : kAuth + kOrg + wrong);
    EXPECT_EQ(problems.size(), 1U) << wrong << "\n" << all();
  }
}

TEST_F(SettingsTest, NamesOfOrganisationsAndPeopleAreChecked) {
  for (const char* id : {"a b", "a/b", "\xc3\xa4", "a:b", "", "a\\\"b",
                         "12345678901234567890123456789012345678901234567890123456789012345"}) {
    load(kAuth + "[[org]]\nid = \"" + id + "\"\n");
    EXPECT_TRUE(told({"hookswitch.toml:4:1: org.id"})) << id << "\n" << all();
  }
  load(kAuth + kOrg + kOrg);
  EXPECT_TRUE(told({"org.id: is used twice"})) << all();
  load(kAuth + "[[org]]\nid = \"acme\"\ncountry = \"usa\"\n");
  EXPECT_TRUE(told({"org.country"})) << all();
  for (const char* country : {"us", "U1", "U", "1A", "Us", "\xc3\xa4"}) {
    load(kAuth + "[[org]]\nid = \"acme\"\ncountry = \"" + country + "\"\n");
    EXPECT_TRUE(told({"org.country"})) << country << "\n" << all();
  }
}

TEST_F(SettingsTest, SourcesReadNumbersByTheirCountryElseTheOrganisations) {
  const auto org = kAuth + "[[org]]\nid = \"acme\"\ncountry = \"DE\"\n";
  const std::string sip =
      "[[source]]\nname = \"hq\"\norg = \"acme\"\nkind = \"sip\"\nserver = "
      "\"sip:127.0.0.1\"\nwatch = [\"101\"]\n";
  EXPECT_EQ(load(org + sip)->sip_sources.at(0).numbers.country, "DE");
  EXPECT_EQ(load(org + sip + "country = \"US\"\n")->sip_sources.at(0).numbers.country, "US");
  const auto settings = load(org + sip + "strip_prefixes = [\"9\"]\nintl_prefix = \"00\"\n" +
                             "e164_without_plus = true\n");
  EXPECT_EQ(all(), "");
  const auto& plan = settings->sip_sources.at(0).numbers;
  EXPECT_EQ(plan.strip_prefixes, std::vector<std::string>{"9"});
  EXPECT_EQ(plan.intl_prefix, "00");
  EXPECT_TRUE(plan.e164_without_plus && plan.short_is_extension);
}

TEST_F(SettingsTest, WebhooksKnowTheLinesOfTheirOrganisation) {
  const auto settings =
      load(kAuth + "[[org]]\nid = \"acme\"\ncountry = \"DE\"\n[[org]]\nid = \"globex\"\n" +
           "[[user]]\norg = \"acme\"\nid = \"a\"\nextensions = [\"101\"]\n" +
           "[[user]]\norg = \"globex\"\nid = \"b\"\nextensions = [\"102\"]\n" +
           "[[source]]\nname = \"cloud\"\norg = \"acme\"\nkind = \"webhook\"\n");
  ASSERT_EQ(all(), "");
  const auto out = settings->webhooks.at("cloud").hook->handle(
      {"POST",
       "",
       "",
       {},
       R"({"type":"ringing","from":{"number":"030 23125123"},"to":{"number":"101"},"transfer":{"to":{"number":"102"}}})",
       {}});
  ASSERT_TRUE(out);
  EXPECT_EQ(out->facts.at(0).from.number, "+493023125123");
  EXPECT_EQ(out->facts.at(0).to.ext, "101");
  EXPECT_EQ(out->facts.at(0).transfer.to.number, "102") << "a line of others";
}

TEST_F(SettingsTest, PlansOfNumbersThatCannotBeAreTold) {
  for (const std::string kind : {"webhook", "sip"})
    for (const std::string key :
         {"country = \"XX\"", "strip_prefixes = [\"x\"]", "strip_prefixes = \"9\"",
          "intl_prefix = \"+\"", "e164_without_plus = 1"}) {
      load_with("[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"" + kind + "\"\n" +
                (kind == "sip" ? "server = \"sip:127.0.0.1\"\nwatch = [\"101\"]\n" : "") + key);
      EXPECT_EQ(problems.size(), 1U) << kind << " " << key << "\n" << all();
      EXPECT_TRUE(told({"source." + key.substr(0, key.find(' '))})) << kind << "\n" << all();
    }
}

TEST_F(SettingsTest, PeopleBelongToAnOrganisationAndLinesToOnePerson) {
  load_with("[[user]]\norg = \"globex\"\nid = \"bob\"\n");
  EXPECT_TRUE(told({"user.org: names no [[org]]"})) << all();
  load_with("[[user]]\norg = \"acme\"\nid = \"bob\"\n[[user]]\norg = \"acme\"\nid = \"bob\"\n");
  EXPECT_TRUE(told({":10:1: user.id: is used twice"})) << all();
  load_with(
      "[[user]]\norg = \"acme\"\nid = \"a\"\nextensions = [\"101\"]\n[[user]]\norg = \"acme\"\nid "
      "= \"b\"\nextensions = [\"102\", \"101\"]\n");
  EXPECT_TRUE(told({":12:1: user.extensions: \"101\" belongs to another user"})) << all();
}

TEST_F(SettingsTest, SourcesAreChecked) {
  const auto source = [&](const std::string& rest) {
    load_with("[[source]]\nname = \"s\"\norg = \"acme\"\n" + rest);
  };
  source("kind = \"webhook\"\n");
  EXPECT_EQ(all(), "");
  source("");
  EXPECT_TRUE(told({"source.kind: is missing"})) << all();
  source("kind = \"pigeon\"\n");
  EXPECT_TRUE(told({":8:1: source.kind: must be"})) << all();
  source("kind = \"hep\"\n");
  EXPECT_TRUE(told({"source.address: is missing"})) << all();
  source("kind = \"hep\"\naddress = \"192.0.2.5:9060\"\n");
  EXPECT_TRUE(told({"source.auth_key_file: is missing"})) << all();
  source("kind = \"hep\"\naddress = \"127.0.0.1:9060\"\n");
  EXPECT_EQ(all(), "");
  source("kind = \"webhook\"\ndialect = \"nobody\"\n");
  EXPECT_TRUE(told({":9:1: source.dialect: there is no dialect"})) << all();
  source("kind = \"webhook\"\ndialect = \"./none.json\"\n");
  EXPECT_TRUE(told({"source.dialect: cannot read"})) << all();
  source("kind = \"webhook\"\ntime_zone = \"Mars/Olympus\"\n");
  EXPECT_TRUE(told({"source.time_zone"})) << all();
  source("kind = \"sip\"\nwatch = [\"101\"]\n");
  EXPECT_TRUE(told({"source.server: is missing"})) << all();
  source("kind = \"sip\"\nserver = \"http://x\"\nwatch = [\"101\"]\n");
  EXPECT_TRUE(told({":9:1: source.server: must be sip:"})) << all();
  source("kind = \"sip\"\nserver = \"sip:127.0.0.1\"\nwatch = []\n");
  EXPECT_TRUE(told({":10:1: source.watch"})) << all();
  for (const char* expires : {"9", "86401", "\"300\""}) {
    source(
        std::string{"kind = \"sip\"\nserver = \"sip:127.0.0.1\"\nwatch = [\"1\"]\nexpires_s = "} +
        expires + "\n");
    EXPECT_TRUE(told({":11:1: source.expires_s: must be"})) << all();
  }
  load_with(
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"\n[[source]]\nname = \"s\"\norg "
      "= \"nobody\"\nkind = \"webhook\"\n");
  EXPECT_TRUE(told({":10:1: source.name: is used twice"})) << all();
  EXPECT_TRUE(told({":11:1: source.org: names no [[org]]"})) << all();
}

TEST_F(SettingsTest, DialectThatIsAFolderIsAProblemNotAnException) {
  EXPECT_NO_THROW(load_with(
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"\ndialect = \"./\"\n"));
  EXPECT_TRUE(told({"source.dialect"})) << all();
}

TEST_F(SettingsTest, OwnDialectFileIsReadAndItsProblemsHaveTheirPlace) {
  folder.write("mine.json",
               R"({"dialect":"mine","decode":["json"],"rules":[{"emit":{"type":"ringing"}}]})");
  load_with(
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"\ndialect = \"./mine.json\"\n");
  EXPECT_EQ(all(), "");
  folder.write("mine.json", "{\"dialect\":\"mine\",\n\"rulez\":[]}");
  load_with(
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"\ndialect = \"./mine.json\"\n");
  EXPECT_TRUE(told({"source.dialect: ", "mine.json:2:"})) << all();
}

TEST_F(SettingsTest, SecretsOfASourceAreThoseOfItsDialect) {
  const std::string start =
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"\ndialect = \"zadarma\"\n";
  folder.write("a.secret", "tops3cret-a");
  folder.write("open.secret", "tops3cret-b", 0644);
  load_with(start + "secrets = { NOBODYS = { file = \"a.secret\" } }\n");
  EXPECT_TRUE(told({"NOBODYS: is no secret of this dialect"})) << all();
  load_with(start + "secret_file = \"open.secret\"\n");
  EXPECT_TRUE(told({"source.secret_file", "chmod"})) << all();
  EXPECT_EQ(all().find("tops3cret"), std::string::npos);
  load_with(start + "secret_file = \"a.secret\"\n");
  EXPECT_EQ(all(), "");
}

TEST_F(SettingsTest, DialectThatSignsIsNotTakenWithoutItsSecretUnlessSaidSo) {
  const std::string start =
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"\ndialect = \"zadarma\"\n";
  load_with(start);
  EXPECT_TRUE(told({":9:1: source.dialect: "})) << all();
  load_with(start + "allow_unsigned = false\n");
  EXPECT_EQ(problems.size(), 1U) << all();
  load_with(start + "allow_unsigned = true\n");
  EXPECT_EQ(all(), "");
  load_with(start + "allow_unsigned = \"true\"\n");
  EXPECT_TRUE(told({":10:1: source.allow_unsigned: must be"})) << all();
}

TEST_F(SettingsTest, PbxThatWeConnectToIsRead) {
  folder.write("pbx.secret", "tops3cret");
  const auto settings = load_with(
      "[[source]]\nname = \"a\"\norg = \"acme\"\nkind = \"ami\"\nserver = \"192.0.2.1\"\nusername "
      "= "
      "\"cti\"\npassword_file = \"pbx.secret\"\ndialect = \"native\"\ntls = true\nca_file = "
      "\"ca.pem\"\nfuse = false\n"
      "[[source]]\nname = \"e\"\norg = \"acme\"\nkind = \"esl\"\nserver = "
      "\"pbx.example.com:8022\"\npassword_file = \"pbx.secret\"\ndialect = \"native\"\n");
  EXPECT_EQ(all(), "");
  ASSERT_EQ(settings->dial_sources.size(), 2U);
  const auto& [ami, hook, rules] = settings->dial_sources[0];
  EXPECT_EQ(ami.kind, feed::DialKind::ami);
  EXPECT_EQ(ami.password.reveal(), "tops3cret");
  EXPECT_EQ(ami.ca_file, folder.path() + "/ca.pem");
  EXPECT_TRUE(ami.tls);
  EXPECT_FALSE(ami.plain_login);
  EXPECT_NE(hook, nullptr);
  EXPECT_FALSE(rules.fuses);
  EXPECT_EQ(settings->dial_sources[1].settings.kind, feed::DialKind::esl);
}

TEST_F(SettingsTest, PbxThatWeCannotConnectToIsTold) {
  folder.write("pbx.secret", "tops3cret\r\nAction: Command");
  const auto source = [&](const std::string& rest) {
    load_with("[[source]]\nname = \"s\"\norg = \"acme\"\ndialect = \"native\"\n" + rest);
  };
  source("kind = \"ami\"\n");
  EXPECT_TRUE(told({"source.server: is missing"})) << all();
  EXPECT_TRUE(told({"source.username: is missing"})) << all();
  EXPECT_TRUE(told({"source.password_file: is missing"})) << all();
  source("kind = \"ami\"\nserver = \"a b\"\nusername = \"u\"\npassword_file = \"pbx.secret\"\n");
  EXPECT_TRUE(told({":10:1: source.server: must be a host"})) << all();
  EXPECT_TRUE(told({":12:1: source.password_file: holds a control character"})) << all();
  EXPECT_EQ(all().find("tops3cret"), std::string::npos);
  source("kind = \"ami\"\nserver = \"a\"\nca_file = \"x\"\n");
  EXPECT_TRUE(told({":11:1: source.ca_file: is of no use"})) << all();
  source("kind = \"esl\"\nserver = \"a\"\ntls = true\n");
  EXPECT_TRUE(told({":11:1: source.tls: unknown key"})) << all();
}

TEST_F(SettingsTest, SipPasswordProblemNamesTheKeyOfTheFile) {
  folder.write("sip.password", "tops3cret\x01");
  load_with(
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"sip\"\nserver = "
      "\"sip:127.0.0.1\"\nusername = \"u\"\npassword_file = \"sip.password\"\nwatch = [\"1\"]\n");
  EXPECT_TRUE(told({":11:1: source.password_file: "})) << all();
  EXPECT_EQ(all().find("tops3cret"), std::string::npos);
}

TEST_F(SettingsTest, ClientsAreChecked) {
  const auto client = [&](const std::string& rest) {
    load_with("[[client]]\nid = \"c\"\norg = \"acme\"\n" + rest);
  };
  const std::string origins = "origins = [\"https://a.example.com\"]\n";
  for (const char* dialect : {"rc-embeddable", "opencti-dialpad", "elma365"}) {
    client("dialect = \"" + std::string{dialect} + "\"\n" + origins);
    EXPECT_EQ(all(), "") << dialect;
  }
  for (const char* dialect : {"hookswitch.v1", "cloudevents.json", "native", "x"}) {
    client("dialect = \"" + std::string{dialect} + "\"\n" + origins);
    EXPECT_TRUE(told({":8:1: client.dialect: must be"})) << dialect << "\n" << all();
  }
  client("dialect = \"elma365\"\n");
  EXPECT_TRUE(told({"client.origins: is missing"})) << all();
  client("dialect = \"elma365\"\norigins = []\n");
  EXPECT_TRUE(told({"client.origins"})) << all();
  client("dialect = \"elma365\"\n" + origins + "headers = { \"X A\" = \"b\" }\n");
  EXPECT_TRUE(told({"client.headers"})) << all();
  client("dialect = \"elma365\"\n" + origins + "headers = { X-A = \"b\\r\\nX-Evil: 1\" }\n");
  EXPECT_TRUE(told({"client.headers"})) << all();
  client("dialect = \"elma365\"\n" + origins + "headers = { X-A = 1 }\n");
  EXPECT_TRUE(told({"client.headers"})) << all();
  const std::string good =
      "[[client]]\nid = \"c\"\norg = \"acme\"\ndialect = \"elma365\"\n" + origins;
  load_with(good + good);
  EXPECT_TRUE(told({"client.id: is used twice"})) << all();
}

TEST_F(SettingsTest, AnonymousNeedsAnOrganisationOfTheFileAndScopesThatExist) {
  const auto anonymous = [&](const std::string& text) {
    load("[auth]\nanonymous = " + text + "\n" + kOrg);
  };
  anonymous("{ org = \"acme\", scope = \"events:org\" }");
  EXPECT_EQ(all(), "");
  anonymous("{ org = \"globex\", scope = \"events:org\" }");
  EXPECT_TRUE(told({"names no [[org]]"})) << all();
  anonymous("{ org = \"acme\", scope = \"everything\" }");
  EXPECT_TRUE(told({":2:", "anonymous.scope"})) << all();
  anonymous("{ org = \"acme\" }");
  EXPECT_TRUE(told({":2:", "anonymous.scope: is missing"})) << all();
  anonymous("true");
  EXPECT_TRUE(told({":2:1: auth.anonymous: must be a table"})) << all();
}

TEST_F(SettingsTest, JournalIsOnDiskOrInMemoryAndNothingElse) {
  const auto memory = load_with("[journal]\nengine = \"memory\"\npath = \"data/j.db\"\n");
  EXPECT_EQ(all(), "");
  EXPECT_EQ(memory->journal_path, kMemoryJournal);
  EXPECT_FALSE(memory->recorder.on()) << "nothing is on disk";
  for (const char* engine : {"jetstream", "postgres", ""}) {
    load_with("[journal]\nengine = \"" + std::string{engine} + "\"\n");
    EXPECT_TRUE(told({":6:1: journal.engine"})) << engine << "\n" << all();
  }
}

const std::string kWebhook = "[[source]]\nname = \"cloud\"\norg = \"acme\"\nkind = \"webhook\"\n";
const std::string kSip =
    "[[source]]\nname = \"hq\"\norg = \"acme\"\nkind = \"sip\"\nserver = \"sip:127.0.0.1\"\n"
    "watch = [\"101\"]\n";

TEST_F(SettingsTest, SourcesOfBothKindsSayHowTheirCallsAreToldApart) {
  const std::string rules =
      "quirks = [\"kam-prack-confirmed\"]\nkey_headers = [\"X-CID\"]\nfuse = false\n";
  const auto settings = load_with(kWebhook + rules + kSip + rules);
  ASSERT_EQ(all(), "");
  SourceRules expected;
  expected.key_headers = {"x-cid"};
  expected.fuses = false;
  expected.confirms_early = true;
  EXPECT_EQ(settings->webhooks.at("cloud").rules, expected);
  EXPECT_EQ(settings->sip_rules, std::vector{expected});
}

TEST_F(SettingsTest, SourcesHaveNoRulesOfTheirOwnUnlessTold) {
  const auto settings = load_with(kWebhook + kSip + "quirks = [\"no-fusion\"]\nfuse = true\n");
  ASSERT_EQ(all(), "");
  EXPECT_EQ(settings->webhooks.at("cloud").rules, SourceRules{});
  EXPECT_FALSE(settings->sip_rules.at(0).fuses) << "the quirk says no";
}

TEST_F(SettingsTest, UnknownQuirkIsToldWithTheKnownOnes) {
  load_with(kWebhook + "quirks = [\"no-fusion\", \"moon-phase\"]\n");
  EXPECT_EQ(problems.size(), 1U) << all();
  for (const auto name : quirk_names())
    EXPECT_TRUE(told({":9:1: source.quirks: ", "\"moon-phase\"", name})) << all();
}

TEST_F(SettingsTest, KeyHeaderThatIsNoHeaderNameIsRefused) {
  load_with(kWebhook + "key_headers = [\"X CID\"]\n");
  EXPECT_TRUE(told({"key_headers"})) << all();
}

TEST_F(SettingsTest, CallLimitsAreRead) {
  const auto settings = load_with(
      "[calls]\nfusion_window_ms = 1\nsettle_ms = 2\nunanswered_silence_minutes = 3\n"
      "answered_silence_hours = 4\nkeep_ended_minutes = 5\ntuple_guard_minutes = 6\n"
      "check_time_s = 7\n");
  ASSERT_EQ(all(), "");
  const CallLimits& calls = settings->calls;
  EXPECT_EQ(calls.fusion_window, milliseconds{1});
  EXPECT_EQ(calls.settle, milliseconds{2});
  EXPECT_EQ(calls.unanswered_silence, std::chrono::minutes{3});
  EXPECT_EQ(calls.answered_silence, std::chrono::hours{4});
  EXPECT_EQ(calls.keep_ended, std::chrono::minutes{5});
  EXPECT_EQ(calls.tuple_guard, std::chrono::minutes{6});
  EXPECT_EQ(calls.check_time, std::chrono::seconds{7});
}

TEST_F(SettingsTest, SourcesSayWhoMaySend) {
  const auto settings = load_with(
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"\n"
      "allow_from = [\"203.0.113.0/24\"]\nretries = false\ndisabled = true\n"
      "dedupe_window_s = 60\ndedupe_untimed_window_s = 5\nkeep_unmatched = 0\n");
  EXPECT_EQ(all(), "");
  const auto& source = settings->webhooks.at("s");
  EXPECT_TRUE(source.allow_from.contains("203.0.113.9"));
  EXPECT_FALSE(source.allow_from.contains("203.0.114.9"));
  EXPECT_FALSE(source.retries);
  EXPECT_TRUE(source.disabled);
  EXPECT_EQ(source.dedupe_window, std::chrono::seconds{60});
  EXPECT_EQ(source.dedupe_untimed_window, std::chrono::seconds{5});
  EXPECT_EQ(source.keep_unmatched, 0u);
}

TEST_F(SettingsTest, SendersThatCannotBeAreTold) {
  load_with(
      "[[listen]]\naddress = \"127.0.0.1:8080\"\ntrusted_proxies = [\"proxy.example.com\"]\n"
      "client_ca_file = \"none.pem\"\n"
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"\nallow_from = "
      "[\"10.0.0.1/8\"]\n"
      "[[source]]\nname = \"t\"\norg = \"acme\"\nkind = \"webhook\"\nallow_from = []\n");
  EXPECT_TRUE(told({":7:", "trusted_proxies", "no IP address"})) << all();
  EXPECT_TRUE(told({":8:", "client_ca_file", "of no use without certificate_file"})) << all();
  EXPECT_TRUE(told({":13:", "allow_from", "behind its length"})) << all();
  EXPECT_TRUE(told({":18:", "allow_from", "is empty"})) << all();
}

TEST_F(SettingsTest, NamesInCertificatesNeedAListenerThatAsksForOne) {
  load_with(
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"\nclient_names = "
      "[\"pbx\"]\n");
  EXPECT_TRUE(told({"client_names", "no [[listen]] has a client_ca_file"})) << all();
}

TEST_F(SettingsTest, RetriesAreAsTheDialectSaysUnlessTheSourceSaysOtherwise) {
  folder.write(
      "d.json",
      R"({"dialect":"d","decode":["json"],"retries":false,"rules":[{"emit":{"type":"ringing"}}]})");
  const std::string source =
      "[[source]]\nname = \"s\"\norg = \"acme\"\nkind = \"webhook\"\ndialect = \"./d.json\"\n";
  EXPECT_FALSE(load_with(source)->webhooks.at("s").retries);
  EXPECT_TRUE(load_with(source + "retries = true\n")->webhooks.at("s").retries);
}

TEST_F(SettingsTest, ValuesOfSecretsAreKnownSoThatTheyAreNotRecorded) {
  folder.write("cloud.secret", "cloud-test-secret");
  const auto settings = load_with(kWebhook + "secret_file = \"cloud.secret\"\n");
  ASSERT_EQ(settings->webhooks.at("cloud").secrets.size(), 1U);
  EXPECT_EQ(settings->webhooks.at("cloud").secrets[0].reveal(), "cloud-test-secret");
}

}  // namespace
}  // namespace hookswitch
