#include "daemon/commands/dialect_new.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"
#include "daemon/commands/dialect_guess.hpp"
#include "daemon/commands/saved_request.hpp"

namespace hookswitch {
namespace {

std::string quoted(std::string_view text) {
  json::Writer out;
  out.string(text);
  return out.str();
}

/// A comment's text on one line, without what a terminal would act upon.
std::string shown(std::string_view text) {
  std::string out{text.substr(0, 60)};
  while (!out.empty() && !is_utf8(out)) out.pop_back();
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

/// What pointers see after these steps; an error where they fail.
Result<std::string> document_after(const std::string& steps, const HookRequest& request) {
  const auto compiled = compile_dialect(
      fmt::format(R"({{"dialect":"try","methods":[{}],"decode":{},"rules":[{{"emit":{{}}}}]}})",
                  quoted(request.method), steps),
      "try");
  const auto* program = std::get_if<DialectProgramPtr>(&compiled);
  if (program == nullptr) return Error{Errc::bad_request, "has a method that no webhook uses"};
  HookOptions options;
  options.org = options.source = "try";
  auto [outcome, trace] = Hook{*program, options}.explain(request);
  if (trace.document.empty())
    return outcome ? Error{Errc::bad_request, "cannot be read"} : outcome.error();
  return std::move(trace.document);
}

bool has_content(const std::string& document) {
  const auto parsed = json::parse(document, {.bytes_max = document.size() + 1});
  const json::Value* body = parsed ? json::find(*parsed, "body") : nullptr;
  return body != nullptr &&
         ((body->IsObject() && body->MemberCount() > 0) || (body->IsArray() && !body->Empty()));
}

std::string_view header(const HookRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers)
    if (key == name) return value;
  return {};
}

/// Members whose text is JSON itself: pointers for {"parse": …}.
std::vector<std::string> json_in_texts(const std::string& document) {
  std::vector<std::string> out;
  const auto parsed = json::parse(document, {.bytes_max = document.size() + 1});
  std::string each;
  if (!parsed) return out;
  for (const auto& leaf : leaves(*parsed, each)) {
    const auto text = trim(leaf.text);
    if (!each.empty() || !leaf.pointer.starts_with("/body/")) continue;
    if ((text.starts_with('{') || text.starts_with('[')) && json::parse(text))
      out.push_back(leaf.pointer);
  }
  return out;
}

struct Decoded {
  std::string steps;     ///< as in the file
  std::string document;  ///< what pointers see
};

Result<Decoded> decode(const HookRequest& request) {
  const std::string type = to_lower(header(request, "content-type"));
  const bool is_form = type.find("form-urlencoded") != std::string::npos;
  std::vector<std::string> tries;
  if (request.body.empty())
    tries = {"query"};
  else if (is_form)
    tries = {"form", "json"};
  else if (type.find("jwt") != std::string::npos)
    tries = {"jwt"};
  else
    tries = {"json", "form", "blocks"};
  Error last{Errc::bad_request, "cannot be read"};
  for (const auto& step : tries) {
    const bool is_gzip = request.body.starts_with("\x1f\x8b");
    std::string steps = is_gzip ? fmt::format(R"("gunzip", "{}")", step) : quoted(step);
    auto document = document_after("[" + steps + "]", request);
    if (!document) {
      last = document.error();
      continue;
    }
    if (!has_content(*document)) continue;
    for (const auto& pointer : json_in_texts(*document))
      steps += fmt::format(R"(, {{"parse": {}}})", quoted(pointer));
    document = document_after("[" + steps + "]", request);
    if (!document) return document.error();
    return Decoded{"[" + steps + "]", std::move(*document)};
  }
  return last;
}

/// The file, line by line.
class DialectText {
 public:
  DialectText(const HookRequest& request, const std::string& name, const Decoded& decoded,
              const Guess& guess)
      : request_(request), name_(name), decoded_(decoded), guess_(guess) {}

