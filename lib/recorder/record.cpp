#include "recorder/record.hpp"

#include <algorithm>
#include <set>

namespace hookswitch::record {
namespace {

constexpr std::size_t kPeopleMax = 100'000;
constexpr std::int64_t kLimitMax = 366LL * 86'400'000;

/// Every limit by name: the one place that knows them all.
template <class Limits, class Visit>
void each_limit(Limits& limits, Visit visit) {
  visit("settle_ms", limits.settle);
  visit("fusion_window_ms", limits.fusion_window);
  visit("tuple_guard_ms", limits.tuple_guard);
  visit("keep_ended_ms", limits.keep_ended);
  visit("unanswered_silence_ms", limits.unanswered_silence);
  visit("answered_silence_ms", limits.answered_silence);
  visit("check_time_ms", limits.check_time);
}

/// Every flag of a source's rules by name; likewise.
template <class Rules, class Visit>
void each_flag(Rules& rules, Visit visit) {
  visit("fuses", rules.fuses);
  visit("confirms_early", rules.confirms_early);
  visit("callback_is_caller", rules.callback_is_caller);
}

std::string text_of(const json::Value& object, std::string_view name) {
  return std::string{json::find_string(object, name).value_or("")};
}

}  // namespace

void write_fact(json::Writer& out, const Fact& fact) {
  out.member("t", to_unix_ms(fact.received));
  out.member("org", std::string_view{fact.org}).member("source", std::string_view{fact.source});
  out.key("fact");
  write_json(out, fact);
}

Result<Fact> read_fact(const json::Value& line) {
  const json::Value* native = json::find(line, "fact");
  const auto at = read_time(line);
  const auto org = json::find_string(line, "org"), source = json::find_string(line, "source");
  if (native == nullptr || !at || !org || !source)
    return Error{Errc::bad_request, "lacks t, org, source or fact"};
  auto fact = fact_from_json(*native);
  if (!fact) return fact.error();
  fact->received = *at;
  fact->org = std::string{*org};
  fact->source = std::string{*source};
  return fact;
}

void write_directory(json::Writer& out, Time at, const Directory& directory,
                     const std::vector<std::string>& orgs) {
  std::set<std::string> ids{orgs.begin(), orgs.end()};
  const auto users = directory.users();
  for (const User* user : users) ids.insert(user->org);
  out.member("t", to_unix_ms(at)).key("orgs").begin_array();
  for (const auto& id : ids) {
    const Org* org = directory.find_org(id);
    if (org == nullptr) continue;
    out.begin_object().member("id", org->id).member("country", org->country);
    out.member("number", org->number).end_object();
  }
  out.end_array().key("users").begin_array();
  for (const User* user : users) {
    out.begin_object().member("org", user->org).member("id", user->id).member("name", user->name);
    out.member("email", user->email);
    write_texts(out, "extensions", user->extensions);
    out.end_object();
  }
  out.end_array();
}

void write_directory_of(json::Writer& out, const json::Value& line, std::string_view org) {
  out.member("t", json::find_int(line, "t").value_or(0));
  for (const char* list : {"orgs", "users"}) {
    out.key(list).begin_array();
    if (const json::Value* items = json::find(line, list); items != nullptr && items->IsArray())
      for (const auto& item : items->GetArray())
        if (json::find_string(item, *list == 'o' ? "id" : "org") == org) out.value(item);
    out.end_array();
  }
}

Result<std::shared_ptr<const Directory>> read_directory(const json::Value& line) {
  const json::Value *orgs = json::find(line, "orgs"), *users = json::find(line, "users");
  if (orgs == nullptr || !orgs->IsArray() || users == nullptr || !users->IsArray() ||
      orgs->Size() > kPeopleMax || users->Size() > kPeopleMax)
    return Error{Errc::bad_request, "lacks the lists orgs and users"};
  const Error twice{Errc::bad_request, "an organisation, user or extension is there twice"};
  auto out = std::make_shared<Directory>();
  for (const auto& item : orgs->GetArray()) {
    Org org;
    org.id = text_of(item, "id");
    org.country = text_of(item, "country");
    org.number = text_of(item, "number");
    if (out->find_org(org.id) != nullptr) return twice;
    out->add(std::move(org));
  }
  for (const auto& item : users->GetArray()) {
    User user;
    user.org = text_of(item, "org");
    user.id = text_of(item, "id");
    user.name = text_of(item, "name");
    user.email = text_of(item, "email");
    user.extensions = read_texts(item, "extensions");
    if (out->find_user(user.org, user.id) != nullptr) return twice;
    for (const auto& ext : user.extensions)
      if (out->find_by_ext(user.org, ext) != nullptr) return twice;
    out->add(std::move(user));
  }
  return std::shared_ptr<const Directory>{std::move(out)};
}

void write_settings(json::Writer& out, Time at, const CallLimits& limits,
                    const std::vector<SourceSettings>& sources, std::string_view org) {
  out.member("t", to_unix_ms(at)).key("limits").begin_object();
  each_limit(limits, [&](const char* name, const auto& limit) {
    out.member(name, static_cast<std::int64_t>(milliseconds{limit}.count()));
  });
  out.end_object().key("sources").begin_array();
  for (const auto& source : sources) {
    if (!org.empty() && source.org != org) continue;
    out.begin_object().member("org", source.org).member("name", source.name);
    write_texts(out, "key_headers", source.rules.key_headers);
    each_flag(source.rules, [&](const char* name, bool flag) { out.member(name, flag); });
    out.member("checkable", source.checkable).end_object();
  }
  out.end_array();
}

CallLimits read_limits(const json::Value& line) {
  CallLimits out;
  const json::Value* limits = json::find(line, "limits");
  if (limits == nullptr) return out;
  each_limit(out, [&](const char* name, auto& limit) {
    const auto told = json::find_int(*limits, name);
    if (!told || *told < 0 || *told > kLimitMax) return;
    limit =
        std::chrono::duration_cast<std::remove_reference_t<decltype(limit)>>(milliseconds{*told});
  });
  return out;
}

std::vector<SourceSettings> read_sources(const json::Value& line) {
  std::vector<SourceSettings> out;
  const json::Value* sources = json::find(line, "sources");
  if (sources == nullptr || !sources->IsArray()) return out;
  for (const auto& item : sources->GetArray()) {
    SourceSettings source;
    source.org = text_of(item, "org");
    source.name = text_of(item, "name");
    source.rules.key_headers = read_texts(item, "key_headers");
    each_flag(source.rules, [&](const char* name, bool& flag) {
      flag = json::find_bool(item, name).value_or(flag);
    });
    source.checkable = json::find_bool(item, "checkable").value_or(false);
    out.push_back(std::move(source));
  }
  return out;
}

std::optional<Time> read_time(const json::Value& line) {
  const auto ms = json::find_int(line, "t");
  // Years beyond 9999 are no times of a recording, and arithmetic on them would overflow.
  if (!ms || *ms < 0 || *ms > 253'402'300'799'999) return std::nullopt;
  return from_unix_ms(*ms);
}

std::vector<std::string> read_texts(const json::Value& line, std::string_view name) {
  std::vector<std::string> out;
  const json::Value* list = json::find(line, name);
  if (list == nullptr || !list->IsArray()) return out;
  for (const auto& item : list->GetArray())
    if (item.IsString()) out.emplace_back(json::text(item));
  return out;
}

}  // namespace hookswitch::record
