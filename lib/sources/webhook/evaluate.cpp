#include "sources/webhook/evaluate.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "sources/webhook/time_text.hpp"

namespace hookswitch::webhook {
namespace {

using json::Value;
using Arena = json::Document::AllocatorType;

const Value* step(const Value& value, const std::string& token) {
  if (value.IsObject()) return json::find(value, token);
  if (!value.IsArray() || token.empty() || token.size() > 6) return nullptr;
  const auto index = parse_int(token);
  if (!index || *index < 0 || *index >= value.Size()) return nullptr;
  return &value[static_cast<rapidjson::SizeType>(*index)];
}

/// Lower case without blanks, '_' and '-': NotifyStart, notify_start and NOTIFY START are one word.
std::string squeeze(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != ' ' && c != '\t' && c != '_' && c != '-') out += c;
  return to_lower(out);
}

std::optional<std::size_t> find_key(const Expr& expr, const std::string& key) {
  const auto& names = expr.names;
  const auto at = [&](auto same) -> std::optional<std::size_t> {
    const auto it = std::find_if(names.begin(), names.end(), same);
    if (it == names.end()) return std::nullopt;
    return static_cast<std::size_t>(it - names.begin());
  };
  if (auto found = at([&](const auto& name) { return name == key; })) return found;
  if (auto found = at([&](const auto& name) { return equals_ignore_case(name, key); }))
    return found;
  if (!expr.loose) return std::nullopt;
  const std::string wanted = squeeze(key);
  return at([&](const auto& name) { return squeeze(name) == wanted; });
}

bool is_one_of(const Value* value, const std::vector<std::string>& values) {
  if (value == nullptr) return false;
  const auto text = as_text(*value);
  return text && std::find(values.begin(), values.end(), *text) != values.end();
}

}  // namespace

const Value* Evaluator::look(const Pointer& pointer) const {
  const Value* at = nullptr;
  switch (pointer.root) {
    case Root::method:
      at = &document_.method;
      break;
    case Root::path:
      at = &document_.path;
      break;
    case Root::query:
      at = &document_.query;
      break;
    case Root::header:
      at = &document_.header;
      break;
    case Root::body:
      at = &document_.body;
      break;
    case Root::raw_form:
      at = &document_.raw_form;
      break;
    case Root::index:
      at = item_ == nullptr ? nullptr : &index_;
      break;
    case Root::item:
      at = item_;
      break;
  }
  for (const auto& token : pointer.tokens) {
    if (at == nullptr) return nullptr;
    at = step(*at, token);
  }
  return at;
}

void Evaluator::set_item(const Value* item, std::size_t index) {
  item_ = item;
  index_.SetUint64(index);
}

bool Evaluator::spend(std::size_t steps) {
  work_ += steps;
  return !exhausted();
}

bool Evaluator::holds(const Condition& c) {
  using Test = Condition::Test;
  if (!spend()) return false;
  const auto each = [&](const Condition& part) { return holds(part); };
  switch (c.test) {
    case Test::all:
      return std::all_of(c.parts.begin(), c.parts.end(), each);
    case Test::any:
      return std::any_of(c.parts.begin(), c.parts.end(), each);
    case Test::none:
      return std::none_of(c.parts.begin(), c.parts.end(), each);
    default:
      break;
  }
  const Value* at = look(c.at);
  switch (c.test) {
    case Test::equal:
      return spend(c.values.size()) && is_one_of(at, c.values);
    case Test::absent:
      return at == nullptr || is_empty(*at);
    case Test::present:
      return (at != nullptr && !is_empty(*at)) == c.wanted;
    case Test::above: {
      const auto number = at == nullptr ? std::nullopt : as_number(*at);
      return number && *number > c.bound;
    }
    case Test::matches: {
      const auto text = at == nullptr ? std::nullopt : as_text(*at);
      return text && spend(text->size() / 16) && RE2::PartialMatch(*text, *c.regex);
    }
    case Test::same: {
      const Value* other = look(c.other);
      if (at == nullptr || other == nullptr) return false;
      const auto a = as_text(*at), b = as_text(*other);
      return a && b && *a == *b;
    }
    default:
      return false;
  }
}

