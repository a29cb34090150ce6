#include "sources/webhook/dialect_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "sources/webhook/auth_reader.hpp"
#include "sources/webhook/condition_reader.hpp"
#include "sources/webhook/expr_reader.hpp"
#include "sources/webhook/places.hpp"
#include "sources/webhook/program.hpp"

namespace hookswitch {
namespace webhook {
namespace {

using json::Value;

constexpr std::array<std::string_view, 5> kMethods{"GET", "POST", "PUT", "PATCH", "OPTIONS"};

class DialectReader {
 public:
  explicit DialectReader(FileReader& in) : in_(in) {}
  DialectProgram dialect(const Value& root);

 private:
  std::vector<std::string> methods(const Value& value, const std::string& at);
  std::vector<Decoding> decoding(const Value& value, const std::string& at);
  Handshake handshake(const Value& value, const std::string& at);
  Rule rule(const Value& value, const std::string& at);
  void source_defaults(const Value& value, const std::string& at, DialectProgram& out);

  FileReader& in_;
};

std::vector<std::string> DialectReader::methods(const Value& value, const std::string& at) {
  std::vector<std::string> out;
  if (!value.IsArray() || value.Empty()) {
    in_.problem(at, "must be a list of methods");
    return out;
  }
  for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
    const std::string name{value[i].IsString() ? json::text(value[i]) : ""};
    if (std::find(kMethods.begin(), kMethods.end(), name) == kMethods.end())
      in_.problem(fmt::format("{}/{}", at, i),
                  fmt::format("must be one of: {}", fmt::join(kMethods, " ")));
    out.push_back(name);
  }
  return out;
}

std::vector<Decoding> DialectReader::decoding(const Value& value, const std::string& at) {
  std::vector<Decoding> out;
  if (!value.IsArray() || value.Size() > kDecodeStepsMax) {
    in_.problem(at, fmt::format("must be a list of at most {} steps", kDecodeStepsMax));
    return out;
  }
  for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
    const std::string place = fmt::format("{}/{}", at, i);
    const Value& step = value[i];
    const bool at_pointer = step.IsObject() && step.MemberCount() == 1;
    const auto name = step.IsString() ? json::text(step)
                      : at_pointer    ? json::text(step.MemberBegin()->name)
                                      : std::string_view{};
    const auto take = [&](const auto& table) {
      const auto it = std::find_if(table.begin(), table.end(),
                                   [&](const auto& each) { return each.first == name; });
      if (it == table.end()) return in_.problem(place, "unknown decode step");
      Decoding decoding{it->second, {}};
      if (at_pointer) {
        decoding.at = in_.pointer(step.MemberBegin()->value, under(place, name));
        if (decoding.at.root != Root::body && decoding.at.root != Root::raw_form)
          in_.problem(under(place, name), "must point into /body");
      }
      if (decoding.step == Decoding::Step::gunzip && i != 0)
        in_.problem(place, "must be the first step: the others read what it leaves");
      out.push_back(std::move(decoding));
    };
    if (at_pointer) {
      take(kStepsAt);
    } else {
      take(kPlainSteps);
    }
  }
  return out;
}

Handshake DialectReader::handshake(const Value& value, const std::string& at) {
  Handshake out;
  if (!in_.is_object_of(value, at, {"when", "decode", "reply"})) return out;
  if (!value.HasMember("when")) in_.problem(at, "needs the key when");
  out.when = read_when(in_, value, at);
  if (const Value* decode = json::find(value, "decode"))
    out.decode = decoding(*decode, under(at, "decode"));
  const Value* reply = json::find(value, "reply");
  const std::string place = under(at, "reply");
  if (reply == nullptr ||
      !in_.is_object_of(*reply, place, {"status", "content_type", "headers", "body"})) {
    if (reply == nullptr) in_.problem(at, "needs the key reply");
    return out;
  }
  if (const Value* status = json::find(*reply, "status")) {
    if (!status->IsInt() || status->GetInt() < 200 || status->GetInt() > 299) {
      in_.problem(under(place, "status"), "must be 200..299");
    } else {
      out.status = static_cast<unsigned>(status->GetInt());
    }
  }
  if (const auto type = in_.text(*reply, place, "content_type")) {
    out.content_type = *type;
    if (*type != "text/plain" && *type != "application/json")
      in_.problem(under(place, "content_type"), "must be text/plain or application/json");
  }
  if (const Value* body = json::find(*reply, "body"))
    out.body = read_expr(in_, *body, under(place, "body"), nullptr);
  if (const Value* headers = json::find(*reply, "headers")) {
    const std::string inside = under(place, "headers");
    if (!headers->IsObject()) {
      in_.problem(inside, "must be an object");
      return out;
    }
    for (const auto& member : headers->GetObject()) {
      const std::string name{json::text(member.name)};
      const auto is_token = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-';
      };
      if (name.empty() || !std::all_of(name.begin(), name.end(), is_token))
        in_.problem(under(inside, name), "is no header name");
      out.headers.emplace_back(name, read_expr(in_, member.value, under(inside, name), nullptr));
    }
  }
  return out;
}

