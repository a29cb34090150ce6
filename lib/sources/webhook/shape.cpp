#include "sources/webhook/shape.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "model/words.hpp"

namespace hookswitch::webhook {
namespace {

using json::Value;
using Arena = json::Document::AllocatorType;

void set_text(Value& value, std::string_view text, Arena& arena) {
  value.SetString(text.data(), static_cast<rapidjson::SizeType>(text.size()), arena);
}

void fit_object(Value& value, const Shape& shape, Arena& arena) {
  if (!value.IsObject()) return void(value.SetNull());
  for (auto& member : value.GetObject()) {
    const Shape* wanted = shape.member(json::text(member.name));
    if (wanted == nullptr) {
      member.value.SetNull();
    } else {
      fit(member.value, *wanted, arena);
    }
  }
  if (const auto seconds = value.FindMember("duration"); seconds != value.MemberEnd()) {
    Value whole{std::move(seconds->value)};
    value.RemoveMember("duration");
    if (const auto given = value.FindMember("duration_ms"); given == value.MemberEnd()) {
      value.AddMember("duration_ms", whole, arena);
    } else if (given->value.IsNull()) {
      given->value = std::move(whole);
    }
  }
}

void fit_texts(Value& value, Arena& arena) {
  if (!value.IsArray()) {
    auto text = as_text(value);
    value.SetArray();
    if (text)
      value.PushBack(Value{text->data(), static_cast<rapidjson::SizeType>(text->size()), arena},
                     arena);
    return;
  }
  for (auto& item : value.GetArray()) {
    auto text = as_text(item);
    set_text(item, text ? *text : std::string{}, arena);
  }
}

void fit_word(Value& value, const Shape& shape, Arena& arena) {
  const auto text = as_text(value);
  if (text && is_word_of(shape.kind, *text)) return set_text(value, *text, arena);
  value.SetNull();
  if (text && shape.kind == Shape::Kind::disposition) set_text(value, "unknown", arena);
}

}  // namespace

const Shape* Shape::member(std::string_view name) const {
  for (const auto& [known, shape] : members)
    if (known == name) return shape;
  return nullptr;
}

const Shape& fact_shape() {
  using Kind = Shape::Kind;
  static const Shape id{Kind::text, {}}, name{Kind::text, {}, kIdBytesMax},
      text{Kind::text, {}, kTextBytesMax}, texts{Kind::texts, {}},
      text_map{Kind::text_map, {}, kTextBytesMax}, integer{Kind::integer, {}},
      seconds{Kind::seconds, {}}, time{Kind::time, {}}, boolean{Kind::boolean, {}},
      type{Kind::type, {}}, direction{Kind::direction, {}}, disposition{Kind::disposition, {}},
      transfer_kind{Kind::transfer_kind, {}};
  static const Shape party{
      Kind::party,
      {{"number", &name}, {"presented", &name}, {"ext", &name}, {"name", &text}, {"aor", &name}}};
  static const Shape ids{
      Kind::object,
      {{"call", &texts}, {"leg", &id}, {"sip", &texts}, {"session", &id}, {"parent", &id}}};
  static const Shape agent{Kind::object,
                           {{"ext", &name}, {"id", &name}, {"name", &text}, {"email", &name}}};
  static const Shape queue{Kind::object, {{"name", &text}}};
  static const Shape recording{Kind::object, {{"id", &name}, {"url", &text}}};
  static const Shape other{Kind::object, {{"call", &texts}}};
  static const Shape transfer{Kind::object,
                              {{"kind", &transfer_kind}, {"to", &party}, {"other", &other}}};
  static const Shape fact{Kind::object,
                          {{"type", &type},
                           {"ids", &ids},
                           {"direction", &direction},
                           {"from", &party},
                           {"to", &party},
                           {"did", &name},
                           {"agent", &agent},
                           {"customer", &party},
                           {"queue", &queue},
                           {"seq", &integer},
                           {"at", &time},
                           {"duration", &seconds},
                           {"duration_ms", &integer},
                           {"disposition", &disposition},
                           {"cause", &integer},
                           {"sip_status", &integer},
                           {"reason", &text},
                           {"headers", &text_map},
                           {"variables", &text_map},
                           {"custom_data", &text},
                           {"recording", &recording},
                           {"transfer", &transfer},
                           {"state_report", &boolean}}};
  return fact;
}

bool is_word_of(Shape::Kind kind, std::string_view word) {
  switch (kind) {
    case Shape::Kind::type:
      return word == "ignore" || from_word<FactType>(word).has_value();
    case Shape::Kind::direction:
      return from_word<Direction>(word).has_value();
    case Shape::Kind::disposition:
      return from_word<Disposition>(word).has_value();
    case Shape::Kind::transfer_kind:
      return word == "blind" || word == "attended";
    default:
      return true;
  }
}

bool is_empty(const Value& value) {
  if (value.IsNull()) return true;
  if (value.IsString()) return trim(json::text(value)).empty();
  if (value.IsObject()) return value.ObjectEmpty();
  return value.IsArray() && value.Empty();
}

std::optional<std::string> as_text(const Value& value) {
  if (value.IsString()) return std::string{json::text(value)};
  if (value.IsBool()) return value.GetBool() ? "true" : "false";
  if (value.IsInt64()) return fmt::format("{}", value.GetInt64());
  if (value.IsUint64()) return fmt::format("{}", value.GetUint64());
  // Beyond 2^53 a double is not the number that was sent: two ids could become one.
  if (value.IsDouble() && std::abs(value.GetDouble()) < 0x1p53)
    return fmt::format("{}", value.GetDouble());
  return std::nullopt;
}

std::optional<double> as_number(const Value& value) {
  if (value.IsNumber()) return value.GetDouble();
  if (!value.IsString()) return std::nullopt;
  const auto text = trim(json::text(value));
  double out = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(out))
    return std::nullopt;
  return out;
}

