#include "recorder/capture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "recorder/record.hpp"
#include "recorder/replay.hpp"
#include "recorder/segments.hpp"

namespace hookswitch {
namespace {

using Ids = std::set<std::string>;

constexpr std::size_t kInputsOfOthersMax = 200'000;
constexpr auto kAround = std::chrono::minutes{1};

/// Whether `text` stands in JSON, also in JSON within JSON, as it is.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c != '"' && c != '\\' && (c & 0xe0) != 0 && c != 0x7f; });
}

bool has(std::string_view line, std::string_view what) {
  return line.find(what) != std::string_view::npos;
}

bool holds_text(const json::Value& value, std::string_view text) {
  if (value.IsString()) return json::text(value) == text;
  if (value.IsArray()) {
    for (const auto& item : value.GetArray())
      if (holds_text(item, text)) return true;
  } else if (value.IsObject()) {
    for (const auto& item : value.GetObject())
      if (holds_text(item.value, text)) return true;
  }
  return false;
}

/// Call ids that name the same call: merged ones with what they were merged into.
class Aliases {
 public:
  void same(const std::string& one, const std::string& two) {
    const std::string a = root(one), b = root(two);
    if (a != b) up_[a] = b;
  }
  Ids all_of(const Ids& ids) const {
    Ids roots, out = ids;
    for (const auto& id : ids) roots.insert(root(id));
    for (const auto& [id, above] : up_)
      if (roots.contains(root(id))) out.insert({id, root(id)});
    return out;
  }

 private:
  std::string root(std::string id) const {
    for (auto at = up_.find(id); at != up_.end(); at = up_.find(id)) id = at->second;
    return id;
  }
  std::map<std::string, std::string> up_;
};

struct Found {
  std::string call;  ///< empty: nothing
  Aliases aliases;
  std::optional<Time> begins;
};

/// Reads the whole recording once: which call bears the id, and who was merged with whom.
Result<Found> look_up(const std::string& folder, std::string_view any_id) {
  Found out;
  std::string by_call_id, by_other_id;
  const bool plain = is_plain(any_id);
  const auto take = [&](std::string_view line) {
    const bool may_name = !plain || has(line, any_id);
    const bool merge = has(line, "call.merged");
    const bool first = !out.begins && line.starts_with(R"({"in":"directory")");
    if (!may_name && !merge && !first) return true;
    const auto parsed = json::parse(line, own_line_limits());
    if (!parsed) return true;
    if (first) out.begins = record::read_time(*parsed);
    if (const auto frame = json::find_string(*parsed, "out")) {
      const auto call = json::find_string(*parsed, "call");
      const auto event = json::parse(*frame, own_line_limits());
      if (!call || !event) return true;
      const json::Value* data = json::find(*event, "data");
      if (data == nullptr) return true;
      const auto absorbed = json::find_string(*data, "absorbed");
      if (absorbed) out.aliases.same(std::string{*absorbed}, std::string{*call});
      if (*call == any_id || absorbed == any_id) by_call_id = std::string{*call};
      if (const json::Value* told = json::find(*data, "call"))
        if (const json::Value* ids = json::find(*told, "ids"); ids && holds_text(*ids, any_id))
          by_other_id = std::string{*call};
    } else if (const json::Value* fact = json::find(*parsed, "fact")) {
      const auto calls = record::read_texts(*parsed, "calls");
      if (const json::Value* ids = json::find(*fact, "ids"))
        if (!calls.empty() && holds_text(*ids, any_id)) by_other_id = calls.back();
    }
    return true;
  };
  if (const auto read = segments::each_line(folder, take); !read) return read.error();
  out.call = by_call_id.empty() ? by_other_id : by_call_id;
  return out;
}

/// How much is fed to the table besides what touched the call itself.
enum class Scope { call, neighbours, organisation };

class Collector {
 public:
  /// `feed`: the calls whose inputs are wanted; for Scope::organisation all are, from `from` on.
  Collector(Ids ours, Ids feed, Scope scope, std::optional<Time> from)
      : ours_(std::move(ours)), feed_(std::move(feed)), scope_(scope), from_(from) {
    watched_ = feed_;
  }