bool Evaluator::would_hold(const Condition& condition) {
  const std::size_t work = work_;
  work_ = 0;
  const bool out = holds(condition);
  work_ = work;
  return out;
}

std::size_t Evaluator::size_of(const Value& value) const {
  if (value.IsString()) return 1 + value.GetStringLength() / 64;
  std::size_t size = 1;
  if (value.IsArray())
    for (const auto& item : value.GetArray()) size += size_of(item);
  if (value.IsObject())
    for (const auto& member : value.GetObject())
      size += 1 + member.name.GetStringLength() / 64 + size_of(member.value);
  return size;
}

Value Evaluator::copy(const Value& from) {
  if (!spend(size_of(from))) return {};
  return Value{from, document_.arena};
}

Value Evaluator::text_value(std::string_view text) {
  if (!spend(text.size() / 64)) return {};
  return Value{text.data(), static_cast<rapidjson::SizeType>(text.size()), document_.arena};
}

Value Evaluator::value(const Expr& expr) {
  if (!spend()) return {};
  switch (expr.op) {
    case Expr::Op::nothing:
      return {};
    case Expr::Op::literal:
      return copy(*expr.literal);
    case Expr::Op::pointer: {
      const Value* at = look(expr.pointer);
      return at == nullptr ? Value{} : copy(*at);
    }
    case Expr::Op::list:
      return list(expr);
    case Expr::Op::object:
      return object(expr);
    case Expr::Op::first:
      for (const auto& part : expr.parts)
        if (Value out = value(part); !is_empty(out)) return out;
      return {};
    case Expr::Op::map:
      return map(expr);
    case Expr::Op::choose: {
      const auto& chosen = holds(*expr.condition) ? expr.of : expr.otherwise;
      return chosen.empty() ? Value{} : value(chosen.front());
    }
    case Expr::Op::phone:
      return phone(expr);
    case Expr::Op::time:
      return time(expr);
    case Expr::Op::integer: {
      const auto number = as_integer(value(expr.of.front()));
      return number ? Value{*number} : Value{};
    }
    case Expr::Op::boolean: {
      const auto text = as_text(value(expr.of.front()));
      if (!text) return {};
      const std::string word = to_lower(trim(*text));
      if (word == "true" || word == "1" || word == "yes" || word == "on") return Value{true};
      if (word == "false" || word == "0" || word == "no" || word == "off") return Value{false};
      return {};
    }
    case Expr::Op::multiply:
      return multiply(expr);
    case Expr::Op::seconds:
      return seconds(expr);
    case Expr::Op::match:
      return match(expr);
    case Expr::Op::join:
      return join(expr);
    case Expr::Op::find:
      return find(expr);
  }
  return {};
}

Value Evaluator::list(const Expr& expr) {
  Value out{rapidjson::kArrayType};
  for (const auto& part : expr.parts)
    if (Value item = value(part); !is_empty(item)) out.PushBack(item, document_.arena);
  return out;
}

Value Evaluator::object(const Expr& expr) {
  Value out{rapidjson::kObjectType};
  for (std::size_t i = 0; i < expr.parts.size(); ++i) {
    raw_phone_.clear();
    plain_phone_.clear();
    Value item = value(expr.parts[i]);
    // A party keeps what was sent beside what it means: read_numbers() of the fact sees to both.
    if (expr.party && expr.names[i] == "number" && !raw_phone_.empty() &&
        raw_phone_.size() <= kIdBytesMax && as_text(item).value_or("") == plain_phone_)
      item = text_value(raw_phone_);
    if (!is_empty(item)) out.AddMember(text_value(expr.names[i]), item, document_.arena);
  }
  return out;
}

Value Evaluator::map(const Expr& expr) {
  const auto key = as_text(value(expr.of.front()));
  if (key && !trim(*key).empty() && spend(expr.names.size())) {
    if (const auto at = find_key(expr, std::string{trim(*key)})) return value(expr.parts[*at]);
  }
  return expr.otherwise.empty() ? Value{} : value(expr.otherwise.front());
}