  std::string write() {
    line(
        "// Made from one request: every line is a guess until more requests say otherwise. Try it "
        "with");
    line("//   hookswitchd dialect test THIS_FILE REQUEST --explain");
    line("{");
    line(fmt::format("  \"dialect\": {},", quoted(name_)));
    if (request_.method != "POST")
      line(fmt::format("  \"methods\": [{}],", quoted(request_.method)));
    line(fmt::format("  \"decode\": {},", decoded_.steps));
    proof();
    if (!guess_.delivery.pointer.empty() && guess_.each.empty()) {
      line(
          "  // The vendor's id of this delivery? The same again within 10 minutes gives no "
          "facts.");
      line(fmt::format("  \"dedupe\": {},", quoted(guess_.delivery.pointer)));
    }
    tables();
    rules();
    line("}");
    return std::move(out_);
  }

 private:
  void line(const std::string& text) { out_ += text + "\n"; }

  void proof() {
    const auto& proof = guess_.proof;
    if (proof.pointer.empty()) {
      line(
          "  // Nothing in the header looked like a proof of the sender: protect the source by "
          "allow_from.");
      return;
    }
    const auto name = proof.pointer.substr(std::string_view{"/header/"}.size());
    line(
        fmt::format("  // {} may prove the sender: find out how it is made. If it is the vendor's "
                    "HMAC over the body:",
                    name));
    line(fmt::format(
        R"(  // "auth": [{{"scheme": "hmac", "hash": "sha256", "signed": ["$raw"], "encode": "hex", "header": {}, "secret": "KEY"}}],)",
        quoted(name)));
  }

  void tables() {
    const auto& type = guess_.type;
    const auto& direction = guess_.direction;
    const bool has_type = !type.pointer.empty(), has_direction = !direction.pointer.empty();
    if (!has_type && !has_direction) return;
    line("  \"tables\": {");
    if (has_type) {
      const char* means = type_of_word(type.text);
      line(
          fmt::format("    // {}: write every word the vendor has, beside one of started ringing "
                      "dialing queued answered",
                      type.pointer));
      line("    // held resumed transferred parked voicemail ended recording updated ignore.");
      line(fmt::format("    \"type\": {{{}: {}}}{}", quoted(type.text),
                       quoted(means == nullptr ? "updated" : means), has_direction ? "," : ""));
    }
    if (has_direction) {
      line(fmt::format("    // {}: inbound, outbound or internal.", direction.pointer));
      line(fmt::format("    \"direction\": {{{}: {}}}", quoted(direction.text),
                       quoted(direction_of_word(direction.text))));
    }
    line("  },");
  }

  /// `comment`, then the member with a comma, unless it is the last.
  void member(const Leaf& leaf, const std::string& text, std::string_view comment) {
    if (leaf.pointer.empty()) return;
    members_.push_back({fmt::format("    // {}: {}{}", shown(leaf.pointer), shown(leaf.text),
                                    comment.empty() ? "" : fmt::format(". {}", comment)),
                        text});
  }

  void rules() {
    const auto pointer = [](const Leaf& leaf) { return quoted(leaf.pointer); };
    line("  \"rules\": [{");
    if (!guess_.each.empty()) line(fmt::format("    \"each\": {},", quoted(guess_.each)));
    line("    \"emit\": {");
    const Guess& g = guess_;
    if (g.type.pointer.empty())
      members_.push_back({"    // Nothing says what happened: is it one kind of event only?",
                          "\"type\": \"ringing\""});
    else
      member(g.type, fmt::format(R"("type": {{"$map": "type", "of": {}}})", pointer(g.type)), "");
    ids();
    if (!g.direction.pointer.empty())
      member(g.direction,
             fmt::format(R"("direction": {{"$map": "direction", "of": {}}})", pointer(g.direction)),
             "");
    from();
    member(g.to, fmt::format(R"("to": {{"number": {{"$phone": {}}}}})", pointer(g.to)),
           "If it is always the number that the customer dialled, \"did\" says more");
    member(g.ext, fmt::format(R"("agent": {{"ext": {}}})", pointer(g.ext)),
           "The extension it rings at or is made from?");
    member(g.time,
           fmt::format(R"("at": {{"$time": {}, "as": {}}})", pointer(g.time), quoted(g.time_form)),
           "When this happened, or when the call began? If the call: leave it out");
    member(g.seq, fmt::format(R"("seq": {{"$int": {}}})", pointer(g.seq)),
           "Does it rise within a call?");
    if (g.duration.text.find(':') != std::string::npos)
      member(g.duration, fmt::format(R"("duration": {{"$dur": {}}})", pointer(g.duration)), "");
    else
      member(g.duration, fmt::format(R"("duration": {})", pointer(g.duration)), "Seconds?");
    member(g.recording, fmt::format(R"("recording": {{"url": {}}})", pointer(g.recording)), "");
    if (!comment_.empty()) line(comment_);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      line("  " + members_[i].comment);
      line("      " + members_[i].text + (i + 1 < members_.size() ? "," : ""));
    }
    line("    }");
    line("  }]");
  }

