#include "sources/webhook/dialect_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/text.hpp"
#include "sources/webhook/places.hpp"
#include "sources/webhook/program.hpp"
#include "sources/webhook/time_text.hpp"

namespace hookswitch {
namespace webhook {
namespace {

using json::Value;

constexpr std::array<std::string_view, 5> kMethods{"GET", "POST", "PUT", "PATCH", "OPTIONS"};

using Names = std::initializer_list<std::string_view>;

/// Walks the file once; goes on after a problem, so that all of them are told.
class Compiler {
 public:
  Compiler(std::string_view file_name, const Places& places)
      : file_name_(file_name), places_(places) {}

  DialectProgram dialect(const Value& root);
  std::vector<DialectProblem> problems;

  void problem(const std::string& at, std::string what) {
    DialectProblem found{
        fmt::format("{}:{}: {}", file_name_, places_.line(at), at.empty() ? "/" : at),
        std::move(what)};
    // A table that two rules use is read twice.
    if (std::find(problems.begin(), problems.end(), found) == problems.end())
      problems.push_back(std::move(found));
  }

 private:
  bool is_object_of(const Value& value, const std::string& at, Names known) {
    return is_object_of(value, at, std::vector<std::string_view>{known});
  }
  bool is_object_of(const Value& value, const std::string& at,
                    const std::vector<std::string_view>& known);
  std::optional<std::string> text(const Value& object, const std::string& at,
                                  std::string_view name);
  std::string word_of(const Value& object, const std::string& at, std::string_view name,
                      Names words, std::string fallback);
  Pointer pointer(const Value& value, const std::string& at);
  Regex regex(const Value& value, const std::string& at, int groups_least, int groups_most);

  std::vector<std::string> methods(const Value& value, const std::string& at);
  std::vector<Decoding> decoding(const Value& value, const std::string& at);
  Condition condition(const Value& value, const std::string& at);
  Condition test(const std::string& key, const Value& value, const std::string& at);
  Condition all_of(const Value& value, const std::string& at, Condition::Test how);
  Condition when(const Value& object, const std::string& at, const char* name = "when");

  Expr expr(const Value& value, const std::string& at, const Shape* shape);
  Expr literal(const Value& value, const std::string& at, const Shape* shape);
  Expr members(const Value& value, const std::string& at, const Shape* shape);
  Expr operation(const Value& value, const std::string& at, const Shape* shape);
  Expr map(const Value& value, const std::string& at, const Shape* shape);
  Expr choose(const Value& value, const std::string& at, const Shape* shape);
  Expr find(const Value& value, const std::string& at, const Shape* shape);
  std::vector<Expr> list(const Value& value, const std::string& at, const Shape* shape);
  std::vector<Expr> argument(const Value& object, const std::string& at, const char* name,
                             const Shape* shape, bool required);

  Auth auth(const Value& value, const std::string& at);
  void read_place(const Value& value, const std::string& at, Auth& out);
  bool read_tolerance(const Value& value, const std::string& at, Auth& out);
  void read_timestamp(const Value& value, const std::string& at, Auth& out);
  void read_hash(const Value& value, const std::string& at, Auth& out);
  std::vector<Signed> signed_parts(const Value& object, const std::string& at);
  std::string secret_name(const Value& object, const std::string& at);
  void note_secret(const std::string& name);
  Handshake handshake(const Value& value, const std::string& at);
  Rule rule(const Value& value, const std::string& at);
  void source_defaults(const Value& value, const std::string& at, DialectProgram& out);

  template <class Each>
  void each_of(const Value& object, const std::string& at, const char* name, Each each) {
    const Value* value = json::find(object, name);
    if (value == nullptr) return;
    const std::string place = fmt::format("{}/{}", at, name);
    if (!value->IsArray()) return problem(place, "must be a list");
    for (rapidjson::SizeType i = 0; i < value->Size(); ++i)
      each((*value)[i], fmt::format("{}/{}", place, i));
  }