Rule DialectReader::rule(const Value& value, const std::string& at) {
  Rule out;
  if (!in_.is_object_of(value, at, {"when", "each", "if", "emit", "also"})) return out;
  out.when = read_when(in_, value, at);
  if (const Value* each = json::find(value, "each"))
    out.each = in_.pointer(*each, under(at, "each"));
  const FileReader::Items items{in_, out.each.has_value()};
  out.filter = read_when(in_, value, at, "if");
  const Value* emit = json::find(value, "emit");
  if (emit == nullptr || !emit->IsObject()) {
    in_.problem(at, "needs the key emit: an object");
  } else {
    out.emit = read_expr(in_, *emit, under(at, "emit"), &fact_shape());
  }
  out.also = in_.flag(value, at, "also");
  return out;
}

void DialectReader::source_defaults(const Value& value, const std::string& at,
                                    DialectProgram& out) {
  if (!in_.is_object_of(value, at, {"tz", "country", "intl_prefix", "e164_without_plus"})) return;
  if (const auto tz = in_.text(value, at, "tz")) {
    out.tz = *tz;
    if (TimeZone::load(*tz) == nullptr)
      in_.problem(under(at, "tz"), "is no time zone of this system");
  }
  out.numbers.e164_without_plus = in_.flag(value, at, "e164_without_plus");
  out.numbers.country = in_.text(value, at, "country").value_or("");
  out.numbers.intl_prefix = in_.text(value, at, "intl_prefix").value_or("");
  for (const auto& wrong : check_numbers(out.numbers))
    in_.problem(under(at, wrong.key), wrong.what);
}

/// Methods that the conditions of a handshake name.
void collect_methods(const Condition& condition, std::vector<std::string>& out) {
  for (const auto& part : condition.parts) collect_methods(part, out);
  if (condition.test == Condition::Test::equal && condition.at.root == Root::method)
    for (const auto& name : condition.values)
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
}