  bool take(std::string_view line) {
    const bool other = line.starts_with(R"({"in":"directory")") ||
                       line.starts_with(R"({"in":"settings")") ||
                       line.starts_with(R"({"in":"gap")");
    if (line.starts_with(R"({"in":"raw")")) {
      last_raw_ = line;
      return true;
    }
    const auto named = [&](const std::string& id) { return has(line, id); };
    if (!other && scope_ != Scope::organisation &&
        std::none_of(watched_.begin(), watched_.end(), named))
      return true;
    const auto parsed = json::parse(line, own_line_limits());
    if (!parsed) return true;  // not ours to mend: what is missing shows in the replay
    if (json::find(*parsed, "out") != nullptr)
      event(*parsed);
    else if (const auto kind = json::find_string(*parsed, "in"))
      input(*parsed, *kind);
    return true;
  }

  Result<Bundle> finish() {
    // The organisation went on; the call did not.
    bundle_.inputs.resize(inputs_of_feed_);
    std::erase_if(first_touch_,
                  [&](const auto& one) { return one.second >= bundle_.inputs.size(); });
    for (const auto& id : started_)
      if (const auto at = first_touch_.find(id); at != first_touch_.end())
        bundle_.inputs[at->second].created.push_back(id);
    std::copy_if(started_.begin(), started_.end(), std::back_inserter(bundle_.calls),
                 [&](const auto& id) { return ours_.contains(id); });
    if (bundle_.calls.size() != ours_.size() || bundle_.inputs.empty())
      return Error{Errc::not_found, "the beginning of this call is no longer in the recording"};
    if (gap_) bundle_.notes.emplace_back("lines are missing in the recording during this call");
    return std::move(bundle_);
  }

  const Ids& touched() const { return touched_; }
  std::optional<Time> began() const { return began_; }

 private:
  void event(const json::Value& line) {
    const auto frame = json::find_string(line, "out"), call = json::find_string(line, "call");
    if (!call) return;
    const std::string id{*call};
    if (has(*frame, R"("type":"call.started")") &&
        std::find(started_.begin(), started_.end(), id) == started_.end())
      started_.push_back(id);
    if (!ours_.contains(id)) return;
    bundle_.events.push_back({std::string{*frame}, id, record::read_texts(line, "audience")});
    if (bundle_.org.empty()) bundle_.org = std::string{json::find_string(line, "org").value_or("")};
  }

  void input(const json::Value& line, std::string_view kind) {
    if (kind == "settings") {
      settings_ = json::to_string(line);
    } else if (kind == "gap") {
      gap_ahead_ = !bundle_.inputs.empty();
    } else if (kind == "directory") {
      directory_ = json::to_string(line);
    } else {
      fed(line, kind);
    }
  }

  bool wanted(const json::Value& line, const std::vector<std::string>& calls) const {
    if (scope_ != Scope::organisation)
      return std::any_of(calls.begin(), calls.end(),
                         [&](const auto& id) { return feed_.contains(id); });
    const auto org = json::find_string(line, "org");
    return record::read_time(line) >= from_ && (!org || org_.empty() || *org == org_);
  }

  void fed(const json::Value& line, std::string_view kind) {
    auto calls = record::read_texts(line, "calls");
    if (!wanted(line, calls)) return;
    BundleInput input;
    if (kind == "fact") {
      auto fact = record::read_fact(line);
      if (!fact) return;
      input.kind = BundleInput::Kind::fact;
      input.fact = std::move(*fact);
      if (org_.empty()) org_ = std::string{input.fact.org};
      if (const auto raw = json::find_int(line, "raw"))
        if (const auto told = json::parse(last_raw_, own_line_limits());
            told && json::find_int(*told, "raw") == raw)
          input.raw = last_raw_;
    } else if (kind == "restart") {
      input.kind = BundleInput::Kind::restart;
      input.org = std::string{json::find_string(line, "org").value_or("")};
      input.source = std::string{json::find_string(line, "source").value_or("")};
      if (org_.empty()) org_ = input.org;
    } else if (kind != "tick") {
      return;
    }
    const auto at = record::read_time(line);
    if (!at) return;
    input.at = *at;
    gap_ = gap_ || gap_ahead_;
    if (!began_) began_ = input.at;
    settings(*at);
    directory(*at);
    for (const auto& id : calls) {
      touched_.insert(id);
      watched_.insert(id);
      first_touch_.try_emplace(id, bundle_.inputs.size());
    }
    const bool of_feed =
        std::any_of(calls.begin(), calls.end(), [&](const auto& id) { return feed_.contains(id); });
    input.calls = std::move(calls);
    bundle_.inputs.push_back(std::move(input));
    if (of_feed) inputs_of_feed_ = bundle_.inputs.size();
  }