  std::string_view file_name_;
  const Places& places_;
  const Value* tables_ = nullptr;
  std::vector<std::string> secrets_;
  int item_depth_ = 0;       // above 0: /item and /index mean something here
  bool reads_body_ = false;  // set by pointers into the body
};

std::optional<Auth::Scheme> scheme_of(std::string_view word) {
  for (const auto& [name, scheme] : kSchemes)
    if (name == word) return scheme;
  return std::nullopt;
}

std::string scheme_names() {
  std::string out;
  for (const auto& [name, scheme] : kSchemes) out.append(out.empty() ? "" : " ").append(name);
  return out;
}

std::string under(const std::string& at, std::string_view name) {
  return fmt::format("{}/{}", at, escape_token(name));
}

bool Compiler::is_object_of(const Value& value, const std::string& at,
                            const std::vector<std::string_view>& known) {
  if (!value.IsObject()) {
    problem(at, "must be an object");
    return false;
  }
  for (const auto& member : value.GetObject())
    if (std::find(known.begin(), known.end(), json::text(member.name)) == known.end())
      problem(under(at, json::text(member.name)), "unknown key");
  return true;
}

std::optional<std::string> Compiler::text(const Value& object, const std::string& at,
                                          std::string_view name) {
  const Value* value = json::find(object, name);
  if (value == nullptr) return std::nullopt;
  if (value->IsString()) return std::string{json::text(*value)};
  problem(under(at, name), "must be text");
  return std::nullopt;
}

std::string Compiler::word_of(const Value& object, const std::string& at, std::string_view name,
                              Names words, std::string fallback) {
  const auto found = text(object, at, name);
  if (!found) return fallback;
  if (std::find(words.begin(), words.end(), *found) == words.end())
    problem(under(at, name), fmt::format("must be one of: {}", fmt::join(words, " ")));
  return *found;
}

Pointer Compiler::pointer(const Value& value, const std::string& at) {
  Pointer out;
  if (!value.IsString() || !json::text(value).starts_with('/')) {
    problem(at, "must be a JSON pointer that begins with '/'");
    return out;
  }
  std::string_view left = json::text(value).substr(1);
  std::vector<std::string> tokens;
  for (bool more = true; more;) {
    const auto slash = left.find('/');
    more = slash != std::string_view::npos;
    std::string token;
    const auto raw = left.substr(0, slash);
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '~') {
        token += raw[i];
      } else if (++i < raw.size() && (raw[i] == '0' || raw[i] == '1')) {
        token += raw[i] == '0' ? '~' : '/';
      } else {
        problem(at, "'~' in a JSON pointer is written ~0 ('/' is ~1)");
        return out;
      }
    }
    tokens.push_back(std::move(token));
    if (more) left.remove_prefix(slash + 1);
  }
  const auto root = std::find_if(kRoots.begin(), kRoots.end(),
                                 [&](const auto& each) { return each.first == tokens.front(); });
  if (root == kRoots.end()) {
    problem(at,
            "points into nothing; it must begin with /method /path /query /header /body /raw_form "
            "/index or /item "
            "(text that begins with '/' is written {\"$lit\": …})");
    return out;
  }
  out.root = root->second;
  out.tokens.assign(tokens.begin() + 1, tokens.end());
  if (out.root == Root::header && !out.tokens.empty())
    out.tokens.front() = to_lower(out.tokens.front());
  if ((out.root == Root::item || out.root == Root::index) && item_depth_ == 0)
    problem(at, "/item and /index are only there under 'each' and in $find");
  if (out.root == Root::body || out.root == Root::raw_form) reads_body_ = true;
  return out;
}

Regex Compiler::regex(const Value& value, const std::string& at, int groups_least,
                      int groups_most) {
  if (!value.IsString()) {
    problem(at, "must be a regular expression as text");
    return nullptr;
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  const auto source = json::text(value);
  auto out = std::make_shared<const RE2>(re2::StringPiece{source.data(), source.size()}, options);
  if (!out->ok()) {
    problem(at, fmt::format("not a regular expression: {}", out->error()));
    return nullptr;
  }
  const int groups = out->NumberOfCapturingGroups();
  if (groups < groups_least || groups > groups_most) {
    problem(at,
            fmt::format("has {} groups, must have {} to {}", groups, groups_least, groups_most));
    return nullptr;
  }
  return out;
}

std::vector<std::string> Compiler::methods(const Value& value, const std::string& at) {
  std::vector<std::string> out;
  if (!value.IsArray() || value.Empty()) {
    problem(at, "must be a list of methods");
    return out;
  }
  for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
    const std::string name{value[i].IsString() ? json::text(value[i]) : ""};
    if (std::find(kMethods.begin(), kMethods.end(), name) == kMethods.end())
      problem(fmt::format("{}/{}", at, i),
              fmt::format("must be one of: {}", fmt::join(kMethods, " ")));
    out.push_back(name);
  }
  return out;
}

std::vector<Decoding> Compiler::decoding(const Value& value, const std::string& at) {
  std::vector<Decoding> out;
  if (!value.IsArray() || value.Size() > kDecodeStepsMax) {
    problem(at, fmt::format("must be a list of at most {} steps", kDecodeStepsMax));
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
      if (it == table.end()) return problem(place, "unknown decode step");
      Decoding decoding{it->second, {}};
      if (at_pointer) {
        decoding.at = pointer(step.MemberBegin()->value, under(place, name));
        if (decoding.at.root != Root::body && decoding.at.root != Root::raw_form)
          problem(under(place, name), "must point into /body");
      }
      if (decoding.step == Decoding::Step::gunzip && i != 0)
        problem(place, "must be the first step: the others read what it leaves");
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

Condition Compiler::all_of(const Value& value, const std::string& at, Condition::Test how) {
  Condition out;
  out.test = how;
  if (!value.IsArray()) {
    problem(at, "must be a list of conditions");
    return out;
  }
  for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
    out.parts.push_back(condition(value[i], fmt::format("{}/{}", at, i)));
  return out;
}

Condition Compiler::condition(const Value& value, const std::string& at) {
  Condition out;
  if (!value.IsObject()) {
    problem(at, "must be an object of conditions");
    return out;
  }
  for (const auto& member : value.GetObject()) {
    const std::string key{json::text(member.name)};
    const std::string place = under(at, key);
    if (key == "$all") {
      out.parts.push_back(all_of(member.value, place, Condition::Test::all));
    } else if (key == "$any") {
      out.parts.push_back(all_of(member.value, place, Condition::Test::any));
    } else if (key == "$not") {
      Condition inverted;
      inverted.test = Condition::Test::none;
      inverted.parts.push_back(condition(member.value, place));
      out.parts.push_back(std::move(inverted));
    } else if (key.starts_with('$')) {
      problem(place, "unknown $op; in conditions there are $all $any $not");
    } else {
      out.parts.push_back(test(key, member.value, place));
    }
  }
  return out;
}

Condition Compiler::test(const std::string& key, const Value& value, const std::string& at) {
  using Test = Condition::Test;
  Condition out;
  out.at = pointer(
      Value{rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size()))}, at);
  if (value.IsNull()) {
    out.test = Test::absent;
    return out;
  }
  if (value.IsArray() || !value.IsObject()) {
    out.test = Test::equal;
    const auto add = [&](const Value& item, const std::string& place) {
      if (auto text = as_text(item)) {
        out.values.push_back(std::move(*text));
      } else {
        problem(place, "must be text, a number, true or false");
      }
    };
    if (!value.IsArray()) {
      add(value, at);
    } else {
      for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
        add(value[i], fmt::format("{}/{}", at, i));
    }
    return out;
  }
  if (value.MemberCount() != 1) {
    problem(at, "must have one of: present re gt same");
    return out;
  }
  const std::string name{json::text(value.MemberBegin()->name)};
  const Value& argument = value.MemberBegin()->value;
  const std::string place = under(at, name);
  if (name == "present") {
    out.test = Test::present;
    if (!argument.IsBool()) problem(place, "must be true or false");
    out.wanted = argument.IsTrue();
  } else if (name == "re") {
    out.test = Test::matches;
    out.regex = regex(argument, place, 0, 9);
  } else if (name == "gt") {
    out.test = Test::above;
    if (!argument.IsNumber()) {
      problem(place, "must be a number");
    } else {
      out.bound = argument.GetDouble();
    }
  } else if (name == "same") {
    out.test = Test::same;
    out.other = pointer(argument, place);
  } else {
    problem(place, "unknown test; there are present re gt same");
  }
  return out;
}

Condition Compiler::when(const Value& object, const std::string& at, const char* name) {
  const Value* value = json::find(object, name);
  return value == nullptr ? Condition{} : condition(*value, under(at, name));
}

Expr Compiler::literal(const Value& value, const std::string& at, const Shape* shape) {
  if (shape != nullptr && value.IsString() && !is_word_of(shape->kind, json::text(value)))
    problem(at, fmt::format("\"{}\" is not a word of the model", json::text(value)));
  Expr out;
  out.op = Expr::Op::literal;
  auto document = std::make_shared<json::Document>();
  document->CopyFrom(value, document->GetAllocator());
  out.literal = std::move(document);
  return out;
}

Expr Compiler::expr(const Value& value, const std::string& at, const Shape* shape) {
  if (value.IsNull()) return {};
  if (value.IsString() && json::text(value).starts_with('/')) {
    Expr out;
    out.op = Expr::Op::pointer;
    out.pointer = pointer(value, at);
    return out;
  }
  if (value.IsArray()) {
    if (shape != nullptr && shape->kind != Shape::Kind::texts)
      problem(at, "a list has no place here");
    Expr out;
    out.op = Expr::Op::list;
    out.parts = list(value, at, nullptr);
    return out;
  }
  if (!value.IsObject()) return literal(value, at, shape);
  for (const auto& member : value.GetObject())
    if (json::text(member.name).starts_with('$')) return operation(value, at, shape);
  return members(value, at, shape);
}

std::vector<Expr> Compiler::list(const Value& value, const std::string& at, const Shape* shape) {
  std::vector<Expr> out;
  if (!value.IsArray()) {
    problem(at, "must be a list");
    return out;
  }
  for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
    out.push_back(expr(value[i], fmt::format("{}/{}", at, i), shape));
  return out;
}

Expr Compiler::members(const Value& value, const std::string& at, const Shape* shape) {
  Expr out;
  out.op = Expr::Op::object;
  const bool is_map = shape != nullptr && shape->kind == Shape::Kind::text_map;
  if (shape != nullptr && shape->members.empty() && !is_map)
    problem(at, "an object has no place here");
  out.party = shape != nullptr && shape->kind == Shape::Kind::party;
  for (const auto& member : value.GetObject()) {
    const std::string name{json::text(member.name)};
    const std::string place = under(at, name);
    const Shape* inner = shape == nullptr || is_map ? nullptr : shape->member(name);
    if (shape != nullptr && !is_map && !shape->members.empty() && inner == nullptr)
      problem(place, "is no member of a fact");
    out.names.push_back(name);
    out.parts.push_back(expr(member.value, place, inner));
  }
  return out;
}

std::vector<Expr> Compiler::argument(const Value& object, const std::string& at, const char* name,
                                     const Shape* shape, bool required) {
  const Value* value = json::find(object, name);
  if (value != nullptr) return {expr(*value, under(at, name), shape)};
  if (required) {
    problem(at, fmt::format("needs the key {}", name));
    return {Expr{}};
  }
  return {};
}

Expr Compiler::map(const Value& value, const std::string& at, const Shape* shape) {
  Expr out;
  out.op = Expr::Op::map;
  is_object_of(value, at, {"$map", "of", "default", "loose"});
  out.of = argument(value, at, "of", nullptr, true);
  out.otherwise = argument(value, at, "default", shape, false);
  if (const Value* loose = json::find(value, "loose")) {
    if (!loose->IsBool()) problem(under(at, "loose"), "must be true or false");
    out.loose = loose->IsTrue();
  }
  const Value* table = json::find(value, "$map");
  std::string place = under(at, "$map");
  if (table->IsString()) {
    const std::string name{json::text(*table)};
    table = tables_ == nullptr ? nullptr : json::find(*tables_, name);
    if (table == nullptr) {
      problem(place, "there is no such table");
      return out;
    }
    place = under("/tables", name);
  }
  if (!table->IsObject()) {
    problem(place, "must be a table: an object, or the name of one of /tables");
    return out;
  }
  for (const auto& row : table->GetObject()) {
    out.names.emplace_back(json::text(row.name));
    out.parts.push_back(expr(row.value, under(place, json::text(row.name)), shape));
  }
  return out;
}

Expr Compiler::choose(const Value& value, const std::string& at, const Shape* shape) {
  Expr out;
  out.op = Expr::Op::choose;
  is_object_of(value, at, {"$if", "then", "else"});
  out.condition = when(value, at, "$if");
  out.of = argument(value, at, "then", shape, true);
  out.otherwise = argument(value, at, "else", shape, false);
  return out;
}

Expr Compiler::find(const Value& value, const std::string& at, const Shape* shape) {
  Expr out;
  out.op = Expr::Op::find;
  is_object_of(value, at, {"$find", "where", "get"});
  out.pointer = pointer(*json::find(value, "$find"), under(at, "$find"));
  ++item_depth_;
  if (value.HasMember("where")) out.condition = when(value, at, "where");
  out.of = argument(value, at, "get", shape, true);
  --item_depth_;
  return out;
}

Expr Compiler::operation(const Value& value, const std::string& at, const Shape* shape) {
  std::string op;
  for (const auto& member : value.GetObject())
    if (const auto name = json::text(member.name); name.starts_with('$')) {
      if (!op.empty()) problem(under(at, name), "a second $op in one object");
      if (op.empty()) op = name;
    }
  const Value& of = *json::find(value, op);
  const std::string place = under(at, op);
  const auto unary = [&](Expr::Op kind, Names known) {
    Expr out;
    is_object_of(value, at, known);
    out.op = kind;
    out.of.push_back(expr(of, place, nullptr));
    return out;
  };
  if (op == "$map") return map(value, at, shape);
  if (op == "$if") return choose(value, at, shape);
  if (op == "$find") return find(value, at, shape);
  if (op == "$phone") return unary(Expr::Op::phone, {"$phone"});
  if (op == "$int") return unary(Expr::Op::integer, {"$int"});
  if (op == "$bool") return unary(Expr::Op::boolean, {"$bool"});
  if (op == "$dur") return unary(Expr::Op::seconds, {"$dur"});
  if (op == "$lit") {
    is_object_of(value, at, {"$lit"});
    return literal(of, place, shape);
  }
  if (op == "$or") {
    Expr out;
    out.op = Expr::Op::first;
    is_object_of(value, at, {"$or"});
    out.parts = list(of, place, shape);
    return out;
  }
  if (op == "$time") {
    Expr out = unary(Expr::Op::time, {"$time", "as"});
    out.text = text(value, at, "as").value_or("auto");
    if (!is_time_format(out.text))
      problem(under(at, "as"),
              "must be auto unix ms us ns iso rfc2822 or a pattern of %Y %m %d %H %M %S %f %z");
    return out;
  }
  if (op == "$mul") {
    Expr out = unary(Expr::Op::multiply, {"$mul", "by"});
    const Value* by = json::find(value, "by");
    if (by == nullptr || !by->IsNumber()) {
      problem(under(at, "by"), "must be a number");
    } else {
      out.factor = by->GetDouble();
    }
    return out;
  }
  if (op == "$re") {
    Expr out;
    out.op = Expr::Op::match;
    is_object_of(value, at, {"$re", "of", "group"});
    out.regex = regex(of, place, 0, 9);
    out.of = argument(value, at, "of", nullptr, true);
    const int groups = out.regex ? out.regex->NumberOfCapturingGroups() : 0;
    out.group = groups > 0 ? 1 : 0;
    if (const Value* group = json::find(value, "group")) {
      if (!group->IsInt() || group->GetInt() < 0 || group->GetInt() > groups) {
        problem(under(at, "group"), "is no group of the expression");
      } else {
        out.group = group->GetInt();
      }
    }
    return out;
  }
  if (op == "$join") {
    Expr out;
    out.op = Expr::Op::join;
    is_object_of(value, at, {"$join", "sep"});
    out.parts = list(of, place, nullptr);
    out.text = text(value, at, "sep").value_or("");
    return out;
  }
  problem(place, "unknown $op");
  return {};
}

void Compiler::note_secret(const std::string& name) {
  if (!name.empty() && std::find(secrets_.begin(), secrets_.end(), name) == secrets_.end())
    secrets_.push_back(name);
}

std::string Compiler::secret_name(const Value& object, const std::string& at) {
  const auto name = text(object, at, "secret");
  if (!name || name->empty()) problem(at, "needs the key secret: the name of one");
  note_secret(name.value_or(""));
  return name.value_or("");
}

std::vector<Signed> Compiler::signed_parts(const Value& object, const std::string& at) {
  std::vector<Signed> out;
  each_of(object, at, "signed", [&](const Value& value, const std::string& place) {
    Signed part;
    const Value* secret = json::find(value, "$secret");
    if (value.IsString() && json::text(value) == "$raw") {
      part.what = Signed::What::raw;
    } else if (value.IsString() && json::text(value) == "$url") {
      part.what = Signed::What::url;
    } else if (value.IsString() && json::text(value).starts_with('$')) {
      problem(place, "must be $raw, $url, {\"$secret\": name} or an expression");
    } else if (secret != nullptr) {
      is_object_of(value, place, {"$secret"});
      part.what = Signed::What::secret;
      part.secret = text(value, place, "$secret").value_or("");
      if (part.secret.empty()) problem(place, "needs the name of a secret");
      note_secret(part.secret);
    } else {
      part.what = Signed::What::value;
      part.value = expr(value, place, nullptr);
    }
    out.push_back(std::move(part));
  });
  if (out.empty()) problem(at, "needs the key signed: a list of what is signed");
  return out;
}

void Compiler::read_hash(const Value& value, const std::string& at, Auth& out) {
  out.hash = word_of(value, at, "hash", {"sha1", "sha256"}, "sha256") == "sha1" ? HashKind::sha1
                                                                                : HashKind::sha256;
  const auto encode = word_of(value, at, "encode", {"hex", "b64", "b64hex"}, "hex");
  out.encode = encode == "b64"      ? Auth::Encode::b64
               : encode == "b64hex" ? Auth::Encode::b64hex
                                    : Auth::Encode::hex;
  out.parts = signed_parts(value, at);
}

void Compiler::read_place(const Value& value, const std::string& at, Auth& out) {
  const Value *place = json::find(value, "at"), *header = json::find(value, "header");
  if ((place == nullptr) == (header == nullptr))
    return problem(at, "needs one of the keys at and header");
  if (place != nullptr) {
    out.at = pointer(*place, under(at, "at"));
  } else {
    out.at = Pointer{Root::header, {to_lower(text(value, at, "header").value_or(""))}};
  }
  if (const auto prefix = text(value, at, "prefix")) out.prefix = *prefix;
  if (const Value* pick = json::find(value, "pick"))
    out.pick = regex(*pick, under(at, "pick"), 1, 1);
}

/// True if the file gives one.
bool Compiler::read_tolerance(const Value& value, const std::string& at, Auth& out) {
  const Value* tolerance = json::find(value, "tolerance");
  if (tolerance == nullptr) return false;
  if (!tolerance->IsInt() || tolerance->GetInt() < 1 || tolerance->GetInt() > 86'400) {
    problem(under(at, "tolerance"), "must be 1..86400 seconds");
  } else {
    out.tolerance = std::chrono::seconds{tolerance->GetInt()};
  }
  return true;
}

void Compiler::read_timestamp(const Value& value, const std::string& at, Auth& out) {
  if (const Value* timestamp = json::find(value, "timestamp"))
    out.timestamp = expr(*timestamp, under(at, "timestamp"), nullptr);
  if (read_tolerance(value, at, out) && !out.timestamp)
    problem(under(at, "tolerance"), "means nothing without timestamp");
}

Auth Compiler::auth(const Value& value, const std::string& at) {
  using Scheme = Auth::Scheme;
  Auth out;
  if (!value.IsObject()) {
    problem(at, "must be an object");
    return out;
  }
  const auto scheme = scheme_of(text(value, at, "scheme").value_or(""));
  if (!scheme) {
    problem(under(at, "scheme"), fmt::format("must be one of: {}", scheme_names()));
    return out;
  }
  out.scheme = *scheme;
  out.when = when(value, at);
  const auto known = [&](Names names) {
    std::vector<std::string_view> all{"scheme", "when"};
    all.insert(all.end(), names);
    is_object_of(value, at, all);
  };
  switch (out.scheme) {
    case Scheme::equals:
      known({"at", "header", "prefix", "secret"});
      read_place(value, at, out);
      break;
    case Scheme::bearer:
    case Scheme::basic:
      known({"secret", out.scheme == Scheme::basic ? "user" : "secret"});
      out.prefix = out.scheme == Scheme::basic ? "Basic " : "Bearer ";
      out.at = Pointer{Root::header, {"authorization"}};
      out.user = text(value, at, "user").value_or("");
      break;
    case Scheme::hmac: {
      known({"hash", "encode", "at", "header", "pick", "prefix", "signed", "secret", "key",
             "timestamp", "tolerance"});
      read_place(value, at, out);
      read_hash(value, at, out);
      const auto key = word_of(value, at, "key", {"text", "hex", "b64", "whsec"}, "text");
      out.key = key == "hex"     ? Auth::Key::hex
                : key == "b64"   ? Auth::Key::b64
                : key == "whsec" ? Auth::Key::whsec
                                 : Auth::Key::text;
      read_timestamp(value, at, out);
      break;
    }
    case Scheme::hash: {
      known({"hash", "encode", "at", "header", "pick", "prefix", "signed"});
      read_place(value, at, out);
      read_hash(value, at, out);
      const auto is_secret = [](const Signed& part) { return part.what == Signed::What::secret; };
      if (std::none_of(out.parts.begin(), out.parts.end(), is_secret))
        problem(at, "a hash without {\"$secret\": name} in signed proves nothing");
      return out;
    }
    case Scheme::ed25519:
      known({"encode", "at", "header", "pick", "prefix", "signed", "secret", "key", "timestamp",
             "tolerance"});
      read_place(value, at, out);
      out.encode = word_of(value, at, "encode", {"b64", "hex"}, "b64") == "hex" ? Auth::Encode::hex
                                                                                : Auth::Encode::b64;
      out.key = word_of(value, at, "key", {"b64", "hex"}, "b64") == "hex" ? Auth::Key::hex
                                                                          : Auth::Key::b64;
      out.parts = signed_parts(value, at);
      read_timestamp(value, at, out);
      break;
    case Scheme::jwt_header:
      known({"at", "header", "prefix", "secret", "body_hash", "tolerance"});
      read_place(value, at, out);
      out.body_hash = text(value, at, "body_hash").value_or("");
      out.is_dated = read_tolerance(value, at, out);
      break;
    case Scheme::jwt_body:
      known({"secret"});
      break;
    case Scheme::twilio:
    case Scheme::plivo_v3:
      known({"secret"});
      out.at =
          Pointer{Root::header,
                  {out.scheme == Scheme::twilio ? "x-twilio-signature" : "x-plivo-signature-v3"}};
      break;
  }
  out.secret = secret_name(value, at);
  return out;
}

Handshake Compiler::handshake(const Value& value, const std::string& at) {
  Handshake out;
  if (!is_object_of(value, at, {"when", "decode", "reply"})) return out;
  if (!value.HasMember("when")) problem(at, "needs the key when");
  out.when = when(value, at);
  if (const Value* decode = json::find(value, "decode"))
    out.decode = decoding(*decode, under(at, "decode"));
  const Value* reply = json::find(value, "reply");
  const std::string place = under(at, "reply");
  if (reply == nullptr ||
      !is_object_of(*reply, place, {"status", "content_type", "headers", "body"})) {
    if (reply == nullptr) problem(at, "needs the key reply");
    return out;
  }
  if (const Value* status = json::find(*reply, "status")) {
    if (!status->IsInt() || status->GetInt() < 200 || status->GetInt() > 299) {
      problem(under(place, "status"), "must be 200..299");
    } else {
      out.status = static_cast<unsigned>(status->GetInt());
    }
  }
  if (const auto type = text(*reply, place, "content_type")) {
    out.content_type = *type;
    if (*type != "text/plain" && *type != "application/json")
      problem(under(place, "content_type"), "must be text/plain or application/json");
  }
  if (const Value* body = json::find(*reply, "body"))
    out.body = expr(*body, under(place, "body"), nullptr);
  if (const Value* headers = json::find(*reply, "headers")) {
    const std::string inside = under(place, "headers");
    if (!headers->IsObject()) {
      problem(inside, "must be an object");
      return out;
    }
    for (const auto& member : headers->GetObject()) {
      const std::string name{json::text(member.name)};
      const auto is_token = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-';
      };
      if (name.empty() || !std::all_of(name.begin(), name.end(), is_token))
        problem(under(inside, name), "is no header name");
      out.headers.emplace_back(name, expr(member.value, under(inside, name), nullptr));
    }
  }
  return out;
}

