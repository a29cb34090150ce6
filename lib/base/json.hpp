#pragma once

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/limits.hpp"

/// The one door for JSON. RapidJSON's defaults are unsafe on outside bytes (recursion, text after
/// NUL, lone surrogates, duplicate keys); everything that parses goes through parse_json, which a
/// tidy test holds.
namespace hookswitch::json {

using Document = rapidjson::Document;
using Value = rapidjson::Value;

struct Limits {
  std::size_t bytes_max = kBodyBytesMax;
  std::size_t depth_max = kJsonDepthMax;
  std::size_t values_max = kJsonValuesMax;
};

/// Strict RFC 8259: UTF-8 without byte order mark, no trailing bytes, no lone surrogates, no
/// duplicate keys, bounded size, depth and count; full-precision numbers. Errors: bad_json,
/// bad_encoding, too_deep, too_many_fields, body_too_large.
Result<Document> parse(std::string_view text, const Limits& limits = {});

/// Member of an object; nullptr when `object` is no object or has none of that name.
const Value* find(const Value& object, std::string_view name);
/// The string member `name`; nullopt when missing or no string.
std::optional<std::string_view> find_string(const Value& object, std::string_view name);
std::optional<std::int64_t> find_int(const Value& object, std::string_view name);
std::optional<bool> find_bool(const Value& object, std::string_view name);

inline std::string_view text(const Value& string) {
  return {string.GetString(), string.GetStringLength()};
}

/// Writes compact JSON into a std::string. Text must be valid UTF-8: all text in the model is, by
/// construction.
class Writer {
 public:
  Writer() : writer_(buffer_) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Writer& begin_object() {
    writer_.StartObject();
    return *this;
  }
  Writer& end_object() {
    writer_.EndObject();
    return *this;
  }
  Writer& begin_array() {
    writer_.StartArray();
    return *this;
  }
  Writer& end_array() {
    writer_.EndArray();
    return *this;
  }
  Writer& key(std::string_view name) {
    writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    return *this;
  }
  Writer& string(std::string_view value) {
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    return *this;
  }
  Writer& integer(std::int64_t value) {
    writer_.Int64(value);
    return *this;
  }
  Writer& real(double value) {
    writer_.Double(value);
    return *this;
  }
  Writer& boolean(bool value) {
    writer_.Bool(value);
    return *this;
  }
  Writer& null() {
    writer_.Null();
    return *this;
  }
  /// Copies a parsed value.
  Writer& value(const Value& value) {
    value.Accept(writer_);
    return *this;
  }
  /// Inserts text that is JSON already.
  Writer& raw(std::string_view json, rapidjson::Type type = rapidjson::kObjectType) {
    writer_.RawValue(json.data(), json.size(), type);
    return *this;
  }

  Writer& member(std::string_view name, std::string_view text) { return key(name).string(text); }
  Writer& member(std::string_view name, const char* text) { return key(name).string(text); }
  Writer& member(std::string_view name, std::int64_t number) { return key(name).integer(number); }
  Writer& member(std::string_view name, int number) { return key(name).integer(number); }
  Writer& member(std::string_view name, bool value) { return key(name).boolean(value); }

  std::string_view view() const { return {buffer_.GetString(), buffer_.GetSize()}; }
  std::string str() const { return std::string{view()}; }
  void clear() {
    buffer_.Clear();
    writer_.Reset(buffer_);
  }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

/// Compact text of a value.
std::string to_string(const Value& value);

}  // namespace hookswitch::json