DialectProgram DialectReader::dialect(const Value& root) {
  DialectProgram out;
  if (!in_.is_object_of(
          root, "",
          {"dialect", "methods", "handshake", "decode", "decode_by_content_type", "auth", "tables",
           "base", "rules", "facts", "dedupe", "source_defaults", "retries"}))
    return out;
  out.name = in_.text(root, "", "dialect").value_or("");
  if (out.name.empty()) in_.problem("/dialect", "must be the name of the dialect");
  if (const Value* given = json::find(root, "methods"))
    out.event_methods = methods(*given, "/methods");
  in_.tables = json::find(root, "tables");
  if (in_.tables != nullptr && !in_.tables->IsObject()) {
    in_.problem("/tables", "must be an object of tables");
    in_.tables = nullptr;
  }
  in_.each_of(root, "", "handshake", [&](const Value& value, const std::string& at) {
    out.handshakes.push_back(handshake(value, at));
  });

  const Value *decode = json::find(root, "decode"),
              *by_type = json::find(root, "decode_by_content_type");
  if ((decode == nullptr) == (by_type == nullptr))
    in_.problem("", "needs one of the keys decode and decode_by_content_type");
  if (decode != nullptr) out.decode = decoding(*decode, "/decode");
  if (by_type != nullptr && !by_type->IsObject())
    in_.problem("/decode_by_content_type", "must be an object");
  if (by_type != nullptr && by_type->IsObject())
    for (const auto& member : by_type->GetObject())
      out.decode_by_type.push_back(
          {to_lower(json::text(member.name)),
           decoding(member.value, under("/decode_by_content_type", json::text(member.name)))});

  in_.reads_body = false;
  in_.each_of(root, "", "auth", [&](const Value& value, const std::string& at) {
    out.auth.push_back(read_auth(in_, value, at));
  });
  out.auth_reads_body = in_.reads_body;

  if (in_.tables != nullptr)
    for (const auto& member : in_.tables->GetObject()) {
      const std::string at = under("/tables", json::text(member.name));
      if (!member.value.IsObject()) in_.problem(at, "must be an object");
      // Read for its problems only: a table may hold expressions over /item.
      const FileReader::Items items{in_};
      if (member.value.IsObject())
        for (const auto& row : member.value.GetObject())
          read_expr(in_, row.value, under(at, json::text(row.name)), nullptr);
    }

  const Value *base = json::find(root, "base"), *rules = json::find(root, "rules"),
              *facts = json::find(root, "facts");
  if ((rules == nullptr) == (facts == nullptr))
    in_.problem("", "needs one of the keys rules and facts");
  if (base != nullptr) {
    const FileReader::Items items{in_};
    out.base = read_expr(in_, *base, "/base", &fact_shape());
  }
  if (facts != nullptr) {
    out.facts = in_.pointer(*facts, "/facts");
    if (base != nullptr) in_.problem("/base", "has no meaning beside facts");
  }
  in_.each_of(root, "", "rules", [&](const Value& value, const std::string& at) {
    out.rules.push_back(rule(value, at));
  });
  if (const Value* dedupe = json::find(root, "dedupe")) {
    out.repeats_are_news = dedupe->IsFalse();
    if (!out.repeats_are_news) out.dedupe = read_expr(in_, *dedupe, "/dedupe", nullptr);
  }
  if (const Value* defaults = json::find(root, "source_defaults"))
    source_defaults(*defaults, "/source_defaults", out);

  if (const Value* retries = json::find(root, "retries")) {
    if (!retries->IsBool()) in_.problem("/retries", "must be true or false");
    out.retries = retries->IsBool() && retries->GetBool();
  }
  out.all_methods = out.event_methods;
  for (const auto& each : out.handshakes) collect_methods(each.when, out.all_methods);
  out.secrets = std::move(in_.secrets);
  return out;
}

/// "… at byte 17" of the parser's words becomes a line.
DialectProblem syntax_problem(std::string_view text, std::string_view file_name,
                              const Places& places, const Error& error) {
  if (!places.doubled.empty()) {
    const auto& at = places.doubled.front();
    return {fmt::format("{}:{}: {}", file_name, places.line(at), at), "the key occurs twice"};
  }
  std::size_t offset = 0;
  if (const auto mark = error.detail.rfind("at byte "); mark != std::string::npos)
    if (const auto number = parse_int(std::string_view{error.detail}.substr(mark + 8));
        number && *number > 0)
      offset = static_cast<std::size_t>(*number);
  return {fmt::format("{}:{}: /", file_name, line_at(text, offset)),
          fmt::format("{}: {}", outcome(error.code).name, error.detail)};
}

}  // namespace
}  // namespace webhook

std::variant<DialectProgramPtr, std::vector<DialectProblem>> compile_dialect(
    std::string_view text, std::string_view file_name) {
  const std::string plain = webhook::blank_comments(text);
  const auto document = json::parse(plain);
  const webhook::Places places{plain};
  if (places.too_long)
    return std::vector{
        DialectProblem{fmt::format("{}:{}: {}", file_name, places.line(*places.too_long),
                                   places.too_long->empty() ? "/" : *places.too_long),
                       fmt::format("holds a value whose pointer has more than {} bytes",
                                   webhook::kPointerBytesMax)}};
  if (!document)
    return std::vector{webhook::syntax_problem(plain, file_name, places, document.error())};
  webhook::FileReader in{file_name, places};
  auto program = std::make_shared<DialectProgram>(webhook::DialectReader{in}.dialect(*document));
  if (!in.problems.empty()) return std::move(in.problems);
  return DialectProgramPtr{std::move(program)};
}

std::vector<std::string> secret_names(const DialectProgram& program) { return program.secrets; }

bool retries(const DialectProgram& program) { return program.retries; }

bool is_signed(const DialectProgram& program) {
  return std::any_of(program.auth.begin(), program.auth.end(), [](const webhook::Auth& auth) {
    using Scheme = webhook::Auth::Scheme;
    return auth.scheme != Scheme::equals && auth.scheme != Scheme::bearer &&
           auth.scheme != Scheme::basic;
  });
}

}  // namespace hookswitch