Rule Compiler::rule(const Value& value, const std::string& at) {
  Rule out;
  if (!is_object_of(value, at, {"when", "each", "if", "emit", "also"})) return out;
  out.when = when(value, at);
  if (const Value* each = json::find(value, "each")) out.each = pointer(*each, under(at, "each"));
  if (out.each) ++item_depth_;
  out.filter = when(value, at, "if");
  const Value* emit = json::find(value, "emit");
  if (emit == nullptr || !emit->IsObject()) {
    problem(at, "needs the key emit: an object");
  } else {
    out.emit = expr(*emit, under(at, "emit"), &fact_shape());
  }
  if (out.each) --item_depth_;
  if (const Value* also = json::find(value, "also")) {
    if (!also->IsBool()) problem(under(at, "also"), "must be true or false");
    out.also = also->IsTrue();
  }
  return out;
}

void Compiler::source_defaults(const Value& value, const std::string& at, DialectProgram& out) {
  if (!is_object_of(value, at, {"tz", "country", "intl_prefix", "e164_without_plus"})) return;
  if (const auto tz = text(value, at, "tz")) {
    out.tz = *tz;
    if (TimeZone::load(*tz) == nullptr) problem(under(at, "tz"), "is no time zone of this system");
  }
  if (const Value* plus = json::find(value, "e164_without_plus")) {
    if (!plus->IsBool()) problem(under(at, "e164_without_plus"), "must be true or false");
    out.numbers.e164_without_plus = plus->IsTrue();
  }
  out.numbers.country = text(value, at, "country").value_or("");
  out.numbers.intl_prefix = text(value, at, "intl_prefix").value_or("");
  for (const auto& wrong : check_numbers(out.numbers)) problem(under(at, wrong.key), wrong.what);
}

