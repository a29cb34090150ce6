#include "recorder/bundle.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "recorder/record.hpp"
#include "recorder/segments.hpp"

namespace hookswitch {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr std::size_t kCreatedMax = 16;  // one fact begins one call

Error wrong(std::string what) { return Error{Errc::bad_request, std::move(what)}; }

Result<void> read_header(const json::Value& line, Bundle& out) {
  if (json::find_int(line, "hookswitch_bundle") != kFormat)
    return wrong("is no header of a bundle of format 1");
  const auto text = [&](std::string_view name) {
    return std::string{json::find_string(line, name).value_or("")};
  };
  out.version = text("version");
  out.org = text("org");
  out.known_problem = text("known_problem");
  out.calls = record::read_texts(line, "calls");
  out.notes = record::read_texts(line, "notes");
  out.redacted = json::find_bool(line, "redacted").value_or(false);
  if (out.org.empty() || out.calls.empty()) return wrong("lacks org or calls");
  return {};
}

Result<void> read_line(const json::Value& line, Bundle& out) {
  if (const auto frame = json::find_string(line, "out")) {
    const auto call = json::find_string(line, "call");
    if (!call) return wrong("is an event without a call");
    out.events.push_back(
        {std::string{*frame}, std::string{*call}, record::read_texts(line, "audience")});
    return {};
  }
  const auto kind = json::find_string(line, "in");
  const auto at = record::read_time(line);
  if (!kind || !at) return wrong("is neither an input with a time nor an event");
  BundleInput input;
  input.at = *at;
  input.calls = record::read_texts(line, "calls");
  input.created = record::read_texts(line, "created");
  if (input.created.size() > kCreatedMax) return wrong("creates too many calls");
  if (*kind == "fact") {
    auto fact = record::read_fact(line);
    if (!fact) return fact.error();
    input.kind = BundleInput::Kind::fact;
    input.fact = std::move(*fact);
    if (const json::Value* raw = json::find(line, "raw_input")) input.raw = json::to_string(*raw);
  } else if (*kind == "tick") {
    input.kind = BundleInput::Kind::tick;
  } else if (*kind == "restart") {
    input.kind = BundleInput::Kind::restart;
    input.org = std::string{json::find_string(line, "org").value_or("")};
    input.source = std::string{json::find_string(line, "source").value_or("")};
  } else if (*kind == "settings") {
    input.kind = BundleInput::Kind::settings;
    input.sources = record::read_sources(line);
    // The table takes its limits when it is made: the first word counts.
    const bool first = std::none_of(out.inputs.begin(), out.inputs.end(), [](const auto& one) {
      return one.kind == BundleInput::Kind::settings;
    });
    if (first) out.limits = record::read_limits(line);
  } else if (*kind == "directory") {
    auto directory = record::read_directory(line);
    if (!directory) return directory.error();
    input.kind = BundleInput::Kind::directory;
    input.directory = std::move(*directory);
  } else {
    return wrong("is an input of a kind that this version does not know");
  }
  out.inputs.push_back(std::move(input));
  return {};
}

void write_input(json::Writer& out, const BundleInput& input, const Bundle& bundle) {
  out.begin_object();
  switch (input.kind) {
    case BundleInput::Kind::settings:
      out.member("in", "settings");
      record::write_settings(out, input.at, bundle.limits, input.sources);
      break;
    case BundleInput::Kind::restart:
      out.member("in", "restart").member("t", to_unix_ms(input.at));
      out.member("org", input.org).member("source", input.source);
      break;
    case BundleInput::Kind::directory:
      out.member("in", "directory");
      record::write_directory(out, input.at, *input.directory, {bundle.org});
      break;
    case BundleInput::Kind::fact:
      out.member("in", "fact");
      record::write_fact(out, input.fact);
      if (!input.raw.empty()) out.key("raw_input").raw(input.raw);
      break;
    case BundleInput::Kind::tick:
      out.member("in", "tick").member("t", to_unix_ms(input.at));
      break;
  }
  if (!input.calls.empty()) record::write_texts(out, "calls", input.calls);
  if (!input.created.empty()) record::write_texts(out, "created", input.created);
  out.end_object();
}

}  // namespace

json::Limits own_line_limits() {
  return {.bytes_max = segments::kLineBytesMax, .values_max = segments::kLineBytesMax};
}

Result<Bundle> read_bundle(std::string_view text) {
  if (text.size() > kBundleBytesMax) return wrong("is too large for a bundle");
  Bundle out;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto at = [&](const Error& error) {
      return wrong(fmt::format("line {}: {}", number, error.detail));
    };
    if (++number > kBundleLinesMax) return at(wrong("there are too many lines"));
    const auto parsed = json::parse(line, own_line_limits());
    if (!parsed) return at(parsed.error());
    if (!parsed->IsObject()) return at(wrong("is no object"));
    const auto read = number == 1 ? read_header(*parsed, out) : read_line(*parsed, out);
    if (!read) return at(read.error());
  }
  if (number == 0) return wrong("is empty");
  return out;
}

std::string write_bundle(const Bundle& bundle) {
  json::Writer out;
  out.begin_object().member("hookswitch_bundle", kFormat).member("version", bundle.version);
  out.member("org", bundle.org);
  record::write_texts(out, "calls", bundle.calls);
  if (bundle.redacted) out.member("redacted", true);
  if (!bundle.notes.empty()) record::write_texts(out, "notes", bundle.notes);
  if (!bundle.known_problem.empty()) out.member("known_problem", bundle.known_problem);
  out.end_object();
  std::string text = out.str() + "\n";
  const auto add = [&] {
    text += out.view();
    text += '\n';
  };
  for (const auto& input : bundle.inputs) {
    out.clear();
    write_input(out, input, bundle);
    add();
  }
  for (const auto& event : bundle.events) {
    out.clear();
    out.begin_object().member("out", event.frame).member("call", event.call);
    record::write_texts(out, "audience", event.audience);
    out.end_object();
    add();
  }
  return text;
}

}  // namespace hookswitch