  /// The source rules in force, as far as this organisation goes, if they are news.
  void settings(Time at) {
    if (settings_.empty()) return;
    const auto parsed = json::parse(settings_, own_line_limits());
    settings_.clear();
    if (!parsed) return;
    BundleInput input;
    input.kind = BundleInput::Kind::settings;
    input.at = at;
    for (auto& source : record::read_sources(*parsed))
      if (source.org == org_) input.sources.push_back(std::move(source));
    if (rules_ == input.sources) return;
    rules_ = input.sources;
    if (bundle_.inputs.empty()) bundle_.limits = record::read_limits(*parsed);
    bundle_.inputs.push_back(std::move(input));
  }

  /// The directory in force, as far as this organisation goes, if it is news.
  void directory(Time at) {
    if (directory_.empty()) return;
    const auto parsed = json::parse(directory_, own_line_limits());
    directory_.clear();
    if (!parsed) return;
    json::Writer out;
    out.begin_object();
    record::write_directory_of(out, *parsed, org_);
    out.end_object();
    const auto only = json::parse(out.view(), own_line_limits());
    if (!only) return;
    auto read = record::read_directory(*only);
    if (!read) return;
    const std::string people = out.str().substr(out.view().find(R"("orgs")"));  // without its time
    if (people == people_) return;
    people_ = people;
    BundleInput input;
    input.kind = BundleInput::Kind::directory;
    input.at = at;
    input.directory = std::move(*read);
    bundle_.inputs.push_back(std::move(input));
  }

  Ids ours_, feed_, watched_, touched_;
  Scope scope_;
  std::optional<Time> from_, began_;
  Bundle bundle_;
  std::string org_, last_raw_, settings_, directory_, people_;
  std::optional<std::vector<record::SourceSettings>> rules_;
  std::map<std::string, std::size_t> first_touch_;
  std::vector<std::string> started_;
  bool gap_ = false, gap_ahead_ = false;
  std::size_t inputs_of_feed_ = 0;
};

std::string where(const Difference& difference) {
  return fmt::format("the replay differs at event {}{}{}", difference.event,
                     difference.pointer.empty() ? "" : " ", difference.pointer);
}

}  // namespace

Result<Bundle> capture(const std::string& folder, std::string_view any_id,
                       const std::string& version) {
  if (segments::list(folder).empty())
    return Error{Errc::not_found, fmt::format("there is no recording in {}", folder)};
  const auto found = look_up(folder, any_id);
  if (!found) return found.error();
  if (any_id.empty() || found->call.empty())
    return Error{Errc::not_found,
                 fmt::format("no call of that id is in the recording, which begins {}",
                             found->begins ? to_rfc3339(*found->begins) : "later")};
  // From what touched the call itself outwards, until it is told the same way again: what other
  // calls were there decides whether two sources' facts are of one call.
  struct Attempt {
    Scope scope;
    const char* note;
  };
  static constexpr Attempt kAttempts[] = {
      {Scope::call, nullptr},
      {Scope::neighbours, "inputs of other calls are included: they bear on this one"},
      {Scope::organisation, "all inputs of the organisation around this call are included"},
      {Scope::organisation, "all inputs of the organisation up to its end are included"},
  };
  const Ids ours = found->aliases.all_of({found->call});
  Ids feed = ours;
  std::optional<Time> from;
  std::optional<Bundle> best;
  for (const auto& [scope, note] : kAttempts) {
    Collector collector{ours, feed, scope, from};
    const auto read =
        segments::each_line(folder, [&](std::string_view line) { return collector.take(line); });
    if (!read) return read.error();
    auto bundle = collector.finish();
    if (!bundle) return bundle.error();
    if (best && bundle->inputs.size() > kInputsOfOthersMax) break;
    bundle->version = version;
    if (note != nullptr) bundle->notes.emplace_back(note);
    const auto difference = replay(*bundle).difference;
    if (difference) bundle->known_problem = where(*difference);
    if (!difference || !best) best = std::move(*bundle);
    if (!difference) break;
    feed = found->aliases.all_of(collector.touched());
    if (scope == Scope::neighbours) from = collector.began().value_or(Time{}) - kAround;
    if (scope == Scope::organisation) from = Time{};
  }
  return std::move(*best);
}

}  // namespace hookswitch
