#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "unit/scenarios/runner.hpp"
#include "unit/sources_webhook/hook_fixture.hpp"

/// Reads tests/data/payloads/<dialect>/sequences.json (the README.md there tells the form).
namespace hookswitch::dialect_sequences {

using hookswitch::testing::read_bytes;
using hookswitch::testing::source_root;
using Names = std::vector<std::string>;

inline std::filesystem::path payload_folder() { return source_root() / "tests/data/payloads"; }

/// Every folder of payloads, sorted.
inline Names folder_names() {
  Names out;
  for (const auto& each : std::filesystem::directory_iterator{payload_folder()})
    if (each.is_directory()) out.push_back(each.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

inline Names texts_of(const json::Value* list) {
  Names out;
  if (list != nullptr && list->IsArray())
    for (const auto& item : list->GetArray())
      out.emplace_back(item.IsString() ? json::text(item) : std::string_view{"?"});
  return out;
}

/// Why a member of `object` is not one of `known`; empty: all are.
inline std::string unknown_member(const json::Value& object, const Names& known) {
  for (const auto& member : object.GetObject())
    if (std::find(known.begin(), known.end(), json::text(member.name)) == known.end())
      return "unknown member " + std::string{json::text(member.name)};
  return {};
}

/// One folder: its file, and the source that its requests come from.
struct Folder {
  std::string name, problem;
  json::Document document;
  HookOptions options;
  std::shared_ptr<const Directory> people;
  Time received = hookswitch::testing::kReceived;

  const json::Value* list(const char* member) const {
    const json::Value* out = json::find(document, member);
    return out != nullptr && out->IsArray() ? out : nullptr;
  }
};

inline std::shared_ptr<const Directory> people_of(const json::Value* users) {
  if (users == nullptr) return scenarios::people();
  auto out = std::make_shared<Directory>();
  out->add(Org{"acme", "US", "+12025550100"});
  for (const auto& user : users->GetArray())
    out->add(User{"acme", std::string{json::find_string(user, "id").value_or("")},
                  std::string{json::find_string(user, "name").value_or("")},
                  std::string{json::find_string(user, "email").value_or("")},
                  texts_of(json::find(user, "extensions"))});
  return out;
}

inline Folder read_folder(const std::string& name) {
  Folder out;
  out.name = name;
  auto document = json::parse(read_bytes(payload_folder() / name / "sequences.json"));
  if (!document) {
    out.problem = document.error().detail;
    return out;
  }
  out.document = std::move(*document);
  const json::Value& root = out.document;
  out.problem = unknown_member(
      root, {"origin", "source", "people", "proof", "unsigned", "sequences", "single"});
  if (!json::find_string(root, "origin")) out.problem = "lacks origin";
  out.options.org = "acme";
  out.options.source = "cloud";
  out.people = people_of(json::find(root, "people"));
  auto lines = std::make_shared<std::set<std::string, std::less<>>>();
  for (const User* user : out.people->users())
    lines->insert(user->extensions.begin(), user->extensions.end());
  out.options.numbers.extensions = lines;
  const json::Value* source = json::find(root, "source");
  if (source == nullptr) return out;
  if (auto wrong = unknown_member(*source, {"secrets", "public_url", "tz", "country", "org_country",
                                            "intl_prefix", "strip_prefixes", "e164_without_plus",
                                            "short_is_extension", "received", "quirks"});
      !wrong.empty())
    out.problem = "source: " + wrong;
  const auto text = [&](const char* member) {
    return std::string{json::find_string(*source, member).value_or("")};
  };
  out.options.public_url = text("public_url");
  out.options.time_zone = text("tz");
  out.options.org_country = text("org_country");
  out.options.numbers.country = text("country");
  out.options.numbers.intl_prefix = text("intl_prefix");
  out.options.numbers.strip_prefixes = texts_of(json::find(*source, "strip_prefixes"));
  out.options.numbers.e164_without_plus =
      json::find_bool(*source, "e164_without_plus").value_or(false);
  out.options.numbers.short_is_extension =
      json::find_bool(*source, "short_is_extension").value_or(false);
  if (const auto at = json::find_string(*source, "received")) {
    if (const auto time = parse_rfc3339(*at))
      out.received = *time;
    else
      out.problem = "source: received is no time";
  }
  if (const json::Value* secrets = json::find(*source, "secrets"))
    for (const auto& secret : secrets->GetObject())
      out.options.secrets[std::string{json::text(secret.name)}].push_back(
          Secret{std::string{json::text(secret.value)}});
  return out;
}

/// The request as it is in the folder, at the time that its note `# received …` tells.
inline HookRequest request_of(const Folder& folder, const std::string& name) {
  HookRequest out = hookswitch::testing::recorded(folder.name, name);
  out.received = folder.received;
  std::istringstream headers{read_bytes(payload_folder() / folder.name / (name + ".headers"))};
  const std::string note = "# received ";
  for (std::string line; std::getline(headers, line);)
    if (line.starts_with(note))
      if (const auto at = parse_rfc3339(trim(line.substr(note.size())))) out.received = *at;
  return out;
}

// --- facts through the fold

/// What one request of a sequence gave.
struct Given {
  std::string request;
  std::vector<Fact> facts;
};

inline bool has_no_time(const Fact& fact) {
  return !fact.at && fact.type != FactType::recording && fact.type != FactType::updated &&
         fact.type != FactType::dtmf;
}

/// A scenario of those facts. What comes without a time was sent a second after what came before
/// it. `sequence` may say `times`.
inline scenarios::Scenario scenario_of(const Folder& folder, const json::Value& sequence,
                                       const std::vector<Given>& given) {
  scenarios::Scenario out;
  out.name = folder.name + "/" + std::string{json::find_string(sequence, "name").value_or("")};
  out.document.SetObject();
  if (const json::Value* source = json::find(folder.document, "source"))
    if (const json::Value* quirks = json::find(*source, "quirks"))
      out.document.AddMember("quirks", json::Value{*quirks, out.document.GetAllocator()},
                             out.document.GetAllocator());
  bool all_told = true;
  // Those before the first that tells its time came before that.
  Time now = folder.received;
  std::int64_t before = 0;
  for (std::size_t i = given.size(); i-- > 0;)
    for (std::size_t j = given[i].facts.size(); j-- > 0;) {
      before = given[i].facts[j].at ? 0 : before + 1;
      now = given[i].facts[j].at.value_or(now);
    }
  now -= milliseconds{1000 * (before + 1)};
  for (const auto& each : given) {
    Time sent = now + milliseconds{50};
    for (const auto& fact : each.facts) {
      if (fact.at) sent = std::max(sent, *fact.at + milliseconds{50});
      if (has_no_time(fact)) {
        sent = std::max(sent, now + milliseconds{1000});
        all_told = false;
      }
    }
    for (const auto& fact : each.facts) {
      scenarios::Said said{fact, 0};
      said.fact.received = sent;
      out.facts.push_back(std::move(said));
    }
    now = sent;
  }
  out.times = json::find_bool(sequence, "times").value_or(all_told);
  return out;
}

/// Facts of `requests` (places in `given`) as they come when the requests come 10 ms apart after
/// everything has happened, each with all its facts at once. The `first_requests` come
/// when they came.
inline std::vector<scenarios::Arrival> arrivals_of(const scenarios::Scenario& scenario,
                                                   const std::vector<Given>& given,
                                                   const std::vector<std::size_t>& requests,
                                                   std::size_t first_requests = 0) {
  std::vector<std::size_t> first{0};
  for (const auto& each : given) first.push_back(first.back() + each.facts.size());
  Time at = scenario.facts.back().fact.received;
  std::vector<scenarios::Arrival> out;
  for (std::size_t place = 0; place < requests.size(); ++place) {
    const std::size_t request = requests[place];
    for (std::size_t i = 0; i < given[request].facts.size(); ++i)
      out.push_back({first[request] + i, place < first_requests
                                             ? scenario.facts[first[request] + i].fact.received
                                             : at});
    at += milliseconds{10};
  }
  return out;
}

// --- bytes that are not signed

struct Range {
  std::size_t begin = 0, end = 0;
  std::string what;
};

/// Where a form has the field `name`: from its name to the end of its value.
inline std::vector<Range> form_field(const std::string& body, const std::string& name) {
  std::vector<Range> out;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t end = std::min(body.find('&', at), body.size());
    if (body.compare(at, name.size() + 1, name + "=") == 0) out.push_back({at, end, name});
    at = end + 1;
  }
  return out;
}

}  // namespace hookswitch::dialect_sequences