std::optional<std::int64_t> as_integer(const Value& value) {
  if (value.IsInt64()) return value.GetInt64();
  if (value.IsString())
    if (const auto whole = parse_int(trim(json::text(value)))) return *whole;
  const auto number = as_number(value);
  if (!number || std::abs(*number) > 9e15) return std::nullopt;  // beyond, doubles are not exact
  return static_cast<std::int64_t>(*number);
}

void fit(Value& value, const Shape& shape, Arena& arena) {
  using Kind = Shape::Kind;
  if (value.IsNull()) return;
  switch (shape.kind) {
    case Kind::object:
    case Kind::party:
      return fit_object(value, shape, arena);
    case Kind::texts:
      return fit_texts(value, arena);
    case Kind::text_map:
      if (!value.IsObject()) return void(value.SetNull());
      for (auto& member : value.GetObject())
        fit(member.value, Shape{Kind::text, {}, shape.bytes_max}, arena);
      return;
    case Kind::text:
      if (const auto text = as_text(value);
          text && (shape.bytes_max == 0 || text->size() <= shape.bytes_max))
        return set_text(value, *text, arena);
      return void(value.SetNull());
    case Kind::integer:
      if (const auto number = as_integer(value)) return void(value.SetInt64(*number));
      return void(value.SetNull());
    case Kind::seconds:
      if (const auto number = as_number(value); number && *number >= 0 && *number < 1e9)
        return void(value.SetInt64(static_cast<std::int64_t>(std::llround(*number * 1000))));
      return void(value.SetNull());
    case Kind::time:
      if (value.IsString() && parse_rfc3339(json::text(value))) return;
      return void(value.SetNull());
    case Kind::boolean:
      if (!value.IsBool()) value.SetNull();
      return;
    case Kind::type:
    case Kind::direction:
    case Kind::disposition:
    case Kind::transfer_kind:
      return fit_word(value, shape, arena);
  }
}

}  // namespace hookswitch::webhook