/// Methods that the conditions of a handshake name.
void collect_methods(const Condition& condition, std::vector<std::string>& out) {
  for (const auto& part : condition.parts) collect_methods(part, out);
  if (condition.test == Condition::Test::equal && condition.at.root == Root::method)
    for (const auto& name : condition.values)
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
}

DialectProgram Compiler::dialect(const Value& root) {
  DialectProgram out;
  if (!is_object_of(root, "",
                    {"dialect", "methods", "handshake", "decode", "decode_by_content_type", "auth",
                     "tables", "base", "rules", "facts", "dedupe", "source_defaults"}))
    return out;
  out.name = text(root, "", "dialect").value_or("");
  if (out.name.empty()) problem("/dialect", "must be the name of the dialect");
  if (const Value* given = json::find(root, "methods"))
    out.event_methods = methods(*given, "/methods");
  tables_ = json::find(root, "tables");
  if (tables_ != nullptr && !tables_->IsObject()) {
    problem("/tables", "must be an object of tables");
    tables_ = nullptr;
  }
  each_of(root, "", "handshake", [&](const Value& value, const std::string& at) {
    out.handshakes.push_back(handshake(value, at));
  });

  const Value *decode = json::find(root, "decode"),
              *by_type = json::find(root, "decode_by_content_type");
  if ((decode == nullptr) == (by_type == nullptr))
    problem("", "needs one of the keys decode and decode_by_content_type");
  if (decode != nullptr) out.decode = decoding(*decode, "/decode");
  if (by_type != nullptr && !by_type->IsObject())
    problem("/decode_by_content_type", "must be an object");
  if (by_type != nullptr && by_type->IsObject())
    for (const auto& member : by_type->GetObject())
      out.decode_by_type.push_back(
          {to_lower(json::text(member.name)),
           decoding(member.value, under("/decode_by_content_type", json::text(member.name)))});

  reads_body_ = false;
  each_of(root, "", "auth",
          [&](const Value& value, const std::string& at) { out.auth.push_back(auth(value, at)); });
  out.auth_reads_body = reads_body_;

  if (tables_ != nullptr)
    for (const auto& member : tables_->GetObject()) {
      const std::string at = under("/tables", json::text(member.name));
      if (!member.value.IsObject()) problem(at, "must be an object");
      // Read for its problems only: a table may hold expressions over /item.
      ++item_depth_;
      if (member.value.IsObject())
        for (const auto& row : member.value.GetObject())
          expr(row.value, under(at, json::text(row.name)), nullptr);
      --item_depth_;
    }

  const Value *base = json::find(root, "base"), *rules = json::find(root, "rules"),
              *facts = json::find(root, "facts");
  if ((rules == nullptr) == (facts == nullptr))
    problem("", "needs one of the keys rules and facts");
  if (base != nullptr) {
    ++item_depth_;
    out.base = expr(*base, "/base", &fact_shape());
    --item_depth_;
  }
  if (facts != nullptr) {
    out.facts = pointer(*facts, "/facts");
    if (base != nullptr) problem("/base", "has no meaning beside facts");
  }
  each_of(root, "", "rules",
          [&](const Value& value, const std::string& at) { out.rules.push_back(rule(value, at)); });
  if (const Value* dedupe = json::find(root, "dedupe"))
    out.dedupe = expr(*dedupe, "/dedupe", nullptr);
  if (const Value* defaults = json::find(root, "source_defaults"))
    source_defaults(*defaults, "/source_defaults", out);

  out.all_methods = out.event_methods;
  for (const auto& each : out.handshakes) collect_methods(each.when, out.all_methods);
  out.secrets = std::move(secrets_);
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
  if (!document)
    return std::vector{webhook::syntax_problem(plain, file_name, places, document.error())};
  webhook::Compiler compiler{file_name, places};
  auto program = std::make_shared<DialectProgram>(compiler.dialect(*document));
  if (!compiler.problems.empty()) return std::move(compiler.problems);
  return DialectProgramPtr{std::move(program)};
}

std::vector<std::string> secret_names(const DialectProgram& program) { return program.secrets; }

bool is_signed(const DialectProgram& program) {
  return std::any_of(program.auth.begin(), program.auth.end(), [](const webhook::Auth& auth) {
    using Scheme = webhook::Auth::Scheme;
    return auth.scheme != Scheme::equals && auth.scheme != Scheme::bearer &&
           auth.scheme != Scheme::basic;
  });
}

}  // namespace hookswitch