Value Evaluator::phone(const Expr& expr) {
  const auto raw = as_text(value(expr.of.front()));
  if (!raw || trim(*raw).empty() || !spend(raw->size() / 16)) return {};
  raw_phone_ = trim(*raw);
  auto read = read_number(*raw, numbers_);
  plain_phone_ = std::move(read.kind == NumberReading::Kind::extension ? read.ext : read.number);
  return plain_phone_.empty() ? Value{} : text_value(plain_phone_);
}

Value Evaluator::time(const Expr& expr) {
  const auto text = as_text(value(expr.of.front()));
  if (!text) return {};
  const auto moment = parse_time(*text, expr.text, zone_);
  return moment ? text_value(to_rfc3339(*moment)) : Value{};
}

Value Evaluator::multiply(const Expr& expr) {
  const Value operand = value(expr.of.front());
  const auto number = as_number(operand);
  if (!number) return {};
  const double product = *number * expr.factor;
  if (!std::isfinite(product)) return {};
  if (std::abs(product) < 9e15 && std::trunc(product) == product)
    return Value{static_cast<std::int64_t>(product)};
  return Value{product};
}

/// "1:02:03", "02:03" or "123": seconds.
Value Evaluator::seconds(const Expr& expr) {
  const auto text = as_text(value(expr.of.front()));
  if (!text) return {};
  std::string_view left = trim(*text);
  std::int64_t total = 0;
  for (int parts = 1;; ++parts) {
    const auto colon = left.find(':');
    const auto number = parse_int(left.substr(0, colon));
    if (!number || *number < 0 || *number > 10'000'000 || parts > 3) return {};
    total = total * 60 + *number;
    if (colon == std::string_view::npos) return Value{total};
    left.remove_prefix(colon + 1);
  }
}

Value Evaluator::match(const Expr& expr) {
  const auto text = as_text(value(expr.of.front()));
  if (!text || !spend(text->size() / 16)) return {};
  std::array<re2::StringPiece, 10> groups;
  const re2::StringPiece subject{*text};
  if (!expr.regex->Match(subject, 0, subject.size(), RE2::UNANCHORED, groups.data(),
                         expr.group + 1))
    return {};
  const auto& found = groups[static_cast<std::size_t>(expr.group)];
  return found.data() == nullptr ? Value{} : text_value({found.data(), found.size()});
}

Value Evaluator::join(const Expr& expr) {
  std::string out;
  for (const auto& part : expr.parts) {
    const Value item = value(part);
    if (is_empty(item)) continue;
    const auto text = as_text(item);
    if (!text) continue;
    if (!out.empty()) out += expr.text;
    out += *text;
  }
  return out.empty() ? Value{} : text_value(out);
}

Value Evaluator::find(const Expr& expr) {
  const Value* items = look(expr.pointer);
  if (items == nullptr || !items->IsArray()) return {};
  const Value* outer = item_;
  const std::size_t outer_index = outer == nullptr ? 0 : index_.GetUint64();
  Value out;
  const std::size_t count = std::min<std::size_t>(items->Size(), kEachItemsMax);
  for (std::size_t i = 0; i < count && is_empty(out); ++i) {
    set_item(&(*items)[static_cast<rapidjson::SizeType>(i)], i);
    if (!expr.condition || holds(*expr.condition)) out = value(expr.of.front());
  }
  set_item(outer, outer_index);
  return out;
}

void merge_under(Value& target, Value& base, Arena& arena) {
  for (auto& member : base.GetObject()) {
    const auto mine = target.FindMember(member.name);
    if (mine == target.MemberEnd()) {
      target.AddMember(member.name, member.value, arena);
    } else if (is_empty(mine->value)) {
      mine->value = member.value;
    } else if (mine->value.IsObject() && member.value.IsObject()) {
      merge_under(mine->value, member.value, arena);
    }
  }
}

}  // namespace hookswitch::webhook