  void ids() {
    const Guess& g = guess_;
    if (g.call_id.pointer.empty()) {
      comment_ =
          "      // No id found: calls are told apart by their numbers, which two calls may share.";
      return;
    }
    std::string text = fmt::format(R"("ids": {{"call": {})", quoted(g.call_id.pointer));
    if (!g.leg_id.pointer.empty()) text += fmt::format(R"(, "leg": {})", quoted(g.leg_id.pointer));
    member(g.call_id, text + "}", "Is it the same in all requests of one call?");
  }

  void from() {
    const Guess& g = guess_;
    if (g.from.pointer.empty()) return;
    std::string text =
        fmt::format(R"("from": {{"number": {{"$phone": {}}})", quoted(g.from.pointer));
    if (!g.from_name.pointer.empty())
      text += fmt::format(R"(, "name": {})", quoted(g.from_name.pointer));
    member(g.from, text + "}", "Who calls, in both directions?");
  }

  struct Member {
    std::string comment, text;
  };
  const HookRequest& request_;
  const std::string& name_;
  const Decoded& decoded_;
  const Guess& guess_;
  std::vector<Member> members_;
  std::string comment_;
  std::string out_;
};

std::size_t facts_of(const std::string& text, const HookRequest& request) {
  const auto compiled = compile_dialect(text, "new");
  const auto* program = std::get_if<DialectProgramPtr>(&compiled);
  if (program == nullptr) return 0;
  HookOptions options;
  options.org = options.source = "try";
  const auto outcome = Hook{*program, options}.handle(request);
  return outcome ? outcome->facts.size() : 0;
}

}  // namespace

Result<std::string> dialect_for(const HookRequest& request, const std::string& name) {
  const auto decoded = decode(request);
  if (!decoded) return decoded.error();
  const auto document = json::parse(decoded->document, {.bytes_max = decoded->document.size() + 1});
  if (!document) return Error{Errc::bad_request, "is too large to guess from"};
  Guess found = guess(*document);
  auto text = DialectText{request, name, *decoded, found}.write();
  if (facts_of(text, request) > 0) return text;
  // A guess that the model refuses: what has to be there stays.
  Guess least;
  least.each = found.each;
  least.call_id = found.call_id;
  text = DialectText{request, name, *decoded, least}.write();
  if (facts_of(text, request) > 0) return text;
  return Error{Errc::bad_request, "gives no fact: an event of a call has an id or numbers"};
}

int new_dialect(const DialectNewOptions& options) {
  const auto request = read_saved_request(options.request);
  if (!request) {
    fmt::print(stderr, "hookswitchd dialect: {}\n", request.error().detail);
    return 64;
  }
  const auto text = dialect_for(*request, options.name);
  if (!text) {
    fmt::print(stderr, "hookswitchd dialect: {}: {}\n", options.request, text.error().detail);
    return 1;
  }
  fmt::print("{}", *text);
  return 0;
}

}  // namespace hookswitch
