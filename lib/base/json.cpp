#include "base/json.hpp"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <unordered_set>
#include <vector>

#include "base/text.hpp"

namespace hookswitch::json {
namespace {

/// First pass: depth, count and duplicate keys, before a tree is built. Iterative, so depth cannot
/// cost stack.
class Guard : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Guard> {
 public:
  explicit Guard(const Limits& limits) : limits_(limits) {}

  bool Default() { return count(); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    // The validate flag lets a lone low surrogate escape (\uDD1E) through; what it decodes to is
    // not UTF-8.
    return count() &&
           (is_utf8({text, size}) || fail(Errc::bad_encoding, "a string is not valid UTF-8"));
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (!count()) return false;
    if (!is_utf8({text, size})) return fail(Errc::bad_encoding, "a key is not valid UTF-8");
    return keys_.back().emplace(text, size).second || fail(Errc::bad_json, "a key occurs twice");
  }
  bool StartObject() { return open(); }
  bool StartArray() { return open(); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  std::optional<Error> error;

 private:
  bool fail(Errc code, const char* detail) {
    error = Error{code, detail};
    return false;
  }
  bool count() {
    return ++values_ <= limits_.values_max || fail(Errc::too_many_fields, "too many values");
  }
  bool open() {
    keys_.emplace_back();
    return count() &&
           (keys_.size() <= limits_.depth_max || fail(Errc::too_deep, "nested too deeply"));
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  const Limits& limits_;
  std::size_t values_ = 0;
  std::vector<std::unordered_set<std::string>> keys_;
};

constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                            rapidjson::kParseFullPrecisionFlag;

}  // namespace

Result<Document> parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytes_max) return Error{Errc::body_too_large, "more bytes than allowed"};
  if (!is_utf8(text)) return Error{Errc::bad_encoding, "not valid UTF-8"};
  // RapidJSON takes NUL for the end of its input and would not look at what follows.
  if (text.find('\0') != std::string_view::npos) return Error{Errc::bad_json, "holds a NUL byte"};
  Guard guard{limits};
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream{text.data(), text.size()};
  if (const auto result = reader.Parse<kFlags>(stream, guard); result.IsError()) {
    if (guard.error) return *guard.error;
    return Error{
        Errc::bad_json,
        fmt::format("{} at byte {}", rapidjson::GetParseError_En(result.Code()), result.Offset())};
  }
  Document document;
  document.Parse<kFlags>(text.data(), text.size());
  if (document.HasParseError()) return Error{Errc::bad_json, "not JSON"};
  return document;
}

const Value* find(const Value& object, std::string_view name) {
  if (!object.IsObject()) return nullptr;
  const Value key{rapidjson::StringRef(name.empty() ? "" : name.data(),
                                       static_cast<rapidjson::SizeType>(name.size()))};
  const auto it = object.FindMember(key);
  return it == object.MemberEnd() ? nullptr : &it->value;
}

std::optional<std::string_view> find_string(const Value& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr || !value->IsString()) return std::nullopt;
  return text(*value);
}

std::optional<std::int64_t> find_int(const Value& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr || !value->IsInt64()) return std::nullopt;
  return value->GetInt64();
}

std::optional<bool> find_bool(const Value& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr || !value->IsBool()) return std::nullopt;
  return value->GetBool();
}

std::string to_string(const Value& value) {
  Writer out;
  out.value(value);
  return out.str();
}

}  // namespace hookswitch::json
