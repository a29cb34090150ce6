#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "calls/call_table.hpp"
#include "calls/source_book.hpp"
#include "directory/directory.hpp"
#include "model/fact.hpp"

/// The parts of a line of a recording, each as a pair: written into an object that is open, read
/// from the parsed line. What is written and read again is equal, member for member.
namespace hookswitch::record {

/// `"t","org","source","fact":{…}`. The native dialect leaves out what the daemon sets, so that
/// stands beside it; a new member of Fact that write_json(Fact) leaves out belongs here.
void write_fact(json::Writer& out, const Fact& fact);
/// Errors: bad_request.
Result<Fact> read_fact(const json::Value& line);

/// `"t","orgs":[…],"users":[…]`: all users, and the organisations `orgs` and those of the users.
void write_directory(json::Writer& out, Time at, const Directory& directory,
                     const std::vector<std::string>& orgs);
/// As above, read and written again with what concerns `org` alone.
void write_directory_of(json::Writer& out, const json::Value& line, std::string_view org);
/// Errors: bad_request.
Result<std::shared_ptr<const Directory>> read_directory(const json::Value& line);

/// What the call table is told of one source besides its facts.
struct SourceSettings {
  std::string org, name;
  SourceRules rules;
  bool checkable = false;  ///< it can be asked whether a call still lives
  friend bool operator==(const SourceSettings&, const SourceSettings&) = default;
};

/// `"t","limits":{…},"sources":[…]`: how the table is set up. With an `org` only its sources.
void write_settings(json::Writer& out, Time at, const CallLimits& limits,
                    const std::vector<SourceSettings>& sources, std::string_view org = {});
CallLimits read_limits(const json::Value& line);
std::vector<SourceSettings> read_sources(const json::Value& line);

/// The member `t` (milliseconds since 1970); nullopt when missing.
std::optional<Time> read_time(const json::Value& line);
/// The list of texts `name`; empty when missing. Items that are no texts are left out.
std::vector<std::string> read_texts(const json::Value& line, std::string_view name);

/// `"calls":[…]`, each once: a step may name a call more than once. Ranges are short.
template <class Range>
void write_calls(json::Writer& out, const Range& ids) {
  out.key("calls").begin_array();
  for (auto it = ids.begin(); it != ids.end(); ++it) {
    const std::string_view id = *it;
    const auto same = [&](std::string_view other) { return other == id; };
    if (std::find_if(ids.begin(), it, same) == it) out.string(id);
  }
  out.end_array();
}

/// A list of texts, whatever kind of text the range holds.
template <class Range>
void write_texts(json::Writer& out, std::string_view name, const Range& texts) {
  out.key(name).begin_array();
  for (const auto& text : texts) {
    const std::string_view view = text;
    out.string(view);
  }
  out.end_array();
}

}  // namespace hookswitch::record
