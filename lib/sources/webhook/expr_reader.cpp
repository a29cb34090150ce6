#include "sources/webhook/expr_reader.hpp"

#include <algorithm>

#include "sources/webhook/condition_reader.hpp"
#include "sources/webhook/time_text.hpp"

namespace hookswitch::webhook {
namespace {

using json::Value;

class ExprReader {
 public:
  explicit ExprReader(FileReader& in) : in_(in) {}
  Expr expr(const Value& value, const std::string& at, const Shape* shape);

 private:
  Expr literal(const Value& value, const std::string& at, const Shape* shape);
  Expr members(const Value& value, const std::string& at, const Shape* shape);
  Expr operation(const Value& value, const std::string& at, const Shape* shape);
  Expr map(const Value& value, const std::string& at, const Shape* shape);
  Expr choose(const Value& value, const std::string& at, const Shape* shape);
  Expr find(const Value& value, const std::string& at, const Shape* shape);
  std::vector<Expr> list(const Value& value, const std::string& at, const Shape* shape);
  std::vector<Expr> argument(const Value& object, const std::string& at, const char* name,
                             const Shape* shape, bool required);

  FileReader& in_;
};

Expr ExprReader::literal(const Value& value, const std::string& at, const Shape* shape) {
  if (shape != nullptr && value.IsString() && !is_word_of(shape->kind, json::text(value)))
    in_.problem(at, fmt::format("\"{}\" is not a word of the model", json::text(value)));
  Expr out;
  out.op = Expr::Op::literal;
  auto document = std::make_shared<json::Document>();
  document->CopyFrom(value, document->GetAllocator());
  out.literal = std::move(document);
  return out;
}

Expr ExprReader::expr(const Value& value, const std::string& at, const Shape* shape) {
  if (!in_.count_part(at, value.IsString() ? json::text(value).size() : 0) || value.IsNull())
    return {};
  if (value.IsString() && json::text(value).starts_with('/')) {
    Expr out;
    out.op = Expr::Op::pointer;
    out.pointer = in_.pointer(value, at);
    return out;
  }
  if (value.IsArray()) {
    if (shape != nullptr && shape->kind != Shape::Kind::texts)
      in_.problem(at, "a list has no place here");
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

std::vector<Expr> ExprReader::list(const Value& value, const std::string& at, const Shape* shape) {
  std::vector<Expr> out;
  if (!value.IsArray()) {
    in_.problem(at, "must be a list");
    return out;
  }
  for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
    out.push_back(expr(value[i], fmt::format("{}/{}", at, i), shape));
  return out;
}

Expr ExprReader::members(const Value& value, const std::string& at, const Shape* shape) {
  Expr out;
  out.op = Expr::Op::object;
  const bool is_map = shape != nullptr && shape->kind == Shape::Kind::text_map;
  if (shape != nullptr && shape->members.empty() && !is_map)
    in_.problem(at, "an object has no place here");
  out.party = shape != nullptr && shape->kind == Shape::Kind::party;
  for (const auto& member : value.GetObject()) {
    const std::string name{json::text(member.name)};
    const std::string place = under(at, name);
    const Shape* inner = shape == nullptr || is_map ? nullptr : shape->member(name);
    if (shape != nullptr && !is_map && !shape->members.empty() && inner == nullptr)
      in_.problem(place, "is no member of a fact");
    out.names.push_back(name);
    out.parts.push_back(expr(member.value, place, inner));
  }
  return out;
}

std::vector<Expr> ExprReader::argument(const Value& object, const std::string& at, const char* name,
                                       const Shape* shape, bool required) {
  const Value* value = json::find(object, name);
  if (value != nullptr) return {expr(*value, under(at, name), shape)};
  if (required) {
    in_.problem(at, fmt::format("needs the key {}", name));
    return {Expr{}};
  }
  return {};
}

Expr ExprReader::map(const Value& value, const std::string& at, const Shape* shape) {
  Expr out;
  out.op = Expr::Op::map;
  in_.is_object_of(value, at, {"$map", "of", "default", "loose"});
  out.of = argument(value, at, "of", nullptr, true);
  out.otherwise = argument(value, at, "default", shape, false);
  out.loose = in_.flag(value, at, "loose");
  const Value* table = json::find(value, "$map");
  std::string place = under(at, "$map"), name;
  const bool is_named = table->IsString();
  if (is_named) {
    name = json::text(*table);
    table = in_.tables == nullptr ? nullptr : json::find(*in_.tables, name);
    if (table == nullptr) {
      in_.problem(place, "there is no such table");
      return out;
    }
    auto& open = in_.open_tables;
    if (std::find(open.begin(), open.end(), name) != open.end()) {
      in_.problem(place, "the table refers to itself");
      return out;
    }
    if (open.size() == kTableDepthMax) {
      in_.problem(place, fmt::format("tables refer to tables more than {} deep", kTableDepthMax));
      return out;
    }
    place = under("/tables", name);
  }
  if (!table->IsObject()) {
    in_.problem(place, "must be a table: an object, or the name of one of /tables");
    return out;
  }
  if (is_named) in_.open_tables.push_back(name);
  for (const auto& row : table->GetObject()) {
    out.names.emplace_back(json::text(row.name));
    out.parts.push_back(expr(row.value, under(place, json::text(row.name)), shape));
  }
  if (is_named) in_.open_tables.pop_back();
  return out;
}

Expr ExprReader::choose(const Value& value, const std::string& at, const Shape* shape) {
  Expr out;
  out.op = Expr::Op::choose;
  in_.is_object_of(value, at, {"$if", "then", "else"});
  out.condition = read_when(in_, value, at, "$if");
  out.of = argument(value, at, "then", shape, true);
  out.otherwise = argument(value, at, "else", shape, false);
  return out;
}

Expr ExprReader::find(const Value& value, const std::string& at, const Shape* shape) {
  Expr out;
  out.op = Expr::Op::find;
  in_.is_object_of(value, at, {"$find", "where", "get"});
  out.pointer = in_.pointer(*json::find(value, "$find"), under(at, "$find"));
  const FileReader::Items items{in_};
  if (value.HasMember("where")) out.condition = read_when(in_, value, at, "where");
  out.of = argument(value, at, "get", shape, true);
  return out;
}

Expr ExprReader::operation(const Value& value, const std::string& at, const Shape* shape) {
  std::string op;
  for (const auto& member : value.GetObject())
    if (const auto name = json::text(member.name); name.starts_with('$')) {
      if (!op.empty()) in_.problem(under(at, name), "a second $op in one object");
      if (op.empty()) op = name;
    }
  const Value& of = *json::find(value, op);
  const std::string place = under(at, op);
  const auto unary = [&](Expr::Op kind, Names known) {
    Expr out;
    in_.is_object_of(value, at, known);
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
    in_.is_object_of(value, at, {"$lit"});
    if (!in_.count_part(place, of.IsString() ? json::text(of).size() : 0)) return {};
    return literal(of, place, shape);
  }
  if (op == "$or") {
    Expr out;
    out.op = Expr::Op::first;
    in_.is_object_of(value, at, {"$or"});
    out.parts = list(of, place, shape);
    return out;
  }
  if (op == "$time") {
    Expr out = unary(Expr::Op::time, {"$time", "as"});
    out.text = in_.text(value, at, "as").value_or("auto");
    if (!is_time_format(out.text))
      in_.problem(under(at, "as"),
                  "must be auto unix ms us ns iso rfc2822 or a pattern of %Y %m %d %H %M %S %f %z");
    return out;
  }
  if (op == "$mul") {
    Expr out = unary(Expr::Op::multiply, {"$mul", "by"});
    const Value* by = json::find(value, "by");
    if (by == nullptr || !by->IsNumber()) {
      in_.problem(under(at, "by"), "must be a number");
    } else {
      out.factor = by->GetDouble();
    }
    return out;
  }
  if (op == "$re") {
    Expr out;
    out.op = Expr::Op::match;
    in_.is_object_of(value, at, {"$re", "of", "group"});
    out.regex = in_.regex(of, place, 0, 9);
    out.of = argument(value, at, "of", nullptr, true);
    const int groups = out.regex ? out.regex->NumberOfCapturingGroups() : 0;
    out.group = groups > 0 ? 1 : 0;
    if (const Value* group = json::find(value, "group")) {
      if (!group->IsInt() || group->GetInt() < 0 || group->GetInt() > groups) {
        in_.problem(under(at, "group"), "is no group of the expression");
      } else {
        out.group = group->GetInt();
      }
    }
    return out;
  }
  if (op == "$join") {
    Expr out;
    out.op = Expr::Op::join;
    in_.is_object_of(value, at, {"$join", "sep"});
    out.parts = list(of, place, nullptr);
    out.text = in_.text(value, at, "sep").value_or("");
    return out;
  }
  in_.problem(place, "unknown $op");
  return {};
}

}  // namespace

Expr read_expr(FileReader& in, const Value& value, const std::string& at, const Shape* shape) {
  return ExprReader{in}.expr(value, at, shape);
}

}  // namespace hookswitch::webhook
